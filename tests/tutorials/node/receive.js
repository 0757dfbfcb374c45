'use strict'

// Hello: prints what comes out of the queue, acknowledged on delivery.

const { consume, name } = require('./common.js')

consume(async (channel) => {
  await channel.assertQueue(name('hello'), { durable: false })
  const received = (message) => console.log('received', message.content.toString())
  await channel.consume(name('hello'), received, { noAck: true })
})
