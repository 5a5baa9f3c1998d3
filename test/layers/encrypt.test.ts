import { constants } from 'node:fs'
import test from 'ava'
import { encrypt, faults, passthrough, readOnly } from '../../layers/index.js'
import { ConfigError, type PlyFs, stack } from '../../lib/index.js'
import { memory, union } from '../../lib/lower/index.js'
import { fc } from '../fc.js'
import { Actor, everywhere, invoke, operations, survey } from '../laws/model.js'
import { conventions } from './harness.js'

const key = Buffer.alloc(32, 7)
const numbers = (text: string): string => text.replaceAll(/"(ino|dev|blocks|[a-z]+(?:Ms|time))":"?[^,}]*"?,?/g, '')
/** Directories' sizes are the lower's affair. */
const seen = (fs: PlyFs): string =>
  numbers(survey(fs, '', everywhere.slice(1), false)).replaceAll(/("mode":16\d+.*?)"size":\d+/g, '$1')

for (const names of [false, true]) {
  test(`seen from above, it is the bare lower (${names ? 'names too' : 'contents only'})`, async (t) => {
    await fc.assert(
      fc.asyncProperty(operations(25), async (sequence) => {
        const lower = memory()
        const ours = new Actor(stack(lower, [encrypt({ key, chunkBytes: 64, names })]), '')
        const plain = new Actor(memory(), '')
        for (const [k, operation] of sequence.entries()) {
          const got = await ours.do(operation)
          const expected = await plain.do(operation)
          // A listing's order is the lower's: it has other names.
          const same =
            operation.op === 'readdir'
              ? got.split(',').sort().join() === expected.split(',').sort().join()
              : got === expected
          if (!same) t.is(got, expected, `${k}: ${JSON.stringify(operation)}`)
        }
        if (!names) t.is(seen(ours.fs), seen(plain.fs))
        ours.closeAll()
        plain.closeAll()
        if (names) for (const name of lower.readdirSync('/') as string[]) t.regex(name, /^[\w-]{23,}$/)
      }),
      { numRuns: 60 },
    )
  })
}

interface Step {
  readonly op: 'write' | 'truncate' | 'append' | 'read' | 'rewrite'
  readonly at: number
  readonly length: number
  readonly how: number
}
const steps = fc.array(
  fc.record({
    op: fc.constantFrom<Step['op']>('write', 'write', 'truncate', 'append', 'read', 'rewrite'),
    at: fc.oneof(fc.nat(500), fc.constantFrom(0, 63, 64, 65, 128, 192)),
    length: fc.oneof(fc.nat(300), fc.constantFrom(0, 1, 64, 128)),
    how: fc.nat(2),
  }),
  { minLength: 3, maxLength: 14 },
)
const places: Record<string, () => PlyFs> = {
  memory: () => memory(),
  'a lower that reads and writes a part at a time': () =>
    stack(memory(), [faults({ seed: 5, rules: [{ op: ['read', 'write'], short: true, probability: 0.7 }] })]),
  union: () => {
    const write = memory()
    return union([write, memory()], { write })
  },
}
for (const [place, lower] of Object.entries(places)) {
  test(`any place of a file can be read, written, cut and grown: ${place}`, async (t) => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const below = lower()
        const fs = stack(below, [encrypt({ key, chunkBytes: 64 })])
        const fd = fs.openSync('/f', 'w+')
        let model = Buffer.alloc(0)
        let fill = 1
        const grow = (size: number): void => {
          if (size > model.length) model = Buffer.concat([model, Buffer.alloc(size - model.length)])
        }
        for (const { op, at, length, how } of sequence) {
          // promises have no functions for descriptors.
          const by = how === 2 ? 1 : how
          const data = Buffer.alloc(length, fill++)
          if (op === 'write') {
            await invoke(fs, by, 'write', fd, data, 0, length, at)
            if (length > 0) grow(at + length)
            data.copy(model, at)
          } else if (op === 'append') {
            await invoke(fs, how, 'appendFile', '/f', data)
            model = Buffer.concat([model, data])
          } else if (op === 'truncate') {
            await invoke(fs, how, 'truncate', '/f', at)
            grow(at)
            model = model.subarray(0, at)
          } else if (op === 'rewrite') {
            await invoke(fs, how, 'writeFile', '/f', data)
            model = data
          } else {
            const into = Buffer.alloc(length)
            const out = await invoke(fs, by, 'read', fd, into, 0, length, at)
            const read = typeof out === 'number' ? out : (out as { bytesRead: number }).bytesRead
            t.deepEqual(into.subarray(0, read), model.subarray(at, at + length))
          }
          t.is(fs.fstatSync(fd).size, model.length)
        }
        fs.closeSync(fd)
        t.true(((await invoke(fs, sequence.length % 3, 'readFile', '/f')) as Buffer).equals(model))
        t.is(fs.statSync('/f', { bigint: true }).size, BigInt(model.length))
      }),
      { numRuns: 60 },
    )
  })
}

