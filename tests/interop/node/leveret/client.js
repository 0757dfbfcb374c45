'use strict'

// The calling half of docs/protocol.md in plain Node: deadlines, cancelling, casts, metadata and trace. It leaves out
// reconnecting: when the connection goes, the calls in flight end with Unavailable and the program makes a new client.

const { randomUUID } = require('node:crypto')
const wire = require('./wire.js')
const { RpcError } = wire

class Client {
  // `connection` is amqplib's, made with `{ noDelay: true }`: without it small messages wait for acknowledgements.
  static async open (connection, { namespace = '', name, largestBody = wire.LARGEST_BODY } = {}) {
    const client = new Client()
    const channel = await connection.createConfirmChannel()
    const replyTo = wire.randomName('leveret.r.')
    Object.assign(client, { connection, channel, replyTo, namespace, name, largestBody, pending: new Map() })
    await channel.assertQueue(replyTo, { exclusive: true, durable: false })
    // A reply that nobody waits for is late, the second one, or forged.
    const onReply = (reply) => reply ? client.pending.get(reply.properties.correlationId)?.answer(reply) : client.lost()
    await channel.consume(replyTo, onReply, { noAck: true })
    channel.on('return', ({ properties }) => client.pending.get(properties.messageId)?.fail(
      new RpcError('NoSuchService', 'there is no such queue', { executed: 'no' })))
    channel.on('error', () => {}) // 'close' follows
    channel.on('close', () => client.lost())
    return client
  }

  lost () {
    for (const call of [...this.pending.values()]) {
      call.fail(new RpcError('Unavailable', 'the connection was lost', { executed: 'maybe' }))
    }
  }

  // `args` is an object (by name), an array (by position) or the one bare argument. Options: `timeout` in milliseconds,
  // `codec`, `metadata`, `trace`, an AbortSignal as `signal`, and `within`, the context of the method that calls.
  call (service, method, args, options = {}) {
    return this.#send(service, method, args, options, (id, properties, publish) => new Promise((resolve, reject) => {
      const { codec = 'msgpack', signal } = options
      let { timeout = 10000 } = options
      const left = options.within?.timeLeft()
      if (left !== undefined) timeout = Math.min(timeout, left)
      const early = (code, message) => reject(new RpcError(code, message, { executed: 'no' }))
      if (signal?.aborted) return early('Cancelled', 'given up before it was sent')
      if (!(timeout > 0)) return early('DeadlineExceeded', 'there is no time left')

      const end = (how) => (value) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        this.pending.delete(id)
        how(value)
      }
      const fail = end(reject)
      const giveUp = (code, message) => {
        fail(new RpcError(code, message, { executed: 'maybe' }))
        this.#cancel(properties.queue, id)
      }
      const abort = () => giveUp('Cancelled', 'given up')
      const answer = (reply) => {
        try {
          end(resolve)(this.#read(reply))
        } catch (error) {
          fail(error)
        }
      }
      const timer = setTimeout(() => giveUp('DeadlineExceeded', `no answer within ${timeout} ms`), Math.min(timeout, wire.LONGEST_TIMER))
      signal?.addEventListener('abort', abort)
      this.pending.set(id, { answer, fail })
      // Confirms come in the background: the reply may well be faster.
      publish({ replyTo: this.replyTo, correlationId: id, expiration: Math.max(1, Math.ceil(timeout)), contentType: wire.CONTENT_TYPES[codec] },
        (error) => error && fail(new RpcError('ResourceExhausted', 'the broker refused the request', { executed: 'maybe' })))
    }))
  }

  // Resolves when the broker has it. Without `expires` (milliseconds) it is not run again after a crash.
  cast (service, method, args, options = {}) {
    return this.#send(service, method, args, options, (id, properties, publish) => new Promise((resolve, reject) => {
      const fail = (error) => {
        this.pending.delete(id)
        reject(error)
      }
      this.pending.set(id, { answer: () => {}, fail })
      const { codec = 'msgpack', expires } = options
      publish({ expiration: expires && Math.max(1, Math.ceil(expires)), contentType: wire.CONTENT_TYPES[codec] }, (error) => {
        if (error) return fail(new RpcError('ResourceExhausted', 'the broker refused the request', { executed: 'maybe' }))
        // A request that was returned is confirmed all the same, afterwards: then `fail` was first.
        this.pending.delete(id)
        resolve()
      })
    }))
  }

  async #send (service, method, args, options, start) {
    const invalid = (what) => { throw new RpcError('InvalidArgument', what, { executed: 'no' }) }
    if (!wire.isName(service) || !wire.isName(method)) invalid(`no name: ${service} ${method}`)
    const headers = wire.writeHeaders(options.metadata, options.trace ?? options.within?.trace)
    let body
    try {
      body = wire.encode(options.codec ?? 'msgpack', args)
    } catch (error) {
      invalid(error.message)
    }
    if (body.length > this.largestBody) {
      throw new RpcError('ResourceExhausted', `the request takes ${body.length} bytes`, { executed: 'no', retryable: false })
    }
    const queue = this.namespace + service
    const id = randomUUID()
    const publish = (properties, done) => {
      try {
        this.channel.sendToQueue(queue, body, {
          type: method, messageId: id, mandatory: true, persistent: false, appId: this.name, headers, ...properties
        }, done)
      } catch (error) {
        this.pending.get(id)?.fail(new RpcError('Unavailable', error.message, { executed: 'no' }))
      }
    }
    return start(id, { queue }, publish)
  }

  #read ({ properties, content }) {
    if (properties.type === 'leveret.error') throw wire.readError(properties, content)
    const codec = wire.codecOf(properties.contentType)
    try {
      if (!codec) throw new Error(`the content type ${properties.contentType} is not known here`)
      return wire.decode(codec, content)
    } catch (error) {
      throw new RpcError('Internal', `the answer cannot be read: ${error.message}`, { executed: 'yes' })
    }
  }

  // Best effort. Publishing to an exchange that is not there closes the channel, so there is one for cancels alone, made
  // when it is first needed; without the exchange no server would hear.
  async #cancel (queue, id) {
    this.cancels ??= (async () => {
      const channel = await this.connection.createChannel()
      channel.on('error', () => {})
      await channel.checkExchange(wire.control(this.namespace))
      return channel
    })()
    try {
      const channel = await this.cancels
      channel.publish(wire.control(this.namespace), `queue.${queue}`, Buffer.alloc(0),
        { type: 'leveret.cancel', correlationId: id, persistent: false })
    } catch {
      this.cancels = undefined
    }
  }
}

module.exports = { Client, RpcError }
