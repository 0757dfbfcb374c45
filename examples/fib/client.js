'use strict'

// Calls fib in plain Node, with a text body as in the RabbitMQ tutorials: `node client.js 30 [seconds]`.
// Any fib server understands it: Leveret's, server.js, plain_server.py or the tutorials' own.

const { randomUUID } = require('node:crypto')
const amqp = require('amqplib')

const BROKER = process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f'
const QUEUE = 'rpc_queue'

function fail (message) {
  console.error(message)
  process.exit(1)
}

async function call (n, milliseconds) {
  const started = Date.now()
  const connection = await amqp.connect(BROKER, { noDelay: true, timeout: milliseconds })
    .catch((error) => fail(`Unavailable: ${error.message || error.code}`))
  connection.on('error', (error) => fail(`Unavailable: ${error.message}`))
  const channel = await connection.createChannel()
  const { queue: replyTo } = await channel.assertQueue('', { exclusive: true })
  const correlationId = randomUUID()

  const reply = new Promise((resolve, reject) => {
    channel.on('return', () => reject(new Error(`NoSuchService: there is no queue ${QUEUE}; start a server first`)))
    channel.consume(replyTo, (message) => {
      if (message?.properties.correlationId === correlationId) resolve(message)
    }, { noAck: true }).catch(reject)
  })
  channel.sendToQueue(QUEUE, Buffer.from(n), {
    correlationId,
    messageId: correlationId,
    replyTo,
    mandatory: true,
    // The broker drops the request when nobody waits for it any more.
    expiration: Math.max(1, Math.ceil(milliseconds - (Date.now() - started)))
  })

  const { content, properties } = await reply
  await connection.close()
  if (properties.type === 'leveret.error') {
    const { code, message } = JSON.parse(content.toString())
    throw new Error(`${code}: ${message}`)
  }
  return content.toString()
}

const [n, seconds = '10'] = process.argv.slice(2)
if (n === undefined || !(Number(seconds) > 0)) fail('usage: node client.js <n> [seconds]')

const deadline = setTimeout(() => fail(`DeadlineExceeded: no answer within ${seconds} s`), Number(seconds) * 1000)
call(n, Number(seconds) * 1000)
  .then((result) => {
    clearTimeout(deadline)
    console.log(`fib(${n}) = ${result}`)
  })
  .catch((error) => fail(error.message))
