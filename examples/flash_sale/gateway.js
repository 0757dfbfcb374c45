'use strict'

// The web front end once more, in plain Node: Express and amqplib, and what docs/protocol.md says. It calls the order
// service that is written in Rust with Leveret, and neither knows of the other's language.

const { randomBytes, randomUUID } = require('node:crypto')
const amqp = require('amqplib')
const express = require('express')

const PATIENCE = 10000 // milliseconds, as Leveret's own clients have it
const QUEUE = `${process.env.FLASH_SALE_NAMESPACE || ''}orders`

// Returns a function that calls a method of the order service and gives what it answers.
async function caller (url) {
  const connection = await amqp.connect(url, { noDelay: true })
  // Without its broker a front end sells nothing: whoever started it sees why.
  connection.on('error', (error) => fail(error))
  const channel = await connection.createConfirmChannel()
  const replyTo = `leveret.r.${randomBytes(12).toString('base64url')}`
  await channel.assertQueue(replyTo, { exclusive: true, durable: false })
  const waiting = new Map()

  function settle (id, finish) {
    const call = waiting.get(id)
    if (!call) return // it is late, a second one, or forged
    waiting.delete(id)
    clearTimeout(call.timer)
    finish(call)
  }
  function refuse (id, code, message) {
    settle(id, ({ reject }) => reject(new Error(`${code}: ${message}`)))
  }
  channel.on('return', ({ properties }) => {
    refuse(properties.correlationId, 'NoSuchService', `there is no queue ${QUEUE}`)
  })
  await channel.consume(replyTo, ({ content, properties }) => {
    const body = JSON.parse(content)
    if (properties.type === 'leveret.error') return refuse(properties.correlationId, body.code, body.message)
    settle(properties.correlationId, ({ resolve }) => resolve(body))
  }, { noAck: true })

  return (type, args) => new Promise((resolve, reject) => {
    const id = randomUUID()
    const timer = setTimeout(() => refuse(id, 'DeadlineExceeded', `no answer within ${PATIENCE} ms`), PATIENCE)
    waiting.set(id, { resolve, reject, timer })
    channel.sendToQueue(QUEUE, Buffer.from(JSON.stringify(args)), {
      type,
      contentType: 'application/json',
      correlationId: id,
      messageId: id, // the order's unique key
      replyTo,
      expiration: PATIENCE,
      mandatory: true
    }, (refused) => { if (refused) refuse(id, 'ResourceExhausted', 'the broker took no request') })
  })
}

function fail (error) {
  console.error(`gateway: ${error.message || error.code}`)
  process.exit(1)
}

async function main () {
  const call = await caller(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f')
  const app = express()
  app.get('/buy', async (request, response) => {
    const item = Number(request.query.item)
    if (!Number.isSafeInteger(item)) return response.status(400).send('item must be a whole number')
    try {
      response.json(await call('buy', { item_id: item }))
    } catch (error) {
      response.status(502).send(error.message)
    }
  })
  const server = app.listen(0, '127.0.0.1', () => console.log(`ready 127.0.0.1:${server.address().port}`))
}

// Whoever started it holds the other end of its stdin.
process.stdin.resume().on('end', () => process.exit(0))
main().catch(fail)
