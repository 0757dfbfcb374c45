// A reporter for `node --test`: one line for each test as soon as it has ended.

import path from 'node:path'

export default async function * verdicts (events) {
  const above = new Map()
  for await (const { type, data } of events) {
    if (!['test:start', 'test:pass', 'test:fail'].includes(type)) continue
    const file = path.basename(data.file ?? '')
    const names = above.get(file) ?? []
    if (type === 'test:start') {
      names.length = data.nesting
      names[data.nesting] = data.name
      above.set(file, names)
      continue
    }
    // A suite of tests is no test, nor is a file.
    if (data.details?.type === 'suite' || path.basename(data.name) === file) continue
    const verdict = data.skip !== undefined || data.todo !== undefined ? 'skip' : type.slice('test:'.length)
    const name = [file, ...names.slice(0, data.nesting), data.name].join(' > ')
    yield `${verdict}\t${name.replace(/\s+/g, ' ')}\n`
  }
}
