'use strict'

// The two halves of docs/protocol.md, "Tasks", in plain Node: `push` puts a task into its queue, a `Worker` does what
// comes, with retries through the delays, dead letters, de-duplication, and care for tasks that end their worker. Durable
// subscriptions are worked on alike. It leaves out reconnecting: when the connection goes, `closed` resolves.

const { randomUUID } = require('node:crypto')
const tasks = require('./tasks.js')
const { CONTENT_TYPES, encode, isMetadataKey } = require('./wire.js')

const KNOWN = 10000
const BUSY = 1

// Thrown by a handler: what can never be done, and a retry after so many seconds.
class Reject extends Error {}
class Retry extends Error {
  constructor (message, { after } = {}) {
    super(message)
    this.after = after
  }
}

// Publishes with confirms; what comes back or is refused rejects the promise.
class Post {
  static async open (connection) {
    const post = new Post()
    post.channel = await connection.createConfirmChannel()
    post.returned = new Set()
    post.channel.on('return', ({ properties }) => post.returned.add(properties.messageId))
    return post
  }

  send ({ exchange, routingKey, content, options }) {
    return new Promise((resolve, reject) => this.channel.publish(exchange, routingKey, content, options, (refused) => {
      if (refused) return reject(new Error(`${routingKey}: the queue is full`))
      // A return comes before its confirm.
      if (this.returned.delete(options.messageId)) return reject(new Error(`no queue takes messages for ${routingKey}`))
      resolve()
    }))
  }
}

// A failed assertion closes its channel, so each has one of its own.
async function alone (connection, use) {
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  const result = await use(channel)
  await channel.close()
  return result
}

async function declareQueues (connection, names, quorum) {
  for (const [name, args] of tasks.declarations(names, quorum)) {
    // 406: somebody declared it otherwise, and it is used as it is.
    await alone(connection, (channel) => channel.assertQueue(name, { arguments: args })).catch((error) => {
      if (error.code !== 406) throw error
    })
  }
}

async function declareDelays (connection, highest, at) {
  await alone(connection, async (channel) => {
    const { exchange, pattern } = tasks.arrival(at.names.queue, at)
    await channel.assertExchange(exchange, 'topic')
    for (let level = 0; level <= highest; level++) {
      const { name, arguments: args, below, resting, passing } = tasks.delayLevel(level, at)
      await channel.assertExchange(name, 'topic')
      await channel.assertQueue(name, { arguments: args })
      await channel.bindQueue(name, name, resting)
      await channel.bindExchange(below, name, passing)
    }
    await channel.bindQueue(at.names.queue, exchange, pattern)
  })
}

// Pushes a task, and gives its id when the broker has it.
async function push (connection, queue, job, { namespace = '', quorum = false, codec = 'json', delay, dedup, metadata = {}, ...properties } = {}) {
  const at = { names: tasks.taskQueue(namespace, queue), namespace, quorum }
  await declareQueues(connection, at.names, quorum)
  const way = delay === undefined ? { exchange: '', routingKey: at.names.queue } : tasks.detour(delay, at.names.queue, at)
  if (way.level !== undefined) await declareDelays(connection, way.level, at)
  for (const key in metadata) if (!isMetadataKey(key)) throw new TypeError(`metadata may not have the key ${key}`)
  const headers = { ...metadata, ...(dedup === undefined ? {} : { 'leveret-dedup': dedup }) }
  const options = { ...properties, contentType: CONTENT_TYPES[codec], messageId: randomUUID(), headers, persistent: true, mandatory: true }
  const post = await Post.open(connection)
  await post.send({ ...way, content: encode(codec, job), options })
  await post.channel.close()
  return options.messageId
}

class Worker {
  // `queue` is a name, or for a durable subscription `{ exchange, kind, keys, group }`.
  static async start (connection, queue, handler, { namespace = '', quorum = false, attempts = 5, first = 1, longest = 60, window = 600, concurrency = 10 } = {}) {
    const worker = new Worker()
    const subscribed = typeof queue !== 'string'
    const names = subscribed ? tasks.queuesOf(`${namespace}${queue.exchange}.${queue.group}`) : tasks.taskQueue(namespace, queue)
    const at = { names, namespace, quorum, subscribed }
    Object.assign(worker, { connection, handler, at, attempts, rests: { first, longest }, window, known: new Map(), locks: new Set(), running: new Set() })
    worker.closed = new Promise((resolve) => connection.on('close', resolve))
    await declareQueues(connection, names, quorum)
    // All that its own retries need.
    await declareDelays(connection, tasks.detour(Math.max(longest, first, BUSY), names.queue, at).level, at)
    if (subscribed) await worker.#bind(namespace + queue.exchange, queue)
    worker.post = await Post.open(connection)
    worker.lanes = [await worker.#consume(names.queue, concurrency, false), await worker.#consume(names.suspect, 1, true)]
    return worker
  }

  async #bind (exchange, { kind, keys = [''] }) {
    await alone(this.connection, async (channel) => {
      await channel.assertExchange(exchange, kind)
      for (const key of keys) await channel.bindQueue(this.at.names.queue, exchange, key)
    })
  }

