'use strict'

// Reads cases.json for a Node end, and compares what was expected with what came. The marks are those of ../README.md.

const fs = require('node:fs')
const path = require('node:path')

const CODECS = ['msgpack', 'json']

// The cases of this pair of languages, each with one codec and its full name.
function load (server, servers) {
  const all = JSON.parse(fs.readFileSync(path.join(__dirname, '..', 'cases.json')))
  return all
    .filter((one) => (one.servers ?? 1) === servers)
    .filter((one) => !(one.not?.node || one.not?.[server] || one.not_caller?.node))
    .flatMap((one) => (one.codecs ?? CODECS).map((codec) => expand(one, codec)))
}

function expand (one, codec) {
  const name = `${one.name}, ${codec}`
  if ('echo' in one) return { ...one, name, codec, arguments: { value: plain(one.echo) }, value: one.echo }
  return { ...one, name, codec, arguments: plain('arguments' in one ? one.arguments : {}), options: plain(one.options ?? {}) }
}

// Makes the value itself of its notation.
function plain (marked) {
  if (marked === null || typeof marked !== 'object') return marked
  if (Array.isArray(marked)) return marked.map(plain)
  if ('$int' in marked) return BigInt(marked.$int)
  if ('$bytes' in marked) return Uint8Array.from(Buffer.from(marked.$bytes, 'base64'))
  if ('$repeat' in marked) return marked.$repeat.repeat(marked.times)
  return Object.fromEntries(Object.entries(marked).map(([key, value]) => [key, plain(value)]))
}

const isNumber = (value) => typeof value === 'number' || typeof value === 'bigint'

// undefined if it fits, otherwise what does not.
function differs (expected, found, at = 'value') {
  const wrong = `${at}: expected ${JSON.stringify(expected)}, found ${show(found)}`
  if (expected !== null && typeof expected === 'object' && !Array.isArray(expected)) {
    if ('$int' in expected) return isNumber(found) && BigInt(expected.$int) === BigInt(found) ? undefined : wrong
    if ('$nan' in expected) return Number.isNaN(found) ? undefined : wrong
    if ('$any' in expected) return typeof found === expected.$any ? undefined : wrong
    if ('$at_most' in expected) return isNumber(found) && found <= expected.$at_most ? undefined : wrong
    if ('$repeat' in expected) return plain(expected) === found ? undefined : wrong
    if ('$bytes' in expected) return asBase64(found) === expected.$bytes ? undefined : wrong
    if (found === null || typeof found !== 'object' || Array.isArray(found)) return wrong
    // A field without a value may be nil or not there.
    const keys = new Set([...Object.keys(expected), ...Object.keys(found)])
    for (const key of keys) {
      const difference = differs(expected[key] ?? null, found[key] ?? null, `${at}.${key}`)
      if (difference) return difference
    }
    return
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(found) || found.length !== expected.length) return wrong
    return expected.map((item, index) => differs(item, found[index], `${at}[${index}]`)).find(Boolean)
  }
  if (isNumber(expected)) return isNumber(found) && Number(found) === expected ? undefined : wrong
  return expected === found ? undefined : wrong
}

// JSON has base64; a peer that has only lists of small integers may write empty bytes as an empty list.
function asBase64 (found) {
  if (typeof found === 'string') return found
  return found instanceof Uint8Array || (Array.isArray(found) && found.length === 0) ? Buffer.from(found).toString('base64') : undefined
}

function show (value) {
  return JSON.stringify(value, (_, item) => typeof item === 'bigint' ? `${item}n` : item)?.slice(0, 200)
}

module.exports = { differs, load, show }
