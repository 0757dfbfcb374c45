'use strict'

// Hello: puts its arguments into a queue, one message each.

const { name, send } = require('./common.js')

send(async (channel) => {
  await channel.assertQueue(name('hello'), { durable: false })
  for (const text of process.argv.slice(2)) {
    channel.sendToQueue(name('hello'), Buffer.from(text))
    console.log('sent', text)
  }
})