  async #consume (queue, prefetch, isSuspect) {
    const channel = await this.connection.createChannel()
    await channel.prefetch(prefetch)
    const { consumerTag } = await channel.consume(queue, (message) => {
      if (!message) return this.connection.close() // the queue was deleted
      const done = this.#take(channel, message, isSuspect).catch((error) => {
        console.error(`given back: ${error.message}`)
        channel.nack(message)
      })
      this.running.add(done)
      done.finally(() => this.running.delete(done))
    })
    return { channel, consumerTag }
  }

  // Takes nothing new, and waits for what runs.
  async stop () {
    for (const { channel, consumerTag } of this.lanes) await channel.cancel(consumerTag)
    await Promise.all(this.running)
    for (const { channel } of this.lanes) await channel.close()
    await this.post.channel.close()
  }

  async #take (channel, message, isSuspect) {
    const { type = '', messageId } = message.properties
    const attempt = tasks.attemptOf(message)
    const settle = async (instead) => {
      if (instead) await this.post.send(instead)
      channel.ack(message)
    }
    if (type.startsWith('leveret.')) return settle(this.#dead(message, 'rejected', 'its type is reserved'))
    if (message.fields.redelivered && !this.known.has(messageId)) {
      if (!isSuspect) return settle(tasks.setAside(message, this.at, { attempt }))
      if (attempt >= this.attempts) return settle(this.#dead(message, 'crashed', `the worker that ran it ended ${attempt} times`))
      return settle(tasks.setAside(message, this.at, { attempt: attempt + 1, error: 'the worker that ran it has ended' }))
    }
    if (messageId) this.#remember(messageId)
    const key = message.properties.headers?.['leveret-dedup']
    const once = key === undefined ? { run: (work) => work() } : await this.#lock(tasks.digest(this.at.names.queue, key))
    if (!once) return settle(tasks.later(message, this.at, BUSY, { attempt }))
    return settle(await once.run(() => this.#run(message, attempt)))
  }

  // Gives what is to be published in its place: nothing when it is done.
  async #run (message, attempt) {
    let job
    try {
      job = tasks.read(message)
    } catch (error) {
      return this.#dead(message, 'undecodable', error.message)
    }
    try {
      await this.handler(job, message, attempt)
    } catch (error) {
      if (error instanceof Reject) return this.#dead(message, 'rejected', error.message)
      if (attempt >= this.attempts) return this.#dead(message, 'attempts', error.message)
      return tasks.later(message, this.at, error.after ?? tasks.restAfter(attempt, this.rests), { attempt: attempt + 1, error: error.message })
    }
  }

  #dead (message, death, error) {
    return tasks.deadLetter(message, this.at, { death, error })
  }

  #remember (id) {
    this.known.set(id, true)
    if (this.known.size > KNOWN) this.known.delete(this.known.keys().next().value)
  }

  // undefined while another copy runs; otherwise `run` does the work unless it was done before.
  async #lock (end) {
    const [lock, mark] = ['lock', 'done'].map((kind) => `${this.at.namespace}leveret.${kind}.${end}`)
    if (this.locks.has(lock)) return
    this.locks.add(lock)
    const held = await alone(this.connection, (channel) => channel.assertQueue(lock, { exclusive: true, autoDelete: true, durable: false }))
      .catch((error) => { if (error.code !== 405) throw error })
    if (!held) {
      this.locks.delete(lock)
      return
    }
    const run = async (work) => {
      try {
        const found = await alone(this.connection, (channel) => channel.checkQueue(mark)).catch((error) => { if (error.code !== 404) throw error })
        if (found?.messageCount) return
        const instead = await work()
        if (!instead) await this.#mark(mark)
        return instead
      } finally {
        await alone(this.connection, (channel) => channel.deleteQueue(lock))
        this.locks.delete(lock)
      }
    }
    return { run }
  }

  async #mark (mark) {
    await alone(this.connection, (channel) => channel.assertQueue(mark, { expires: this.window * 1000, messageTtl: this.window * 1000, maxLength: 1, arguments: { 'x-overflow': 'reject-publish' } }))
    const options = { messageId: randomUUID(), persistent: true, mandatory: true }
    await this.post.send({ exchange: '', routingKey: mark, content: Buffer.alloc(0), options }).catch((error) => {
      if (!error.message.endsWith('full')) throw error // there is one already
    })
  }
}

module.exports = { Reject, Retry, Worker, push }
