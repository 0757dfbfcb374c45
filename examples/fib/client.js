'use strict'

// Calls fib in plain Node, with a text body as in the RabbitMQ tutorials: `node client.js 30 [seconds] [calls]`.
// Any fib server understands it: Leveret's in Rust or Python, server.js, plain_server.py or the tutorials' own.

const { randomUUID } = require('node:crypto')
const amqp = require('amqplib')
const noBroker = require('./no_broker')

const BROKER = process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f'
const QUEUE = 'rpc_queue'

function fail (message, exitCode = 1) {
  console.error(message)
  process.exit(exitCode)
}

// What the error reply of docs/protocol.md says, in a sentence. `name` tells the service's own errors apart.
function explain (n, { code, name, message, details, executed }) {
  if (name === 'TooLarge') return `fib(${n}) is too large: ask for up to ${details.max}`
  if (name === 'Negative') return `there is no fib(${n}): ${details.n} is negative`
  return `${code}: ${message} (executed: ${executed})`
}

// One reply queue for all calls; replies find their call by the correlation id.
async function connect (milliseconds) {
  const connection = await amqp.connect(BROKER, { noDelay: true, timeout: milliseconds })
    .catch((error) => fail(`Unavailable: ${noBroker(error)} (executed: no)`))
  connection.on('error', (error) => fail(`Unavailable: ${error.message} (executed: maybe)`))
  const channel = await connection.createChannel()
  const { queue: replyTo } = await channel.assertQueue('', { exclusive: true })
  const pending = new Map()
  channel.on('return', () => fail(`NoSuchService: there is no queue ${QUEUE}; start a server first (executed: no)`))
  await channel.consume(replyTo, (message) => {
    pending.get(message?.properties.correlationId)?.(message)
  }, { noAck: true })

  async function call (n) {
    const correlationId = randomUUID()
    const reply = new Promise((resolve) => pending.set(correlationId, resolve))
    channel.sendToQueue(QUEUE, Buffer.from(n), {
      correlationId,
      messageId: correlationId,
      replyTo,
      mandatory: true,
      // The broker drops the request when nobody waits for it any more.
      expiration: milliseconds
    })
    const { content, properties } = await reply
    pending.delete(correlationId)
    if (properties.type === 'leveret.error') throw new Error(explain(n, JSON.parse(content.toString())))
    return content.toString()
  }
  return { call, close: () => connection.close() }
}

async function main (n, milliseconds, calls) {
  const client = await connect(milliseconds)
  const times = []
  let result
  for (let i = 0; i < calls; i++) {
    const timer = setTimeout(() => fail(`DeadlineExceeded: no answer within ${milliseconds / 1000} s (executed: maybe)`), milliseconds)
    const began = process.hrtime.bigint()
    result = await client.call(n)
    times.push(Number(process.hrtime.bigint() - began) / 1000)
    clearTimeout(timer)
  }
  await client.close()
  console.log(`fib(${n}) = ${result}`)
  if (calls > 1) {
    const median = times.sort((a, b) => a - b)[times.length >> 1]
    console.log(`median of ${calls} calls: ${Math.round(median)} us`)
  }
}

const [n, seconds = '10', calls = '1'] = process.argv.slice(2)
if (n === undefined || !(Number(seconds) > 0) || !(Number(calls) >= 1)) {
  fail('usage: node client.js <n> [seconds] [calls]', 2)
}
main(n, Math.ceil(Number(seconds) * 1000), Number(calls)).catch((error) => fail(error.message))
