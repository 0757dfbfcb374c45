'use strict'

// RPC: answers with the Fibonacci number that it is asked for.

const { consume, name } = require('./common.js')

function fib (n) {
  let [before, here] = [0n, 1n]
  for (; n > 0; n--) [before, here] = [here, before + here]
  return before
}

consume(async (channel) => {
  await channel.assertQueue(name('rpc_queue'), { durable: false })
  await channel.prefetch(1)
  await channel.consume(name('rpc_queue'), (message) => {
    const n = message.content.toString()
    console.log('asked for', n)
    const { correlationId, replyTo } = message.properties
    channel.sendToQueue(replyTo, Buffer.from(String(fib(Number(n)))), { correlationId })
    channel.ack(message)
  })
})
