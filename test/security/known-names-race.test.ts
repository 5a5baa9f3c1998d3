// Another thread puts a link out in a file's place, in a directory that stays where it is, while a guarded program asks for
// rights and sets times and owners by that name, so often that the name is known to be no link.
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { sandbox } from '../../layers/index.js'
import { stack } from '../../lib/index.js'
import { isStrict } from '../../lib/lower/host/strict.js'
import { host } from '../../lib/lower/index.js'

/** How long the race runs, in milliseconds. */
const LONG = Number(process.env.PLYFS_RACE_MS ?? 600)

const swapper = `
const fs = require('node:fs')
const { workerData: { root, outside, state } } = require('node:worker_threads')
const flag = new Int32Array(state)
// Long enough for the name to be known again, and at any moment of a request.
const rest = () => Atomics.wait(flag, 0, 0, Math.random() * 3)
while (Atomics.load(flag, 0) === 0) {
  fs.symlinkSync(outside, root + '/x')
  fs.renameSync(root + '/x', root + '/f')
  rest()
  fs.writeFileSync(root + '/x', 'inside')
  fs.renameSync(root + '/x', root + '/f')
  Atomics.add(flag, 1, 1)
  rest()
}
`
const race = isStrict() ? test.serial : test.skip
race('a link that takes the place of a file is never acted through', async (t) => {
  const base = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'plyfs-known-')))
  t.teardown(() => fs.rmSync(base, { recursive: true, force: true }))
  const root = join(base, 'root')
  const outside = join(base, 'outside')
  const path = join(root, 'f')
  fs.mkdirSync(root)
  fs.writeFileSync(path, 'inside')
  fs.writeFileSync(outside, 'canary')
  const canary = (): string => {
    const { mtimeNs, ctimeNs, uid, gid, mode } = fs.lstatSync(outside, { bigint: true })
    return [mtimeNs, ctimeNs, uid, gid, mode].join(' ')
  }
  const before = canary()
  const guarded = stack(host(), [sandbox({ root })])
  const { uid, gid } = fs.lstatSync(path)
  const attempts = [
    () => guarded.accessSync(path, fs.constants.W_OK),
    () => guarded.utimesSync(path, 3, 4),
    () => guarded.chownSync(path, uid, gid),
    () => guarded.chmodSync(path, 0o640),
  ]
  const state = new SharedArrayBuffer(8)
  const flag = new Int32Array(state)
  const worker = new Worker(swapper, { eval: true, workerData: { root, outside, state } })
  const codes = new Set<string | undefined>()
  let answered = 0
  let refused = 0
  for (const until = Date.now() + 2 * LONG; Date.now() < until || Atomics.load(flag, 1) < 20; ) {
    for (let k = 0; k < 500; k++) {
      try {
        attempts[k % attempts.length]?.()
        answered++
      } catch (error) {
        refused++
        codes.add((error as NodeJS.ErrnoException).code)
      }
    }
    // The thread needs this one to begin.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  Atomics.store(flag, 0, 1)
  await ended
  t.is(canary(), before)
  // What became a link after it was decided is ELOOP.
  t.deepEqual(
    [...codes].filter((code) => code !== 'EACCES' && code !== 'ELOOP'),
    [],
  )
  t.true(answered > 0 && refused > 0, `${answered} answered, ${refused} refused`)
  t.log(`${answered} answered, ${refused} refused, against ${Atomics.load(flag, 1)} swaps`)
})
