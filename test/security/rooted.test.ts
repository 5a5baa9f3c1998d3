// Every opcode on every way out, in both conventions, with and without koffi. After each case the canary tree is unchanged,
// and nothing that came back names it or is it.
import * as fs from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { rootedLower } from '../../lib/lower/rooted/index.js'
import type { Op, Request, WatchHandle } from '../../lib/op.js'
import { Failed } from '../../lib/verdict.js'
import { type Ask, asker, escapes, makeFixture, SECRET } from './rooted-fixture.js'

const { O_CREAT, O_EXCL, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = fs.constants
const sink = { change: () => undefined, error: () => undefined }
const name = 'user.plyfs'

type Attempt = { [O in Op]?: readonly ((path: string) => Request<O>)[] }

const attempts: Attempt = {
  lookup: [(path) => ({ path })],
  getattr: [
    (path) => ({ path, follow: true, precise: false }),
    (path) => ({ path, follow: true, precise: true }),
    (path) => ({ path, follow: false, precise: true }),
  ],
  setattr: [
    (path) => ({ path, follow: true, set: { mode: 0o777 } }),
    (path) => ({ path, follow: true, set: { size: 1 } }),
    (path) => ({ path, follow: true, set: { atime: 1, mtime: 2 } }),
    (path) => ({ path, follow: false, set: { uid: 7, gid: 7 } }),
    (path) => ({ path, follow: false, set: { atime: 1, mtime: 2 } }),
  ],
  readlink: [(path) => ({ path })],
  symlink: [(path) => ({ path, target: 'x' })],
  mknod: [(path) => ({ path, mode: 0o100644, rdev: 0 })],
  mkdir: [(path) => ({ path, mode: 0o777 })],
  unlink: [(path) => ({ path })],
  rmdir: [(path) => ({ path })],
  link: [(path) => ({ path, newPath: '/taken' }), (path) => ({ path: '/file', newPath: path })],
  open: [
    (path) => ({ path, flags: O_RDONLY | O_NONBLOCK, mode: 0 }),
    (path) => ({ path, flags: O_RDWR | O_TRUNC, mode: 0 }),
  ],
  create: [
    (path) => ({ path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o666 }),
    (path) => ({ path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o666 }),
  ],
  tmpfile: [(path) => ({ path, flags: O_RDWR, mode: 0o600 })],
  statfs: [(path) => ({ path })],
  setxattr: [(path) => ({ path, follow: true, name, value: Buffer.from('x'), flags: 0 })],
  getxattr: [(path) => ({ path, follow: true, name })],
  listxattr: [(path) => ({ path, follow: true })],
  removexattr: [(path) => ({ path, follow: false, name })],
  opendir: [(path) => ({ path })],
  readdir: [(path) => ({ path })],
  access: [(path) => ({ path, mask: 0 }), (path) => ({ path, mask: 6 })],
  rename: [
    (path) => ({ path, newPath: '/moved', flags: 0 }),
    (path) => ({ path: '/dir', newPath: path, flags: 0 }),
    (path) => ({ path: '/file', newPath: path, flags: 2 }),
  ],
  syncfs: [(path) => ({ path })],
  resolve: [(path) => ({ path, follow: true }), (path) => ({ path, follow: false })],
  watch: [
    (path) => ({ path, recursive: false, persistent: false, sink }),
    (path) => ({ path, recursive: true, persistent: false, sink }),
  ],
}

/** What must work, so that a refusal above says something. */
const allowed: { readonly [O in Op]?: readonly string[] } = {
  readlink: ['/in-dir', '/dangling', '/in-abs', '/in-host'],
  symlink: ['/new', '/in-dir/new'],
  mknod: ['/new', '/in-dir/new'],
  mkdir: ['/new', '/in-dir/new/'],
  unlink: ['/file', '/in-dir/file', '/abs-file', '/rel-dir'],
  rmdir: ['/empty', '/../empty'],
  opendir: ['/', '/in-dir', '/..'],
  readdir: ['/', '/in-dir', '/..'],
  tmpfile: ['/', '/in-dir'],
}
const readable = ['/file', '/in-dir/file', '/in-abs', '/in-host', '/../file', '/dir/sub/../file']

const release = async (ask: Ask, out: unknown, op: Op): Promise<void> => {
  if (op === 'watch' && !(out instanceof Failed)) (out as WatchHandle).close()
  if (typeof out === 'number') await ask('release', { fd: out })
}

/** Opcodes that change nothing inside. */
const harmless: readonly Op[] = [
  'lookup',
  'getattr',
  'access',
  'statfs',
  'readlink',
  'readdir',
  'opendir',
  'resolve',
  'watch',
]

let cases = 0

for (const native of [true, false]) {
  for (const convention of ['sync', 'async'] as const) {
    const how = `${native ? 'openat2' : 'walk'}, ${convention}`

    test.serial(`no way out: ${how}`, async (t) => {
      const f = makeFixture()
      const ask = asker(rootedLower(f.root, { native }), convention)
      const before = f.snapshot()
      for (const [op, requests] of Object.entries(attempts) as [Op, ((path: string) => Request<Op>)[]][]) {
        for (const path of escapes(f)) {
          for (const [k, request] of requests.entries()) {
            const label = `${op}[${k}] ${path}`
            cases++
            const out = await ask(op, request(path) as never)
            if (typeof out === 'number')
              t.false(f.inodes.has(fs.fstatSync(out).ino), `${label}: an outside file is open`)
            if (out !== null && typeof out === 'object' && 'ino' in out) {
              t.false(f.inodes.has(out.ino), `${label}: an outside file's attributes`)
            }
            if (op !== 'watch') {
              const text = JSON.stringify(out) ?? ''
              t.false(text.includes(f.outside) || (text.includes(SECRET) && op !== 'resolve'), `${label}: ${text}`)
            }
            await release(ask, out, op)
            if (f.snapshot() !== before) {
              t.fail(`${label}: the canary tree has changed`)
              return
            }
            if (!(out instanceof Failed) && !harmless.includes(op)) f.restore()
          }
        }
      }
      f.remove()
    })

    test.serial(`what stays inside works: ${how}`, async (t) => {
      const f = makeFixture()
      const ask = asker(rootedLower(f.root, { native }), convention)
      // Without koffi these are told apart from a refusal.
      const absent = ['mknod', 'tmpfile', 'syncfs', 'setxattr', 'getxattr', 'listxattr', 'removexattr']
      for (const [op, requests] of Object.entries(attempts) as [Op, ((path: string) => Request<Op>)[]][]) {
        if (!native && absent.includes(op)) continue
        if (op === 'getxattr' || op === 'removexattr' || op === 'setxattr' || op === 'rename' || op === 'link') continue
        for (const path of allowed[op] ?? readable) {
          const request = requests[0] as (path: string) => Request<Op>
          cases++
          const out = await ask(op, request(path) as never)
          t.false(out instanceof Failed, `${op} ${path}: ${JSON.stringify(out)}`)
          await release(ask, out, op)
          if (!harmless.includes(op)) f.restore()
        }
      }
      t.is(await ask('rename', { path: '/file', newPath: '/in-dir/../moved', flags: 0 }), undefined)
      t.is(await ask('link', { path: '/in-dir/file', newPath: '/again' }), undefined)
      t.is(fs.readFileSync(join(f.root, 'again'), 'utf8'), 'inside')
      t.deepEqual(await ask('readlink', { path: '/in-host' }), '/dir/file')
      f.remove()
    })
  }
}

test.after(() => {
  console.log(`rooted: ${cases} cases`)
})
