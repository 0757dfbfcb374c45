'use strict'

// Publish/subscribe: each argument to everybody who listens.

const { name, send } = require('./common.js')

send(async (channel) => {
  await channel.assertExchange(name('logs'), 'fanout', { durable: false })
  for (const text of process.argv.slice(2)) {
    channel.publish(name('logs'), '', Buffer.from(text))
    console.log('sent', text)
  }
})
