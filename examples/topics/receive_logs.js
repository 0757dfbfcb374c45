'use strict'

// Prints the lines about these topics, in plain Node: `node receive_logs.js 'kern.*' '*.critical'`. One queue, one binding
// for each pattern; a line that fits several comes once.

const amqp = require('amqplib')

async function main (patterns) {
  const connection = await amqp.connect(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f')
  process.once('SIGINT', () => connection.close())
  const channel = await connection.createChannel()
  await channel.assertExchange('logs.by-topic', 'topic')
  const { queue } = await channel.assertQueue('', { exclusive: true })
  for (const pattern of patterns) await channel.bindQueue(queue, 'logs.by-topic', pattern)
  await channel.consume(queue, ({ content, fields }) => {
    console.log(`${fields.routingKey}: ${JSON.parse(content)}`)
  }, { noAck: true })
  console.log('ready')
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message)
  process.exit(1)
})
