'use strict'

// Calls the service once, in plain Node: `node client.js World`. A request is one message to the queue `greeter`, and its
// answer comes to a queue of our own. A client for many calls, with deadlines and errors, is in ../fib/client.js.

const { randomUUID } = require('node:crypto')
const amqp = require('amqplib')

async function main (name = 'World') {
  const connection = await amqp.connect(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f')
  const channel = await connection.createChannel()
  const { queue: replyTo } = await channel.assertQueue('', { exclusive: true })
  const reply = new Promise((resolve, reject) => {
    channel.consume(replyTo, resolve, { noAck: true })
    channel.on('return', () => reject(new Error('NoSuchService: start a server first')))
  })
  channel.sendToQueue('greeter', Buffer.from(JSON.stringify({ name })), {
    contentType: 'application/json',
    type: 'hello',
    correlationId: randomUUID(),
    replyTo,
    expiration: 10_000,
    mandatory: true
  })
  const { content, properties } = await reply
  const value = JSON.parse(content)
  await connection.close()
  if (properties.type === 'leveret.error') throw new Error(`${value.code}: ${value.message}`)
  console.log(value)
}

main(process.argv[2]).catch((error) => {
  console.error(error.message)
  process.exit(1)
})
