'use strict'

// The contract of the interop service in Node: what each method takes. ../README.md says what each does.

const { types: t } = require('./leveret/types.js')

const ECHOES = {
  echo_any: t.any,
  echo_bool: t.bool,
  echo_bytes: t.bytes,
  echo_color: t.variant({ Red: null, Green: null }),
  echo_f32: t.float,
  echo_f64: t.float,
  echo_i64: t.i64,
  echo_item: t.struct({ id: t.u64, name: t.string, note: t.optional(t.string), photo: t.bytes, tags: t.list(t.string) }),
  echo_list: t.list(t.i64),
  echo_map: t.map(t.i64),
  echo_nested: t.list(t.list(t.optional(t.string))),
  echo_optional: t.optional(t.i64),
  echo_shape: t.variant({
    Empty: null,
    Circle: t.float,
    Line: t.tuple(t.i64, t.i64),
    Box: t.struct({ width: t.u64, height: t.optional(t.u64) })
  }),
  echo_string: t.string,
  echo_time: t.string,
  echo_tuple: t.tuple(t.i64, t.string, t.bool),
  echo_u64: t.u64,
  echo_u8: t.integer(0, 255),
  echo_uuid: t.string
}

const PARAMETERS = {
  big: { length: t.u64 },
  context: {},
  crash: {},
  die: {},
  events: { id: t.string, count: t.u64 },
  fail: {
    code: t.string,
    message: t.optional(t.string),
    executed: t.optional(t.string),
    retryable: t.optional(t.bool),
    retry_after_ms: t.optional(t.u64),
    details: t.any
  },
  hold: { id: t.string },
  join: { words: t.list(t.string), separator: t.optional(t.string) },
  length: { text: t.string },
  limited: { number: t.u64 },
  nan: {},
  note: { id: t.string },
  nothing: {},
  relay: {},
  subtract: { minuend: t.i64, subtrahend: t.i64 }
}

module.exports = { ECHOES, PARAMETERS }
