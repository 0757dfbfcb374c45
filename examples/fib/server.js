'use strict'

// The fib service in plain Node: no Leveret code, only amqplib. It reads and writes text, as the RabbitMQ
// tutorials do, and refuses what it cannot read with the error reply of docs/protocol.md.

const amqp = require('amqplib')
const noBroker = require('./no_broker')

const BROKER = process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f'
const QUEUE = 'rpc_queue'
const LARGEST = 93n

class Refusal extends Error {
  constructor (code, message, fields = {}) {
    super(message)
    this.reply = { code, message, executed: 'no', retryable: false, ...fields }
  }
}

function fib (n) {
  // Numbers are exact only up to 2^53, which is fib(78); BigInt has no such edge.
  let [a, b] = [0n, 1n]
  for (let i = 0n; i < n; i++) [a, b] = [b, a + b]
  return a
}

function answer ({ content, properties }) {
  const { type, contentType, contentEncoding, headers } = properties
  if ((headers?.['leveret-v'] ?? 1) !== 1) throw new Refusal('Unimplemented', 'this server speaks version 1')
  // Some libraries always say which encoding their text has.
  if (contentEncoding && !/^(utf-8|binary|identity)$/i.test(contentEncoding)) throw new Refusal('Unimplemented', 'content encodings are not supported')
  if (contentType && !/^text\//i.test(contentType)) {
    throw new Refusal('InvalidArgument', 'this server reads text only: send text/plain or no content type')
  }
  if (type && type !== 'fib') throw new Refusal('NoSuchMethod', 'the only method is fib')

  const text = content.toString().trim()
  if (!/^-?(0|[1-9][0-9]{0,17})$/.test(text)) throw new Refusal('InvalidArgument', 'n must be a whole number')
  const n = BigInt(text)
  if (n < 0n) {
    throw new Refusal('Application', `${n} is negative; n counts from 0`, {
      name: 'Negative', details: { n: Number(n) }, executed: 'yes'
    })
  }
  if (n > LARGEST) {
    throw new Refusal('Application', `fib(${n}) does not fit 64 bits: the largest n is ${LARGEST}`, {
      name: 'TooLarge', details: { max: Number(LARGEST) }, executed: 'yes'
    })
  }
  const result = fib(n)
  console.log(`server.js: fib(${n}) = ${result}`)
  return { type: 'leveret.reply', contentType: 'text/plain', body: String(result) }
}

function refuse (error, redelivered) {
  if (!error.reply) console.error(error)
  const reply = error.reply ?? { code: 'Internal', message: 'the handler failed', executed: 'maybe', retryable: false }
  // An earlier delivery may have run on a server that died: "no" would be a guess.
  if (redelivered && reply.executed === 'no') reply.executed = 'maybe'
  console.log(`server.js: refused: ${reply.code}: ${reply.message}`)
  return { type: 'leveret.error', contentType: 'application/json', body: JSON.stringify(reply) }
}

// Declaring a queue of another kind than the one that exists is an error, and every error closes its channel:
// so look first, on a channel that nobody else needs.
async function adoptOrCreate (connection) {
  const probe = await connection.createChannel()
  probe.on('error', () => {})
  try {
    await probe.checkQueue(QUEUE)
    await probe.close()
    return 'adopted'
  } catch (error) {
    if (error.code !== 404) throw error
  }
  const channel = await connection.createChannel()
  await channel.assertQueue(QUEUE, { durable: true })
  await channel.close()
  return 'created'
}

// The broker says no when another server uses the queue, when it holds requests, and always when it is a quorum
// queue, which a virtual host may have as its default.
async function removeUnused (connection) {
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  await channel.deleteQueue(QUEUE, { ifUnused: true, ifEmpty: true }).catch(() => {})
}

async function main () {
  const connection = await amqp.connect(BROKER, { noDelay: true })
  let stopping = false
  connection.on('error', (error) => { if (!stopping) console.error(`server.js: ${error.message}`) })
  connection.on('close', () => process.exit(stopping ? 0 : 1))

  const found = await adoptOrCreate(connection)
  const channel = await connection.createChannel()
  await channel.prefetch(1)

  const { consumerTag } = await channel.consume(QUEUE, (request) => {
    // null means that the broker cancelled the consumer, because somebody deleted the queue.
    if (request === null) return connection.close()
    const { replyTo, correlationId, type = '' } = request.properties
    if (!replyTo || type.startsWith('leveret.')) {
      console.log('server.js: dropped a message that wants no answer or is not a request')
      return channel.ack(request)
    }
    let reply
    try {
      reply = answer(request)
    } catch (error) {
      reply = refuse(error, request.fields.redelivered)
    }
    const { body, ...properties } = reply
    channel.sendToQueue(replyTo, Buffer.from(body), { correlationId, ...properties })
    // After the reply: if this process dies in between, another server answers.
    channel.ack(request)
  })

  async function stop () {
    if (stopping) return
    stopping = true
    await channel.cancel(consumerTag)
    await channel.close()
    if (found === 'created') await removeUnused(connection)
    await connection.close().catch(() => {})
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  console.log(`server.js: ready on ${QUEUE} (${found})`)
}

main().catch((error) => {
  console.error(`server.js: ${noBroker(error)}`)
  process.exit(1)
})
