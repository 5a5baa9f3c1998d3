import { spawnSync } from 'node:child_process'
import test from 'ava'
import picomatch from 'picomatch'
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

test('latency by distribution: as the seed says, and within its bounds', (t) => {
  const waited = (latencyMs: NonNullable<FaultPlan['rules']>[number]['latencyMs'], seed: number): number => {
    const { fs } = over({ seed, rules: [{ op: 'getattr', latencyMs }] })
    const start = performance.now()
    for (let k = 0; k < 10; k++) fs.statSync('/other')
    return performance.now() - start
  }
  t.true(waited({ min: 2, max: 3 }, 1) >= 19)
  t.true(waited({ mean: 2 }, 1) > 1)
  const refused = (latencyMs: unknown) =>
    t.throws(() => faults({ rules: [{ latencyMs }] } as FaultPlan), { instanceOf: ConfigError }).field
  t.regex(refused({ min: 1 }), /^faults\.rules\[0\]\.latencyMs/)
  t.regex(refused({ mean: -1 }), /^faults\.rules\[0\]\.latencyMs/)
})

test('globs: their literal ends are looked at first', (t) => {
  const hit = (path: string, file: string): boolean => {
    const { fs } = over({ rules: [{ op: 'access', path, errno: 'EIO' }] })
    try {
      fs.accessSync(file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EIO') return true
    }
    return false
  }
  const globs = ['/db/**', '/**/*.db', '!/x/y.db', '/x/{a,b}', '/x/[ab]', '/x/a/', '**', '/x/+(a|b).db', '/x/y.d?']
  const files = ['/db/a', '/dc/a', '/x/y.db', '/x/y.db/', '/x/y.dc', '/x/a', '/x/a/', '/x/c', '/x/b.db', '/db']
  const matched = globs.map((glob) => files.filter((file) => hit(glob, file)).join())
  t.deepEqual(
    matched,
    globs.map((glob) => files.filter((file) => picomatch(glob, { dot: true })(file)).join()),
  )
  t.true(new Set(matched).size > 6)
})

test('a process that fails says what repeats its faults, and that does', (t) => {
  const program = `
    import { stack } from 'plyfs'
    import { faults } from 'plyfs/layers'
    const layer = faults({ rules: [{ op: 'getattr', probability: 0.3 }] })
    const fs = stack(undefined, [faults(), layer])
    for (let k = 0; k < 50; k++) try { fs.statSync('/') } catch {}
    console.log(JSON.stringify(layer.injected()))
    process.exitCode = Number(process.argv.at(-1))`
  const run = (code: number, seed: string) =>
    spawnSync(
      process.execPath,
      [
        '--conditions=plyfs-source',
        '--import=./scripts/ts-loader.mjs',
        '--input-type=module',
        '--eval',
        program,
        '--',
        String(code),
      ],
      { encoding: 'utf8', cwd: new URL('../..', import.meta.url), env: { ...process.env, PLYFS_FAULTS_SEED: seed } },
    )
  const first = run(1, '')
  const seed = /PLYFS_FAULTS_SEED=(\d+) repeats them/.exec(first.stderr)?.[1]
  t.truthy(seed, first.stderr)
  t.is(run(1, seed as string).stdout, first.stdout)
  t.false(run(0, '').stderr.includes('PLYFS_FAULTS_SEED'))
})
