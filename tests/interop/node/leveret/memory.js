'use strict'

// What a server instance remembers of the calls that it saw, by message id: those that run, those that have run, with
// their answers, and those that were cancelled (docs/protocol.md, "Acknowledgement and redelivery", "Cancellation").

// The page asks for at least 1,024 of each; the answers of all together stay below 4 MiB.
const CALLS = 1024
const LARGEST_ANSWER = 4096

function remember (map, id, what) {
  map.set(id, what)
  // A Map keeps the order in which its keys came.
  if (map.size > CALLS) map.delete(map.keys().next().value)
}

class Memory {
  #running = new Map() // id -> { outcome, cancel }
  #ended = new Map() // id -> the reply, or undefined if it was too large to keep
  #cancelled = new Map()

  // Only for an id that does not run and has not run. Gives the outcome.
  async run (id, outcome, cancel) {
    this.#running.set(id, { outcome, cancel })
    try {
      const reply = await outcome
      remember(this.#ended, id, reply.body.length > LARGEST_ANSWER ? undefined : reply)
      return reply
    } finally {
      this.#running.delete(id)
    }
  }

  // undefined if the id is new; otherwise a promise of its reply, or of undefined if that is no longer there.
  outcome (id) {
    if (this.#running.has(id)) return this.#running.get(id).outcome
    if (this.#ended.has(id)) return Promise.resolve(this.#ended.get(id))
  }

  cancel (id) {
    if (this.#running.has(id)) this.#running.get(id).cancel()
    // A cancel may overtake its request.
    else if (!this.#ended.has(id)) remember(this.#cancelled, id, true)
  }

  isCancelled (id) {
    return this.#cancelled.has(id)
  }
}

module.exports = { Memory }
