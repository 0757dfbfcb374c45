'use strict'

// Topics: arguments are pairs of a key and a text.

const { name, send } = require('./common.js')

send(async (channel) => {
  await channel.assertExchange(name('topic_logs'), 'topic', { durable: false })
  const given = process.argv.slice(2)
  for (let at = 0; at < given.length; at += 2) {
    const [key, text] = given.slice(at, at + 2)
    channel.publish(name('topic_logs'), key, Buffer.from(text))
    console.log('sent', key, text)
  }
})
