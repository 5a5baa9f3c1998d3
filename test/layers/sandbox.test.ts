// What a policy lets through and what it refuses, in each calling convention, over memfs and over a real directory.
import { constants } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import type { Policy } from '../../layers/sandbox/index.js'
import { sandbox } from '../../layers/sandbox/index.js'
import type { Caller } from '../../lib/context.js'
import type { Entry, Request } from '../../lib/op.js'
import { Asker, type Convention, conventions, exchangeOver, type Ground, grounds } from './harness.js'

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC } = constants

interface Scene {
  readonly ground: Ground
  /** The directory that most policies speak of. */
  readonly data: string
  /** Outside of it. */
  readonly outside: string
  under(policy: Policy, caller?: Caller): Tried
}

/** The requests that tests make, short. */
class Tried {
  constructor(readonly asker: Asker) {}
  readonly ask: Asker['ask'] = (op, req) => this.asker.ask(op, req)
  stat = (path: string, follow = true) => this.ask('getattr', { path, follow, precise: false })
  open = (path: string, flags: number) =>
    this.ask((flags & O_CREAT) === 0 ? 'open' : 'create', { path, flags, mode: 0o666 })
  async opened(path: string, flags: number): Promise<string> {
    const fd = await this.open(path, flags)
    if (typeof fd === 'string') return fd
    await this.ask('release', { fd })
    return 'opened'
  }
  async list(path: string): Promise<string> {
    const entries = await this.ask('readdir', { path })
    return typeof entries === 'string'
      ? entries
      : entries
          .map(({ name }: Entry) => name)
          .sort()
          .join(' ')
  }
}

/** A test in every convention over every lower. */
const everywhere = (title: string, body: (t: ExecutionContext, scene: Scene) => Promise<void>): void => {
  for (const convention of conventions) {
    for (const make of grounds) {
      const probe = make()
      probe.remove()
      test(`${title} (${convention}, ${probe.name})`, async (t) => {
        const ground = make()
        const { fs, root } = ground
        const data = `${root}/data`
        const outside = `${root}/outside`
        fs.mkdirSync(`${data}/dir/deep`, { recursive: true })
        fs.mkdirSync(`${data}/out`)
        fs.mkdirSync(outside)
        fs.writeFileSync(`${data}/a`, 'inside')
        fs.writeFileSync(`${data}/.env`, 'secret')
        fs.writeFileSync(`${data}/dir/b`, 'inside too')
        fs.writeFileSync(`${outside}/secret`, 'secret')
        fs.mkdirSync(`${outside}/kept`)
        const scene: Scene = {
          ground,
          data,
          outside,
          under: (policy, caller) => tried(ground, policy, convention, caller),
        }
        try {
          await body(t, scene)
          t.is(String(fs.readFileSync(`${outside}/secret`)), 'secret')
          t.deepEqual(fs.readdirSync(outside).sort(), ['kept', 'secret'])
        } finally {
          ground.remove()
        }
      })
    }
  }
}
const tried = (ground: Ground, policy: Policy, convention: Convention, caller?: Caller): Tried => {
  const x = exchangeOver(ground.lower, [sandbox(policy)])
  return new Tried(new Asker(x, convention, caller ?? x.caller))
}
const typeOf = (out: unknown): string => (typeof out === 'string' ? out : 'ok')

