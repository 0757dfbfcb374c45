'use strict'

// Prints every line of the log from now on, in plain Node: an exclusive queue of our own, bound to the exchange.

const amqp = require('amqplib')

async function main () {
  const connection = await amqp.connect(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f')
  process.once('SIGINT', () => connection.close())
  const channel = await connection.createChannel()
  await channel.assertExchange('logs', 'fanout')
  const { queue } = await channel.assertQueue('', { exclusive: true })
  await channel.bindQueue(queue, 'logs', '')
  await channel.consume(queue, ({ content }) => console.log(JSON.parse(content)), { noAck: true })
  console.log('ready')
}

main().catch((error) => {
  console.error(error.message)
  process.exit(1)
})
