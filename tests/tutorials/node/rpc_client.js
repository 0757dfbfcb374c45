'use strict'

// RPC: asks for all Fibonacci numbers in its arguments at once, and prints them in that order.

const { randomUUID } = require('node:crypto')
const { name, send } = require('./common.js')

send(async (channel) => {
  const { queue: replyTo } = await channel.assertQueue('', { exclusive: true })
  const waiting = new Map()
  await channel.consume(replyTo, (message) => {
    waiting.get(message.properties.correlationId)?.(message.content.toString())
  }, { noAck: true })
  const answers = process.argv.slice(2).map((n) => new Promise((resolve) => {
    const correlationId = randomUUID()
    waiting.set(correlationId, (answer) => resolve(`fib(${n}) = ${answer}`))
    channel.sendToQueue(name('rpc_queue'), Buffer.from(n), { correlationId, replyTo })
  }))
  for (const answer of await Promise.all(answers)) console.log(answer)
})
