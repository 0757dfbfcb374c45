'use strict'

// Tasks and events between plain Node and Leveret: each test has Node at one end, with `leveret/worker.js` or a few calls of
// amqplib, and `interop-queues`, a program of the library's, at the other. The broker is that of AMQP_URL.

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { randomUUID } = require('node:crypto')
const { once } = require('node:events')
const path = require('node:path')
const readline = require('node:readline')
const { after, before, test } = require('node:test')
const amqp = require('amqplib')
const { Reject, Retry, Worker, push } = require('./leveret/worker.js')
const { randomName } = require('./leveret/wire.js')

const PATIENCE = 30000
const ROOT = path.join(__dirname, '../../..')
const PROGRAM = path.resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target', 'debug/interop-queues')
const namespace = `t${randomUUID().slice(0, 13)}.`

let connection
before(async () => { connection = await amqp.connect(process.env.AMQP_URL, { noDelay: true }) })
after(() => connection.close())

// The next of what comes, in time.
class Line {
  #have = []
  #wanted = []

  put (item) {
    const want = this.#wanted.shift()
    if (want) want(item)
    else this.#have.push(item)
  }

  async next () {
    if (this.#have.length) return this.#have.shift()
    let late
    const timer = new Promise((resolve, reject) => { late = setTimeout(() => reject(new Error('waited in vain')), PATIENCE) })
    try {
      return await Promise.race([new Promise((resolve) => this.#wanted.push(resolve)), timer])
    } finally {
      clearTimeout(late)
    }
  }

  get waiting () { return this.#have.length }
}

// A Leveret program. Its lines are JSON; it is ended with the test.
function leveret (t, role, name, options = {}) {
  const child = spawn(PROGRAM, [namespace, role, name, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = new Line()
  readline.createInterface({ input: child.stdout }).on('line', (line) => lines.put(JSON.parse(line)))
  const ended = once(child, 'exit')
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await ended
  })
  return { next: () => lines.next(), lines, ended, stop: async () => { child.kill('SIGTERM'); assert.deepEqual(await ended, [0, null]) } }
}

async function running (t, ...program) {
  const started = leveret(t, ...program)
  assert.equal(await started.next(), 'ready')
  return started
}

async function pushed (t, queue, value, options = {}) {
  return leveret(t, 'push', queue, { value, ...options }).next()
}

// A Node worker whose handler does what the job says, and what it was given.
async function working (t, queue, options = {}) {
  const lines = new Line()
  const worker = await Worker.start(connection, queue, (job, message, attempt) => {
    lines.put({ job, attempt, message })
    if (job.do === 'fail' || (job.do === 'fail once' && attempt === 1)) throw new Error('told to fail')
    if (job.do === 'later' && attempt === 1) throw new Retry('told to wait', { after: 0.1 })
    if (job.do === 'reject') throw new Reject('told to reject')
  }, { namespace, attempts: 3, first: 0.2, longest: 0.4, ...options })
  t.after(() => worker.stop())
  return { next: () => lines.next(), lines, worker }
}

async function count (queue) {
  const channel = await connection.createChannel()
  const { messageCount } = await channel.checkQueue(namespace + queue)
  await channel.close()
  return messageCount
}

test('the least that a foreign pusher does', async (t) => {
  const worker = await running(t, 'work', 'least')
  const channel = await connection.createConfirmChannel()
  channel.sendToQueue(`${namespace}least`, Buffer.from('{"n": 1}'), { contentType: 'application/json' })
  channel.sendToQueue(`${namespace}least`, Buffer.from('just text'))
  await channel.waitForConfirms()
  const came = [await worker.next(), await worker.next()]
  assert.deepEqual(came.map(({ value, attempt, id }) => ({ value, attempt, id })), [
    { value: { n: 1 }, attempt: 1, id: null },
    { value: 'just text', attempt: 1, id: null }
  ])
  await worker.stop()
  assert.equal(await count('least'), 0)
})

test('Node pushes, Leveret works: retried, rejected, delayed', async (t) => {
  const worker = await running(t, 'work', 'pushed')
  const id = await push(connection, 'pushed', { do: 'fail once' }, { namespace, codec: 'msgpack', metadata: { tenant: 'acme' } })
  for (const attempt of [1, 2]) {
    const came = await worker.next()
    assert.deepEqual([came.attempt, came.id, came.headers.tenant], [attempt, id, 'acme'])
  }
  await push(connection, 'pushed', { do: 'reject' }, { namespace })
  const { value, reason, attempts, error } = await leveret(t, 'dead', 'pushed').next()
  assert.deepEqual({ value, reason, attempts, error }, { value: { do: 'reject' }, reason: 'rejected', attempts: 1, error: 'told to reject' })
  assert.equal((await worker.next()).attempt, 1)
  // 0.4 s is one queue, 0.7 s is three: what it came by is no news to the handler.
  for (const delay of [0.4, 0.7]) {
    const start = performance.now()
    await push(connection, 'pushed', { delay }, { namespace, delay })
    const came = await worker.next()
    assert.deepEqual([came.value, came.exchange, came.routing_key], [{ delay }, '', `${namespace}pushed`])
    assert(performance.now() - start >= delay * 1000 - 10)
  }
  await worker.stop()
})

test('Leveret pushes, Node works: retried to the last attempt, a dead letter', async (t) => {
  const worker = await working(t, 'fails')
  const id = await pushed(t, 'fails', { do: 'fail' }, { metadata: { tenant: 'acme' } })
  for (const attempt of [1, 2, 3]) {
    const came = await worker.next()
    assert.equal(came.attempt, attempt)
    assert.deepEqual([came.message.properties.messageId, came.message.properties.headers.tenant], [id, 'acme'])
  }
  const letter = await leveret(t, 'dead', 'fails').next()
  assert.deepEqual(letter, { value: { do: 'fail' }, id, reason: 'attempts', attempts: 3, error: 'told to fail' })
})

test('Leveret pushes, Node works: rejected, undecodable, done at the second attempt', async (t) => {
  const worker = await working(t, 'mixed')
  const id = await pushed(t, 'mixed', { do: 'later' }, { json: true, delay_ms: 300, priority: 1 })
  for (const attempt of [1, 2]) {
    const came = await worker.next()
    assert.deepEqual([came.attempt, came.message.properties.messageId, came.message.properties.priority], [attempt, id, 1])
  }
  await pushed(t, 'mixed', { do: 'reject' })
  assert.equal((await leveret(t, 'dead', 'mixed').next()).reason, 'rejected')
  const channel = await connection.createConfirmChannel()
  channel.sendToQueue(`${namespace}mixed`, Buffer.from([0xc1]), { contentType: 'application/msgpack' })
  await channel.waitForConfirms()
  assert.equal((await leveret(t, 'dead', 'mixed').next()).reason, 'undecodable')
  assert.equal(worker.lines.waiting, 1, 'what cannot be read is not handled')
})

test('one de-duplication key, both workers: one run', async (t) => {
  const foreign = await working(t, 'once')
  const id = await pushed(t, 'once', { n: 1 }, { dedup: 'order-17' })
  assert.equal((await foreign.next()).message.properties.messageId, id)
  await foreign.worker.stop()
  foreign.worker.stop = () => {}
  const worker = await running(t, 'work', 'once')
  await push(connection, 'once', { n: 2 }, { namespace, dedup: 'order-17' })
  await push(connection, 'once', { n: 3 }, { namespace, dedup: 'order-18' })
  assert.deepEqual((await worker.next()).value, { n: 3 })
  await worker.stop()
  assert.equal(await count('once'), 0)
})

test('a task that ends its Leveret worker is set aside, and ends no other', async (t) => {
  const worker = await running(t, 'work', 'poison')
  await pushed(t, 'poison', { do: 'die' })
  assert.equal((await worker.next()).attempt, 1)
  assert.deepEqual(await worker.ended, [null, 'SIGKILL'])
  const foreign = await working(t, 'poison')
  // Its process may have been the culprit's victim: the same attempt, on its own.
  const came = await foreign.next()
  assert.deepEqual([came.attempt, came.message.fields.routingKey], [1, `${namespace}poison.suspect`])
})

test('Node publishes, Leveret subscribes', async (t) => {
  const subscriber = await running(t, 'subscribe', 'news', { kind: 'topic', keys: ['kern.*', '*.critical'] })
  const channel = await connection.createConfirmChannel()
  const publish = (key, value) => channel.publish(`${namespace}news`, key, Buffer.from(JSON.stringify(value)), { contentType: 'application/json', persistent: true })
  publish('disk.info', 1)
  publish('disk.critical', 2)
  publish('kern.info', 3)
  await channel.waitForConfirms()
  const came = [await subscriber.next(), await subscriber.next()]
  assert.deepEqual(came.map(({ value, routing_key: key, exchange }) => [value, key, exchange]),
    [[2, 'disk.critical', `${namespace}news`], [3, 'kern.info', `${namespace}news`]])
  await subscriber.stop()
})

test('Node publishes by headers, Leveret compares them', async (t) => {
  const subscriber = await running(t, 'subscribe', 'papers', { kind: 'headers', headers: { format: 'pdf', pages: 12, draft: false } })
  const channel = await connection.createConfirmChannel()
  const publish = (value, headers) => channel.publish(`${namespace}papers`, '', Buffer.from(String(value)), { headers })
  publish(1, { format: 'pdf', pages: 13, draft: false })
  publish(2, { format: 'pdf', pages: 12, draft: false, more: 'x' })
  await channel.waitForConfirms()
  assert.equal((await subscriber.next()).value, 2)
  await subscriber.stop()
})

test('Leveret publishes, Node subscribes', async (t) => {
  const exchange = `${namespace}logs`
  const channel = await connection.createChannel()
  await channel.assertExchange(exchange, 'topic')
  const { queue } = await channel.assertQueue(randomName('leveret.e.'), { exclusive: true, autoDelete: true, durable: false })
  await channel.bindQueue(queue, exchange, 'kern.*')
  const lines = new Line()
  await channel.consume(queue, (message) => lines.put(message), { noAck: true })
  const id = await leveret(t, 'publish', 'logs', { value: { text: 'hot' }, json: true, kind: 'topic', keys: ['kern.info'], headers: { pages: 12, draft: true } }).next()
  const { fields, properties, content } = await lines.next()
  assert.deepEqual([fields.exchange, fields.routingKey, properties.messageId, properties.deliveryMode], [exchange, 'kern.info', id, 2])
  assert.deepEqual([JSON.parse(content), properties.headers], [{ text: 'hot' }, { pages: 12, draft: true }])
  await channel.close()
})

test('a durable group of both: what fails in Node comes back to the group alone', async (t) => {
  const other = await running(t, 'subscribe', 'orders', { kind: 'topic', keys: ['#'] })
  const group = await working(t, { exchange: 'orders', kind: 'topic', keys: ['order.*'], group: 'mail' })
  await leveret(t, 'publish', 'orders', { value: { do: 'fail once' }, kind: 'topic', keys: ['order.placed'] }).next()
  assert.equal((await group.next()).attempt, 1)
  const { attempt, message: { properties: { headers } } } = await group.next()
  assert.deepEqual([attempt, headers['leveret-exchange'], headers['leveret-routing-key']], [2, `${namespace}orders`, 'order.placed'])
  // The other one had it once.
  await leveret(t, 'publish', 'orders', { value: 'the end', kind: 'topic', keys: ['end'] }).next()
  assert.equal((await other.next()).routing_key, 'order.placed')
  assert.equal((await other.next()).value, 'the end')
  await other.stop()
})

test('a durable group of Leveret: a retried copy still says where it came from', async (t) => {
  const group = await running(t, 'subscribe', 'bills', { kind: 'direct', keys: ['paid'], group: 'books' })
  const channel = await connection.createConfirmChannel()
  channel.publish(`${namespace}bills`, 'paid', Buffer.from('{"do": "fail once"}'), { contentType: 'application/json' })
  await channel.waitForConfirms()
  for (const attempt of [1, 2]) {
    const came = await group.next()
    assert.deepEqual([came.attempt, came.exchange, came.routing_key], [attempt, `${namespace}bills`, 'paid'])
  }
  await group.stop()
})