everywhere('root: everything beneath, nothing else', async (t, { data, outside, ground, under }) => {
  const fs = under({ root: data })
  t.is(typeOf(await fs.stat(`${data}/a`)), 'ok')
  t.is(typeOf(await fs.stat(data)), 'ok')
  t.is(await fs.list(data), '.env a dir out')
  t.is(await fs.opened(`${data}/new`, O_WRONLY | O_CREAT | O_TRUNC), 'opened')
  t.is(await fs.opened(`${data}/a`, O_RDWR), 'opened')
  t.is(await fs.ask('mkdir', { path: `${data}/made/`, mode: 0o777 }), undefined)
  t.is(await fs.ask('rename', { path: `${data}/made`, newPath: `${data}/moved`, flags: 0 }), undefined)
  t.is(await fs.ask('rmdir', { path: `${data}/moved` }), undefined)
  t.is(await fs.ask('unlink', { path: `${data}/new` }), undefined)
  t.is(await fs.stat(`${data}/missing`), 'ENOENT')
  t.is(await fs.stat(`${data}/missing/x`), 'ENOENT')
  t.is(await fs.stat(`${data}/a/x`), 'ENOTDIR')
  for (const path of [
    outside,
    `${outside}/secret`,
    `${outside}/nothing`,
    `${outside}/nothing/x`,
    `${ground.root}x`,
    '/',
  ]) {
    t.is(await fs.stat(path), 'EACCES', path)
    t.is(await fs.stat(path, false), 'EACCES', path)
    t.is(await fs.opened(path, O_RDONLY), 'EACCES', path)
    t.is(await fs.opened(path, O_WRONLY | O_CREAT), 'EACCES', path)
    t.is(await fs.list(path), 'EACCES', path)
    t.is(await fs.ask('access', { path, mask: 0 }), 'EACCES', path)
    t.is(await fs.ask('unlink', { path }), 'EACCES', path)
    t.is(await fs.ask('rename', { path: `${data}/a`, newPath: path, flags: 0 }), 'EACCES', path)
    t.is(await fs.ask('rename', { path, newPath: `${data}/z`, flags: 0 }), 'EACCES', path)
    t.is(await fs.ask('link', { path, newPath: `${data}/z` }), 'EACCES', path)
    t.is(await fs.ask('readlink', { path }), 'EACCES', path)
    t.is(await fs.ask('statfs', { path }), 'EACCES', path)
    t.is(await fs.ask('setattr', { path, follow: true, set: { mode: 0o777 } }), 'EACCES', path)
  }
  // Its own name belongs to the directory above it.
  t.is(await fs.ask('rmdir', { path: data }), 'EACCES')
  t.is(await fs.ask('rename', { path: data, newPath: `${data}/dir/x`, flags: 0 }), 'EACCES')
  t.is(await fs.ask('mkdir', { path: data, mode: 0o777 }), 'EEXIST')
})

everywhere('dots lead nowhere, and do not tell what is outside', async (t, { data, under }) => {
  const fs = under({ root: data })
  for (const tail of ['', '/', '/.', '/x', '/../data/a']) {
    const there = await fs.stat(`${data}/../outside/secret${tail}`)
    const missing = await fs.stat(`${data}/../outside/missing${tail}`)
    t.is(there, 'EACCES')
    t.is(missing, there)
  }
  t.is(await fs.stat(`${data}/../outside/kept/../../data/a`), 'EACCES')
  t.is(typeOf(await fs.stat(`${data}/../data/dir/./deep/../../a`)), 'ok')
  t.is(typeOf(await fs.stat(`${data}/dir//deep/`)), 'ok')
  t.is(await fs.stat(`${data}/a/`), 'ENOTDIR')
  t.is(await fs.stat(`${data}/a/..`), 'ENOTDIR')
  t.is(await fs.stat(''), 'ENOENT')
  t.is(await fs.stat(`${data}/${'x/'.repeat(3000)}`), 'ENAMETOOLONG')
})

