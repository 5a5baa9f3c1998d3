import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { makeArena } from '../../lib/native/arena.js'
import {
  AT_EACCESS,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  makeAt,
  makedev,
  O_CLOEXEC,
  O_PATH,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  UTIME_NOW,
  UTIME_OMIT,
} from '../../lib/native/index.js'
import { type Sys, sys } from '../../lib/native/sys.js'
import { calls, errno, ok, rootOnly, test } from './support.js'

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW } = constants

const directory = (path: string): number => openSync(path, O_RDONLY | O_DIRECTORY)

test('openat beneath a directory, closed on exec', (t, dir) => {
  const at = directory(dir)
  const fd = ok(calls.openat(at, 'file', O_WRONLY | O_CREAT | O_EXCL, 0o640))
  writeSync(fd, 'text')
  t.is(readFileSync(join(dir, 'file'), 'utf8'), 'text')
  t.is(statSync(join(dir, 'file')).mode & 0o777, 0o640 & ~process.umask())
  const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? ''
  t.is(Number.parseInt(flags, 8) & O_CLOEXEC, O_CLOEXEC)
  t.is(calls.openat(at, 'file', O_WRONLY | O_CREAT | O_EXCL, 0o640), -errno.EEXIST)
  t.is(calls.openat(at, 'none', O_RDONLY, 0), -errno.ENOENT)
  t.is(calls.openat(fd, 'below', O_RDONLY, 0), -errno.ENOTDIR)
  closeSync(fd)
  closeSync(at)
})

test('openat2: what RESOLVE_* refuses', (t, dir) => {
  mkdirSync(join(dir, 'in'))
  writeFileSync(join(dir, 'in', 'file'), 'in')
  symlinkSync('file', join(dir, 'in', 'link'))
  symlinkSync('/etc', join(dir, 'in', 'out'))
  symlinkSync('../..', join(dir, 'in', 'up'))
  symlinkSync('/file', join(dir, 'in', 'rooted'))
  const at = directory(join(dir, 'in'))
  const open = (path: string, resolve: number): number => {
    const fd = calls.openat2(at, path, O_RDONLY, 0, resolve)
    if (fd >= 0) closeSync(fd)
    return Math.min(fd, 0)
  }
  t.is(open('link', 0), 0)
  t.is(open('link', RESOLVE_BENEATH), 0)
  t.is(open('link', RESOLVE_NO_SYMLINKS), -errno.ELOOP)
  t.is(open('out', 0), 0)
  t.is(open('out', RESOLVE_BENEATH), -errno.EXDEV)
  t.is(open('up', RESOLVE_BENEATH), -errno.EXDEV)
  t.is(open('..', RESOLVE_BENEATH), -errno.EXDEV)
  t.is(open('/etc', RESOLVE_BENEATH), -errno.EXDEV)
  t.is(open('../../../file', RESOLVE_IN_ROOT), 0)
  t.is(open('rooted', RESOLVE_IN_ROOT), 0)
  t.is(open('out', RESOLVE_IN_ROOT), -errno.ENOENT)
  t.is(open(`/proc/self/fd/${at}`, RESOLVE_NO_MAGICLINKS), -errno.ELOOP)
  t.is(open('/proc/self', RESOLVE_NO_XDEV), -errno.EXDEV)
  t.is(open('file', 1 << 20), -errno.EINVAL)
  const fd = ok(calls.openat2(at, 'new', O_WRONLY | O_CREAT, 0o600, RESOLVE_BENEATH))
  t.is(fstatSync(fd).mode & 0o777, 0o600)
  closeSync(fd)
  closeSync(at)
})

test('renameat2', (t, dir) => {
  const [a, b] = [join(dir, 'a'), join(dir, 'b')]
  writeFileSync(a, 'a')
  writeFileSync(b, 'b')
  t.is(calls.renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_NOREPLACE), -errno.EEXIST)
  t.is(calls.renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE), 0)
  t.is(readFileSync(a, 'utf8'), 'b')
  t.is(calls.renameat2(AT_FDCWD, a, AT_FDCWD, join(dir, 'c'), RENAME_EXCHANGE), -errno.ENOENT)
  const at = directory(dir)
  t.is(calls.renameat2(at, 'a', at, 'c', RENAME_NOREPLACE), 0)
  t.is(calls.renameat2(at, 'b', at, 'c', 0), 0)
  t.deepEqual(readdirSync(dir), ['c'])
  closeSync(at)
})

