'use strict'

// What the programs share: where the broker is, names that two runs do not share, and an end in good order.

const amqp = require('amqplib')

const name = (plain) => (process.env.TUTORIAL_PREFIX ?? '') + plain

/** Runs `program` with a channel, and closes the connection when it is done. */
async function send (program) {
  const connection = await amqp.connect(process.env.AMQP_URL)
  const channel = await connection.createChannel()
  await program(channel)
  // Closing the channel has the broker take what was published.
  await channel.close()
  await connection.close()
}

/** Runs `program`, which registers consumers: says so, and serves them until Ctrl-C. */
async function consume (program) {
  const connection = await amqp.connect(process.env.AMQP_URL)
  await program(await connection.createChannel())
  process.once('SIGINT', () => connection.close())
  console.log('ready')
}

module.exports = { consume, name, send }
