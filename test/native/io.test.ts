import { spawn } from 'node:child_process'
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_HOLE,
  SEEK_SET,
  STATX_BASIC_STATS,
  STATX_BTIME,
  STATX_MNT_ID,
} from '../../lib/native/index.js'
import { calls, errno, ok, test } from './support.js'

test('lseek finds data and holes past 4 GiB', (t, dir) => {
  const fd = openSync(join(dir, 'sparse'), 'w+')
  const far = 5 * 2 ** 32
  writeSync(fd, 'data', far)
  ftruncateSync(fd, far + 2 ** 20)
  t.is(calls.lseek(fd, 0, SEEK_DATA), far)
  t.is(calls.lseek(fd, 0, SEEK_HOLE), 0)
  t.is(calls.lseek(fd, far, SEEK_HOLE), far + 4096)
  t.is(calls.lseek(fd, BigInt(far) + 100_000n, SEEK_DATA), -errno.ENXIO)
  t.is(calls.lseek(fd, far + 2 ** 21, SEEK_HOLE), -errno.ENXIO)
  t.is(calls.lseek(fd, 0, SEEK_END), far + 2 ** 20)
  t.is(calls.lseek(fd, -4, SEEK_CUR), far + 2 ** 20 - 4)
  t.is(calls.lseek(fd, -1, SEEK_SET), -errno.EINVAL)
  t.is(calls.lseek(fd, 0, 99), -errno.EINVAL)
  closeSync(fd)
  t.is(calls.lseek(fd, 0, SEEK_SET), -errno.EBADF)
})

test('fallocate keeps the size or not, and punches holes', (t, dir) => {
  const fd = openSync(join(dir, 'file'), 'w+')
  t.is(calls.fallocate(fd, 0, 0, 65536), 0)
  t.is(fstatSync(fd).size, 65536)
  t.is(calls.fallocate(fd, FALLOC_FL_KEEP_SIZE, 65536, 65536), 0)
  t.is(fstatSync(fd).size, 65536)
  writeSync(fd, Buffer.alloc(65536, 1), 0, 65536, 0)
  t.is(calls.fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 4096, 8192), 0)
  t.is(calls.lseek(fd, 0, SEEK_HOLE), 4096)
  t.is(calls.lseek(fd, 4096, SEEK_DATA), 12288)
  t.is(calls.fallocate(fd, 0, 0, 0), -errno.EINVAL)
  closeSync(fd)
})

test('copy_file_range, at given offsets and at the files’ own', (t, dir) => {
  writeFileSync(join(dir, 'from'), 'abcdefghij')
  const from = openSync(join(dir, 'from'), 'r')
  const to = openSync(join(dir, 'to'), 'w+')
  t.is(calls.copy_file_range(from, 2, to, 3n, 4), 4)
  t.is(readFileSync(join(dir, 'to'), 'latin1'), '\0\0\0cdef')
  t.is(calls.copy_file_range(from, 8, to, 0, 100), 2)
  t.is(calls.copy_file_range(from, 10, to, 0, 100), 0)
  t.is(calls.copy_file_range(from, null, to, null, 3), 3)
  const next = Buffer.alloc(2)
  readSync(from, next, 0, 2, null)
  t.is(next.toString(), 'de')
  t.is(readFileSync(join(dir, 'to'), 'latin1'), 'abccdef')
  t.is(calls.copy_file_range(to, 0, from, 0, 1), -errno.EBADF)
  closeSync(from)
  closeSync(to)
})

test('flock excludes another open file', (t, dir) => {
  const path = join(dir, 'lock')
  const first = openSync(path, 'w')
  const second = openSync(path, 'r')
  t.is(calls.flock(first, LOCK_EX), 0)
  t.is(calls.flock(second, LOCK_SH | LOCK_NB), -errno.EWOULDBLOCK)
  t.is(calls.flock(first, LOCK_UN), 0)
  t.is(calls.flock(second, LOCK_SH | LOCK_NB), 0)
  t.is(calls.syncfs(first), 0)
  closeSync(first)
  closeSync(second)
})

