// The examples of docs/layers/ run, and say what their comments say.
import { readdirSync, readFileSync } from 'node:fs'
import { format } from 'node:util'
import test from 'ava'
import * as layers from '../../layers/index.js'

const pages = new URL('../../docs/layers/', import.meta.url)
const expected: Readonly<Record<string, string | readonly string[]>> = {
  'passthrough.md': 'passed: 1',
  'quota.md': 'EDQUOT',
  'sandbox.md': '4 refused',
  'stack-depth.md': 'ELOOP 3',
  'case-fold.md': "[ 'README.md' ]",
  'concurrency-limit.md': 'peak: 8',
  'encrypt.md': 'contents 8',
  'faults.md': 'ENOSPC',
  'metadata-cache.md': 'look-ups below: 3',
  'mount-points.md': 'EXDEV',
  'overlay.md': 'debug=2',
  'power-loss.md': "'new', 'old'",
  'read-only.md': 'EROFS',
  'request-count.md': '{ getattr: 10 }',
  'retry.md': 'retried: 1',
  'subdir.md': 'index.html',
  'timeout.md': 'ETIMEDOUT',
  'trace.md': ['create /file ok', 'replayed dark'],
  'xattr-elision.md': 'asked below: 1 99',
}
const AsyncFunction = (async () => undefined).constructor as new (...args: string[]) => (log: object) => Promise<void>
/** A module's text as the body of a function: all examples share one process. */
const bodyOf = (module: string): string =>
  module.replaceAll(
    /^import (\{.*?\}) from ('.*?')$/gm,
    (_line, names, from) => `const ${names.replaceAll(' as ', ': ')} = await import(${from})`,
  )

test('every layer has its page', (t) => {
  const makers = Object.entries(layers).flatMap(([name, made]) => (typeof made === 'function' ? [name] : []))
  const named = makers.map((name) => `${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.md`)
  t.deepEqual(readdirSync(pages).sort(), named.sort())
})

for (const page of readdirSync(pages)) {
  test.serial(page, async (t) => {
    const examples = readFileSync(new URL(page, pages), 'utf8').matchAll(/```js\n(.*?)```/gs)
    const lines: string[] = []
    const log = (...values: unknown[]): void => {
      lines.push(format(...values))
    }
    for (const [, example = ''] of examples) await new AsyncFunction('console', bodyOf(example))({ log })
    const output = lines.join('\n')
    for (const words of [expected[page] ?? 'no expectation for this page'].flat())
      t.true(output.includes(words), output)
  })
}
