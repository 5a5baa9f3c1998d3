import test from 'ava'
import { concurrencyLimit } from '../../layers/concurrency-limit.js'
import { faults } from '../../layers/faults/index.js'
import { type RetryOptions, retry } from '../../layers/retry.js'
import { ConfigError, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { invoke } from '../laws/model.js'
import { conventions } from './harness.js'

for (const [how, convention] of conventions.entries()) {
  test(`what passes is tried again (${convention})`, async (t) => {
    const again = retry({ delayMs: 1 })
    const chaos = faults({
      rules: [
        { op: 'create', nth: 1, errno: 'EMFILE' },
        { op: 'create', nth: 1, errno: 'ENFILE' },
        { op: 'mkdir', errno: 'EIO' },
        { op: 'rmdir', errno: 'EBUSY' },
      ],
    })
    const fs = stack(memory(), [again, chaos])
    await invoke(fs, how, 'writeFile', '/file', 'contents')
    t.is(String(await invoke(fs, how, 'readFile', '/file')), 'contents')
    t.deepEqual(again.stats(), { retried: 2, gaveUp: 0 })
    // It may have been made before the error came.
    await t.throwsAsync(async () => invoke(fs, how, 'mkdir', '/d'), { code: 'EIO' })
    t.deepEqual(again.stats(), { retried: 2, gaveUp: 0 })
    await t.throwsAsync(async () => invoke(fs, how, 'rmdir', '/d'), { code: 'EBUSY' })
    t.deepEqual(again.stats(), { retried: 5, gaveUp: 1 })
    await t.throwsAsync(async () => invoke(fs, how, 'readFile', '/missing'), { code: 'ENOENT' })
    t.deepEqual(again.stats(), { retried: 5, gaveUp: 1 })
  })
}

test('no more requests at a time than the limit; all come through, also where some fail', async (t) => {
  const limit = concurrencyLimit({ max: 3 })
  const fs = stack(memory(), [limit])
  const done = await Promise.allSettled(
    Array.from({ length: 2000 }, (_, k) => (k % 2 === 0 ? fs.promises.mkdir(`/${k}`) : fs.promises.rmdir(`/none${k}`))),
  )
  t.is(done.filter(({ status }) => status === 'fulfilled').length, 1000)
  const { active, waiting, peak } = limit.stats()
  t.deepEqual([active, waiting], [0, 0])
  t.is(peak, 3)
  fs.mkdirSync('/sync')
  t.is(limit.stats().active, 0)
})

test('options are checked', (t) => {
  const refused = (options: unknown) =>
    t.throws(() => retry(options as RetryOptions), { instanceOf: ConfigError }).field
  t.is(refused({ attempts: 0 }), 'retry.attempts')
  t.is(refused({ errnos: ['EWHAT'] }), 'retry.errnos[0]')
  t.is(refused({ times: 1 }), 'retry.times')
  t.throws(() => concurrencyLimit({ max: 0 }), { instanceOf: ConfigError })
})
