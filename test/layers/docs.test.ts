// The examples of docs/layers/ run, and say what their comments say.
import { readdirSync, readFileSync } from 'node:fs'
import { format } from 'node:util'
import test from 'ava'

const pages = new URL('../../docs/layers/', import.meta.url)
const expected: Readonly<Record<string, string>> = {
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
  'retry.md': 'retried: 1',
  'subdir.md': 'index.html',
  'timeout.md': 'ETIMEDOUT',
  'trace.md': 'create /file ok',
  'xattr-elision.md': 'asked below: 1 99',
}
const AsyncFunction = (async () => undefined).constructor as new (...args: string[]) => (log: object) => Promise<void>
/** A module's text as the body of a function: all examples share one process. */
const bodyOf = (module: string): string =>
  module.replaceAll(
    /^import (\{.*?\}) from ('.*?')$/gm,
    (_line, names, from) => `const ${names.replaceAll(' as ', ': ')} = await import(${from})`,
  )

for (const page of readdirSync(pages)) {
  test.serial(page, async (t) => {
    const example = /```js\n(.*?)```/s.exec(readFileSync(new URL(page, pages), 'utf8'))?.[1]
    if (example === undefined) throw new Error('no example')
    const lines: string[] = []
    const log = (...values: unknown[]): void => {
      lines.push(format(...values))
    }
    await new AsyncFunction('console', bodyOf(example))({ log })
    const output = lines.join('\n')
    t.true(output.includes(expected[page] ?? 'no expectation for this page'), output)
  })
}
