'use strict'

// The serving half of docs/protocol.md in plain Node: a service on its queue, with deadlines, cancels, deduplication,
// redelivery and an orderly stop. It runs as many requests at once as it takes from the broker, so nothing that it has
// received waits to begin. It leaves out reconnecting: when the connection goes, `closed` resolves.

const wire = require('./wire.js')
const { readArguments } = require('./arguments.js')
const { Memory } = require('./memory.js')
const { RpcError } = wire

const refuse = (code, message, more) => { throw new RpcError(code, message, { executed: 'no', ...more }) }

// `methods` maps names to `{ parameters: { n: types.u64 }, run (args, context) }`, with the flags `default`, `idempotent`
// and `atMostOnce` where wanted. `run` is async or not; it learns by `context.signal` that nobody waits any more.
class Server {
  static async start (connection, service, methods, { namespace = '', concurrency = 64, largestBody = wire.LARGEST_BODY } = {}) {
    const server = new Server()
    const queue = namespace + service
    Object.assign(server, { connection, service, methods, queue, largestBody, running: new Set(), memory: new Memory(), dropped: 0 })
    server.closed = new Promise((resolve) => connection.on('close', resolve))
    await adoptOrCreate(connection, queue)
    await server.#listen(namespace)
    server.channel = await connection.createChannel()
    await server.channel.prefetch(concurrency)
    const consume = (request) => request ? server.#take(request) : connection.close() // null: the queue was deleted
    server.consumer = (await server.channel.consume(queue, consume)).consumerTag
    return server
  }

  // Takes nothing new, lets what runs end within the grace time, and acknowledges it.
  async stop (grace = 10000) {
    await this.channel.cancel(this.consumer)
    const late = setTimeout(() => {
      for (const { stop } of this.running) stop('Unavailable', 'the server stops')
    }, grace)
    await Promise.all([...this.running].map((job) => job.done))
    clearTimeout(late)
    // Closing the channel first lets the broker have every acknowledgement.
    await this.channel.close()
  }

