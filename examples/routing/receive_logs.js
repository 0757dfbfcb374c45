'use strict'

// Prints the lines of these severities, in plain Node: `node receive_logs.js warning error`. One queue, one binding for
// each severity.

const amqp = require('amqplib')

async function main (severities) {
  const connection = await amqp.connect(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f')
  process.once('SIGINT', () => connection.close())
  const channel = await connection.createChannel()
  await channel.assertExchange('logs.by-severity', 'direct')
  const { queue } = await channel.assertQueue('', { exclusive: true })
  for (const severity of severities) await channel.bindQueue(queue, 'logs.by-severity', severity)
  await channel.consume(queue, ({ content, fields }) => {
    console.log(`${fields.routingKey}: ${JSON.parse(content)}`)
  }, { noAck: true })
  console.log('ready')
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message)
  process.exit(1)
})