test('utimensat: nanoseconds, before the epoch, NOW and OMIT, links', (t, dir) => {
  const path = join(dir, 'file')
  writeFileSync(path, '')
  const times = (p = path) => {
    const { atimeNs, mtimeNs } = lstatSync(p, { bigint: true })
    return [atimeNs, mtimeNs]
  }
  t.is(calls.utimensat(AT_FDCWD, path, 1_600_000_000, 123_456_789, -5, 999_999_999, 0), 0)
  t.deepEqual(times(), [1_600_000_000_123_456_789n, -4_000_000_001n])
  t.is(calls.utimensat(AT_FDCWD, path, 0, UTIME_OMIT, 7, 8, 0), 0)
  t.deepEqual(times(), [1_600_000_000_123_456_789n, 7_000_000_008n])
  const before = BigInt(Date.now() - 1000) * 1_000_000n
  t.is(calls.utimensat(AT_FDCWD, path, 0, UTIME_NOW, 0, UTIME_OMIT, 0), 0)
  t.true((times()[0] ?? 0n) > before)
  t.is(calls.utimensat(AT_FDCWD, path, 0, 1_000_000_000, 0, 0, 0), -errno.EINVAL)
  const fd = openSync(path, 'r')
  t.is(calls.futimens(fd, 1, 2, 2 ** 33, 4), 0)
  t.deepEqual(times(), [1_000_000_002n, 2n ** 33n * 1_000_000_000n + 4n])
  closeSync(fd)
  const link = join(dir, 'link')
  symlinkSync('file', link)
  lutimesSync(link, 1, 1)
  t.is(calls.utimensat(AT_FDCWD, link, 3, 4, 5, 6, AT_SYMLINK_NOFOLLOW), 0)
  t.deepEqual(times(link), [3_000_000_004n, 5_000_000_006n])
  t.deepEqual(times()[0], 1_000_000_002n)
})

test('directories, links, names that are no UTF-8', (t, dir) => {
  const at = directory(dir)
  t.is(calls.mkdirat(at, 'sub', 0o711), 0)
  t.is(statSync(join(dir, 'sub')).mode & 0o777, 0o711 & ~process.umask())
  t.is(calls.mkdirat(at, 'sub', 0o711), -errno.EEXIST)
  t.is(calls.symlinkat('some/where\udcff', at, 'link'), 0)
  t.deepEqual(readlinkSync(join(dir, 'link'), 'buffer'), Buffer.from('some/where\xff', 'latin1'))
  t.is(calls.readlinkat(at, 'link'), 'some/where\udcff')
  const link = ok(calls.openat(at, 'link', O_PATH | O_NOFOLLOW, 0))
  t.is(calls.readlinkat(link, ''), 'some/where\udcff')
  closeSync(link)
  t.is(calls.readlinkat(at, 'sub'), -errno.EINVAL)
  t.is(calls.unlinkat(at, 'sub', 0), -errno.EISDIR)
  t.is(calls.unlinkat(at, 'sub', AT_REMOVEDIR), 0)
  t.is(calls.unlinkat(at, 'link', 0), 0)

  const raw = Buffer.from([0x66, 0xff, 0xc3])
  closeSync(ok(calls.openat(at, raw, O_RDWR | O_CREAT, 0o600)))
  t.deepEqual(readdirSync(dir, 'buffer'), [raw])
  t.is(calls.linkat(at, 'f\udcff\udcc3', at, 'plain', 0), 0)
  t.is(statSync(join(dir, 'plain')).nlink, 2)
  t.is(calls.unlinkat(at, raw, 0), 0)
  t.deepEqual(readdirSync(dir), ['plain'])
  t.is(calls.unlinkat(at, Buffer.from('plain\0x'), 0), -errno.EINVAL)
  t.is(calls.linkat(at, 'plain', at, 'x'.repeat(256), 0), -errno.ENAMETOOLONG)
  t.is(calls.linkat(at, 'plain', at, '€'.repeat(2000), 0), -errno.ENAMETOOLONG)
  closeSync(at)
})

test('a link to a symbolic link, or to what it names', (t, dir) => {
  writeFileSync(join(dir, 'file'), '')
  symlinkSync('file', join(dir, 'link'))
  const at = directory(dir)
  t.is(calls.linkat(at, 'link', at, 'hard', 0), 0)
  t.true(lstatSync(join(dir, 'hard')).isSymbolicLink())
  t.is(calls.linkat(at, 'link', at, 'followed', AT_SYMLINK_FOLLOW), 0)
  t.true(lstatSync(join(dir, 'followed')).isFile())
  closeSync(at)
})

test('a file without a name gets one', (t, dir) => {
  const fd = calls.tmpfile(AT_FDCWD, dir, O_RDWR, 0o644)
  // Not every filesystem has them.
  if (fd === -errno.EOPNOTSUPP) {
    t.pass()
    return
  }
  ok(fd)
  writeSync(fd, 'hidden')
  t.is(fstatSync(fd).nlink, 0)
  t.deepEqual(readdirSync(dir), [])
  const at = directory(dir)
  t.is(calls.linkfd(fd, at, 'shown'), 0)
  t.is(calls.linkfd(fd, at, 'shown'), -errno.EEXIST)
  t.is(readFileSync(join(dir, 'shown'), 'utf8'), 'hidden')
  closeSync(at)
  closeSync(fd)
})

