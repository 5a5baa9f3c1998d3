// Another thread swaps directories, links and files for ways out, as fast as it can, while a guarded program runs.
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { metadataCache, sandbox } from '../../layers/index.js'
import { type PlyFs, stack } from '../../lib/index.js'
import { host } from '../../lib/lower/index.js'
import { canonicalOnly } from '../../lib/lower/safe-path/index.js'
import { Failed } from '../../lib/verdict.js'

const CANARY = 'canary-5e02'

/** How long each race runs, in milliseconds. */
const LONG = Number(process.env.PLYFS_RACE_MS ?? 600)

const swapper = `
const { renameSync } = require('node:fs')
const { workerData: { root, state } } = require('node:worker_threads')
const flag = new Int32Array(state)
const swap = (a, b) => { renameSync(a, root + '/t'); renameSync(b, a); renameSync(root + '/t', b) }
while (Atomics.load(flag, 0) === 0) {
  for (const name of ['race/dir', 'race/file', 'race']) {
    swap(root + '/' + name, root + '/' + name + '-out')
    Atomics.add(flag, 1, 1)
    swap(root + '/' + name, root + '/' + name + '-out')
  }
}
`

interface Scene {
  readonly root: string
  readonly outside: string
  snapshot(): string
  /** Stops the thread; tells how often it swapped. */
  stop(): Promise<number>
}

const begin = async (): Promise<Scene> => {
  const base = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'plyfs-race-')))
  const root = `${base}/root`
  const outside = `${base}/outside`
  fs.mkdirSync(`${root}/race/dir`, { recursive: true })
  fs.mkdirSync(`${outside}/dir`, { recursive: true })
  for (const name of ['file', 'dir/inner', 'dir/victim']) {
    fs.writeFileSync(`${root}/race/${name}`, 'inside')
    fs.writeFileSync(`${outside}/${name}`, CANARY)
  }
  fs.symlinkSync(`${outside}/dir`, `${root}/race/dir-out`)
  fs.symlinkSync('../../outside/file', `${root}/race/file-out`)
  fs.symlinkSync('../outside', `${root}/race-out`)
  const snapshot = (): string =>
    ['', '/file', '/dir', '/dir/inner', '/dir/victim']
      .map((name) => {
        const { mode, size, uid, mtimeNs, ctimeNs, nlink } = fs.lstatSync(outside + name, { bigint: true })
        return [name, mode, size, uid, mtimeNs, ctimeNs, nlink].join(' ')
      })
      .join('\n') + fs.readdirSync(`${outside}/dir`).join()
  const state = new SharedArrayBuffer(8)
  const flag = new Int32Array(state)
  const worker = new Worker(swapper, { eval: true, workerData: { root, state } })
  while (Atomics.load(flag, 1) === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  return {
    root,
    outside,
    snapshot,
    stop: async () => {
      const ended = new Promise((resolve) => worker.once('exit', resolve))
      Atomics.store(flag, 0, 1)
      await ended
      fs.rmSync(base, { recursive: true, force: true })
      return Atomics.load(flag, 1)
    },
  }
}

type Attempt = (fs: PlyFs, race: string) => unknown

const attempts: readonly Attempt[] = [
  (f, race) => f.readFileSync(`${race}/file`, 'utf8'),
  (f, race) => f.readFileSync(`${race}/dir/inner`, 'utf8'),
  (f, race) => f.statSync(`${race}/dir/inner`).ino,
  (f, race) => f.lstatSync(`${race}/file`).ino,
  (f, race) => f.writeFileSync(`${race}/file`, 'x'),
  (f, race) => f.appendFileSync(`${race}/dir/inner`, 'x'),
  (f, race) => f.writeFileSync(`${race}/dir/made`, 'x', { flag: 'wx' }),
  (f, race) => f.unlinkSync(`${race}/dir/made`),
  (f, race) => f.chmodSync(`${race}/file`, 0o640),
  (f, race) => f.utimesSync(`${race}/dir/victim`, 1, 2),
  (f, race) => f.truncateSync(`${race}/dir/victim`, 1),
  (f, race) => f.renameSync(`${race}/dir/victim`, `${race}/dir/victim2`),
  (f, race) => f.renameSync(`${race}/dir/victim2`, `${race}/dir/victim`),
  (f, race) => f.linkSync(`${race}/file`, `${race}/dir/hard`),
  (f, race) => f.rmSync(`${race}/dir/hard`, { force: true }),
  (f, race) => f.mkdirSync(`${race}/dir/sub`),
  (f, race) => f.rmdirSync(`${race}/dir/sub`),
  (f, race) => f.readdirSync(`${race}/dir`).join(),
  (f, race) => f.copyFileSync(`${race}/dir/inner`, `${race}/dir/copy`),
  (f, race) => f.promises.readFile(`${race}/dir/inner`, 'utf8'),
  (f, race) => f.promises.writeFile(`${race}/dir/inner`, 'x'),
  (f, race) => f.promises.rm(`${race}/dir/copy`, { force: true }),
  async (f, race) => {
    const handle = await f.promises.open(`${race}/file`, 'r+')
    try {
      await handle.utimes(3, 4)
      return await handle.readFile('utf8')
    } finally {
      await handle.close()
    }
  },
]

