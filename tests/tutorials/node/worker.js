'use strict'

// Work queues: takes one task at a time and acknowledges it when it is done. Where the tutorial's worker sleeps a
// second for each dot of a task, this one reads a line of its standard input: who runs it decides how long the work
// takes.

const readline = require('node:readline')
const { consume, name } = require('./common.js')

const input = readline.createInterface({ input: process.stdin })
const lines = input[Symbol.asyncIterator]()
process.once('SIGINT', () => input.close())

consume(async (channel) => {
  await channel.assertQueue(name('task_queue'), { durable: true })
  await channel.prefetch(1)
  await channel.consume(name('task_queue'), async (message) => {
    const task = message.content.toString()
    const again = message.fields.redelivered ? ' again' : ''
    console.log(`received ${task}${again}, mode ${message.properties.deliveryMode}`)
    for (let dots = task.split('.').length - 1; dots > 0; dots--) await lines.next()
    console.log('done', task)
    channel.ack(message)
  })
})
