'use strict'

// Routing: arguments are pairs of a severity and a text.

const { name, send } = require('./common.js')

send(async (channel) => {
  await channel.assertExchange(name('direct_logs'), 'direct', { durable: false })
  const given = process.argv.slice(2)
  for (let at = 0; at < given.length; at += 2) {
    const [severity, text] = given.slice(at, at + 2)
    channel.publish(name('direct_logs'), severity, Buffer.from(text))
    console.log('sent', severity, text)
  }
})
