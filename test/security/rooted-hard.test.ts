// What Linux answers to odd paths, descriptors that are not ours, and what is left behind.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { errnoCode } from '../../lib/errno.js'
import { type RootedOptions, rootedLower } from '../../lib/lower/rooted/index.js'
import type { Lower } from '../../lib/lower.js'
import { native as system } from '../../lib/native/index.js'
import type { Entry, Op } from '../../lib/op.js'
import { decodePath } from '../../lib/path-bytes.js'
import { Failed } from '../../lib/verdict.js'
import { asker, code, escapes, makeFixture, openDescriptors } from './rooted-fixture.js'

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = fs.constants
const O_PATH = 0o10000000

const S_IFIFO = 0o010000
const fifo = (root: string): void => {
  const path = join(root, 'fifo')
  const made = system()?.mknodat(-100, path, S_IFIFO | 0o644, 0)
  if (made !== 0) spawnSync('mkfifo', [path])
}

const both = (
  title: string,
  run: (t: import('ava').ExecutionContext, options: RootedOptions) => void | Promise<void>,
) => {
  for (const native of [true, false]) test.serial(`${title}: ${native ? 'openat2' : 'walk'}`, (t) => run(t, { native }))
}
const errnoOf = (act: () => unknown): string | undefined => {
  try {
    const out = act()
    if (typeof out === 'number') fs.closeSync(out)
    return undefined
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException
    return errno === undefined ? String(error) : errnoCode(errno)
  }
}
const outcome = (out: unknown): unknown => (out instanceof Failed ? out.errno : undefined)

// Paths that mean the same to the kernel and beneath a root: nothing climbs.
const odd = [
  '',
  '/',
  '/.',
  '/dir/..',
  '/dir/.',
  '/dir/',
  '/dir//',
  '/file/',
  '/file/.',
  '/file/..',
  '/file/x',
  '/nothing',
  '/nothing/',
  '/nothing/x',
  '/in-dir',
  '/in-dir/',
  '/in-dir/.',
  '/in-dir/file',
  '/loop1',
  '/loop1/',
  '/loop1/x',
  '/dangling',
  '/dangling/',
  '/dangling/x',
  '/dir/sub/..',
  '/dir/sub/../',
  '//dir///file',
  '/fifo',
  '/fifo/',
  `/${'n'.repeat(255)}`,
  `/${'n'.repeat(256)}`,
  `/dir/${'n'.repeat(256)}/x`,
  '/ü',
  '/empty',
  '/empty/',
  '/empty/.',
]

type Pair = readonly [name: string, host: (path: string) => unknown, here: (lower: Lower, path: string) => unknown]
const EEXIST = 'EEXIST'
/** Where Linux tells the root from any other directory. */
const asRoot = new Map<string, string>([
  ['mkdir', EEXIST],
  ['rmdir', 'EBUSY'],
  ['unlink', 'EISDIR'],
  ['symlink', EEXIST],
  ['link', EEXIST],
  ['link from', 'EPERM'],
  ['rename', 'EBUSY'],
  ['rename to', 'EBUSY'],
])
const at = (dir: string, path: string): string => (path === '' ? '' : `${dir}${path}`)

