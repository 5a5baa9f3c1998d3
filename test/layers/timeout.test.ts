import test from 'ava'
import { faults, metadataCache, retry, timeout } from '../../layers/index.js'
import { Delay } from '../../lib/delay.js'
import { attempt, callOn } from '../../lib/extension.js'
import { ConfigError, layer, NEXT, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import type { Op } from '../../lib/op.js'
import { invoke } from '../laws/model.js'

/** Late by `ms` on the way up: below, it was done at once. */
const slow = (op: Op, ms: number) =>
  layer('slow', {
    [op]: {
      *around(req: never) {
        const out = yield* attempt(op, req)
        yield* callOn(new Delay(ms), 'syncfs', { path: '/' })
        return out
      },
    },
  })
const until = async (done: () => boolean): Promise<void> => {
  for (let k = 0; !done() && k < 400; k++) await new Promise((next) => setTimeout(next, 5))
}

for (const [how, convention] of [
  [1, 'callback'],
  [2, 'promise'],
] as const) {
  test(`what takes too long is ETIMEDOUT, and a file that is opened late is closed (${convention})`, async (t) => {
    const released: number[] = []
    const watch = layer('watch', {
      release: {
        request: ({ fd }) => {
          released.push(fd)
          return NEXT
        },
      },
    })
    const lower = memory()
    lower.writeFileSync('/f', 'contents')
    const limit = timeout({ ms: 20 })
    const fs = stack(lower, [limit, watch, slow('open', 100)])
    await t.throwsAsync(async () => invoke(fs, how, 'readFile', '/f'), { code: 'ETIMEDOUT' })
    t.deepEqual(limit.stats(), { timedOut: 1, late: 0 })
    await until(() => released.length > 0)
    t.is(released.length, 1)
    t.deepEqual(limit.stats(), { timedOut: 1, late: 1 })
    t.throws(() => lower.fstatSync(released[0] as number), { code: 'EBADF' })
  })

  test(`what is in time is as without it (${convention})`, async (t) => {
    const limit = timeout({ ms: 60_000 })
    const fs = stack(memory(), [limit])
    await invoke(fs, how, 'writeFile', '/f', 'contents')
    t.is(String(await invoke(fs, how, 'readFile', '/f')), 'contents')
    await t.throwsAsync(async () => invoke(fs, how, 'readFile', '/none'), { code: 'ENOENT' })
    t.deepEqual(limit.stats(), { timedOut: 0, late: 0 })
  })
}

test('a read that comes late does not touch the memory of the caller, nor does a write look at it', async (t) => {
  const lower = memory()
  lower.writeFileSync('/f', 'contents')
  const limit = timeout({ ms: 20 })
  const late = faults({ rules: [{ op: ['read', 'write'], latencyMs: 80 }] })
  const fs = stack(lower, [limit, late])
  const fd = fs.openSync('/f', 'r+')
  const buffer = Buffer.alloc(8)
  await t.throwsAsync(async () => invoke(fs, 1, 'read', fd, buffer, 0, 8, 0), { code: 'ETIMEDOUT' })
  const text = Buffer.from('CONTENTS')
  await t.throwsAsync(async () => invoke(fs, 1, 'write', fd, text, 0, 8, 0), { code: 'ETIMEDOUT' })
  text.fill('?')
  await until(() => limit.stats().late === 2)
  t.deepEqual(buffer, Buffer.alloc(8))
  // It came late, and stays.
  t.is(lower.readFileSync('/f', 'utf8'), 'CONTENTS')
  fs.closeSync(fd)
})

test('callers that wait are not woken: they get the answer', (t) => {
  const limit = timeout({ ms: 1 })
  const fs = stack(memory(), [limit, slow('mkdir', 20)])
  fs.mkdirSync('/d')
  t.true(fs.existsSync('/d'))
  t.deepEqual(limit.stats(), { timedOut: 0, late: 0 })
})

test('a cache below sees the change that came late; retry above asks again', async (t) => {
  const limit = timeout({ ms: 20 })
  const fs = stack(memory(), [
    retry({ delayMs: 1 }),
    limit,
    metadataCache({ ttlMs: 60_000 }),
    faults({
      rules: [
        { op: 'mkdir', nth: 1, latencyMs: 80 },
        { op: 'readlink', nth: 1, latencyMs: 80 },
      ],
    }),
  ])
  t.false(fs.existsSync('/d'))
  await t.throwsAsync(fs.promises.mkdir('/d'), { code: 'ETIMEDOUT' })
  await until(() => limit.stats().late === 1)
  t.true(fs.existsSync('/d'))
  fs.symlinkSync('target', '/l')
  t.is(await fs.promises.readlink('/l'), 'target')
  t.is(limit.stats().timedOut, 2)
})

test('options are checked', (t) => {
  const field = (options: unknown) => t.throws(() => timeout(options as never), { instanceOf: ConfigError }).field
  t.is(field(undefined), 'timeout.ms')
  t.is(field({ ms: 0 }), 'timeout.ms')
  t.is(field({ ms: 2 ** 31 }), 'timeout.ms')
  t.is(field({ ms: 5, sync: true }), 'timeout.sync')
})