const made = (contents: Buffer): { lower: PlyFs; fs: () => PlyFs } => {
  const lower = memory()
  const fs = () => stack(lower, [encrypt({ key, chunkBytes: 64 })])
  fs().writeFileSync('/f', contents)
  return { lower, fs }
}
const contents = Buffer.from(Array.from({ length: 64 * 4 }, (_, k) => k))
const CHUNK = 64 + 28
const chunk = (bytes: Buffer, k: number): Buffer => bytes.subarray(64 + k * CHUNK, 64 + (k + 1) * CHUNK)
const tampering: Record<string, (bytes: Buffer, other: Buffer) => Buffer> = {
  'a chunk moved': (b) => Buffer.concat([b.subarray(0, 64), chunk(b, 1), chunk(b, 0), chunk(b, 2), chunk(b, 3)]),
  'a chunk left out': (b) => Buffer.concat([b.subarray(0, 64), chunk(b, 0), chunk(b, 2), chunk(b, 3)]),
  'a chunk repeated': (b) => Buffer.concat([b.subarray(0, 64), chunk(b, 0), chunk(b, 0), chunk(b, 2), chunk(b, 3)]),
  'its end cut off': (b) => b.subarray(0, 64 + 3 * CHUNK),
  'its end cut off in a chunk': (b) => b.subarray(0, 64 + 3 * CHUNK + 40),
  'all but its header cut off': (b) => b.subarray(0, 64),
  'cut off in its header': (b) => b.subarray(0, 30),
  'a hole in it': (b) => Buffer.concat([b.subarray(0, 64), Buffer.alloc(CHUNK), b.subarray(64 + CHUNK)]),
  "another file's chunk": (b, o) => Buffer.concat([b.subarray(0, 64), chunk(o, 0), b.subarray(64 + CHUNK)]),
  "another file's header": (b, o) => Buffer.concat([o.subarray(0, 64), b.subarray(64)]),
  'the chunk that it had before it was written anew': (b, o) =>
    Buffer.concat([b.subarray(0, 64), chunk(o, 0), b.subarray(64 + CHUNK)]),
  'plain text': () => Buffer.from('x'.repeat(300)),
}
for (const [what, change] of Object.entries(tampering)) {
  for (const [how, convention] of conventions.entries()) {
    test(`EIO: ${what} (${convention})`, async (t) => {
      const { lower, fs } = made(contents)
      const old = lower.readFileSync('/f')
      if (what.includes('anew')) fs().writeFileSync('/f', contents)
      else fs().writeFileSync('/g', contents)
      const other = what.includes('anew') ? old : lower.readFileSync('/g')
      lower.writeFileSync('/f', change(lower.readFileSync('/f'), other))
      await t.throwsAsync(
        async () => invoke(fs(), how, 'readFile', '/f').then((out) => (out as Buffer).length || t.fail()),
        { code: 'EIO' },
      )
    })
  }
}

test('every single byte of a file is guarded', (t) => {
  const { lower, fs } = made(contents.subarray(0, 100))
  const good = lower.readFileSync('/f')
  const reader = fs()
  for (let k = 0; k < good.length; k++) {
    const bad = Buffer.from(good)
    bad[k] = (bad[k] as number) ^ 0x40
    lower.writeFileSync('/f', bad)
    // The key's fingerprint says that it is another key's.
    t.throws(() => reader.readFileSync('/f'), { code: k >= 16 && k < 24 ? 'EACCES' : 'EIO' }, String(k))
  }
})

test('another key is refused as such', (t) => {
  for (const names of [false, true]) {
    const lower = memory()
    stack(lower, [encrypt({ key, names })]).writeFileSync('/f', 'secret')
    const fs = stack(lower, [encrypt({ key: Buffer.alloc(32, 8), names })])
    t.throws(() => (names ? fs.readdirSync('/') : fs.readFileSync('/f')), { code: 'EACCES' })
    if (!names) t.throws(() => fs.appendFileSync('/f', 'x'), { code: 'EACCES' })
  }
})

test('no nonce is used twice, and the same contents look different each time', (t) => {
  const { lower, fs } = made(contents)
  const seen = new Set<string>()
  const writer = fs()
  const fd = writer.openSync('/f', 'r+')
  for (let k = 0; k < 50; k++) {
    writer.writeSync(fd, contents, 0, contents.length, 0)
    const bytes = lower.readFileSync('/f')
    for (let c = 0; c < 4; c++) seen.add(chunk(bytes, c).subarray(0, 12).toString('hex'))
  }
  writer.closeSync(fd)
  t.is(seen.size, 200)
})

