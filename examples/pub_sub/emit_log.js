'use strict'

// Publishes each argument as a line of the log, in plain Node: `node emit_log.js "the first line" "the second"`.

const { randomUUID } = require('node:crypto')
const amqp = require('amqplib')

async function main (lines) {
  const connection = await amqp.connect(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f')
  const channel = await connection.createConfirmChannel()
  await channel.assertExchange('logs', 'fanout')
  for (const line of lines) {
    channel.publish('logs', '', Buffer.from(JSON.stringify(line)), {
      contentType: 'application/json',
      messageId: randomUUID(),
      persistent: true
    })
    await channel.waitForConfirms()
    console.log(`published ${line}`)
  }
  await connection.close()
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message)
  process.exit(1)
})
