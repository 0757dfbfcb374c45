'use strict'

// Values on the wire, for plain Node: JSON and MessagePack there and back, with the checks and the limits that
// docs/protocol.md asks for ("Values"). JavaScript has its own edges, and this file is where they are:
// - integers are exact up to 2^53; larger ones are BigInt, in both directions, and only in MessagePack: JSON.parse
//   rounds them before anybody can look
// - 2.0 is 2: a whole float leaves as an integer, which the other side must accept
// - JSON.parse keeps the last of two equal keys in silence

const msgpack = require('@msgpack/msgpack')

const LIMITS = { depth: 64, elements: 1000000 }
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class ValueError extends Error {}

function refuse (why) {
  throw new ValueError(why)
}

// What the encoders would get wrong: numbers, bytes, dates, broken strings. Recursion is bounded by the limit.
function prepare (value, json, budget, depth = 0) {
  switch (typeof value) {
    case 'undefined': return null
    case 'string': return value.isWellFormed() ? value : refuse('a string with half a surrogate pair')
    case 'number':
      // With useBigInt64 the encoder writes integers beyond 32 bits as floats, which no integer parameter takes.
      if (Number.isSafeInteger(value)) return json || (value >= -(2 ** 31) && value < 2 ** 32) ? value : BigInt(value)
      return json && !Number.isFinite(value) ? refuse(`JSON has no ${value}`) : value
    case 'bigint':
      if (value < -(2n ** 63n) || value >= 2n ** 64n) refuse('an integer beyond 64 bits')
      if (!json) return value
      return Number.isSafeInteger(Number(value)) ? Number(value) : refuse('an integer beyond 2^53: JSON of this language would round it')
    case 'boolean': return value
    case 'object': break
    default: refuse(`a ${typeof value}`)
  }
  if (value === null) return null
  if (value instanceof Uint8Array) return json ? Buffer.from(value).toString('base64') : value
  if (value instanceof Date) return value.toISOString()
  if (depth === LIMITS.depth) refuse(`more than ${LIMITS.depth} levels`)
  const spend = (count) => { if ((budget.elements -= count) < 0) refuse(`more than ${LIMITS.elements} elements`) }
  if (Array.isArray(value)) {
    spend(value.length)
    return value.map((item) => prepare(item, json, budget, depth + 1))
  }
  // An absent field is not written: for the reader that is the same as nil.
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  spend(2 * entries.length)
  return Object.fromEntries(entries.map(([key, item]) => [key, prepare(item, json, budget, depth + 1)]))
}

// `codec` is 'msgpack', 'json' or 'text'.
function encode (codec, value) {
  const plain = prepare(value, codec !== 'msgpack', { ...LIMITS })
  if (codec === 'msgpack') return Buffer.from(msgpack.encode(plain, { useBigInt64: true, maxDepth: LIMITS.depth + 1 }))
  return Buffer.from(codec === 'text' && typeof plain === 'string' ? plain : JSON.stringify(plain))
}

function decode (codec, body) {
  if (codec === 'msgpack') {
    scan(body)
    try {
      return msgpack.decode(body, { useBigInt64: true })
    } catch (error) {
      refuse(error.message)
    }
  }
  let text
  try {
    text = utf8.decode(body)
  } catch {
    refuse('it is not UTF-8')
  }
  let value
  try {
    value = JSON.parse(text)
  } catch {
    return codec === 'text' ? text : refuse('it is not JSON')
  }
  inspect(value)
  return value
}

// The MessagePack library trusts lengths, follows any depth, and takes broken UTF-8, extensions and integer keys.
function scan (body) {
  const open = [] // for each array or map that is open: how many values are still to come, and for a map its keys
  let [at, elements] = [0, 0]
  const take = (count) => {
    if (count > body.length - at) refuse('it ends before its value does')
    at += count
    return at - count
  }
  const length = (width) => body.readUIntBE(take(width), width)
  const begin = (count, map) => {
    if ((elements += count) > LIMITS.elements) refuse(`more than ${LIMITS.elements} elements`)
    if (open.length === LIMITS.depth) refuse(`more than ${LIMITS.depth} levels`)
    open.push({ left: count, keys: map && new Set() })
  }
  const text = (count) => {
    try {
      return utf8.decode(body.subarray(take(count), at))
    } catch (error) {
      refuse(error instanceof ValueError ? error.message : 'a string is not UTF-8')
    }
  }
  do {
    const inside = open.at(-1)
    if (inside?.left === 0) {
      open.pop()
      continue
    }
    const head = body[take(1)]
    const isText = (head & 0xe0) === 0xa0 || (head >= 0xd9 && head <= 0xdb)
    const isKey = inside?.keys && inside.left % 2 === 0
    if (isKey && !isText) refuse('a key is not a string')
    if (inside) inside.left--
    if (isText) {
      const string = text(head < 0xc0 ? head & 0x1f : length(1 << (head - 0xd9)))
      if (isKey && inside.keys.has(string)) refuse(`the key ${string} is there twice`)
      if (isKey) inside.keys.add(string)
    } else if (head < 0x80 || head >= 0xe0 || head === 0xc0 || head === 0xc2 || head === 0xc3) continue
    else if (head < 0x90) begin(2 * (head & 0x0f), true)
    else if (head < 0xa0) begin(head & 0x0f, false)
    else if (head >= 0xc4 && head <= 0xc6) take(length(1 << (head - 0xc4)))
    else if (head === 0xca || head === 0xcb) take(head === 0xca ? 4 : 8)
    else if (head >= 0xcc && head <= 0xcf) take(1 << (head - 0xcc))
    else if (head >= 0xd0 && head <= 0xd3) take(1 << (head - 0xd0))
    else if (head >= 0xdc) begin(length(head % 2 ? 4 : 2) * (head < 0xde ? 1 : 2), head >= 0xde)
    else refuse(head === 0xc1 ? 'a byte that MessagePack reserves' : 'an extension type')
  } while (open.length)
  if (at !== body.length) refuse('there are bytes after its value')
}

// JSON.parse is done by now, and has neither overflown nor allocated more than the body is long.
function inspect (root) {
  const todo = [[root, 0]]
  let elements = 0
  while (todo.length) {
    const [value, depth] = todo.pop()
    if (typeof value === 'number' && !Number.isFinite(value)) refuse('a number is too large')
    if (typeof value === 'string' && !value.isWellFormed()) refuse('a string with half a surrogate pair')
    if (value === null || typeof value !== 'object') continue
    if (depth === LIMITS.depth) refuse(`more than ${LIMITS.depth} levels`)
    const items = Object.values(value)
    if ((elements += Array.isArray(value) ? items.length : 2 * items.length) > LIMITS.elements) refuse(`more than ${LIMITS.elements} elements`)
    for (const item of items) todo.push([item, depth + 1])
  }
}

module.exports = { ValueError, decode, encode }
