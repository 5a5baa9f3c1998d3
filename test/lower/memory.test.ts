import { constants } from 'node:fs'
import test from 'ava'
import { createFsFromVolume, Volume } from 'memfs'
import { processCaller } from '../../lib/context.js'
import { memory } from '../../lib/lower/index.js'
import { memoryLower } from '../../lib/lower/memory.js'
import type { Reply } from '../../lib/op.js'
import { withCaller } from '../../lib/plyfs.js'
import { Failed } from '../../lib/verdict.js'

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

test('the volume stays its owner’s, both ways', (t) => {
  const volume = Volume.fromJSON({ '/a/b': 'from memfs' })
  const owner = createFsFromVolume(volume)
  const fs = memory(volume)
  t.is(fs.readFileSync('/a/b', 'utf8'), 'from memfs')
  fs.writeFileSync('/a/c', 'from plyfs')
  t.is(owner.readFileSync('/a/c', 'utf8'), 'from plyfs')
  t.deepEqual(volume.toJSON(), { '/a/b': 'from memfs', '/a/c': 'from plyfs' })
  fs.renameSync('/a', '/z')
  t.is(owner.readFileSync('/z/b', 'utf8'), 'from memfs')
  t.is(memory(owner).readFileSync('/z/c', 'utf8'), 'from plyfs')
  t.throws(() => memory({} as never), { instanceOf: TypeError, message: /Volume of memfs/ })
})

test('open files: access, append, position, life after unlink', (t) => {
  const fs = memory()
  fs.writeFileSync('/f', 'hello')
  const reader = fs.openSync('/f', 'r')
  const writer = fs.openSync('/f', 'a')
  t.is(
    codeOf(() => fs.writeSync(reader, 'x')),
    'EBADF',
  )
  t.is(
    codeOf(() => fs.readSync(writer, Buffer.alloc(1))),
    'EBADF',
  )
  t.is(
    codeOf(() => fs.ftruncateSync(reader, 1)),
    'EINVAL',
  )
  fs.writeSync(writer, 'XX', 0)
  t.is(fs.readFileSync('/f', 'utf8'), 'helloXX')
  const { ino } = fs.statSync('/f')
  fs.unlinkSync('/f')
  t.is(fs.fstatSync(reader).nlink, 0)
  t.is(fs.readFileSync(reader, 'utf8'), 'helloXX')
  fs.writeFileSync('/g', '')
  t.not(fs.statSync('/g').ino, ino)
  fs.closeSync(reader)
  fs.closeSync(writer)
  t.is(
    codeOf(() => fs.fstatSync(reader)),
    'EBADF',
  )
  const directory = fs.openSync('/', 'r')
  t.is(
    codeOf(() => fs.readSync(directory, Buffer.alloc(1))),
    'EISDIR',
  )
})

test('times have microseconds, and move as on Linux', (t) => {
  const fs = memory()
  fs.mkdirSync('/d')
  fs.utimesSync('/d', 1.5, 2.123456789)
  t.is(fs.statSync('/d', { bigint: true }).mtimeNs, 2_123_456_000n)
  t.is(fs.statSync('/d').mtimeMs, 2123.456)
  const before = Date.now()
  fs.writeFileSync('/d/f', 'x')
  const { mtimeMs, atimeMs } = fs.statSync('/d')
  t.true(mtimeMs >= before)
  t.is(atimeMs, 1500)
  fs.readdirSync('/d')
  fs.utimesSync('/d/f', 5, 1)
  fs.readFileSync('/d/f')
  t.true(fs.statSync('/d/f').atimeMs >= before)
})

test('a caller that is not root meets owners and permission bits', (t) => {
  const root = memory()
  root.mkdirSync('/closed', 0o555)
  root.writeFileSync('/closed/f', 'x')
  root.mkdirSync('/sticky')
  root.chmodSync('/sticky', 0o1777)
  root.writeFileSync('/sticky/f', 'x')
  root.mkdirSync('/hidden')
  root.writeFileSync('/hidden/f', 'x')
  root.chmodSync('/hidden', 0o700)
  root.writeFileSync('/none', 'x')
  root.chmodSync('/none', 0)
  t.is(root.readFileSync('/none', 'utf8'), 'x')
  const user = withCaller(root, { uid: 1000, gid: 1000 })
  t.is(
    codeOf(() => user.unlinkSync('/closed/f')),
    'EACCES',
  )
  t.is(
    codeOf(() => user.writeFileSync('/closed/g', '')),
    'EACCES',
  )
  t.is(
    codeOf(() => user.unlinkSync('/sticky/f')),
    'EPERM',
  )
  t.is(
    codeOf(() => user.renameSync('/sticky/f', '/sticky/g')),
    'EPERM',
  )
  t.is(
    codeOf(() => user.statSync('/hidden/f')),
    'EACCES',
  )
  t.is(
    codeOf(() => user.readFileSync('/none')),
    'EACCES',
  )
  t.is(
    codeOf(() => user.accessSync('/none', constants.R_OK)),
    'EACCES',
  )
  t.is(
    codeOf(() => user.chownSync('/sticky/f', 1000, 1000)),
    'EPERM',
  )
  t.is(
    codeOf(() => user.chmodSync('/sticky/f', 0o777)),
    'EPERM',
  )
  t.is(
    codeOf(() => user.utimesSync('/sticky/f', 1, 1)),
    'EPERM',
  )
  user.writeFileSync('/sticky/own', 'x')
  const { uid, gid } = root.statSync('/sticky/own')
  t.deepEqual({ uid, gid }, { uid: 1000, gid: 1000 })
  user.unlinkSync('/sticky/own')
})

