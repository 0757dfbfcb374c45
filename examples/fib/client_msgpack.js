'use strict'

// The same call with a MessagePack body and the method named, as Leveret's own clients send it. Only a server
// that reads MessagePack answers it with a value: Leveret's does, the plain scripts here refuse it.

const { randomUUID } = require('node:crypto')
const amqp = require('amqplib')
const { encode, decode } = require('@msgpack/msgpack')
const noBroker = require('./no_broker')

// An error reply, or what the caller finds out by itself, in the words of docs/protocol.md.
function failure ({ code, name, message, executed }) {
  return new Error(`${code}${name ? ` (${name})` : ''}: ${message} (executed: ${executed})`)
}

async function main (n) {
  const connection = await amqp.connect(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f', { noDelay: true })
    .catch((error) => { throw failure({ code: 'Unavailable', message: noBroker(error), executed: 'no' }) })
  const channel = await connection.createChannel()
  const { queue: replyTo } = await channel.assertQueue('', { exclusive: true })
  const correlationId = randomUUID()

  const reply = new Promise((resolve, reject) => {
    const fail = (code, message, executed) => reject(failure({ code, message, executed }))
    connection.on('error', (error) => fail('Unavailable', error.message, 'maybe'))
    channel.on('return', () => fail('NoSuchService', 'there is no queue rpc_queue; start a server first', 'no'))
    setTimeout(() => fail('DeadlineExceeded', 'no answer within 10 s', 'maybe'), 10000).unref()
    channel.consume(replyTo, (message) => {
      if (message?.properties.correlationId === correlationId) resolve(message)
    }, { noAck: true }).catch(reject)
  })
  channel.sendToQueue('rpc_queue', Buffer.from(encode({ n })), {
    type: 'fib',
    contentType: 'application/msgpack',
    correlationId,
    messageId: correlationId,
    replyTo,
    mandatory: true,
    expiration: 10000
  })

  const { content, properties } = await reply
  await connection.close()
  // The error's encoding follows the reply's own content type: a server that reads no MessagePack writes JSON.
  const json = properties.contentType === 'application/json'
  // Without useBigInt64 integers above 2^53 would be rounded, silently.
  const value = json ? JSON.parse(content.toString()) : decode(content, { useBigInt64: true })
  if (properties.type === 'leveret.error') throw failure(value)
  console.log(`fib(${n}) = ${value}`)
}

main(Number(process.argv[2] ?? 30)).catch((error) => {
  console.error(error.message)
  process.exit(1)
})
