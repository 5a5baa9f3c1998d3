/** Opcodes that node:fs has no function for, as system calls. Where there is no koffi, their common errors. */
import type { Lower, LowerOp } from '../../lower.js'
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, type Native, O_CLOEXEC, UTIME_OMIT } from '../../native/index.js'
import type { Op, Reply, Request } from '../../op.js'
import { encodePath } from '../../path-bytes.js'
import { Failed } from '../../verdict.js'
import { originalFs } from '../original-fs.js'
import { replied, succeeded, system } from './system.js'

const EIO = Failed.of('EIO')

/** A call that does not wait for long: also for callers that are called back, but later. */
const made = <O extends Op>(
  perform: (sys: Native, req: Request<O>) => Reply<O> | Failed,
  without: LowerOp<O>,
): LowerOp<O> => ({
  sync(req, cx) {
    const sys = system()
    return sys === undefined ? without.sync(req, cx) : perform(sys, req)
  },
  async(req, done, cx) {
    const sys = system()
    if (sys === undefined) without.async(req, done, cx)
    else setImmediate(done, null, perform(sys, req))
  },
})

type NativeOp =
  | 'getxattr'
  | 'setxattr'
  | 'listxattr'
  | 'removexattr'
  | 'fallocate'
  | 'lseek'
  | 'syncfs'
  | 'tmpfile'
  | 'mknod'
  | 'link'
  | 'rename'
  | 'copy_file_range'
  | 'setattr'

/** So much at once: it blocks the thread. */
const COPY_MAX = 64 << 20

/** @param plain what node:fs alone makes of the same opcodes */
export const nativeOps = (plain: Lower['ops']): Pick<Lower['ops'], NativeOp> => {
  const rename = made<'rename'>(
    (sys, req) => succeeded(sys.renameat2(AT_FDCWD, req.path, AT_FDCWD, req.newPath, req.flags)),
    plain.rename,
  )
  const linkFd = made<'link'>(
    (sys, { fd, newPath }) => succeeded(sys.linkfd(fd as number, AT_FDCWD, newPath)),
    plain.link,
  )
  const times = made<'setattr'>(setTimes, plain.setattr)
  return {
    getxattr: made<'getxattr'>((sys, { fd, path, name, follow }) => {
      if (fd !== undefined) return replied(sys.fgetxattr(fd, name))
      return replied(follow ? sys.getxattr(path, name) : sys.lgetxattr(path, name))
    }, plain.getxattr),
    setxattr: made<'setxattr'>((sys, { fd, path, name, value, flags, follow }) => {
      if (fd !== undefined) return succeeded(sys.fsetxattr(fd, name, value, flags))
      return succeeded(follow ? sys.setxattr(path, name, value, flags) : sys.lsetxattr(path, name, value, flags))
    }, plain.setxattr),
    listxattr: made<'listxattr'>((sys, { fd, path, follow }) => {
      if (fd !== undefined) return replied(sys.flistxattr(fd))
      return replied(follow ? sys.listxattr(path) : sys.llistxattr(path))
    }, plain.listxattr),
    removexattr: made<'removexattr'>((sys, { fd, path, name, follow }) => {
      if (fd !== undefined) return succeeded(sys.fremovexattr(fd, name))
      return succeeded(follow ? sys.removexattr(path, name) : sys.lremovexattr(path, name))
    }, plain.removexattr),
    fallocate: made<'fallocate'>(
      (sys, { fd, mode, offset, length }) => succeeded(sys.fallocate(fd, mode, offset, length)),
      plain.fallocate,
    ),
    lseek: made<'lseek'>((sys, { fd, offset, whence }) => replied(sys.lseek(fd, offset, whence)), plain.lseek),
    syncfs: made<'syncfs'>((sys, { path }) => {
      let fd: number
      try {
        fd = originalFs.openSync(encodePath(path), O_CLOEXEC)
      } catch {
        return EIO
      }
      const out = succeeded(sys.syncfs(fd))
      originalFs.closeSync(fd)
      return out
    }, plain.syncfs),
    tmpfile: made<'tmpfile'>(
      (sys, { path, flags, mode }) => replied(sys.tmpfile(AT_FDCWD, path, flags | O_CLOEXEC, mode)),
      plain.tmpfile,
    ),
    mknod: made<'mknod'>(
      (sys, { path, mode, rdev }) => succeeded(sys.mknodat(AT_FDCWD, path, mode, rdev)),
      plain.mknod,
    ),
    copy_file_range: made<'copy_file_range'>(
      (sys, { fd, offset, fdOut, offsetOut, length }) =>
        replied(sys.copy_file_range(fd, offset, fdOut, offsetOut, Math.min(length, COPY_MAX))),
      plain.copy_file_range,
    ),
    link: {
      sync: (req, cx) => (req.fd === undefined ? plain.link : linkFd).sync(req, cx),
      async: (req, done, cx) => (req.fd === undefined ? plain.link : linkFd).async(req, done, cx),
    },
    // Without flags, node:fs has it, off the main thread.
    rename: {
      sync: (req, cx) => (req.flags === 0 ? plain.rename : rename).sync(req, cx),
      async: (req, done, cx) => (req.flags === 0 ? plain.rename : rename).async(req, done, cx),
    },
    // utimes() knows no nanoseconds, and no single time.
    setattr: {
      sync: (req, cx) => (wantsNative(req) ? times : plain.setattr).sync(req, cx),
      async: (req, done, cx) => (wantsNative(req) ? times : plain.setattr).async(req, done, cx),
    },
  }
}

const wantsNative = ({ set }: Request<'setattr'>): boolean => {
  const { size, mode, uid, gid, atime, mtime, atimeNs, mtimeNs } = set
  const onlyTimes = size === undefined && mode === undefined && uid === undefined && gid === undefined
  if (!onlyTimes) return false
  const precise = atimeNs !== undefined || mtimeNs !== undefined
  return precise || (atime === undefined) !== (mtime === undefined)
}

/** Seconds and nanoseconds, or UTIME_OMIT. */
const timespec = (seconds: number | undefined, ns: bigint | undefined): readonly [number, number] => {
  if (ns !== undefined) {
    const rest = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
    return [Number((ns - rest) / 1_000_000_000n), Number(rest)]
  }
  if (seconds === undefined) return [0, UTIME_OMIT]
  const whole = Math.floor(seconds)
  return [whole, Math.min(Math.floor((seconds - whole) * 1e6) * 1000, 999_999_000)]
}

const setTimes = (sys: Native, req: Request<'setattr'>): undefined | Failed => {
  const { set, fd, path, follow } = req
  const [atime, atimensec] = timespec(set.atime, set.atimeNs)
  const [mtime, mtimensec] = timespec(set.mtime, set.mtimeNs)
  if (fd !== undefined) return succeeded(sys.futimens(fd, atime, atimensec, mtime, mtimensec))
  const flags = follow ? 0 : AT_SYMLINK_NOFOLLOW
  return succeeded(sys.utimensat(AT_FDCWD, path, atime, atimensec, mtime, mtimensec, flags))
}
