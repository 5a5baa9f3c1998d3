/** A union's opcodes on open files, and those that may be on either. */
import type { Asking } from '../../extension.js'
import { O_ACCMODE, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_TMPFILE, O_TRUNC } from '../../flags.js'
import type { Lower, LowerOp } from '../../lower.js'
import type { Op, Request } from '../../op.js'
import { Failed } from '../../verdict.js'
import { type Steps, steps } from '../steps.js'
import { canonical, type Found, type Members, on } from './members.js'
import { bare, change, dots, EROFS, existing, isDir, place } from './place.js'

const EBADF = Failed.of('EBADF')
const EINVAL = Failed.of('EINVAL')
const EEXIST = Failed.of('EEXIST')
const EISDIR = Failed.of('EISDIR')
const ENOTDIR = Failed.of('ENOTDIR')
const COPY_CHUNK = 1 << 20

type FdOp = 'read' | 'write' | 'fsync' | 'fallocate' | 'lseek'
type EitherOp = 'getattr' | 'setattr' | 'getxattr' | 'setxattr' | 'listxattr' | 'removexattr'
type FileOp = FdOp | EitherOp | 'open' | 'create' | 'tmpfile' | 'release' | 'copy_file_range'

/** Straight to the member that opened the file. */
const onFile = <O extends FdOp>(m: Members, op: O): LowerOp<O> => {
  const ops = m.lowers.map((lower) => lower.ops[op] as unknown as LowerOp<O>)
  return {
    sync(req, cx) {
      const file = m.files.get(req.fd)
      if (file === undefined) return EBADF
      return (ops[file.member] as LowerOp<O>).sync({ ...req, fd: file.fd, file: undefined }, cx)
    },
    async(req, done, cx) {
      const file = m.files.get(req.fd)
      if (file === undefined) done(null, EBADF)
      else (ops[file.member] as LowerOp<O>).async({ ...req, fd: file.fd, file: undefined }, done, cx)
    },
  }
}

/** On a name or on an open file. */
const onEither = <O extends EitherOp>(m: Members, op: O, changes: boolean): LowerOp<O> =>
  steps<O>(m.ask, function* (req): Steps<O> {
    if (req.fd !== undefined) {
      const file = m.files.get(req.fd)
      if (file === undefined) return EBADF
      if (changes && file.member !== m.writable) return EROFS
      return yield* on(file.member, op, { ...req, fd: file.fd, file: undefined } as Request<O>)
    }
    const { path, found } = yield* existing(req, req.follow)
    if (changes && found.member !== m.writable) return EROFS
    return yield* on(found.member, op, { ...req, ...canonical(path) } as Request<O>)
  })

export const unionFileOps = (m: Members): Pick<Lower['ops'], FileOp> => {
  const op = <O extends Op>(run: (req: Request<O>) => Steps<O>) => steps<O>(m.ask, run)

  function* openFound(path: string, found: Found, flags: number, mode: number): Asking<number> {
    const writes = (flags & O_ACCMODE) !== 0 || (flags & O_TRUNC) !== 0
    if (writes && isDir(found)) throw EISDIR
    if (writes && found.member !== m.writable) throw EROFS
    const fd = yield* on(found.member, 'open', { ...canonical(path), flags, mode })
    return m.files.add({ member: found.member, fd })
  }
  function* tmpfile({ path: given, dentry, flags, mode }: Request<'tmpfile'>): Asking<number> {
    const { path, found } = yield* existing({ path: given, dentry }, true)
    if (!isDir(found)) throw ENOTDIR
    // As if it had a name in there.
    const fd = yield* change(m, 'tmpfile', `${path === '/' ? '' : path}/`, { ...canonical(path), flags, mode })
    return m.files.add({ member: m.writable, fd })
  }

  /** A dangling link that asks for a directory. */
  function* endsInSlash({ member }: Found, path: string): Asking<boolean> {
    return (yield* on(member, 'readlink', canonical(path))).endsWith('/')
  }

  return {
    open: op<'open'>(function* (req) {
      const { flags, mode } = req
      if ((flags & O_TMPFILE) !== 0) return yield* tmpfile(req)
      const { path, found } = yield* existing(req, (flags & O_NOFOLLOW) === 0)
      return yield* openFound(path, found, flags, mode)
    }),
    create: op<'create'>(function* (req) {
      const { flags, mode } = req
      if ((flags & O_DIRECTORY) !== 0) return EINVAL
      const exclusive = (flags & O_EXCL) !== 0
      const named = yield* bare(req)
      // A file is to be made: a slash is wrong, whatever is there.
      if (named.slash && dots(req.path) === undefined) return EISDIR
      const { path, found } = yield* place(req, (flags & O_NOFOLLOW) === 0 && !exclusive)
      if (found !== undefined) {
        if (exclusive) return EEXIST
        if (isDir(found)) return EISDIR
        return yield* openFound(path, found, flags & ~O_CREAT, mode)
      }
      if (named.found !== undefined && (yield* endsInSlash(named.found, named.path))) return EISDIR
      const fd = yield* change(m, 'create', path, { ...canonical(path), flags, mode })
      return m.files.add({ member: m.writable, fd })
    }),
    tmpfile: op<'tmpfile'>(tmpfile),
    release: op<'release'>(function* ({ fd }) {
      const file = m.files.remove(fd)
      return file === undefined ? EBADF : yield* on(file.member, 'release', { fd: file.fd })
    }),

    read: onFile(m, 'read'),
    write: onFile(m, 'write'),
    fsync: onFile(m, 'fsync'),
    fallocate: onFile(m, 'fallocate'),
    lseek: onFile(m, 'lseek'),

    getattr: onEither(m, 'getattr', false),
    setattr: onEither(m, 'setattr', true),
    getxattr: onEither(m, 'getxattr', false),
    listxattr: onEither(m, 'listxattr', false),
    setxattr: onEither(m, 'setxattr', true),
    removexattr: onEither(m, 'removexattr', true),

    copy_file_range: op<'copy_file_range'>(function* (req) {
      const from = m.files.get(req.fd)
      const to = m.files.get(req.fdOut)
      if (from === undefined || to === undefined) return EBADF
      const { offset, offsetOut } = req
      if (from.member === to.member) {
        const inside = { fd: from.fd, fdOut: to.fd, offset, offsetOut, length: req.length }
        return yield* on(from.member, 'copy_file_range', inside)
      }
      const buffer = Buffer.allocUnsafe(Math.min(req.length, COPY_CHUNK))
      const part = { fd: from.fd, buffer, offset: 0, length: buffer.length, position: offset }
      const length = yield* on(from.member, 'read', part)
      if (length === 0) return 0
      return yield* on(to.member, 'write', { fd: to.fd, buffer, offset: 0, length, position: offsetOut })
    }),
  }
}
