import test from 'ava'
import { ERRNOS } from '../../layers/faults/errnos.js'
import { type FaultPlan, faults } from '../../layers/faults/index.js'
import { ConfigError, isErrno, type PlyFs, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { invoke } from '../laws/model.js'
import { conventions } from './harness.js'

const over = (plan: FaultPlan) => {
  const lower = memory()
  lower.mkdirSync('/db')
  lower.writeFileSync('/db/a', 'contents')
  lower.writeFileSync('/other', 'contents')
  const layer = faults(plan)
  return { lower, layer, fs: stack(lower, [layer]) as PlyFs }
}
const codeOf = async (run: () => Promise<unknown>): Promise<string> => {
  try {
    await run()
    return 'done'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

for (const [how, convention] of conventions.entries()) {
  test(`the nth request that matches fails, and no other (${convention})`, async (t) => {
    const { fs, layer } = over({ rules: [{ op: 'unlink', path: '/db/**', nth: 2, errno: 'EBUSY' }] })
    fs.writeFileSync('/db/b', '')
    const unlink = (path: string) => codeOf(() => invoke(fs, how, 'unlink', path))
    t.is(await unlink('/other'), 'done')
    t.is(await unlink('/db/a'), 'done')
    t.is(await unlink('/db/b'), 'EBUSY')
    t.is(await unlink('/db/b'), 'done')
    t.deepEqual(layer.injected(), [{ op: 'unlink', path: '/db/b', rule: 0, effect: 'EBUSY' }])
    t.like(layer.stats(), { injected: 1 })
  })

  test(`latency: the answer is the same, only later (${convention})`, async (t) => {
    const { fs } = over({
      rules: [
        { op: 'getattr', latencyMs: 30 },
        { op: 'readlink', latencyMs: 5, errno: 'EIO' },
      ],
    })
    const start = performance.now()
    t.is(((await invoke(fs, how, 'stat', '/other')) as { size: number }).size, 8)
    // A timer may fire up to a millisecond early.
    t.true(performance.now() - start >= 29)
    t.is(await codeOf(() => invoke(fs, how, 'readlink', '/other')), 'EIO')
  })

  test(`short reads and writes are what a program must live with (${convention})`, async (t) => {
    const { fs, lower } = over({ seed: 1, rules: [{ op: ['read', 'write'], short: true }] })
    const text = 'a text that takes many calls'
    await invoke(fs, how, 'writeFile', '/db/a', text)
    t.is(lower.readFileSync('/db/a', 'utf8'), text)
    t.is(String(await invoke(fs, how, 'readFile', '/db/a')), text)
    const fd = fs.openSync('/db/a', 'r')
    t.true(fs.readSync(fd, Buffer.alloc(28)) < 28)
    fs.closeSync(fd)
  })
}

test('the seed repeats a run', (t) => {
  const run = (seed: number): string => {
    const { fs, layer } = over({ seed, rules: [{ op: 'getattr', probability: 0.3 }] })
    const outcomes = Array.from({ length: 100 }, () => {
      try {
        fs.statSync('/other')
        return '.'
      } catch (error) {
        return (error as NodeJS.ErrnoException).code
      }
    }).join()
    t.is(layer.seed, seed)
    const count = layer.injected().length
    t.true(count > 10 && count < 60)
    layer.reset()
    t.deepEqual(layer.injected(), [])
    return outcomes
  }
  t.is(run(7), run(7))
  t.not(run(7), run(8))
  t.not(faults().seed, faults().seed)
})

test('without an errno, one that the opcode really has', (t) => {
  const { fs, layer } = over({ seed: 3, rules: [{ op: 'mkdir' }] })
  for (let k = 0; k < 20; k++) t.throws(() => fs.mkdirSync(`/${k}`))
  for (const { effect } of layer.injected()) t.true(ERRNOS.mkdir.includes(effect))
  for (const errnos of Object.values(ERRNOS)) for (const errno of errnos) t.true(isErrno(errno), errno)
})

test('a descriptor is gone even where close fails', (t) => {
  const { fs, lower } = over({ rules: [{ op: 'release', errno: 'EIO' }] })
  const fd = fs.openSync('/other', 'r')
  t.throws(() => fs.closeSync(fd), { code: 'EIO' })
  t.throws(() => lower.fstatSync(fd), { code: 'EBADF' })
})

test('plans are checked, and opcodes that no rule names are not touched', (t) => {
  const refused = (plan: unknown) => t.throws(() => faults(plan as FaultPlan), { instanceOf: ConfigError }).field
  t.is(refused({ rules: [{ op: 'opne' }] }), 'faults.rules[0].op')
  t.is(refused({ rules: [{ errno: 'EWHAT' }] }), 'faults.rules[0].errno')
  t.is(refused({ rules: [{ probability: 2 }] }), 'faults.rules[0].probability')
  t.is(refused({ rules: [{ when: 2 }] }), 'faults.rules[0].when')
  t.deepEqual(Object.keys(faults({ rules: [{ op: 'open' }] }).extensions), ['open'])
})