test('statx agrees with node:fs', (t, dir) => {
  const path = join(dir, 'file')
  writeFileSync(path, 'x'.repeat(5000))
  symlinkSync('file', join(dir, 'link'))
  calls.utimensat(AT_FDCWD, path, -10, 5, 1_600_000_000, 7, 0)
  const compare = (at: number, name: string, flags: number, node = lstatSync(path, { bigint: true })) => {
    const x = ok(calls.statx(at, name, flags, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID))
    const ns = (seconds: number, nanoseconds: number) => BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
    t.deepEqual(
      {
        dev: (x.dev_major << 8) | x.dev_minor,
        ino: x.ino,
        mode: x.mode,
        nlink: x.nlink,
        uid: x.uid,
        gid: x.gid,
        size: x.size,
        blocks: x.blocks,
        blksize: x.blksize,
        atimeNs: ns(x.atime, x.atimensec),
        mtimeNs: ns(x.mtime, x.mtimensec),
        ctimeNs: ns(x.ctime, x.ctimensec),
      },
      {
        dev: Number(node.dev),
        ino: node.ino,
        mode: Number(node.mode),
        nlink: Number(node.nlink),
        uid: Number(node.uid),
        gid: Number(node.gid),
        size: node.size,
        blocks: node.blocks,
        blksize: Number(node.blksize),
        atimeNs: node.atimeNs,
        mtimeNs: node.mtimeNs,
        ctimeNs: node.ctimeNs,
      },
    )
    if ((x.mask & STATX_BTIME) !== 0) t.is(ns(x.btime, x.btimensec), node.birthtimeNs)
    if ((x.mask & STATX_MNT_ID) !== 0) t.true(x.mnt_id > 0n)
    return x
  }
  t.is(compare(AT_FDCWD, path, 0).atime, -10)
  t.is(compare(AT_FDCWD, join(dir, 'link'), 0).size, 5000n)
  const link = lstatSync(join(dir, 'link'), { bigint: true })
  t.is(compare(AT_FDCWD, join(dir, 'link'), AT_SYMLINK_NOFOLLOW, link).size, 4n)
  const fd = openSync(path, 'r')
  compare(fd, '', AT_EMPTY_PATH)
  closeSync(fd)
  const device = ok(calls.statx(AT_FDCWD, '/dev/null', 0, STATX_BASIC_STATS))
  t.is((device.rdev_major << 8) | device.rdev_minor, statSync('/dev/null').rdev)
  t.is(calls.statx(AT_FDCWD, join(dir, 'none'), 0, STATX_BASIC_STATS), -errno.ENOENT)
})

test('without koffi, or elsewhere, there is nothing', async (t) => {
  // A resolver that knows no koffi, and a platform that is not Linux: both in a process of their own.
  const script = `
    import Module from 'node:module'
    const find = Module._resolveFilename
    Module._resolveFilename = function (name, ...rest) {
      if (name === 'koffi' && process.argv[1] === 'none') throw Object.assign(new Error('no koffi'), { code: 'MODULE_NOT_FOUND' })
      return find.call(this, name, ...rest)
    }
    if (process.argv[1] === 'elsewhere') Object.defineProperty(process, 'platform', { value: 'darwin' })
    const { native } = await import(${JSON.stringify(new URL('../../lib/native/index.ts', import.meta.url).href)})
    console.log(native() === undefined ? 'undefined' : 'found')
  `
  const loader = new URL('../../scripts/ts-loader.mjs', import.meta.url).href
  const run = (how: string) =>
    new Promise<string>((resolve) => {
      const child = spawn(process.execPath, [`--import=${loader}`, '--input-type=module', '-e', script, how])
      let out = ''
      child.stdout.on('data', (data) => {
        out += data
      })
      child.on('close', () => resolve(out.trim()))
    })
  t.deepEqual(await Promise.all(['with', 'none', 'elsewhere'].map(run)), ['found', 'undefined', 'undefined'])
})