everywhere('links are followed as long as they stay inside', async (t, { data, outside, ground, under }) => {
  const { fs: raw } = ground
  raw.symlinkSync('dir/b', `${data}/relative`)
  raw.symlinkSync(`${data}/dir`, `${data}/absolute`)
  raw.symlinkSync('../../outside/secret', `${data}/dir/escape`)
  raw.symlinkSync('../../outside/missing', `${data}/dir/dangling`)
  raw.symlinkSync(outside, `${data}/door`)
  raw.symlinkSync(`../outside/kept/../../data/a`, `${data}/roundabout`)
  raw.symlinkSync('loop', `${data}/loop`)
  const fs = under({ root: data })
  t.is(typeOf(await fs.stat(`${data}/relative`)), 'ok')
  t.is(typeOf(await fs.stat(`${data}/absolute/b`)), 'ok')
  t.is(await fs.opened(`${data}/absolute/b`, O_RDONLY), 'opened')
  t.is(await fs.list(`${data}/absolute`), 'b dangling deep escape')
  const resolved = await fs.ask('resolve', { path: `${data}/absolute/deep`, follow: true })
  t.is(typeof resolved === 'string' ? resolved : resolved.path, `${data}/dir/deep`)
  for (const path of ['dir/escape', 'dir/dangling', 'door', 'door/secret', 'door/missing', 'door/..', 'roundabout']) {
    t.is(await fs.stat(`${data}/${path}`), 'EACCES', path)
    t.is(await fs.opened(`${data}/${path}`, O_RDONLY), 'EACCES', path)
    t.is(await fs.opened(`${data}/${path}`, O_WRONLY | O_CREAT), 'EACCES', path)
  }
  // The links themselves are inside; their texts name what is not.
  t.is(typeOf(await fs.stat(`${data}/door`, false)), 'ok')
  t.is(await fs.ask('readlink', { path: `${data}/door` }), 'EACCES')
  t.is(await fs.ask('readlink', { path: `${data}/dir/dangling` }), 'EACCES')
  t.is(await fs.ask('readlink', { path: `${data}/roundabout` }), 'EACCES')
  t.is(await fs.ask('readlink', { path: `${data}/relative` }), 'dir/b')
  t.is(await fs.stat(`${data}/loop`), 'ELOOP')
  // Made and moved freely: what counts is where they lead when they are used.
  t.is(await fs.ask('symlink', { path: `${data}/made`, target: `${outside}/secret` }), undefined)
  t.is(await fs.stat(`${data}/made`), 'EACCES')
  // Some lowers rename what a link leads to, so that a link that leads outside stays where it is. memfs is such a lower.
  const moved = await fs.ask('rename', { path: `${data}/door`, newPath: `${data}/dir/door`, flags: 0 })
  t.is(moved, ground.name === 'host' ? undefined : 'EACCES')
  if (moved === undefined) {
    t.is(await fs.stat(`${data}/dir/door`), 'EACCES')
    t.is(await fs.ask('rename', { path: `${data}/dir/door`, newPath: `${data}/door`, flags: 0 }), undefined)
    t.is(await fs.ask('rename', { path: `${data}/relative`, newPath: `${data}/dir/relative`, flags: 0 }), undefined)
    t.is(await fs.stat(`${data}/dir/relative`), 'ENOENT')
  }
  t.is(await fs.ask('unlink', { path: `${data}/door` }), undefined)
})

everywhere('symlinks: deny refuses every path with a link in it', async (t, { data, ground, under }) => {
  ground.fs.symlinkSync('dir', `${data}/link`)
  const fs = under({ root: data, symlinks: 'deny' })
  t.is(typeOf(await fs.stat(`${data}/dir/b`)), 'ok')
  t.is(await fs.stat(`${data}/link/b`), 'EACCES')
  t.is(await fs.stat(`${data}/link`), 'EACCES')
  t.is(await fs.stat(`${data}/link`, false), 'EACCES')
  t.is(await fs.ask('unlink', { path: `${data}/link` }), 'EACCES')
})