test('mknodat: fifos, and devices for root', (t, dir) => {
  const fifo = join(dir, 'fifo')
  t.is(calls.mknodat(AT_FDCWD, fifo, constants.S_IFIFO | 0o600, 0), 0)
  t.true(statSync(fifo).isFIFO())
  t.is(calls.mknodat(AT_FDCWD, fifo, constants.S_IFIFO | 0o600, 0), -errno.EEXIST)
  const device = join(dir, 'null')
  const made = calls.mknodat(AT_FDCWD, device, constants.S_IFCHR | 0o600, makedev(1, 3))
  t.is(makedev(259, 70000), ((70000 & 0xff) | (259 << 8) | (Math.floor(70000 / 256) << 20)) >>> 0)
  if (process.getuid?.() !== 0) {
    t.is(made, -errno.EPERM)
    return
  }
  t.is(made, 0)
  t.true(statSync(device).isCharacterDevice())
  t.is(statSync(device).rdev, statSync('/dev/null').rdev)
})

test('fchmodat does not follow a link where it is told not to', (t, dir) => {
  const path = join(dir, 'file')
  writeFileSync(path, '')
  const link = join(dir, 'link')
  symlinkSync('file', link)
  const mode = () => statSync(path).mode & 0o7777
  const checks = ({ fchmodat }: typeof calls | ReturnType<typeof makeAt>): void => {
    t.is(fchmodat(AT_FDCWD, link, 0o600, 0), 0)
    t.is(mode(), 0o600)
    t.is(fchmodat(AT_FDCWD, path, 0o640, AT_SYMLINK_NOFOLLOW), 0)
    t.is(mode(), 0o640)
    t.is(fchmodat(AT_FDCWD, link, 0o777, AT_SYMLINK_NOFOLLOW), -errno.EOPNOTSUPP)
    t.is(mode(), 0o640)
    const fd = openSync(path, O_PATH)
    t.is(fchmodat(fd, '', 0o604, AT_EMPTY_PATH), 0)
    t.is(mode(), 0o604)
    closeSync(fd)
    t.is(fchmodat(AT_FDCWD, join(dir, 'none'), 0o600, AT_SYMLINK_NOFOLLOW), -errno.ENOENT)
  }
  const open = readdirSync('/proc/self/fd').length
  checks(calls)
  // As on a kernel without fchmodat2.
  const old = sys() as Sys
  const of4: Sys['of4'] = (name) => (name === 'fchmodat2' ? () => -errno.ENOSYS : old.of4(name))
  checks(makeAt({ ...old, of4 }, makeArena(old)))
  t.is(readdirSync('/proc/self/fd').length, open)
})

test('faccessat2', (t, dir) => {
  symlinkSync('nowhere', join(dir, 'link'))
  t.is(calls.faccessat2(AT_FDCWD, dir, constants.R_OK | constants.W_OK, 0), 0)
  t.is(calls.faccessat2(AT_FDCWD, dir, constants.R_OK, AT_EACCESS), 0)
  t.is(calls.faccessat2(AT_FDCWD, join(dir, 'link'), constants.F_OK, 0), -errno.ENOENT)
  t.is(calls.faccessat2(AT_FDCWD, join(dir, 'link'), constants.F_OK, AT_SYMLINK_NOFOLLOW), 0)
})

rootOnly('fchownat', (t, dir) => {
  const path = join(dir, 'file')
  writeFileSync(path, '')
  symlinkSync('file', join(dir, 'link'))
  t.is(calls.fchownat(AT_FDCWD, path, 1234, -1, 0), 0)
  t.is(statSync(path).uid, 1234)
  t.is(statSync(path).gid, 0)
  t.is(calls.fchownat(AT_FDCWD, join(dir, 'link'), 77, 78, AT_SYMLINK_NOFOLLOW), 0)
  t.is(lstatSync(join(dir, 'link')).gid, 78)
  t.is(statSync(path).uid, 1234)
})

test('node:fs finds what was made, and the other way round', (t, dir) => {
  const at = directory(dir)
  closeSync(ok(calls.openat(at, 'é', O_WRONLY | O_CREAT, 0o600)))
  renameSync(join(dir, 'é'), join(dir, 'ö'))
  t.is(calls.faccessat2(at, 'é', 0, 0), -errno.ENOENT)
  t.is(calls.faccessat2(at, 'ö', 0, 0), 0)
  t.true(existsSync(join(dir, 'ö')))
  closeSync(at)
})