for (const cached of [false, true]) {
  test.serial(`no race leads out: a sandbox over the host${cached ? ', with a cache' : ''}`, async (t) => {
    const scene = await begin()
    const before = scene.snapshot()
    const inodes = new Set(['/file', '/dir/inner'].map((name) => fs.lstatSync(scene.outside + name).ino))
    const layers = [sandbox({ root: scene.root }), ...(cached ? [metadataCache({ ttlMs: 5 })] : [])]
    const guarded = stack(host(), layers)
    const wrong: string[] = []
    let answered = 0
    let asked = 0
    const descriptors = fs.readdirSync('/proc/self/fd').length
    for (const until = Date.now() + 2 * LONG; Date.now() < until; ) {
      for (const attempt of attempts) {
        asked++
        try {
          const out = await attempt(guarded, `${scene.root}/race`)
          answered++
          if (String(out).includes(CANARY)) wrong.push(`read outside: ${attempt}`)
          if (inodes.has(out as number)) wrong.push(`attributes of the outside: ${attempt}`)
        } catch (error) {
          const { code, message } = error as NodeJS.ErrnoException
          if (code === undefined || message.includes(scene.outside)) wrong.push(`${attempt}: ${message}`)
        }
      }
    }
    const after = scene.snapshot()
    const left = fs.readdirSync('/proc/self/fd').length
    const swaps = await scene.stop()
    t.deepEqual([...new Set(wrong)], [])
    t.is(after, before)
    t.true(left - descriptors < 8, `${left - descriptors} more descriptors are open`)
    t.true(answered > 0 && swaps > 10, 'there was a race')
    t.log(`${asked} requests, ${answered} answered, against ${swaps} swaps`)
  })
}

for (const native of [true, false]) {
  test.serial(`a canonical path is never followed elsewhere (${native ? 'openat2' : '/proc'})`, async (t) => {
    const all = canonicalOnly(native)
    if (all instanceof Failed) {
      t.log('this platform cannot')
      t.pass()
      return
    }
    const { ops } = all
    const scene = await begin()
    const before = scene.snapshot()
    const inodes = new Set(['/file', '/dir/inner', '/dir/victim'].map((name) => fs.lstatSync(scene.outside + name).ino))
    const descriptors = fs.readdirSync('/proc/self/fd').length
    let led = 0
    let answered = 0
    let wrong = 0
    for (const until = Date.now() + LONG; Date.now() < until; ) {
      for (const name of ['file', 'dir/inner', 'dir/victim']) {
        const path = `${scene.root}/race/${name}`
        const dentry = { path, exists: true, isLink: false, security: undefined }
        const stats = ops.getattr.sync({ path, dentry, follow: true, precise: false })
        if (stats instanceof Failed) led++
        else if (inodes.has(stats.ino)) wrong++
        else answered++
        ops.setattr.sync({ path, dentry, follow: true, set: { mode: 0o604, atime: 5, mtime: 6 } })
        const fd = ops.open.sync({ path, dentry, flags: fs.constants.O_RDWR, mode: 0 })
        if (typeof fd !== 'number') continue
        if (inodes.has(fs.fstatSync(fd).ino)) wrong++
        fs.closeSync(fd)
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    const after = scene.snapshot()
    const left = fs.readdirSync('/proc/self/fd').length
    const swaps = await scene.stop()
    t.is(wrong, 0)
    t.is(after, before)
    t.true(answered > 0 && led > 0 && swaps > 10, `${answered} answered, ${led} refused, ${swaps} swaps`)
    t.true(left - descriptors < 140, 'only so many directories are kept open')
  })
}