const pairs = (dir: string): readonly Pair[] => {
  const p = (path: string) => at(dir, path)
  return [
    [
      'stat',
      (path) => void fs.statSync(p(path)),
      ({ ops }, path) => ops.getattr.sync({ path, follow: true, precise: false }),
    ],
    ['lstat', (path) => void fs.lstatSync(p(path)), ({ ops }, path) => ops.lookup.sync({ path })],
    ['readlink', (path) => void fs.readlinkSync(p(path)), ({ ops }, path) => ops.readlink.sync({ path })],
    ['access', (path) => fs.accessSync(p(path)), ({ ops }, path) => ops.access.sync({ path, mask: 0 })],
    ['readdir', (path) => void fs.readdirSync(p(path)), ({ ops }, path) => ops.readdir.sync({ path })],
    ['mkdir', (path) => fs.mkdirSync(p(path)), ({ ops }, path) => ops.mkdir.sync({ path, mode: 0o777 })],
    ['rmdir', (path) => fs.rmdirSync(p(path)), ({ ops }, path) => ops.rmdir.sync({ path })],
    ['unlink', (path) => fs.unlinkSync(p(path)), ({ ops }, path) => ops.unlink.sync({ path })],
    ['symlink', (path) => fs.symlinkSync('t', p(path)), ({ ops }, path) => ops.symlink.sync({ path, target: 't' })],
    [
      'link',
      (path) => fs.linkSync(p('/file'), p(path)),
      ({ ops }, path) => ops.link.sync({ path: '/file', newPath: path }),
    ],
    ['link from', (path) => fs.linkSync(p(path), p('/l')), ({ ops }, path) => ops.link.sync({ path, newPath: '/l' })],
    [
      'rename',
      (path) => fs.renameSync(p(path), p('/r')),
      ({ ops }, path) => ops.rename.sync({ path, newPath: '/r', flags: 0 }),
    ],
    [
      'rename to',
      (path) => fs.renameSync(p('/dir'), p(path)),
      ({ ops }, path) => ops.rename.sync({ path: '/dir', newPath: path, flags: 0 }),
    ],
    [
      'chmod',
      (path) => fs.chmodSync(p(path), 0o755),
      ({ ops }, path) => ops.setattr.sync({ path, follow: true, set: { mode: 0o755 } }),
    ],
    [
      'truncate',
      (path) => fs.truncateSync(p(path), 1),
      ({ ops }, path) => ops.setattr.sync({ path, follow: true, set: { size: 1 } }),
    ],
    [
      'lutimes',
      (path) => fs.lutimesSync(p(path), 1, 2),
      ({ ops }, path) => ops.setattr.sync({ path, follow: false, set: { atime: 1, mtime: 2 } }),
    ],
    ...[
      O_RDONLY | O_NONBLOCK,
      O_RDWR | O_NONBLOCK,
      O_DIRECTORY,
      O_NOFOLLOW | O_NONBLOCK,
      O_PATH,
      O_PATH | O_NOFOLLOW,
      O_NOFOLLOW | O_DIRECTORY,
    ].map(
      (flags): Pair => [
        `open ${flags}`,
        (path) => fs.openSync(p(path), flags),
        ({ ops }, path) => ops.open.sync({ path, flags, mode: 0 }),
      ],
    ),
    ...[O_CREAT | O_RDWR | O_NONBLOCK, O_CREAT | O_EXCL | O_WRONLY, O_CREAT | O_NOFOLLOW | O_RDWR | O_NONBLOCK].map(
      (flags): Pair => [
        `create ${flags}`,
        (path) => fs.openSync(p(path), flags, 0o600),
        ({ ops }, path) => ops.create.sync({ path, flags, mode: 0o600 }),
      ],
    ),
  ]
}

both('answers as Linux does', (t, options) => {
  const here = makeFixture()
  const there = makeFixture()
  const lower = rootedLower(here.root, options)
  fifo(here.root)
  fifo(there.root)
  let cases = 0
  for (const [name, host, run] of pairs(there.root)) {
    for (const path of odd) {
      // The host's oracle has no root of its own there.
      if (path === '/' && (asRoot.has(name) || name.startsWith('create'))) continue
      const out = run(lower, path)
      if (typeof out === 'number') lower.ops.release.sync({ fd: out })
      const expected = errnoOf(() => host(path))
      t.is(outcome(out), expected, `${name} ${JSON.stringify(path.slice(0, 40))}`)
      cases++
      if (expected !== undefined) continue
      for (const fixture of [here, there]) {
        fixture.restore()
        fifo(fixture.root)
      }
    }
  }
  for (const [name, , run] of pairs('')) {
    const expected = asRoot.get(name)
    if (expected !== undefined) t.is(outcome(run(lower, '/')), expected, `${name} /`)
  }
  t.true(cases > 500)
  here.remove()
  there.remove()
})

both('too much is refused promptly', async (t, options) => {
  const f = makeFixture()
  const lower = rootedLower(f.root, options)
  for (const convention of ['sync', 'async'] as const) {
    const ask = asker(lower, convention)
    const began = Date.now()
    for (const path of [
      `/${'d'.repeat(5000)}`,
      '/a'.repeat(10_000),
      '/..'.repeat(10_000),
      `/${'./'.repeat(10_000)}`,
      `/${'ü'.repeat(2500)}`,
    ]) {
      t.is(code(await ask('getattr', { path, follow: true, precise: false })), 'ENAMETOOLONG')
      t.is(code(await ask('open', { path, flags: O_RDONLY, mode: 0 })), 'ENAMETOOLONG')
      t.is(code(await ask('mkdir', { path, mode: 0o777 })), 'ENAMETOOLONG')
    }
    t.is(code(await ask('getattr', { path: '/loop1/x', follow: true, precise: false })), 'ELOOP')
    t.is(code(await ask('getattr', { path: '/..'.repeat(1300), follow: true, precise: true })) instanceof Failed, false)
    t.true(Date.now() - began < 5000)
  }
  f.remove()
})