test('limits: bytes, files, the size of one file', (t) => {
  const fs = memory(undefined, { maxBytes: 10_000, maxFiles: 4, maxFileBytes: 1e12 })
  fs.writeFileSync('/a', Buffer.alloc(8000))
  t.is(
    codeOf(() => fs.writeFileSync('/b', Buffer.alloc(3000))),
    'ENOSPC',
  )
  t.is(fs.statSync('/b').size, 2000)
  fs.unlinkSync('/a')
  fs.writeFileSync('/b', Buffer.alloc(9000))
  fs.mkdirSync('/c')
  fs.mkdirSync('/d')
  t.is(
    codeOf(() => fs.mkdirSync('/e')),
    'ENOSPC',
  )
  t.is(
    codeOf(() => fs.truncateSync('/b', 2e12)),
    'EFBIG',
  )
  t.throws(() => memory(undefined, { maxBytes: 'x' as never }), { instanceOf: TypeError, message: /maxBytes/ })
})

test('a hole costs nothing', (t) => {
  const volume = new Volume()
  const fs = memory(volume, { maxBytes: 1 << 20 })
  fs.writeFileSync('/f', 'begin')
  fs.truncateSync('/f', 1e12)
  const fd = fs.openSync('/f', 'r+')
  fs.writeSync(fd, 'end', 5e11)
  const bytes = Buffer.alloc(8, 1)
  t.is(fs.readSync(fd, bytes, 0, 8, 3), 8)
  t.is(bytes.toString(), 'in\0\0\0\0\0\0')
  t.is(fs.readSync(fd, bytes, 0, 8, 5e11 - 2), 8)
  t.is(bytes.toString(), '\0\0end\0\0\0')
  const { size, blocks } = fs.statSync('/f')
  t.is(size, 1e12)
  t.true(blocks * 512 < 1 << 20)
  t.is(volume.statSync('/f').size, 1e12)
  fs.ftruncateSync(fd, 5)
  t.is(volume.readFileSync('/f', 'utf8'), 'begin')
})

const ask = <T>(out: T | Failed): T => {
  if (out instanceof Failed) throw Object.assign(new Error(out.errno), { code: out.errno })
  return out
}

test('fallocate, lseek, copy_file_range, tmpfile, mknod', (t) => {
  const { ops } = memoryLower()
  const open = (path: string): number =>
    ask(ops.create.sync({ path, flags: constants.O_CREAT | constants.O_RDWR, mode: 0o600 }))
  const size = (fd: number): Reply<'getattr'> => ask(ops.getattr.sync({ path: '', fd, follow: true, precise: false }))
  const fd = open('/f')
  ask(ops.fallocate.sync({ fd, mode: 0, offset: 0, length: 4 << 20 }))
  t.is(size(fd).size, 4 << 20)
  ask(ops.fallocate.sync({ fd, mode: 1, offset: 4 << 20, length: 100 }))
  t.is(size(fd).size, 4 << 20)
  ask(ops.write.sync({ fd, buffer: Buffer.from('data'), offset: 0, length: 4, position: 3 << 20 }))
  ask(ops.fallocate.sync({ fd, mode: 3, offset: 0, length: 3 << 20 }))
  t.is(ops.lseek.sync({ fd, offset: 0, whence: 3 }), 3 << 20)
  t.is(ops.lseek.sync({ fd, offset: 0, whence: 4 }), 0)
  t.is(ops.lseek.sync({ fd, offset: 5 << 20, whence: 3 }), Failed.of('ENXIO'))
  const out = open('/g')
  t.is(ops.copy_file_range.sync({ fd, offset: 3 << 20, fdOut: out, offsetOut: 1, length: 4 }), 4)
  t.is(size(out).size, 5)
  t.is(ops.copy_file_range.sync({ fd, offset: 0, fdOut: fd, offsetOut: 1, length: 4 }), Failed.of('EINVAL'))
  const unnamed = ask(ops.tmpfile.sync({ path: '/', flags: constants.O_RDWR, mode: 0o600 }))
  t.is(size(unnamed).nlink, 0)
  t.deepEqual(
    ask(ops.readdir.sync({ path: '/' })).map(({ name }) => name),
    ['f', 'g'],
  )
  ask(ops.mknod.sync({ path: '/pipe', mode: 0o010644, rdev: 0 }))
  t.is(ask(ops.lookup.sync({ path: '/pipe' })).isFIFO(), true)
  t.is(ops.open.sync({ path: '/pipe', flags: 0, mode: 0 }), Failed.of('ENXIO'))
  const user = { caller: { ...processCaller(), uid: 1000, gid: 1000 }, epoch: 0, depth: 0 }
  t.is(ops.mknod.sync({ path: '/tty', mode: 0o020644, rdev: 5 }, user), Failed.of('EPERM'))
})

