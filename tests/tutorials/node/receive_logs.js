'use strict'

// Publish/subscribe: prints all logs from now on, through a queue of its own.

const { consume, name } = require('./common.js')

consume(async (channel) => {
  await channel.assertExchange(name('logs'), 'fanout', { durable: false })
  const { queue } = await channel.assertQueue('', { exclusive: true })
  await channel.bindQueue(queue, name('logs'), '')
  const received = (message) => console.log('received', message.content.toString())
  await channel.consume(queue, received, { noAck: true })
})