both('O_CREAT through links', async (t, options) => {
  const f = makeFixture()
  for (const convention of ['sync', 'async'] as const) {
    f.restore()
    const ask = asker(rootedLower(f.root, options), convention)
    const flags = O_CREAT | O_WRONLY
    const fd = await ask('create', { path: '/dangling', flags, mode: 0o600 })
    t.is(typeof fd, 'number')
    await ask('release', { fd: fd as number })
    t.true(fs.statSync(join(f.root, 'nowhere')).isFile())
    t.is(code(await ask('create', { path: '/dangling', flags: flags | O_EXCL, mode: 0o600 })), 'EEXIST')
    t.is(code(await ask('create', { path: '/in-dir', flags: flags | O_EXCL, mode: 0o600 })), 'EEXIST')
    t.is(code(await ask('create', { path: '/abs-new', flags, mode: 0o600 })), 'ENOENT')
    t.is(code(await ask('create', { path: '/in-dir', flags, mode: 0o600 })), 'EISDIR')
    t.is(code(await ask('rename', { path: '/dir', newPath: '/dir/sub/dir', flags: 0 })), 'EINVAL')
    t.is(code(await ask('open', { path: '/in-dir/file', flags: O_NOFOLLOW, mode: 0 })) instanceof Failed, false)
  }
  f.remove()
})

both('links out: one answer, as chosen', async (t, options) => {
  const f = makeFixture()
  for (const refused of ['ENOENT', 'EACCES'] as const) {
    const ask = asker(rootedLower(f.root, { ...options, escape: refused }), 'sync')
    for (const path of ['/abs-file', '/abs-new', '/abs-dir/dir', '/rel-dir/nothing', '/dir/up/dir', '/chain1/x']) {
      t.is(code(await ask('getattr', { path, follow: true, precise: false })), refused, path)
      t.is(code(await ask('open', { path, flags: O_RDONLY, mode: 0 })), refused, path)
    }
    for (const path of ['/abs-file', '/rel-file', '/rel-dir', '/dir/up'])
      t.is(code(await ask('readlink', { path })), refused, path)
    t.is(code(await ask('getattr', { path: '/in-dir/nothing', follow: true, precise: false })), 'ENOENT')
  }
  // What is made here is told here.
  const ask = asker(rootedLower(f.root, options), 'async')
  t.is(await ask('symlink', { path: '/mine', target: '/a/b/c' }), undefined)
  t.is(await ask('readlink', { path: '/mine' }), '/a/b/c')
  t.is(await ask('readlink', { path: '/in-abs' }), '/dir/file')
  f.remove()
})

both('a name that is no UTF-8', async (t, options) => {
  const f = makeFixture()
  const bytes = Buffer.from([0x61, 0xff, 0xfe])
  fs.writeFileSync(Buffer.concat([Buffer.from(`${f.root}/empty/`), bytes]), 'x')
  const name = decodePath(bytes)
  for (const convention of ['sync', 'async'] as const) {
    const ask = asker(rootedLower(f.root, options), convention)
    t.deepEqual(await ask('readdir', { path: '/empty' }), [{ name, type: 1 }] as Entry[])
    t.false((await ask('lookup', { path: `/empty/${name}` })) instanceof Failed)
    t.is(await ask('rename', { path: `/empty/${name}`, newPath: `/empty/${name}2`, flags: 0 }), undefined)
    t.is(await ask('rename', { path: `/empty/${name}2`, newPath: `/empty/${name}`, flags: 0 }), undefined)
  }
  f.remove()
})

both('a FIFO or a device blocks nothing', async (t, options) => {
  const f = makeFixture()
  fifo(f.root)
  const ask = asker(rootedLower(f.root, options), 'async')
  const waiting = ask('open', { path: '/fifo', flags: O_RDONLY, mode: 0 })
  for (const op of ['getattr', 'setattr', 'access', 'statfs', 'resolve', 'listxattr'] as const) {
    const out = await ask(op, { path: '/fifo', follow: true, precise: false, mask: 4, set: { mode: 0o600 } } as never)
    if (op !== 'listxattr') t.false(out instanceof Failed, op)
  }
  // The reader has been waiting in the pool: a writer lets it go.
  const writer = fs.openSync(join(f.root, 'fifo'), O_RDWR)
  const fd = await waiting
  t.is(typeof fd, 'number')
  await ask('release', { fd: fd as number })
  fs.closeSync(writer)
  const made = system()?.mknodat(-100, join(f.root, 'zero'), 0o020666, 0x105)
  // Making a device needs CAP_MKNOD.
  if (made === 0) {
    t.is(((await ask('lookup', { path: '/zero' })) as fs.Stats).rdev, fs.statSync(join(f.root, 'zero')).rdev)
    t.true(((await ask('lookup', { path: '/zero' })) as fs.Stats).isCharacterDevice())
  }
  f.remove()
})

