// The examples of docs/layers/ run, and say what their comments say.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'

const pages = new URL('../../docs/layers/', import.meta.url)
const root = new URL('../../', import.meta.url)
const expected: Readonly<Record<string, string>> = {
  'concurrency-limit.md': 'peak: 8',
  'faults.md': 'ENOSPC',
  'mount-points.md': 'EXDEV',
  'overlay.md': 'debug=2',
  'read-only.md': 'EROFS',
  'retry.md': 'retried: 1',
  'subdir.md': 'index.html',
  'trace.md': 'create /file ok',
}
for (const page of readdirSync(pages)) {
  test(page, (t) => {
    const example = /```js\n(.*?)```/s.exec(readFileSync(new URL(page, pages), 'utf8'))?.[1]
    if (example === undefined) throw new Error('no example')
    const args = ['--conditions=plyfs-source', '--import=tsx', '--input-type=module', '--eval', example]
    const output = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
    t.true(output.includes(expected[page] ?? 'no expectation for this page'), output)
  })
}