test('nothing of it is readable below; long names are refused, foreign ones left out', (t) => {
  const lower = memory()
  const layer = encrypt({ key, names: true })
  const fs = stack(lower, [layer])
  fs.mkdirSync('/secretdir')
  fs.writeFileSync('/secretdir/secretfile', 'secretcontents')
  fs.symlinkSync('/secretdir/secretfile', '/link')
  const dir = (lower.readdirSync('/') as string[]).map((name) => `/${name}`)
  t.false(
    JSON.stringify([dir, lower.readlinkSync(dir.find((d) => lower.lstatSync(d).isSymbolicLink()) as string)]).includes(
      'secret',
    ),
  )
  t.is(fs.readFileSync('/link', 'utf8'), 'secretcontents')
  t.is(fs.lstatSync('/link').size, '/secretdir/secretfile'.length)
  t.is(fs.realpathSync('/link'), '/secretdir/secretfile')
  t.throws(() => fs.writeFileSync(`/${'n'.repeat(176)}`, ''), { code: 'ENAMETOOLONG' })
  fs.writeFileSync(`/${'n'.repeat(175)}`, '')
  lower.writeFileSync('/foreign', '')
  t.deepEqual((fs.readdirSync('/') as string[]).sort(), ['link', 'n'.repeat(175), 'secretdir'])
  t.is(layer.stats().foreign, 1)
})

test('callers that do not wait take turns; one that waits is told that the file is busy', async (t) => {
  const lower = stack(memory(), [
    faults({ rules: [{ op: ['read', 'write'], latencyMs: 1, probability: 0.5 }], seed: 1 }),
  ])
  const fs = stack(lower, [encrypt({ key, chunkBytes: 64 })])
  fs.writeFileSync('/f', Buffer.alloc(1000))
  await Promise.all(
    Array.from({ length: 100 }, async (_, k) => {
      const file = await fs.promises.open('/f', 'r+')
      await file.write(Buffer.alloc(10, k), 0, 10, k * 10)
      await file.close()
    }),
  )
  const bytes = fs.readFileSync('/f')
  for (let k = 0; k < 1000; k++) t.is(bytes[k], Math.floor(k / 10))
  const pending = fs.promises.writeFile('/f', Buffer.alloc(2000, 1))
  let busy = 0
  const check = setInterval(() => {
    try {
      fs.readFileSync('/f')
    } catch (error) {
      t.is((error as NodeJS.ErrnoException).code, 'EBUSY')
      busy++
    }
  }, 0)
  await pending
  clearInterval(check)
  t.true(fs.readFileSync('/f').equals(Buffer.alloc(2000, 1)))
  t.true(busy >= 0)
})

test('where what it grows by does not fit, it is as long, and as whole, as before', (t) => {
  for (const size of [0, 1, 63, 64, 100, 128]) {
    const lower = memory()
    const before = Buffer.alloc(size, 1)
    stack(lower, [encrypt({ key, chunkBytes: 64 })]).writeFileSync('/f', before)
    const full = stack(lower, [
      encrypt({ key, chunkBytes: 64 }),
      faults({
        seed: 3,
        rules: [
          { op: 'write', nth: 2, errno: 'ENOSPC' },
          { op: 'write', nth: 1, short: true },
        ],
      }),
    ])
    t.throws(() => full.appendFileSync('/f', Buffer.alloc(500, 2)), { code: 'ENOSPC' })
    t.true(full.readFileSync('/f').equals(before), String(size))
  }
})

test('no file is passed through, and flags mean above what they mean', (t) => {
  const pass = passthrough()
  const lower = memory()
  const fs = stack(lower, [pass, encrypt({ key })])
  fs.writeFileSync('/f', 'hello', { mode: 0o644 })
  t.is(pass.stats?.().passed, 0)
  const only = fs.openSync('/f', constants.O_WRONLY | constants.O_APPEND)
  t.throws(() => fs.readSync(only, Buffer.alloc(1)), { code: 'EBADF' })
  fs.writeSync(only, ' world', 0)
  fs.closeSync(only)
  t.is(fs.readFileSync('/f', 'utf8'), 'hello world')
  const reads = fs.openSync('/f', 'r')
  t.throws(() => fs.writeSync(reads, 'x'), { code: 'EBADF' })
  t.throws(() => fs.ftruncateSync(reads, 1), { code: 'EINVAL' })
  t.is(fs.readSync(reads, Buffer.alloc(5)), 5)
  t.is(fs.readSync(reads, Buffer.alloc(50)), 6)
  fs.closeSync(reads)
  t.is(stack(lower, [encrypt({ key }), readOnly()]).readFileSync('/f', 'utf8'), 'hello world')
})

test('options are checked, and the key is not shown', (t) => {
  const error = (options: unknown) => t.throws(() => encrypt(options as never), { instanceOf: ConfigError })
  t.is(error({}).field, 'encrypt.key')
  t.is(error(undefined).field, 'encrypt.key')
  t.false(error({ key: 'hunter2' }).message.includes('hunter2'))
  t.is(error({ key: Buffer.alloc(16) }).field, 'encrypt.key')
  t.is(error({ key, chunkBytes: 7 }).field, 'encrypt.chunkBytes')
  t.is(error({ key, cipher: 'rot13' }).field, 'encrypt.cipher')
  t.false(error({ key: 'hunter2', chunkBytes: 7 }).message.includes('hunter2'))
  for (const same of [key.toString('hex'), key.toString('base64'), new Uint8Array(key)]) {
    const { lower } = made(contents)
    t.true(
      stack(lower, [encrypt({ key: same, chunkBytes: 64 })])
        .readFileSync('/f')
        .equals(contents),
    )
  }
})