test('rename: exchange, no replace, and two names of one file', (t) => {
  const { ops } = memoryLower()
  const fs = (path: string) => ask(ops.lookup.sync({ path }))
  ask(ops.mkdir.sync({ path: '/d', mode: 0o755 }))
  ask(ops.mkdir.sync({ path: '/d/in', mode: 0o755 }))
  ask(ops.release.sync({ fd: ask(ops.create.sync({ path: '/f', flags: constants.O_CREAT, mode: 0o644 })) }))
  t.is(ops.rename.sync({ path: '/f', newPath: '/d', flags: 1 }), Failed.of('EEXIST'))
  ask(ops.rename.sync({ path: '/f', newPath: '/d', flags: 2 }))
  t.true(fs('/d').isFile())
  t.true(fs('/f/in').isDirectory())
  t.is(ops.rename.sync({ path: '/f', newPath: '/f/in', flags: 2 }), Failed.of('EINVAL'))
  ask(ops.link.sync({ path: '/d', newPath: '/e' }))
  ask(ops.rename.sync({ path: '/d', newPath: '/e', flags: 0 }))
  t.is(fs('/d').nlink, 2)
})

test('a resolved request follows no link', (t) => {
  const { ops } = memoryLower()
  ask(ops.symlink.sync({ path: '/l', target: '/' }))
  const dentry = { path: '/l/x', exists: true, isLink: false }
  t.is(ops.lookup.sync({ path: '/l/l', dentry }), Failed.of('ELOOP'))
  t.is(ops.getattr.sync({ path: '/l', dentry, follow: true, precise: false }), Failed.of('ELOOP'))
  t.true(ask(ops.lookup.sync({ path: '/l', dentry })).isSymbolicLink())
  t.is(ask(ops.resolve.sync({ path: '/l/l/nope', follow: true })).path, '/nope')
})

test('extended attributes: namespaces, limits, flags, hard links', (t) => {
  const fs = memory()
  const { ops } = memoryLower()
  fs.writeFileSync('/f', '')
  fs.linkSync('/f', '/g')
  fs.setxattrSync('/f', 'user.a', Buffer.from('1'))
  t.is(fs.getxattrSync('/g', 'user.a').toString(), '1')
  fs.setxattrSync('/f', 'trusted.b', Buffer.from('2'))
  t.deepEqual(fs.listxattrSync('/g'), ['user.a', 'trusted.b'])
  const user = withCaller(fs, { uid: 1000, gid: 1000 })
  t.deepEqual(user.listxattrSync('/g'), ['user.a'])
  t.is(
    codeOf(() => user.getxattrSync('/f', 'trusted.b')),
    'ENODATA',
  )
  t.is(
    codeOf(() => user.setxattrSync('/f', 'user.a', Buffer.from('x'))),
    'EACCES',
  )
  t.is(
    codeOf(() => fs.getxattrSync('/f', 'user.none')),
    'ENODATA',
  )
  t.is(
    codeOf(() => fs.setxattrSync('/f', 'odd.a', Buffer.alloc(0))),
    'ENOTSUP',
  )
  ask(ops.mkdir.sync({ path: '/d', mode: 0o755 }))
  const set = (name: string, size: number, flags: number) =>
    ops.setxattr.sync({ path: '/d', follow: true, name, value: Buffer.alloc(size), flags })
  t.is(set('user.a', 65537, 0), Failed.of('E2BIG'))
  t.is(set(`user.${'a'.repeat(251)}`, 1, 0), Failed.of('ERANGE'))
  t.is(set('user.a', 1, 2), Failed.of('ENODATA'))
  t.is(set('user.a', 1, 1), undefined)
  t.is(set('user.a', 1, 1), Failed.of('EEXIST'))
  fs.symlinkSync('f', '/l')
  t.is(
    codeOf(() => fs.lsetxattrSync('/l', 'user.a', Buffer.alloc(1))),
    'EPERM',
  )
})

