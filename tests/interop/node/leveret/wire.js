'use strict'

// What client.js and server.js share of docs/protocol.md: names, content types, headers, codes, the error reply.

const { randomBytes } = require('node:crypto')
const { decode, encode } = require('./values.js')

const CONTENT_TYPES = { msgpack: 'application/msgpack', json: 'application/json', text: 'text/plain' }
const NO_ENCODING = ['', 'utf-8', 'binary', 'identity']
const TRACE = ['traceparent', 'tracestate', 'baggage']
const LARGEST_BODY = 15 * 1024 * 1024
const LARGEST_HEADERS = 16 * 1024
// Node fires a timer of more than 2^31 - 1 ms at once.
const LONGEST_TIMER = 2 ** 31 - 1

const RETRYABLE = new Set(['Unavailable', 'ResourceExhausted', 'Aborted'])
const CODES = new Set([
  ...RETRYABLE, 'InvalidArgument', 'NoSuchService', 'NoSuchMethod', 'DeadlineExceeded', 'Cancelled', 'PermissionDenied',
  'Unauthenticated', 'FailedPrecondition', 'Unimplemented', 'Internal', 'Unknown', 'Application'
])

// A failed call, on both sides: a caller catches it, a method throws it.
class RpcError extends Error {
  constructor (code, message, { executed, retryable, retryAfter, name, details } = {}) {
    super(message)
    this.code = CODES.has(code) ? code : 'Unknown'
    this.wireCode = code // as the peer wrote it, which may be a later version's
    this.executed = executed // 'no', 'maybe' or 'yes'; a method that says nothing has run: 'yes'
    this.retryable = retryable ?? RETRYABLE.has(code)
    this.retryAfter = retryAfter // milliseconds
    this.domainName = name
    this.details = details
  }

  toString () {
    return `${this.wireCode}${this.domainName ? ` (${this.domainName})` : ''}: ${this.message} (executed: ${this.executed})`
  }
}

// Optional keys are left out: `encode` skips what is undefined.
function errorBody (error) {
  return {
    code: error.wireCode,
    name: error.domainName,
    message: error.message,
    details: error.details,
    executed: error.executed,
    retryable: error.retryable,
    retry_after_ms: error.retryAfter
  }
}

function readError (properties, content) {
  let body
  try {
    body = decode(codecOf(properties.contentType), content)
  } catch {}
  if (typeof body?.code !== 'string') {
    return new RpcError('Unknown', 'the error reply cannot be read', { executed: 'maybe' })
  }
  const { code, name, message, details, executed, retryable, retry_after_ms: retryAfter } = body
  return new RpcError(code, typeof message === 'string' ? message : '', {
    executed: ['no', 'yes'].includes(executed) ? executed : 'maybe',
    retryable: typeof retryable === 'boolean' ? retryable : undefined,
    retryAfter: retryAfter == null ? undefined : Number(retryAfter),
    name: name ?? undefined,
    details
  })
}

// undefined for a content type that nobody here knows.
function codecOf (contentType) {
  const type = (contentType ?? '').split(';')[0].trim().toLowerCase()
  if (type === '' || type.startsWith('text/')) return 'text'
  return { 'application/msgpack': 'msgpack', 'application/json': 'json' }[type]
}

// Why a message cannot be read, whatever is in it.
function unreadable ({ contentEncoding, headers = {} }) {
  if (Object.hasOwn(headers, 'leveret-v') && headers['leveret-v'] !== 1) return 'only version 1 is known here'
  if (!NO_ENCODING.includes((contentEncoding ?? '').toLowerCase())) return `no encoding ${contentEncoding}`
}

const isName = (name) => /^[A-Za-z0-9_.-]{1,100}$/.test(name) && !/^(amq|leveret)\./.test(name)
const isMetadataKey = (key) =>
  /^[a-z0-9_.-]{1,64}$/.test(key) && !/^(x-|leveret-)/.test(key) && !['cc', 'bcc', ...TRACE].includes(key)
const isUuid = (id) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id ?? '')

function writeHeaders (metadata = {}, trace = {}) {
  const headers = {}
  for (const key of TRACE) if (trace[key] !== undefined) headers[key] = trace[key]
  for (const [key, value] of Object.entries(metadata)) {
    if (!isMetadataKey(key)) throw new RpcError('InvalidArgument', `metadata may not have the key ${key}`, { executed: 'no' })
    headers[key] = String(value)
  }
  const size = Object.entries(headers).reduce((sum, [key, value]) => sum + key.length + Buffer.byteLength(value) + 8, 0)
  // A broker closes the whole connection over a header frame that is too large.
  if (size > LARGEST_HEADERS) throw new RpcError('InvalidArgument', `the headers take ${size} bytes`, { executed: 'no' })
  return headers
}

// Gives `{ metadata, trace }`; headers that are no text belong to somebody else.
function readHeaders (headers = {}) {
  const [metadata, trace] = [{}, {}]
  for (const [key, raw] of Object.entries(headers)) {
    const value = Buffer.isBuffer(raw) && Buffer.from(raw.toString()).equals(raw) ? raw.toString() : raw
    if (typeof value !== 'string') continue
    if (TRACE.includes(key)) trace[key] = value
    else if (isMetadataKey(key)) metadata[key] = value
  }
  return { metadata, trace }
}

module.exports = {
  CONTENT_TYPES,
  LARGEST_BODY,
  LONGEST_TIMER,
  RpcError,
  codecOf,
  control: (namespace) => `${namespace}leveret.control`,
  decode,
  encode,
  errorBody,
  isMetadataKey,
  isName,
  isUuid,
  randomName: (prefix) => prefix + randomBytes(12).toString('base64url'), // 16 characters that nobody can guess
  readError,
  readHeaders,
  unreadable,
  writeHeaders
}
