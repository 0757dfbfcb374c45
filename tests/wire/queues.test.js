'use strict'

// The golden tasks and events, as a pusher, a worker and a publisher in plain Node make them: with the functions of
// ../interop/node/leveret/tasks.js, which the programs of the interop tests stand on.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')
const tasks = require('../interop/node/leveret/tasks.js')
const { codecOf, decode, encode } = require('../interop/node/leveret/wire.js')

const read = (file) => JSON.parse(fs.readFileSync(path.join(__dirname, file), 'utf8'))
const bytes = (hex) => Buffer.from(hex, 'hex')
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

// amqplib's names of the properties in the files.
const NAMES = {
  content_type: 'contentType',
  content_encoding: 'contentEncoding',
  correlation_id: 'correlationId',
  reply_to: 'replyTo',
  message_id: 'messageId',
  expiration: 'expiration',
  priority: 'priority',
  timestamp: 'timestamp',
  type: 'type',
  app_id: 'appId'
}

// A message of the files as amqplib delivers it.
function delivered ({ exchange, routing_key: routingKey, properties, headers, body_hex: hex }) {
  const renamed = Object.fromEntries(Object.entries(NAMES).map(([name, its]) => [its, properties[name]]))
  return { content: bytes(hex), fields: { exchange, routingKey }, properties: { ...renamed, headers, deliveryMode: properties.delivery_mode } }
}

// What is to be published, in the form of the files.
function published ({ exchange, routingKey, content, options: { headers, persistent, mandatory, ...options } }) {
  assert.equal(mandatory, true)
  const properties = { delivery_mode: persistent ? 2 : 1 }
  for (const [name, its] of Object.entries(NAMES)) if (options[its] !== undefined) properties[name] = options[its]
  return { exchange, routing_key: routingKey, properties, headers, body_hex: content.toString('hex') }
}

// Where a file's message differs every time, what is there must be of the right form.
function settle (found, expected, varies = {}) {
  for (const [name, form] of Object.entries(varies)) {
    const [from, to] = name.startsWith('leveret-') ? [expected.headers, found.headers] : [expected.properties, found.properties]
    if (form === 'uuid') assert.match(to[name], UUID)
    else if (form === 'millis') assert(to[name] > from[name])
    else assert(to[name].length > 0)
    to[name] = from[name]
  }
  return found
}

for (const { name, queue, namespace = '', codec, job, options, published: expected } of read('tasks.json')) {
  test(`task: ${name}`, () => {
    const names = tasks.taskQueue(namespace, queue)
    assert.deepEqual(decode(codecOf(expected.properties.content_type), bytes(expected.body_hex)), job)
    assert.equal(encode(codec, job).toString('hex'), expected.body_hex)
    const target = options.partitions ? `${names.queue}.p${tasks.partition(options.key, options.partitions)}` : names.queue
    const { exchange, routingKey } = options.delay_ms === undefined
      ? { exchange: '', routingKey: target }
      : tasks.detour(options.delay_ms / 1000, target, { namespace, quorum: options.quorum })
    assert.deepEqual([exchange, routingKey], [expected.exchange, expected.routing_key])
  })
}

for (const { name, codec, event, published: { body_hex: hex, properties } } of read('events.json')) {
  test(`event: ${name}`, () => {
    assert.deepEqual(decode(codecOf(properties.content_type), bytes(hex)), event)
    assert.equal(encode(codec, event).toString('hex'), hex)
  })
}

for (const { name, queue, exchange, group, attempts, redelivered, delivered: original, outcome, published: expected, varies } of read('copies.json')) {
  test(`copy: ${name}`, () => {
    const at = { names: exchange ? tasks.queuesOf(`${exchange}.${group}`) : tasks.taskQueue('', queue), subscribed: Boolean(exchange) }
    const message = delivered(original)
    const attempt = tasks.attemptOf(message)
    let made
    if (outcome.retry_ms !== undefined && attempt < attempts) {
      made = tasks.later(message, at, outcome.retry_ms / 1000, { attempt: attempt + 1, error: outcome.reason })
    } else if (redelivered && attempt < attempts) {
      const alone = message.fields.routingKey === at.names.suspect
      made = tasks.setAside(message, at, alone ? { attempt: attempt + 1, error: 'its worker has ended' } : { attempt })
    } else {
      const { 'leveret-death': death, 'leveret-error': error } = expected.headers
      if (death === 'undecodable') assert.throws(() => tasks.read(message))
      else tasks.read(message)
      made = tasks.deadLetter(message, at, { death, error: outcome.reason ?? outcome.reject ?? (error || 'why it cannot be done') })
    }
    assert.deepEqual(settle(published(made), expected, varies), expected)
  })
}

for (const { name, of, declared } of read('topology.json')) {
  const { quorum } = of
  for (const { queue, arguments: args, bindings = [], exchange_binding: passing } of declared) {
    test(`declared: ${name}, ${queue}`, () => {
      const level = queue.match(/^leveret\.delay\.(?:q\.)?(\d+)$/)?.[1]
      if (level !== undefined) {
        const found = tasks.delayLevel(Number(level), { quorum })
        assert.deepEqual([found.name, found.arguments], [queue, args])
        assert.deepEqual(bindings, [{ exchange: queue, routing_key: found.resting }])
        assert.deepEqual(passing, { destination: found.below, source: queue, routing_key: found.passing })
        return
      }
      const names = tasks.queuesOf(of.queue ?? `${of.exchange}.${of.group}`)
      assert.deepEqual(Object.fromEntries(tasks.declarations(names, quorum))[queue], args)
      const { exchange, pattern } = tasks.arrival(names.queue, { quorum })
      if (bindings.length) assert.deepEqual(bindings.at(-1), { exchange, routing_key: pattern })
    })
  }
}

for (const { name, allowed } of read('names.json')) {
  test(`name: ${name}`, () => {
    if (allowed) assert.equal(tasks.taskQueue('', name).queue, name)
    else assert.throws(() => tasks.taskQueue('', name), TypeError)
  })
}

for (const { name, queue, partitions, delivered: original, published: expected } of read('marks.json')) {
  test(`mark: ${name}`, () => {
    const { content, fields, properties } = delivered(original)
    const at = `${queue}.p${tasks.partition(properties.headers['leveret-key'], partitions)}`
    assert.equal(fields.routingKey, at)
    assert.deepEqual([expected.exchange, expected.routing_key], ['', `${at}.marks`])
    assert.equal(bytes(expected.body_hex).toString(), properties.messageId ?? tasks.digest(at, content))
  })
}

for (const { name, queue, key, digest } of read('digests.json')) {
  test(`digest: ${name}`, () => assert.equal(tasks.digest(queue, key), digest))
}
