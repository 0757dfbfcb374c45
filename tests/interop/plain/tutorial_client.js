'use strict'

// Behaves on the wire as the RPC client of RabbitMQ's JavaScript tutorial does: no type, no content type, no
// expiration, not mandatory. Prints the answer's body.

const { randomUUID } = require('node:crypto')
const amqp = require('amqplib')

async function main (n) {
  const connection = await amqp.connect(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f')
  const channel = await connection.createChannel()
  const { queue } = await channel.assertQueue('', { exclusive: true })
  const correlationId = randomUUID()
  const answer = new Promise((resolve) => {
    channel.consume(queue, (message) => {
      if (message.properties.correlationId === correlationId) resolve(message.content.toString())
    }, { noAck: true })
  })
  channel.sendToQueue('rpc_queue', Buffer.from(n), { correlationId, replyTo: queue })
  console.log(await answer)
  await connection.close()
}

main(process.argv[2] ?? '30').catch((error) => {
  console.error(error)
  process.exit(1)
})
