'use strict'

// The arguments of a request: from its body to what the method takes, by name, by position or bare
// (docs/protocol.md, "Arguments"). Every refusal is InvalidArgument and names the argument.

const wire = require('./wire.js')
const { Misfit, types } = require('./types.js')

function invalid (message) {
  throw new wire.RpcError('InvalidArgument', message, { executed: 'no' })
}

// `parameters` maps names to types. Gives the arguments in their order.
function readArguments (parameters, codec, body) {
  const names = Object.keys(parameters)
  const given = spread(names, parameters, codec, body)
  return names.map((name) => {
    // A missing argument is nil, and whether that will do is for the type to say.
    const missing = !Object.hasOwn(given, name)
    try {
      return parameters[name](missing ? null : given[name], codec)
    } catch (error) {
      if (!(error instanceof Misfit)) throw error
      return invalid(missing ? `missing argument \`${name}\`` : `argument \`${name}\`: ${error.message}`)
    }
  })
}

function spread (names, parameters, codec, body) {
  const text = codec === 'text'
  if (text && names.length === 1 && parameters[names[0]] === types.string) return { [names[0]]: decodeText(body) }
  const list = names.map((name) => `\`${name}\``).join(', ') || 'none'
  if (body.length === 0) {
    if (names.length === 0) return {}
    return text && names.length === 1 ? { [names[0]]: null } : invalid(`an empty body, the parameters are ${list}`)
  }
  let value
  try {
    value = wire.decode(codec, body)
  } catch (error) {
    invalid(`the body cannot be read: ${error.message}`)
  }
  if (Array.isArray(value)) {
    if (value.length > names.length) invalid(`${value.length} arguments, the parameters are ${list}`)
    return Object.fromEntries(value.map((item, at) => [names[at], item]))
  }
  if (value !== null && typeof value === 'object' && !(value instanceof Uint8Array)) {
    const unknown = Object.keys(value).find((name) => !names.includes(name))
    if (unknown !== undefined) invalid(`unknown argument \`${unknown}\`; the parameters are ${list}`)
    return value
  }
  if (names.length === 1) return { [names[0]]: value }
  if (value === null && names.length === 0) return {}
  return invalid(`a bare argument, the parameters are ${list}`)
}

function decodeText (body) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    return invalid('the text is not UTF-8')
  }
}

module.exports = { readArguments }