everywhere('the last rule that matches decides', async (t, { data, under }) => {
  const fs = under({
    default: 'deny',
    rules: [
      { allow: ['read', 'list', 'stat'], paths: [`${data}/**`] },
      { allow: ['write', 'create', 'delete'], paths: [`${data}/out/**`] },
      { deny: ['*'], paths: ['**/.env'] },
    ],
  })
  t.is(await fs.opened(`${data}/a`, O_RDONLY), 'opened')
  t.is(await fs.opened(`${data}/a`, O_RDWR), 'EACCES')
  t.is(await fs.opened(`${data}/new`, O_WRONLY | O_CREAT), 'EACCES')
  t.is(await fs.opened(`${data}/new`, O_RDONLY | O_CREAT), 'EACCES')
  t.is(await fs.opened(`${data}/a`, O_RDONLY | O_TRUNC), 'EACCES')
  t.is(await fs.opened(`${data}/a`, O_RDONLY | O_CREAT), 'opened')
  t.is(await fs.opened(`${data}/out/new`, O_RDWR | O_CREAT), 'opened')
  t.is(await fs.opened(`${data}/.env`, O_RDONLY), 'EACCES')
  t.is(await fs.opened(`${data}/out/.env`, O_WRONLY | O_CREAT), 'EACCES')
  t.is(await fs.ask('access', { path: `${data}/a`, mask: 4 }), undefined)
  t.is(await fs.ask('access', { path: `${data}/a`, mask: 2 }), 'EACCES')
  t.is(await fs.ask('access', { path: `${data}/a`, mask: 1 }), 'EACCES')
  t.is(await fs.ask('access', { path: `${data}/out`, mask: 6 }), undefined)
  // Not by another name either: rename and link do not put a file under looser rules.
  t.is(await fs.ask('rename', { path: `${data}/a`, newPath: `${data}/out/a`, flags: 0 }), 'EACCES')
  t.is(await fs.ask('link', { path: `${data}/a`, newPath: `${data}/out/a` }), 'EACCES')
  t.is(await fs.ask('link', { path: `${data}/.env`, newPath: `${data}/out/e` }), 'EACCES')
  t.is(await fs.ask('rename', { path: `${data}/out/new`, newPath: `${data}/out/newer`, flags: 0 }), undefined)
  t.is(await fs.ask('link', { path: `${data}/out/newer`, newPath: `${data}/out/twin` }), undefined)
})

everywhere('a directory is not moved from under its rules', async (t, { data, ground, under }) => {
  ground.fs.mkdirSync(`${data}/dir/private`)
  const fs = under({
    rules: [
      { allow: ['*'], paths: [`${data}/**`] },
      { deny: ['read'], paths: [`${data}/dir/private/**`] },
      { deny: ['*'], paths: ['**/.env'] },
    ],
  })
  t.is(await fs.ask('rename', { path: `${data}/dir/private`, newPath: `${data}/public`, flags: 0 }), 'EACCES')
  t.is(await fs.ask('rename', { path: `${data}/dir`, newPath: `${data}/moved`, flags: 0 }), 'EACCES')
  // `**/.env` goes with it.
  t.is(await fs.ask('rename', { path: `${data}/dir/deep`, newPath: `${data}/deep`, flags: 0 }), undefined)
  t.is(await fs.ask('rename', { path: `${data}/deep`, newPath: `${data}/dir/private/deep`, flags: 0 }), undefined)
})

everywhere('write without create opens what is there, and create without write writes nothing', async (t, scene) => {
  const { data, under } = scene
  const write = under({ rules: [{ allow: ['read', 'write', 'stat', 'list'], paths: [`${data}/**`] }] })
  t.is(await write.opened(`${data}/a`, O_WRONLY | O_CREAT | O_TRUNC), 'opened')
  t.is(await write.opened(`${data}/new`, O_WRONLY | O_CREAT | O_TRUNC), 'EACCES')
  t.is(await write.opened(`${data}/a`, O_WRONLY | O_CREAT | O_EXCL), 'EACCES')
  t.is(await write.ask('mkdir', { path: `${data}/new`, mode: 0o777 }), 'EACCES')
  t.is(await write.ask('rename', { path: `${data}/a`, newPath: `${data}/b`, flags: 0 }), 'EACCES')
  const create = under({ rules: [{ allow: ['create', 'stat'], paths: [`${data}/**`] }] })
  t.is(await create.ask('mkdir', { path: `${data}/new`, mode: 0o777 }), undefined)
  t.is(await create.opened(`${data}/fresh`, O_WRONLY | O_CREAT | O_EXCL), 'EACCES')
  t.is(await create.opened(`${data}/a`, O_WRONLY | O_CREAT), 'EACCES')
  t.is(await create.ask('unlink', { path: `${data}/a` }), 'EACCES')
})

