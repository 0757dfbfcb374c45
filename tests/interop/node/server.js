'use strict'

// Serves the interop contract in plain Node: `node server.js NAMESPACE`, with the broker in AMQP_URL.

const amqp = require('amqplib')
const { Client } = require('./leveret/client.js')
const { RpcError, Server } = require('./leveret/server.js')
const { ECHOES, PARAMETERS } = require('./contract.js')

const LIMIT = 100n
const LARGEST_BODY = 1024 * 1024

// What has happened to the calls and casts that carry an id, for whoever asks or waits for it.
class Stage {
  #events = new Map()
  #waiting = new Set()

  of (id) {
    return this.#events.get(id) ?? []
  }

  tell (id, event) {
    this.#events.set(id, [...this.of(id), event])
    for (const look of this.#waiting) look()
  }

  reach (id, count, signal) {
    return new Promise((resolve) => {
      const done = () => { this.#waiting.delete(look) }
      const look = () => {
        if (this.of(id).length < count) return
        done()
        resolve(this.of(id))
      }
      this.#waiting.add(look)
      signal.addEventListener('abort', done)
      look()
    })
  }
}

function fail ([code, message, executed, retryable, retryAfter, details]) {
  throw new RpcError(code, message ?? 'as you wish', {
    executed: executed ?? undefined,
    retryable: retryable ?? undefined,
    retryAfter: retryAfter ?? undefined,
    details: details ?? undefined
  })
}

function limited ([number]) {
  if (number <= LIMIT) return number
  throw new RpcError('Application', `${number} is above ${LIMIT}`, { name: 'TooLarge', details: { limit: LIMIT } })
}

function context (context) {
  const { service, method, metadata, trace, caller, messageId, redelivered } = context
  const left = context.timeLeft()
  return {
    service, method, metadata, caller, redelivered, message_id: messageId,
    traceparent: trace.traceparent, tracestate: trace.tracestate, baggage: trace.baggage,
    millis_left: left === undefined ? null : Math.ceil(left)
  }
}

function implement (stage, client) {
  const run = {
    big: ([length]) => 'x'.repeat(Number(length)),
    context: (_, cx) => context(cx),
    crash: () => { throw new Error('carrot-secret') },
    die (_, cx) {
      if (cx.redelivered) return { redelivered: true }
      process.kill(process.pid, 'SIGKILL')
      return new Promise(() => {})
    },
    events: ([id, count], cx) => stage.reach(id, count, cx.signal),
    fail,
    async hold ([id], { signal }) {
      stage.tell(id, 'start')
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      stage.tell(id, 'stop')
    },
    join: ([words, separator]) => words.join(separator ?? ' '),
    length: ([text]) => text.length,
    limited,
    nan: () => NaN,
    note: ([id]) => { stage.tell(id, 'note') },
    nothing: () => {},
    // Asks for an hour: what it gets is what its own caller left it.
    relay: (_, cx) => client.call('interop', 'context', {}, { timeout: 3600000, within: cx }),
    subtract: ([minuend, subtrahend]) => BigInt(minuend) - BigInt(subtrahend)
  }
  const methods = Object.entries(run).map(([name, run]) => [name, { parameters: PARAMETERS[name], run }])
  const echoes = Object.entries(ECHOES).map(([name, type]) => [name, { parameters: { value: type }, run: ([value]) => value }])
  return Object.fromEntries([...methods, ...echoes])
}

async function main (namespace) {
  const connection = await amqp.connect(process.env.AMQP_URL, { noDelay: true })
  connection.on('error', (error) => console.error(error.message))
  const client = await Client.open(connection, { namespace, name: 'interop-node' })
  const methods = implement(new Stage(), client)
  const server = await Server.start(connection, 'interop', methods, { namespace, largestBody: LARGEST_BODY })
  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    await server.stop()
    await connection.close()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  console.log('ready')
  await server.closed
  process.exit(stopping ? 0 : 1)
}

main(process.argv[2] ?? '').catch((error) => {
  console.error(error)
  process.exit(1)
})
