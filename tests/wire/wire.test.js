'use strict'

// The golden messages, read and written as a service or a caller in plain Node does it: with JSON, @msgpack/msgpack,
// and the checks around them in ../interop/node/leveret. What the language cannot hold is listed here with the reason;
// everything else has to be right.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')
const { readArguments } = require('../interop/node/leveret/arguments.js')
const { partition } = require('../interop/node/leveret/tasks.js')
const { types } = require('../interop/node/leveret/types.js')
const { ValueError } = require('../interop/node/leveret/values.js')
const { RpcError, codecOf, decode, encode, readError } = require('../interop/node/leveret/wire.js')

// These are read, but what is written for them are other bytes that mean the same.
const WRITTEN_OTHERWISE = {
  'float 0.0': '0.0 is 0: it leaves as an integer, which is accepted where a float is expected',
  'float 1.0': 'the same',
  'float32 0.1': 'a number is always 64 bits wide',
  'map keyed by integers': 'an object has the keys that look like integers first'
}

// JSON.parse rounds integers beyond 2^53: no plain Node program can hold them as JSON.
const NOT_AS_JSON = ['uint 2^53+1', 'i64 max', 'u64 max', 'i64 min', 'uint 9007199254740992']

// JSON.parse takes the last of two equal keys, and nobody hears of the first.
const NOT_REFUSED = ['duplicate name, JSON']

function read (file) {
  const text = fs.readFileSync(path.join(__dirname, file), 'utf8')
  // The file itself has integers that JSON.parse would round.
  return JSON.parse(text.replace(/("json": )(-?\d{16,})(?=[,\n])/g, '$1{"$int": "$2"}'))
}

const bytes = (hex) => Buffer.from(hex, 'hex')

// What was read, in the form that JSON has for it.
function plain (value) {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : { $int: String(value) }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(plain)
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
  return value
}

for (const { name, json, msgpack_hex: hex, decode_only: decodeOnly, float32 } of read('values.json')) {
  test(`value: ${name}`, () => {
    const value = decode('msgpack', bytes(hex))
    assert.deepEqual(plain(value), float32 ? Math.fround(json) : json)
    assert.deepEqual(plain(decode('msgpack', encode('msgpack', value))), plain(value))
    if (!decodeOnly && !(name in WRITTEN_OTHERWISE)) assert.equal(encode('msgpack', value).toString('hex'), hex)
    if (NOT_AS_JSON.includes(name)) return assert.throws(() => encode('json', value))
    assert.deepEqual(decode('json', encode('json', value)), float32 ? Math.fround(json) : json)
  })
}

for (const { name, content_type: contentType, body_hex: hex } of read('refused.json')) {
  test(`refused: ${name}`, () => {
    assert.throws(() => decode(codecOf(contentType), bytes(hex)), ValueError)
  })
}

for (const { name, parameters, content_type: contentType, body_hex: hex, expect } of read('arguments.json')) {
  test(`arguments: ${name}`, () => {
    const wanted = Object.fromEntries(parameters.map((parameter) => [parameter, types.any]))
    const take = () => readArguments(wanted, codecOf(contentType), bytes(hex)).map(plain)
    if (NOT_REFUSED.includes(name)) return take()
    if (expect.error) {
      return assert.throws(take, (error) => error instanceof RpcError && error.code === expect.error && error.executed === 'no')
    }
    assert.deepEqual(take(), expect.ok.map((item) => item?.$missing ? null : item))
  })
}

for (const { name, json, msgpack_hex: packed, json_hex: text, expect } of read('replies.json')) {
  test(`error reply: ${name}`, () => {
    for (const [contentType, hex] of [['application/msgpack', packed], ['application/json', text]]) {
      const error = readError({ contentType }, bytes(hex))
      const { code, wireCode, executed, retryable } = error
      assert.deepEqual({ code, wire_code: wireCode, executed, retryable }, expect)
      assert.equal(error.message, json.message)
      assert.equal(error.domainName, json.name)
      assert.equal(error.retryAfter, json.retry_after_ms)
      assert.deepEqual(plain(error.details), json.details)
    }
  })
}

for (const { name, key, partitions, partition: expected } of read('partitions.json')) {
  test(`partition: ${name}`, () => {
    assert.equal(partition(key, partitions), expected)
  })
}
