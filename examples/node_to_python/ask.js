'use strict'

// Writes a letter in plain Node, and waits for the answer: `node ask.js python "a fine day"`.

const { randomUUID } = require('node:crypto')
const amqp = require('amqplib')

// As Leveret declares it, so that it does not matter who comes first.
async function lettersTo (whom, channel) {
  const queue = `letters.${whom}`
  await channel.assertQueue(queue, { deadLetterExchange: '', deadLetterRoutingKey: `${queue}.dead` })
  await channel.assertQueue(`${queue}.dead`)
  return queue
}

async function main (whom, text) {
  const connection = await amqp.connect(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f')
  const channel = await connection.createConfirmChannel()
  const letter = { sender: 'node', text }
  channel.sendToQueue(await lettersTo(whom, channel), Buffer.from(JSON.stringify(letter)), {
    contentType: 'application/json',
    messageId: randomUUID(),
    persistent: true
  })
  await channel.waitForConfirms()

  const ours = await lettersTo('node', channel)
  const answer = await new Promise((resolve) => channel.consume(ours, resolve))
  const { sender, text: says } = JSON.parse(answer.content)
  console.log(`${sender} answers: ${says}`)
  channel.ack(answer)
  await channel.close()
  await connection.close()
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error.message)
  process.exit(1)
})
