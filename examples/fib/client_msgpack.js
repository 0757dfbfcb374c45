'use strict'

// The same call with a MessagePack body and the method named, as Leveret's own clients send it. Only a server
// that reads MessagePack answers it with a value: Leveret's does, the plain scripts here refuse it.

const { randomUUID } = require('node:crypto')
const amqp = require('amqplib')
const { encode, decode } = require('@msgpack/msgpack')

async function main (n) {
  const connection = await amqp.connect(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f', { noDelay: true })
  const channel = await connection.createChannel()
  const { queue: replyTo } = await channel.assertQueue('', { exclusive: true })
  const correlationId = randomUUID()

  const reply = new Promise((resolve, reject) => {
    channel.on('return', () => reject(new Error('NoSuchService: there is no queue rpc_queue')))
    setTimeout(() => reject(new Error('DeadlineExceeded: no answer within 10 s')), 10000).unref()
    channel.consume(replyTo, resolve, { noAck: true }).catch(reject)
  })
  channel.sendToQueue('rpc_queue', Buffer.from(encode({ n })), {
    type: 'fib',
    contentType: 'application/msgpack',
    correlationId,
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
  if (properties.type === 'leveret.error') throw new Error(`${value.code}: ${value.message}`)
  console.log(`fib(${n}) = ${value}`)
}

main(Number(process.argv[2] ?? 30)).catch((error) => {
  console.error(error.message || error.code)
  process.exit(1)
})