test('names that are no UTF-8 survive', (t) => {
  const fs = memory()
  const name = Buffer.from([0x2f, 0x66, 0xff, 0x80])
  fs.writeFileSync(name, 'x')
  t.deepEqual(fs.readdirSync('/', 'buffer'), [name.subarray(1)])
  t.is(fs.readFileSync(name, 'utf8'), 'x')
})

test('answers come after the turn, every tick and every settled promise', async (t) => {
  const fs = memory()
  const order: string[] = []
  await new Promise<void>((resolve) => {
    fs.stat('/', () => {
      order.push('stat')
      resolve()
    })
    process.nextTick(() => order.push('tick'))
    void Promise.resolve().then(() => order.push('promise'))
    order.push('turn')
  })
  t.deepEqual([order.length, order.at(-1)], [4, 'stat'])
})

test('watchers hear what inotify would say, also of what the owner does', async (t) => {
  const volume = new Volume()
  const fs = memory(volume)
  fs.mkdirSync('/d/sub', { recursive: true })
  const heard: string[] = []
  const { ops } = memoryLower(volume)
  const sink = { change: (type: string, name: string | null) => heard.push(`${type} ${name}`), error: t.fail }
  const watcher = ask(ops.watch.sync({ path: '/d', recursive: true, persistent: false, sink }))
  fs.writeFileSync('/d/f', 'x')
  volume.writeFileSync('/d/sub/g', '')
  fs.renameSync('/d/f', '/d/h')
  fs.unlinkSync('/d/h')
  t.deepEqual(heard, [])
  await new Promise((resolve) => setImmediate(resolve))
  t.deepEqual(heard, ['rename f', 'change f', 'rename sub/g', 'rename f', 'rename h'])
  watcher.close()
  fs.writeFileSync('/d/late', '')
  await new Promise((resolve) => setImmediate(resolve))
  t.is(heard.length, 5)
})

test('a watcher hears of a directory’s mode as of a rename, and of a file’s as of a change', async (t) => {
  const fs = memory()
  fs.mkdirSync('/d/sub', { recursive: true })
  fs.writeFileSync('/d/f', '')
  const heard: string[] = []
  const watcher = fs.watch('/d', (type, name) => heard.push(`${type} ${name}`))
  for (const path of ['/d', '/d/sub', '/d/f']) fs.chmodSync(path, 0o700)
  await new Promise((resolve) => setImmediate(resolve))
  watcher.close()
  t.deepEqual(heard, ['rename d', 'rename sub', 'change f'])
})

test('what a caller that is not root may not do to another’s file', (t) => {
  const root = memory()
  root.mkdirSync('/d')
  root.chmodSync('/d', 0o1777)
  for (const [name, mode] of [
    ['open', 0o666],
    ['setuid', 0o4777],
    ['closed', 0o644],
  ] as const) {
    root.writeFileSync(`/d/${name}`, 'x')
    root.chmodSync(`/d/${name}`, mode)
  }
  const user = withCaller(root, { uid: 1000, gid: 1000 })
  user.writeFileSync('/d/own', 'own')
  const refused = {
    link: codeOf(() => user.linkSync('/d/setuid', '/d/l')),
    'link of a closed one': codeOf(() => user.linkSync('/d/closed', '/d/l')),
    'link of an open one': codeOf(() => user.linkSync('/d/open', '/d/l')),
    O_NOATIME: codeOf(() => user.openSync('/d/open', constants.O_RDONLY | 0o1000000)),
    'chown to the same group': codeOf(() => user.chownSync('/d/open', -1, 0)),
    'chown to nobody, of set-id bits': codeOf(() => user.chownSync('/d/setuid', -1, -1)),
    'copyFile that would change its mode': codeOf(() => user.copyFileSync('/d/own', '/d/open')),
  }
  t.deepEqual(refused, {
    link: 'EPERM',
    'link of a closed one': 'EPERM',
    'link of an open one': undefined,
    O_NOATIME: 'EPERM',
    'chown to the same group': 'EPERM',
    'chown to nobody, of set-id bits': 'EPERM',
    'copyFile that would change its mode': 'EPERM',
  })
})
