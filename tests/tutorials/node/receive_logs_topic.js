'use strict'

// Topics: prints the logs of the patterns in its arguments.

const { consume, name } = require('./common.js')

consume(async (channel) => {
  await channel.assertExchange(name('topic_logs'), 'topic', { durable: false })
  const { queue } = await channel.assertQueue('', { exclusive: true })
  for (const wanted of process.argv.slice(2)) await channel.bindQueue(queue, name('topic_logs'), wanted)
  await channel.consume(queue, (message) => {
    console.log('received', message.fields.routingKey, message.content.toString())
  }, { noAck: true })
})
