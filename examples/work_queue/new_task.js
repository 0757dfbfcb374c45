'use strict'

// Pushes a task for each argument, in plain Node: `node new_task.js "First task ." "Second task .."`. A task is one
// persistent message, and the broker's confirm is its receipt.

const { randomUUID } = require('node:crypto')
const amqp = require('amqplib')
const declare = require('./queue')

async function main (tasks) {
  const connection = await amqp.connect(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f')
  const channel = await connection.createConfirmChannel()
  const queue = await declare(channel)
  for (const task of tasks) {
    channel.sendToQueue(queue, Buffer.from(JSON.stringify(task)), {
      contentType: 'application/json',
      messageId: randomUUID(),
      persistent: true
    })
    await channel.waitForConfirms()
    console.log(`pushed ${task}`)
  }
  await connection.close()
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message)
  process.exit(1)
})