everywhere('an open file keeps what was granted, and no more', async (t, { data, under }) => {
  const fs = under({ root: data })
  const reading = await fs.open(`${data}/a`, O_RDONLY)
  const writing = await fs.open(`${data}/a`, O_RDWR)
  if (typeof reading === 'string' || typeof writing === 'string') return t.fail('not opened')
  const changes = [{ mode: 0o600 }, { uid: 0, gid: 0 }, { atime: 1, mtime: 1 }, { size: 0 }]
  for (const set of changes) {
    const on = (fd: number): Request<'setattr'> => ({ path: '', follow: true, fd, set })
    t.is(await fs.ask('setattr', on(reading)), 'EACCES')
    t.is(await fs.ask('setattr', on(writing)), undefined)
  }
  const named = { path: '', follow: true, fd: reading, name: 'user.x' }
  t.is(await fs.ask('setxattr', { ...named, value: Buffer.from('1'), flags: 0 }), 'EACCES')
  t.is(await fs.ask('removexattr', named), 'EACCES')
  t.is(await fs.ask('fallocate', { fd: reading, mode: 0, offset: 0, length: 1 }), 'EACCES')
  t.is(typeOf(await fs.ask('getattr', { path: '', follow: true, fd: reading, precise: false })), 'ok')
  const { files } = fs.asker.x
  const copy = { offset: 0, offsetOut: 0, length: 1 }
  const refused = { fd: writing, fdOut: reading, fileOut: files.get(reading), ...copy }
  t.is(await fs.ask('copy_file_range', refused), 'EACCES')
  await fs.ask('release', { fd: reading })
  await fs.ask('release', { fd: writing })
  t.is(await fs.ask('setattr', { path: '', follow: true, fd: writing, set: { mode: 0o777 } }), 'EBADF')
})

everywhere('descriptors that the stack did not open are refused', async (t, { outside, data, ground, under }) => {
  const fs = under({ root: data })
  const fd = ground.fs.openSync(`${outside}/secret`, 'r+')
  const buffer = Buffer.alloc(8)
  t.is(await fs.ask('read', { fd, buffer, offset: 0, length: 8, position: 0 }), 'EBADF')
  t.is(await fs.ask('getattr', { path: '', follow: true, fd, precise: false }), 'EBADF')
  t.is(await fs.ask('release', { fd }), 'EBADF')
  ground.fs.closeSync(fd)
})

everywhere('denied: ENOENT hides, in listings too', async (t, { data, outside, under }) => {
  const fs = under({ root: data, rules: [{ deny: ['*'], paths: ['**/.env', `${data}/dir/**`] }], denied: 'ENOENT' })
  t.is(await fs.list(data), 'a out')
  t.is(await fs.stat(`${data}/.env`), 'ENOENT')
  t.is(await fs.stat(outside), 'ENOENT')
  t.is(await fs.ask('unlink', { path: `${outside}/secret` }), 'ENOENT')
})

everywhere('what is denied inside does not tell whether it is there', async (t, { data, ground, under }) => {
  ground.fs.mkdirSync(`${data}/secrets/known`, { recursive: true })
  const fs = under({ root: data, rules: [{ deny: ['*'], paths: [`${data}/secrets/**`, '**/.env'] }] })
  for (const tail of ['', '/', '/x', '/../../a', '/..']) {
    t.is(await fs.stat(`${data}/secrets/known${tail}`), 'EACCES', tail)
    t.is(await fs.stat(`${data}/secrets/unknown${tail}`), 'EACCES', tail)
  }
  // `.env` is a file, `dir/.env` is not there: both are answered alike, on the way to a name that is allowed too.
  t.is(await fs.stat(`${data}/.env/x`), 'ENOENT')
  t.is(await fs.stat(`${data}/dir/.env/x`), 'ENOENT')
  t.is(await fs.stat(`${data}/.env`), 'EACCES')
  t.is(await fs.stat(`${data}/dir/.env`), 'EACCES')
})