both('the directory is held, not its name', async (t, options) => {
  const f = makeFixture()
  const ask = asker(rootedLower(f.root, options), 'sync')
  fs.renameSync(f.root, `${f.root}-moved`)
  fs.symlinkSync(f.outside, f.root)
  t.is(((await ask('getattr', { path: '/file', follow: true, precise: false })) as fs.Stats).size, 6)
  t.is(await ask('mkdir', { path: '/made', mode: 0o777 }), undefined)
  t.true(fs.existsSync(`${f.root}-moved/made`))
  t.false(((await ask('readdir', { path: '/' })) as Entry[]).some(({ name }) => name === 'link'))
  f.remove()
})

both('descriptors that were not opened here are EBADF', async (t, options) => {
  const f = makeFixture()
  const ask = asker(rootedLower(f.root, options), 'sync')
  const buffer = Buffer.alloc(8)
  const guesses = [...Array(64).keys(), f.outsideFd, 100_000, 2 ** 31 - 1]
  for (const fd of guesses) {
    t.is(code(await ask('read', { fd, buffer, offset: 0, length: 8, position: 0 })), 'EBADF')
    t.is(code(await ask('getattr', { path: '', fd, follow: true, precise: false })), 'EBADF')
    t.is(code(await ask('setattr', { path: '', fd, follow: true, set: { mode: 0 } })), 'EBADF')
    t.is(code(await ask('release', { fd })), 'EBADF')
    t.is(code(await ask('copy_file_range', { fd, offset: 0, fdOut: fd, offsetOut: 0, length: 1 })), 'EBADF')
  }
  const fd = (await ask('open', { path: '/file', flags: O_RDONLY, mode: 0 })) as number
  t.is(await ask('read', { fd, buffer, offset: 0, length: 8, position: 0 }), 6)
  t.is(await ask('release', { fd }), undefined)
  t.is(code(await ask('read', { fd, buffer, offset: 0, length: 8, position: 0 })), 'EBADF')
  f.remove()
})

both('a thousand requests leave no descriptor', async (t, options) => {
  const f = makeFixture()
  const lower = rootedLower(f.root, options)
  const before = openDescriptors()
  const paths = [...escapes(f), ...odd, '/dir/sub/../../file']
  for (let k = 0; k < 1000; k++) {
    const ask = asker(lower, k % 2 === 0 ? 'sync' : 'async')
    const path = paths[k % paths.length] as string
    const op = (
      ['getattr', 'readdir', 'readlink', 'resolve', 'access', 'statfs', 'opendir', 'open', 'setattr'] as Op[]
    )[k % 9] as 'open'
    const fd = await ask(op, {
      path,
      follow: true,
      precise: false,
      mask: 2,
      flags: O_RDWR | O_NONBLOCK,
      mode: 0,
      set: { mode: 0o755 },
    } as never)
    if (op === 'open' && typeof fd === 'number') await ask('release', { fd })
  }
  t.is(openDescriptors(), before)
  f.remove()
})

both('a dentry forbids every link', async (t, options) => {
  const f = makeFixture()
  const ask = asker(rootedLower(f.root, options), 'sync')
  const dentry = { path: '', exists: true, isLink: false, security: undefined }
  for (const path of ['/in-dir/file', '/in-dir', '/abs-dir/dir']) {
    t.is(code(await ask('getattr', { path, dentry, follow: true, precise: false })), 'ELOOP', path)
    t.is(code(await ask('open', { path, dentry, flags: O_RDONLY, mode: 0 })), 'ELOOP', path)
  }
  t.is(code(await ask('mkdir', { path: '/in-dir/new', dentry, mode: 0o777 })), 'ELOOP')
  t.is(code(await ask('create', { path: '/dangling', dentry, flags: O_CREAT | O_WRONLY, mode: 0o600 })), 'ELOOP')
  t.is(code(await ask('rename', { path: '/file', newPath: '/in-dir/f', newDentry: dentry, flags: 0 })), 'ELOOP')
  t.false((await ask('getattr', { path: '/dir/file', dentry, follow: true, precise: false })) instanceof Failed)
  t.false((await ask('lookup', { path: '/in-dir', dentry })) instanceof Failed)
  f.remove()
})

test('what cannot be rooted says so', (t) => {
  t.throws(() => rootedLower('/nothing/here'), { code: 'ENOENT' })
  t.throws(() => rootedLower('/etc/passwd'), { code: 'ENOTDIR' })
  t.throws(() => rootedLower('/', { escape: 'EPERM' } as never), { instanceOf: TypeError })
  t.throws(() => rootedLower('/', { root: '/' } as never), { instanceOf: TypeError })
  t.throws(() => rootedLower(7 as never), { instanceOf: TypeError })
})
