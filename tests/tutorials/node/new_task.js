'use strict'

// Work queues: persistent tasks for a durable queue, one for each argument.

const { name, send } = require('./common.js')

send(async (channel) => {
  await channel.assertQueue(name('task_queue'), { durable: true })
  for (const task of process.argv.slice(2)) {
    channel.sendToQueue(name('task_queue'), Buffer.from(task), { persistent: true })
    console.log('sent', task)
  }
})
