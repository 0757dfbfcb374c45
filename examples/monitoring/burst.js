'use strict'

// A bad release: so many reports at once, in plain Node, as the front end's own server would send them. `node burst.js 6`.

const { randomUUID } = require('node:crypto')
const amqp = require('amqplib')

async function main (count = 6) {
  const connection = await amqp.connect(process.env.AMQP_URL || 'amqp://127.0.0.1:5672/%2f')
  const channel = await connection.createConfirmChannel()
  // As Leveret declares them, so that it does not matter who comes first.
  await channel.assertQueue('reports', { deadLetterExchange: '', deadLetterRoutingKey: 'reports.dead' })
  await channel.assertQueue('reports.dead')
  for (let n = 1; n <= count; n++) {
    const report = { page: `/item/${n}`, message: 'cart is undefined' }
    channel.sendToQueue('reports', Buffer.from(JSON.stringify(report)), {
      contentType: 'application/json',
      messageId: randomUUID(),
      persistent: true
    })
  }
  await channel.waitForConfirms()
  console.log(`${count} reports pushed`)
  await connection.close()
}

main(process.argv[2]).catch((error) => {
  console.error(error.message)
  process.exit(1)
})
