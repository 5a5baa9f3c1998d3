// Another thread swaps a directory, a link and a file for ways out, as fast as it can, while requests run.
import * as fs from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import test from 'ava'
import { rootedLower } from '../../lib/lower/rooted/index.js'
import { Failed } from '../../lib/verdict.js'
import { asker, makeFixture, openDescriptors, SECRET } from './rooted-fixture.js'

const { O_CREAT, O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants

/** How long each race runs, in milliseconds. */
const LONG = 700

/** In the thread: names change places for ever; each pair by three renames, so that a name is missing at times as well. */
const swapper = `
const { renameSync } = require('node:fs')
const { workerData: { root, state } } = require('node:worker_threads')
const flag = new Int32Array(state)
const swap = (a, b) => { renameSync(a, root + '/t'); renameSync(b, a); renameSync(root + '/t', b) }
while (Atomics.load(flag, 0) === 0) {
  swap(root + '/race/dir', root + '/race/dir-out')
  swap(root + '/race/file', root + '/race/file-out')
  swap(root + '/race', root + '/race-out')
  Atomics.add(flag, 1, 1)
  swap(root + '/race', root + '/race-out')
}
`

for (const native of [true, false]) {
  for (const convention of ['sync', 'async'] as const) {
    test.serial(`no race leads out: ${native ? 'openat2' : 'walk'}, ${convention}`, async (t) => {
      const f = makeFixture()
      const inside = join(f.root, 'race')
      fs.mkdirSync(join(inside, 'dir'), { recursive: true })
      for (const name of ['dir/inner.txt', 'file', `dir/${SECRET}.txt`]) fs.writeFileSync(join(inside, name), 'inside')
      fs.symlinkSync(join(f.outside, 'dir'), join(inside, 'dir-out'))
      fs.symlinkSync(`../../outside/${SECRET}.txt`, join(inside, 'file-out'))
      fs.symlinkSync('../outside', join(f.root, 'race-out'))
      const before = f.snapshot()
      const lower = rootedLower(f.root, { native })
      const ask = asker(lower, convention)
      const descriptors = openDescriptors()
      const state = new SharedArrayBuffer(8)
      const flag = new Int32Array(state)
      const worker = new Worker(swapper, { eval: true, workerData: { root: f.root, state } })
      while (Atomics.load(flag, 1) === 0) await new Promise((resolve) => setTimeout(resolve, 1))

      const buffer = Buffer.alloc(16)
      const dentry = { path: '', exists: true, isLink: false, security: undefined }
      let answered = 0
      let refused = 0
      let asked = 0
      const until = Date.now() + LONG
      while (Date.now() < until) {
        for (const path of ['/race/dir/inner.txt', '/race/file', '/race/dir', `/race/dir/../file`]) {
          for (const note of [undefined, dentry]) {
            const outs = [
              await ask('getattr', { path, dentry: note, follow: true, precise: false }),
              await ask('open', { path, dentry: note, flags: O_RDONLY | O_NONBLOCK, mode: 0 }),
              await ask('create', { path: `${path}.new`, dentry: note, flags: O_CREAT | O_WRONLY, mode: 0o600 }),
              await ask('setattr', { path, dentry: note, follow: true, set: { mode: 0o755 } }),
              await ask('readdir', { path, dentry: note }),
              await ask('mkdir', { path: `${path}/made`, dentry: note, mode: 0o777 }),
              await ask('rmdir', { path: `${path}/made`, dentry: note }),
              await ask('rename', { path: `${path}.new`, newPath: `${path}.moved`, dentry: note, flags: 0 }),
              await ask('rename', { path: `${path}.moved`, newPath: `${path}.new`, newDentry: note, flags: 0 }),
              await ask('unlink', { path: `${path}.new`, dentry: note }),
              await ask('resolve', { path, follow: true }),
            ]
            for (const out of outs) {
              asked++
              if (out instanceof Failed) {
                refused++
                continue
              }
              answered++
              if (typeof out === 'number') {
                if (f.inodes.has(fs.fstatSync(out).ino)) t.fail(`${path}: an outside file is open`)
                const length = await ask('read', { fd: out, buffer, offset: 0, length: 16, position: 0 })
                if (typeof length === 'number' && buffer.toString('utf8', 0, length).includes('canary')) t.fail('read')
                await ask('release', { fd: out })
              } else if (Array.isArray(out)) {
                if (out.some((entry) => (entry as { name: string }).name === 'link'))
                  t.fail(`${path}: an outside listing`)
              } else if (out !== undefined && 'ino' in out && f.inodes.has(out.ino))
                t.fail(`${path}: outside attributes`)
            }
          }
        }
      }
      Atomics.store(flag, 0, 1)
      await new Promise((resolve) => worker.once('exit', resolve))
      t.is(f.snapshot(), before)
      t.true(answered > 0 && refused > 0, `${answered} answered, ${refused} refused`)
      t.log(`${asked} requests, ${answered} answered, against ${Atomics.load(flag, 1)} rounds of swaps`)
      // Fewer, where something of the process's own was closed meanwhile.
      t.true(openDescriptors() <= descriptors)
      f.remove()
    })
  }
}
