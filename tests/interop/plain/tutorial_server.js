'use strict'

// Behaves on the wire as the RPC server of RabbitMQ's JavaScript tutorial does. RPC_QUEUE_KIND says what the
// queue is declared as: transient (what the tutorial did for most of its life), durable or quorum.

const amqp = require('amqplib')

const KINDS = {
  transient: { durable: false },
  durable: { durable: true },
  quorum: { durable: true, arguments: { 'x-queue-type': 'quorum' } }
}

function fib (n) {
  let [a, b] = [0, 1]
  for (let i = 0; i < n; i++) [a, b] = [b, a + b]
  return a
}

async function main () {
  const connection = await amqp.connect(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f')
  const channel = await connection.createChannel()
  await channel.assertQueue('rpc_queue', KINDS[process.env.RPC_QUEUE_KIND || 'transient'])
  await channel.prefetch(1)
  await channel.consume('rpc_queue', (request) => {
    const n = parseInt(request.content.toString(), 10)
    console.log(`serving fib(${n})`)
    const { replyTo, correlationId } = request.properties
    channel.sendToQueue(replyTo, Buffer.from(fib(n).toString()), { correlationId })
    channel.ack(request)
  })
  console.log('tutorial_server.js: ready on rpc_queue')
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
