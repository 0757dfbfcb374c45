'use strict'

// Runs the cases of ../cases.json against the interop service: `node caller.js NAMESPACE SERVER_LANGUAGE [SERVERS]`, with
// the broker in AMQP_URL. Prints one line of JSON for each case.

const { randomUUID } = require('node:crypto')
const amqp = require('amqplib')
const { Client, RpcError } = require('./leveret/client.js')
const { differs, load, show } = require('./cases.js')

const LARGEST_BODY = 4 * 1024 * 1024
const PATIENCE = 20000

function expect (good, what) {
  if (!good) throw new Error(what)
}

function fits (expected, found) {
  const difference = differs(expected, found)
  expect(!difference, difference)
}

async function failure (call) {
  let value
  try {
    value = await call
  } catch (error) {
    if (error instanceof RpcError) return error
    throw error
  }
  throw new Error(`answered with ${show(value)}`)
}

function checkError (expected, error) {
  const found = {
    code: error.wireCode,
    executed: error.executed,
    retryable: error.retryable,
    retry_after_ms: error.retryAfter,
    name: error.domainName,
    details: error.details
  }
  for (const [key, value] of Object.entries(expected)) {
    if (key === 'mentions') expect(error.message.includes(value), `${value} is not in: ${error.message}`)
    else if (key === 'hides') expect(!error.message.includes(value), `${value} is in: ${error.message}`)
    else {
      const difference = differs(value, found[key] ?? null, key)
      expect(!difference, `${difference}; the error was ${error}`)
    }
  }
}

const scenarios = {
  async cancel (call, codec) {
    const id = randomUUID()
    const giveUp = new AbortController()
    const held = failure(call('hold', { id }, { codec, signal: giveUp.signal }))
    fits(['start'], await call('events', { id, count: 1 }))
    giveUp.abort()
    checkError({ code: 'Cancelled', executed: 'maybe' }, await held)
    fits(['start', 'stop'], await call('events', { id, count: 2 }))
  },

  async deadline (call, codec) {
    const id = randomUUID()
    checkError({ code: 'DeadlineExceeded', executed: 'maybe' }, await failure(call('hold', { id }, { codec, timeout: 1500 })))
    fits(['start', 'stop'], await call('events', { id, count: 2 }))
  },

  async cast (call, codec, client) {
    const id = randomUUID()
    for (let i = 0; i < 3; i++) await client.cast('interop', 'note', { id }, { codec })
    fits(['note', 'note', 'note'], await call('events', { id, count: 3 }))
  },

  async 'cast to nobody' (call, codec, client) {
    checkError({ code: 'NoSuchService', executed: 'no' }, await failure(client.cast('nobody', 'note', { id: 'x' }, { codec })))
  },

  async domain (call, codec) {
    const error = await failure(call('limited', { number: 101 }, { codec }))
    expect(error.code === 'Application' && error.domainName === 'TooLarge' && Number(error.details.limit) === 100, `${error}`)
  },

  async many (call, codec) {
    const numbers = Array.from({ length: 500 }, (_, n) => n)
    fits(numbers, await Promise.all(numbers.map((value) => call('echo_i64', { value }, { codec }))))
  }
}

async function run (one, client) {
  const call = (method, args, options) => client.call(one.service ?? 'interop', method, args, { timeout: PATIENCE, ...options })
  if (one.scenario) return scenarios[one.scenario](call, one.codec, client)
  const answer = call(one.method, one.arguments, { codec: one.codec, ...one.options })
  if (one.error) checkError(one.error, await failure(answer))
  else fits(one.value, await answer)
}

async function main ([namespace, server, servers = '1']) {
  const connection = await amqp.connect(process.env.AMQP_URL, { noDelay: true })
  connection.on('error', (error) => console.error(error.message))
  const client = await Client.open(connection, { namespace, name: 'interop', largestBody: LARGEST_BODY })
  for (const one of load(server, Number(servers))) {
    const begin = performance.now()
    const why = await run(one, client).then(() => undefined, (error) => `${error}`)
    console.log(JSON.stringify({ case: one.name, ok: why === undefined, why, ms: Math.round(performance.now() - begin) }))
  }
  await connection.close()
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error)
  process.exit(1)
})
