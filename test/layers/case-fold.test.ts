import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { caseFold } from '../../layers/index.js'
import { ConfigError, type PlyFs, stack } from '../../lib/index.js'
import { host, memory, rooted } from '../../lib/lower/index.js'
import { fc } from '../fc.js'
import { Actor, invoke, type Operation, operations } from '../laws/model.js'
import { conventions } from './harness.js'

/** The letters of a path in the cases that the bits say. */
const spelled = (path: string, bits: number): string =>
  [...path].map((c, k) => ((bits >> (k % 16)) & 1 ? c.toUpperCase() : c)).join('')
const folded = (text: string): string => text.toLowerCase().split(',').sort().join()

const lowers: Record<string, () => { fs: PlyFs; remove: () => void }> = {
  memory: () => ({ fs: memory(), remove: () => undefined }),
  rooted: () => {
    const dir = nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-'))
    const fs = rooted(dir)
    return { fs, remove: () => nodeFs.rmSync(dir, { recursive: true }) }
  },
}
for (const [name, make] of Object.entries(lowers)) {
  test(`however it is spelled, it is a filesystem where all names are small: ${name}`, async (t) => {
    await fc.assert(
      fc.asyncProperty(
        operations(30),
        fc.array(fc.nat(0xffff), { minLength: 31, maxLength: 31 }),
        async (sequence, bits) => {
          const { fs, remove } = make()
          const ours = new Actor(stack(fs, [caseFold()]), '')
          const model = new Actor(memory(), '')
          try {
            for (const [k, operation] of sequence.entries()) {
              const a = spelled(operation.a, bits[k] as number)
              const b = spelled(operation.b, bits[k + 1] as number)
              const data = operation.op === 'setxattr' ? operation.b : b
              const got = folded(await ours.do({ ...operation, a, b: data } as Operation))
              const expected = folded(await model.do(operation))
              if (got !== expected) t.is(got, expected, `${k}: ${JSON.stringify({ ...operation, a, b })}`)
            }
            // No directory has a name twice.
            const visit = (dir: string): void => {
              const names = fs.readdirSync(dir) as string[]
              t.is(new Set(names.map((each) => each.toLowerCase())).size, names.length)
              for (const each of names) if (fs.lstatSync(join(dir, each)).isDirectory()) visit(join(dir, each))
            }
            visit('/')
          } finally {
            ours.closeAll()
            model.closeAll()
            remove()
          }
        },
      ),
      { numRuns: name === 'memory' ? 60 : 10 },
    )
  })
}

for (const [how, convention] of conventions.entries()) {
  test(`names are found in either case, and keep their own (${convention})`, async (t) => {
    const lower = memory()
    const fs = stack(lower, [caseFold()])
    const call = (method: string, ...args: unknown[]) => invoke(fs, how, method, ...args)
    const list = () => lower.readdirSync('/') as string[]
    await call('mkdir', '/Dir')
    await call('writeFile', '/dIR/File.txt', 'one')
    await call('writeFile', '/DIR/fILE.TXT', 'two')
    t.deepEqual(lower.readdirSync('/Dir'), ['File.txt'])
    t.is(String(await call('readFile', '/dir/file.txt')), 'two')
    await t.throwsAsync(async () => call('mkdir', '/DIR'), { code: 'EEXIST' })
    await t.throwsAsync(async () => call('writeFile', '/DIR/FILE.TXT', '', { flag: 'wx' }), { code: 'EEXIST' })
    await t.throwsAsync(async () => call('rename', '/dir', '/DIR/below'), { code: 'EINVAL' })
    await call('rename', '/DIR', '/dir')
    t.deepEqual(list(), ['dir'])
    await call('writeFile', '/other', 'three')
    await call('rename', '/OTHER', '/dir/FILE.txt')
    t.deepEqual(lower.readdirSync('/dir'), ['FILE.txt'])
    t.is(lower.readFileSync('/dir/FILE.txt', 'utf8'), 'three')
    await call('symlink', 'DIR/file.TXT', '/Link')
    t.is(String(await call('readFile', '/LINK')), 'three')
    await call('unlink', '/lInK')
    t.deepEqual(list(), ['dir'])
  })
}

test('what others make is seen, also where a listing is kept', (t) => {
  const dir = nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-'))
  t.teardown(() => nodeFs.rmSync(dir, { recursive: true }))
  const fs = stack(host(), [caseFold()])
  const parent = dir.slice(0, dir.lastIndexOf('/'))
  t.true(fs.existsSync(`${parent.toUpperCase()}${dir.slice(parent.length)}`))
  t.false(fs.existsSync(join(dir, 'later')))
  // Another moment for a filesystem's clock: its ticks may be 10 ms long.
  const before = nodeFs.statSync(dir).mtimeMs
  for (let k = 0; k < 100 && nodeFs.statSync(dir).mtimeMs === before; k++) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    nodeFs.writeFileSync(join(dir, `Later${k}`), '')
  }
  t.true(fs.existsSync(join(dir, 'lATER0')))
})

test('a listing is kept, and what is spelled as it is needs none', (t) => {
  const layer = caseFold()
  const fs = stack(memory(), [layer])
  for (let k = 0; k < 50; k++) fs.writeFileSync(`/File${k}`, '')
  t.is(layer.stats().listed, 1)
  for (let k = 0; k < 50; k++) fs.statSync(`/File${k}`)
  t.deepEqual(layer.stats(), { folded: 0, listed: 1 })
  for (let k = 0; k < 50; k++) fs.statSync(`/FILE${k}`)
  t.deepEqual(layer.stats(), { folded: 50, listed: 1 })
})

test('normal forms, and options', (t) => {
  for (const normalize of [false, true]) {
    const fs = stack(memory(), [caseFold({ normalize })])
    fs.writeFileSync('/caf\u00e9', '')
    t.true(fs.existsSync('/CAF\u00c9'))
    t.is(fs.existsSync('/cafe\u0301'), normalize)
  }
  const field = (options: unknown) => t.throws(() => caseFold(options as never), { instanceOf: ConfigError }).field
  t.is(field({ normalize: 'NFC' }), 'caseFold.normalize')
  t.is(field({ maxDirectories: 0 }), 'caseFold.maxDirectories')
  t.is(field({ turkish: true }), 'caseFold.turkish')
})
