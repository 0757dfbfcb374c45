'use strict'

// Does tasks, one at a time, in plain Node: each dot in a task is a second of work, or DOT_MS milliseconds. Ctrl-C lets it
// finish the one that it has.

const { setTimeout: sleep } = require('node:timers/promises')
const amqp = require('amqplib')
const declare = require('./queue')

const DOT = Number(process.env.DOT_MS || 1000)

async function main () {
  const connection = await amqp.connect(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f')
  const channel = await connection.createChannel()
  const queue = await declare(channel)
  // Whoever is free gets the next one.
  await channel.prefetch(1)

  let working
  async function work (message) {
    const task = JSON.parse(message.content)
    await sleep(task.split('.').length * DOT - DOT)
    console.log(`done ${task}`)
    // Only now: if this process dies before, another worker gets the task.
    channel.ack(message)
  }
  const { consumerTag } = await channel.consume(queue, (message) => { working = work(message) })
  process.once('SIGINT', async () => {
    await channel.cancel(consumerTag)
    await working
    // The channel first: the connection's end overtakes its acknowledgements.
    await channel.close()
    await connection.close()
  })
  console.log('ready')
}

main().catch((error) => {
  console.error(error.message)
  process.exit(1)
})
