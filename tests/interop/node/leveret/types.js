'use strict'

// What a method takes: each type reads a value as it came and gives the value for the method, or refuses it. The rules
// are those of docs/protocol.md, "Values": nothing is converted but what a codec cannot write.

class Misfit extends Error {}

function wants (what, value) {
  const found = value === null ? 'nil' : value instanceof Uint8Array ? 'bytes' : Array.isArray(value) ? 'a list' : `a ${typeof value}`
  throw new Misfit(`expected ${what}, found ${found}`)
}

const isMap = (value) => value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array)

const types = {
  any: (value) => value,
  nil: (value) => value === null ? null : wants('nil', value),
  bool: (value) => typeof value === 'boolean' ? value : wants('a boolean', value),
  string: (value) => typeof value === 'string' ? value : wants('a string', value),

  // A number of JSON above 2^53 was rounded when it was parsed: to answer with it would be wrong without anybody seeing it.
  integer: (min, max) => (value) => {
    if (typeof value !== 'bigint' && !Number.isInteger(value)) wants('an integer', value)
    if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new Misfit('this integer is not exact in JavaScript')
    if (value < min || value > max) throw new Misfit(`${value} is not from ${min} to ${max}`)
    return value
  },

  float: (value) => {
    if (typeof value === 'bigint') return Number(value)
    return typeof value === 'number' ? value : wants('a number', value)
  },

  // JSON has no bytes: they come as base64. A list of small integers is what a peer without bytes writes.
  bytes: (value, codec) => {
    if (value instanceof Uint8Array) return value
    if (Array.isArray(value) && value.every((item) => Number.isInteger(item) && item >= 0 && item <= 255)) return Uint8Array.from(value)
    if (codec === 'msgpack' || typeof value !== 'string') wants('bytes', value)
    const bytes = Buffer.from(value, 'base64')
    return bytes.toString('base64') === value ? bytes : wants('base64', value)
  },

  optional: (type) => (value, codec) => value === null ? null : type(value, codec),

  list: (type) => (value, codec) => {
    if (!Array.isArray(value)) wants('a list', value)
    return value.map((item) => type(item, codec))
  },

  tuple: (...items) => (value, codec) => {
    if (!Array.isArray(value)) wants('a list', value)
    if (value.length !== items.length) throw new Misfit(`expected ${items.length} items, found ${value.length}`)
    return items.map((type, at) => type(value[at], codec))
  },

  map: (type) => (value, codec) => {
    if (!isMap(value)) wants('a map', value)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, type(item, codec)]))
  },

  // Unknown keys are ignored, and a missing one is nil.
  struct: (fields) => (value, codec) => {
    if (!isMap(value)) wants('a map', value)
    return Object.fromEntries(Object.entries(fields).map(([name, type]) =>
      [name, within(name, () => type(Object.hasOwn(value, name) ? value[name] : null, codec))]))
  },

  // `{ Empty: null, Circle: types.float }`: null for a variant without data.
  variant: (variants) => (value, codec) => {
    const [name, ...more] = typeof value === 'string' ? [value] : isMap(value) ? Object.keys(value) : wants('a variant', value)
    if (more.length || !Object.hasOwn(variants, name)) throw new Misfit(`expected one of ${Object.keys(variants).join(', ')}`)
    const type = variants[name]
    if ((type === null) !== (typeof value === 'string')) wants(type === null ? 'its name alone' : 'a map of its name to its data', value)
    return type === null ? name : { [name]: within(name, () => type(value[name], codec)) }
  }
}

function within (name, read) {
  try {
    return read()
  } catch (error) {
    if (error instanceof Misfit) error.message = `${name}: ${error.message}`
    throw error
  }
}

module.exports = { Misfit, types: { ...types, i64: types.integer(-(2n ** 63n), 2n ** 63n - 1n), u64: types.integer(0n, 2n ** 64n - 1n) } }
