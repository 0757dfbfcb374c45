'use strict'

// Prints the documents that have all of these headers, or any, in plain Node:
// `node receive.js all format=pdf type=report`. The broker is told which by `x-match`.

const amqp = require('amqplib')

async function main (how, wanted) {
  const connection = await amqp.connect(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f')
  process.once('SIGINT', () => connection.close())
  const channel = await connection.createChannel()
  await channel.assertExchange('documents', 'headers')
  const { queue } = await channel.assertQueue('', { exclusive: true })
  const headers = Object.fromEntries(wanted.map((header) => header.split('=')))
  await channel.bindQueue(queue, 'documents', '', { 'x-match': how, ...headers })
  await channel.consume(queue, ({ content, properties }) => {
    const { type, format } = properties.headers
    console.log(`${JSON.parse(content)} (${type}, ${format})`)
  }, { noAck: true })
  console.log('ready')
}

const [how, ...wanted] = process.argv.slice(2)
main(how, wanted).catch((error) => {
  console.error(error.message)
  process.exit(1)
})