  // Cancels come to every instance, through a queue of its own. A server that may not have one serves all the same.
  async #listen (namespace) {
    const channel = await this.connection.createChannel()
    channel.on('error', () => {})
    const exchange = wire.control(namespace)
    const queue = wire.randomName('leveret.c.')
    try {
      await channel.assertExchange(exchange, 'topic', { durable: true })
      await channel.assertQueue(queue, { exclusive: true, durable: false })
      await channel.bindQueue(queue, exchange, `queue.${this.queue}`)
      await channel.consume(queue, (message) => {
        const { type, correlationId } = message?.properties ?? {}
        if (type === 'leveret.cancel' && wire.isUuid(correlationId)) this.memory.cancel(correlationId)
      }, { noAck: true })
    } catch (error) {
      console.error(`cancels are not heard: ${error.message}`)
    }
  }

  #take (request) {
    const { type = '', replyTo, headers, messageId, expiration } = request.properties
    if (type.startsWith('leveret.') || !(type || replyTo)) {
      this.dropped++
      console.error('dropped a message that is no request')
      return this.channel.ack(request)
    }
    let stop
    const controller = new AbortController()
    const stopped = new Promise((resolve, reject) => {
      stop = (code, message) => {
        reject(new RpcError(code, message, { executed: 'maybe' }))
        controller.abort()
      }
    })
    stopped.catch(() => {})
    const left = /^[0-9]+$/.test(expiration ?? '') ? Number(expiration) : undefined
    // By this process's own clock, from now: no clock is compared with another machine's.
    const deadline = left === undefined ? undefined : performance.now() + left
    const context = {
      service: this.service,
      method: type,
      ...wire.readHeaders(headers),
      caller: request.properties.appId,
      user: request.properties.userId,
      messageId,
      redelivered: request.fields.redelivered,
      signal: controller.signal,
      timeLeft: () => deadline === undefined ? undefined : Math.max(0, deadline - performance.now())
    }
    const timer = left === undefined
      ? undefined
      : setTimeout(() => stop('DeadlineExceeded', 'the deadline passed while the method ran'), Math.min(left, wire.LONGEST_TIMER))
    const job = { stop }
    this.running.add(job)
    job.done = this.#answer(request, context, stopped, stop).catch((error) => console.error(error)).finally(() => {
      clearTimeout(timer)
      this.running.delete(job)
    })
  }

  async #answer (request, context, stopped, stop) {
    const { replyTo, correlationId, contentType, messageId } = request.properties
    const codec = wire.codecOf(contentType)
    const id = wire.isUuid(messageId) ? messageId : undefined
    let acknowledged = false
    const acknowledge = () => { if (!acknowledged) this.channel.ack(request); acknowledged = true }
    let reply
    try {
      const method = this.#admit(request, context, codec)
      if (id && this.memory.isCancelled(id)) refuse('Cancelled', 'it was cancelled before it came')
      const earlier = id && this.memory.outcome(id)
      if (earlier) {
        reply = await earlier
        if (!reply) throw new RpcError('Aborted', 'it has run here before', { executed: 'maybe' })
      } else {
        this.#worthRunning(request, context, method)
        const outcome = this.#run(method, request, context, codec, stopped, acknowledge)
        reply = await (id ? this.memory.run(id, outcome, () => stop('Cancelled', 'the caller gave up')) : outcome)
      }
    } catch (error) {
      reply = this.#refusal(error, codec, request.fields.redelivered)
    }
    if (replyTo) {
      const { body, ...properties } = reply
      this.channel.sendToQueue(replyTo, body, { correlationId, persistent: false, ...properties })
    } else if (reply.type === 'leveret.error') {
      console.error(`a cast failed: ${reply.why}`)
    }
    // After the reply, on the same socket: if this process dies in between, another server answers.
    acknowledge()
  }

  // The table "What a server does with a delivery", up to the method.
  #admit ({ properties, content }, context, codec) {
    const { type, contentType } = properties
    const unreadable = wire.unreadable(properties)
    if (unreadable) refuse('Unimplemented', unreadable)
    if (!codec) refuse('InvalidArgument', `the content type ${contentType} is not known here`)
    if (content.length > this.largestBody) refuse('ResourceExhausted', `the request takes ${content.length} bytes`, { retryable: false })
    const all = Object.entries(this.methods)
    const [name, method] = type
      ? [type, Object.hasOwn(this.methods, type) ? this.methods[type] : undefined]
      : all.find(([, method]) => method.default) ?? (all.length === 1 ? all[0] : [])
    if (!method) refuse('NoSuchMethod', `${this.service} has ${type ? `no method ${type}` : 'no default method'}`)
    context.method = name
    return method
  }

  #worthRunning ({ properties, fields }, context, method) {
    const endless = properties.expiration === undefined && !method.idempotent
    if (fields.redelivered && (method.atMostOnce || endless)) {
      throw new RpcError('Aborted', 'it may have run before', { executed: 'maybe' })
    }
    if (context.timeLeft() === 0) refuse('DeadlineExceeded', 'the deadline passed before the method began')
  }

  // Never rejects: what comes of it is a reply in any case.
  async #run (method, { content, fields }, context, codec, stopped, acknowledge) {
    try {
      const args = readArguments(method.parameters ?? {}, codec, content)
      if (method.atMostOnce) acknowledge()
      // Whichever is first: a method that does not look at its signal must not keep its caller waiting.
      const value = await Promise.race([(async () => method.run(args, context))(), stopped])
      return this.#value(value, codec)
    } catch (error) {
      return this.#refusal(error, codec, fields.redelivered)
    }
  }

  #value (value, codec) {
    let body
    try {
      body = wire.encode(codec, value)
    } catch (error) {
      throw new RpcError('Internal', `the result has no form on the wire: ${error.message}`, { executed: 'yes' })
    }
    if (body.length > this.largestBody) {
      throw new RpcError('ResourceExhausted', `the result takes ${body.length} bytes`, { executed: 'yes', retryable: false })
    }
    return { type: 'leveret.reply', contentType: wire.CONTENT_TYPES[codec], body }
  }

  #refusal (thrown, codec, redelivered) {
    let error = thrown
    if (!(error instanceof RpcError)) {
      // The text of an exception may hold what no caller should see.
      console.error(thrown)
      error = new RpcError('Internal', 'the method failed; the server\'s log has the reason', { executed: 'maybe' })
    }
    // A method that says nothing has run. An earlier delivery may have run on a server that died: 'no' would be a guess.
    const said = error.executed ?? 'yes'
    const executed = said === 'no' && redelivered ? 'maybe' : said
    const answer = codec === 'msgpack' ? 'msgpack' : 'json'
    const encode = (body) => wire.encode(answer, { ...body, executed })
    let body
    try {
      body = encode(wire.errorBody(error))
    } catch {
      body = encode(wire.errorBody(new RpcError(error.wireCode, error.message, { retryable: error.retryable })))
    }
    return { type: 'leveret.error', contentType: wire.CONTENT_TYPES[answer], body, why: `${error}` }
  }
}

// To declare a queue as another kind than it is, is an error, and every error closes its channel: so look first.
async function adoptOrCreate (connection, queue) {
  const declare = async (how) => {
    const channel = await connection.createChannel()
    channel.on('error', () => {})
    await how(channel)
    await channel.close()
  }
  try {
    await declare((channel) => channel.checkQueue(queue))
  } catch (error) {
    if (error.code !== 404) throw error
    await declare((channel) => channel.assertQueue(queue, { durable: true })).catch((error) => {
      if (error.code !== 406) throw error // 406: somebody else was faster
    })
  }
}

module.exports = { RpcError, Server }