everywhere(
  'the way to what is allowed may be looked up, not looked at',
  async (t, { data, outside, ground, under }) => {
    const fs = under({ rules: [{ allow: ['*'], paths: [`${data}/dir/**`] }] })
    t.is(typeOf(await fs.ask('lookup', { path: data })), 'ok')
    t.is(typeOf(await fs.ask('lookup', { path: '/' })), 'ok')
    t.is(typeOf(await fs.ask('resolve', { path: ground.root, follow: true })), 'ok')
    t.is(await fs.stat(data), 'EACCES')
    t.is(await fs.list(data), 'EACCES')
    t.is(await fs.ask('lookup', { path: `${data}/a` }), 'EACCES')
    t.is(await fs.ask('lookup', { path: outside }), 'EACCES')
    t.is(typeOf(await fs.ask('lookup', { path: `${data}/dir/b` })), 'ok')
  },
)

everywhere('rules may be about callers', async (t, { data, under }) => {
  const policy: Policy = {
    rules: [
      { allow: ['stat'], paths: [`${data}/**`] },
      { deny: ['*'], paths: [`${data}/a`], callers: { uid: [1000, 1001] } },
      { allow: ['*'], paths: [`${data}/a`], callers: { uid: 1001, name: 'trusted' } },
    ],
  }
  const as = (uid: number, name?: string) => under(policy, { uid, gid: 0, pid: 1, name })
  t.is(typeOf(await as(0).stat(`${data}/a`)), 'ok')
  t.is(await as(0).opened(`${data}/a`, O_RDONLY), 'EACCES')
  t.is(await as(1000).stat(`${data}/a`), 'EACCES')
  t.is(await as(1001).stat(`${data}/a`), 'EACCES')
  t.is(await as(1001, 'trusted').opened(`${data}/a`, O_RDWR), 'opened')
  t.is(await as(1000, 'trusted').stat(`${data}/a`), 'EACCES')
})

everywhere('one stack, several callers: no decision crosses over', async (t, { data, ground, under }) => {
  const one = under({ rules: [{ allow: ['*'], paths: [`${data}/**`], callers: { name: 'in' } }] })
  const { x, convention } = one.asker
  const as = (name: string) => new Tried(new Asker(x, convention, { uid: 0, gid: 0, pid: 1, name }))
  for (let round = 0; round < 3; round++) {
    t.is(typeOf(await as('in').stat(`${data}/a`)), 'ok')
    t.is(await as('out').stat(`${data}/a`), 'EACCES')
  }
  t.is(typeOf(ground.fs.statSync(`${data}/a`)), 'ok')
})

everywhere('no device nodes', async (t, { data, under }) => {
  const fs = under({ root: data })
  t.is(await fs.ask('mknod', { path: `${data}/sda`, mode: 0o060666, rdev: 0x800 }), 'EACCES')
  t.is(await fs.ask('mknod', { path: `${data}/mem`, mode: 0o020666, rdev: 0x101 }), 'EACCES')
  t.is(await fs.ask('mknod', { path: `${data}/../outside/f`, mode: 0o010666, rdev: 0 }), 'EACCES')
})

everywhere('watchers hear only of what may be seen', async (t, { data, outside, ground, under }) => {
  const fs = under({ root: data, rules: [{ deny: ['*'], paths: ['**/.env'] }] })
  const heard: (string | null)[] = []
  const sink = { change: (_type: string, name: string | null) => heard.push(name), error: () => t.fail() }
  const watch = (path: string) => fs.ask('watch', { path, recursive: false, persistent: false, sink })
  t.is(await watch(outside), 'EACCES')
  t.is(await watch(`${data}/.env`), 'EACCES')
  const live = await watch(data)
  if (typeof live === 'string') return t.fail(live)
  ground.fs.writeFileSync(`${data}/.env`, 'other')
  ground.fs.writeFileSync(`${data}/seen`, 'x')
  for (let k = 0; k < 200 && !heard.includes('seen'); k++) await new Promise((resolve) => setTimeout(resolve, 10))
  live.close()
  t.true(heard.includes('seen'))
  t.false(heard.includes('.env'))
})
