'use strict'

// What pushers and workers share of docs/protocol.md: the names of queues, the way through the delays, and the copies that
// take the place of a message. Messages are those of amqplib: `{ content, fields, properties }`; what is to be published is
// `{ exchange, routingKey, content, options }`.

const { createHash, randomUUID } = require('node:crypto')
const { codecOf, decode, isName, unreadable } = require('./wire.js')

const LEVELS = 28
const LARGEST_ERROR = 1024
// Headers that say what the broker did with the original, or would send a copy elsewhere.
const BROKERS = /^(x-(death|first-death-|last-death-|original-|delivery-count|acquired-count)|CC$|BCC$)/

// The queues of a task queue or a durable subscription, by its full name.
const queuesOf = (queue) => ({ queue, dead: `${queue}.dead`, suspect: `${queue}.suspect` })

function taskQueue (namespace, name) {
  if (!isName(name) || /\.(dead|suspect|members|p\d+(\.lock|\.marks)?)$/.test(name)) throw new TypeError(`${name} is no name for a queue of tasks`)
  return queuesOf(namespace + name)
}

// Arguments as amqplib wants them: `[queue, arguments]`, in the order in which they are declared.
function declarations ({ queue, dead, suspect }, quorum = false) {
  // Attempts are counted by the workers.
  const kind = quorum ? { 'x-queue-type': 'quorum', 'x-delivery-limit': 2147483647 } : {}
  return [
    [dead, kind],
    [suspect, kind],
    [queue, { ...kind, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead }]
  ]
}

const delays = (namespace, quorum) => `${namespace}leveret.delay.${quorum ? 'q.' : ''}`
const tenths = (seconds) => {
  const count = Math.max(1, Math.ceil(Math.round(seconds * 1000) / 100))
  if (count >= 2 ** LEVELS) throw new RangeError('a delay is at most 310 days')
  return count
}

// Where a message goes that is to come to the queue after so many seconds.
function detour (seconds, queue, { namespace = '', quorum = false } = {}) {
  const bits = tenths(seconds).toString(2)
  const level = bits.length - 1
  return { level, exchange: delays(namespace, quorum) + level, routingKey: [...bits.padStart(LEVELS, '0'), queue].join('.') }
}

// The exchange and queue of one level, and what is bound to what.
function delayLevel (level, { namespace = '', quorum = false } = {}) {
  const [name, below] = [level, level === 0 ? 'done' : level - 1].map((end) => delays(namespace, quorum) + end)
  const words = '*.'.repeat(LEVELS - 1 - level)
  return {
    name,
    arguments: {
      ...(quorum ? { 'x-queue-type': 'quorum', 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' } : {}),
      'x-message-ttl': 100 * 2 ** level,
      'x-dead-letter-exchange': below
    },
    below,
    resting: `${words}1.#`,
    passing: `${words}0.#`
  }
}

const arrival = (queue, { namespace = '', quorum = false } = {}) =>
  ({ exchange: `${delays(namespace, quorum)}done`, pattern: '*.'.repeat(LEVELS) + queue })

function attemptOf ({ properties }) {
  const attempt = Number(properties.headers?.['leveret-attempt'])
  return Number.isSafeInteger(attempt) && attempt > 1 ? attempt : 1
}

// The rest after an attempt that failed, in seconds.
const restAfter = (attempt, { first = 1, longest = 60 } = {}, random = Math.random) =>
  Math.min(first * 2 ** Math.min(attempt - 1, 31), Math.max(first, longest)) * (0.5 + random() / 2)

// Cut at a character's end.
function shortened (text) {
  const bytes = Buffer.from(text)
  if (bytes.length <= LARGEST_ERROR) return text
  return new TextDecoder().decode(bytes.subarray(0, LARGEST_ERROR)).replace(/�+$/, '')
}

function copy ({ content, fields, properties }, { exchange, routingKey, error, subscribed, headers }) {
  const { expiration, userId, deliveryMode, clusterId, headers: before = {}, ...kept } = properties
  const own = Object.entries(before).filter(([name]) => !BROKERS.test(name))
  const first = subscribed && {
    'leveret-exchange': before['leveret-exchange'] ?? fields.exchange,
    'leveret-routing-key': before['leveret-routing-key'] ?? fields.routingKey
  }
  return {
    exchange,
    routingKey,
    content,
    options: {
      ...kept,
      messageId: kept.messageId ?? randomUUID(),
      headers: { ...Object.fromEntries(own), ...first, ...(error === undefined ? {} : { 'leveret-error': shortened(error) }), ...headers },
      persistent: true,
      mandatory: true
    }
  }
}

// `at` is where the message is worked on: `{ names, namespace, quorum, subscribed }`.
const later = (message, at, seconds, { attempt, error }) =>
  copy(message, { ...at, ...detour(seconds, at.names.queue, at), error, headers: { 'leveret-attempt': attempt } })

const setAside = (message, at, { attempt, error }) =>
  copy(message, { ...at, exchange: '', routingKey: at.names.suspect, error, headers: { 'leveret-attempt': attempt } })

const deadLetter = (message, at, { death, error, now = Date.now() }) => copy(message, {
  ...at,
  exchange: '',
  routingKey: at.names.dead,
  error,
  headers: { 'leveret-attempt': attemptOf(message), 'leveret-death': death, 'leveret-died': now, 'leveret-queue': at.names.queue }
})

// The job or event, of which a dead letter is made if this throws.
function read ({ properties, content }) {
  const why = unreadable(properties)
  if (why) throw new Error(why)
  const codec = codecOf(properties.contentType)
  if (!codec) throw new Error(`the content type ${properties.contentType} is not known here`)
  return decode(codec, content)
}

// The end of the names of a key's lock and mark.
const digest = (queue, key) => createHash('sha256').update(queue).update('\0').update(key).digest('hex').slice(0, 32)

// ISO-HDLC, as zlib's; Node has it from version 22 on.
function crc32 (text) {
  let crc = ~0
  for (const byte of Buffer.from(text)) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

// Which of so many partitions a key belongs to.
const partition = (key, partitions) => crc32(String(key)) % partitions

module.exports = {
  arrival,
  attemptOf,
  copy,
  deadLetter,
  declarations,
  delayLevel,
  detour,
  digest,
  later,
  partition,
  queuesOf,
  read,
  restAfter,
  setAside,
  taskQueue
}
