/** Opcodes that are one call of a node-fs-shaped object, or a few. */
import type { Op, Request } from '../../op.js'
import { encodePath } from '../../path-bytes.js'
import { Failed } from '../../verdict.js'
import type { AnyFs, Mapped, Mapping } from './calls.js'
import { nameOf, nothing, toEntries, toPrecise, toStats } from './replies.js'

const S_IFMT = 0o170000
const S_IFREG = 0o100000

const EINVAL = Failed.of('EINVAL')
const ENOSYS = Failed.of('ENOSYS')
const ENOTSUP = Failed.of('ENOTSUP')
const EPERM = Failed.of('EPERM')

const TYPED = { withFileTypes: true }
const PRECISE = { bigint: true }

type Mappings = { readonly [O in Op]?: Mapping<O> }

const stat = (req: Request<'getattr'>): Mapped => {
  const { precise, fd, follow } = req
  const fn = fd !== undefined ? 'fstat' : follow ? 'stat' : 'lstat'
  const target = fd ?? encodePath(req.path)
  return precise ? { fn, args: [target, PRECISE], from: toPrecise } : { fn, args: [target], from: toStats }
}

/** Seconds as utimes() takes them: there a negative number means now, where a string or a Date means what it says. */
export const givenTime = (seconds: number): number | string | Date => {
  if (seconds >= 0 && seconds !== Number.POSITIVE_INFINITY) return seconds
  return Number.isNaN(seconds) ? new Date(Number.NaN) : String(seconds)
}

/** The call that sets both times; EINVAL where only one is given. */
export const timesOf = (req: Request<'setattr'>): Mapped | Failed => {
  const { set, fd, follow } = req
  const { atimeNs, mtimeNs } = set
  const atime = set.atime ?? (atimeNs === undefined ? undefined : Number(atimeNs) / 1e9)
  const mtime = set.mtime ?? (mtimeNs === undefined ? undefined : Number(mtimeNs) / 1e9)
  if (atime === undefined || mtime === undefined) return EINVAL
  const fn = fd !== undefined ? 'futimes' : follow ? 'utimes' : 'lutimes'
  return { fn, args: [fd ?? encodePath(req.path), givenTime(atime), givenTime(mtime)], from: nothing }
}

/** What is called for the attributes but the times: size first, since chown may take set-id bits away. */
export const attributesOf = (req: Request<'setattr'>): Mapped[] | Failed => {
  const { set, fd, follow } = req
  const target = fd ?? encodePath(req.path)
  const prefix = fd !== undefined ? 'f' : ''
  const calls: Mapped[] = []
  if (set.size !== undefined) {
    if (fd === undefined && !follow) return EINVAL
    calls.push({ fn: `${prefix}truncate`, args: [target, set.size], from: nothing })
  }
  if (set.uid !== undefined || set.gid !== undefined) {
    const fn = fd === undefined && !follow ? 'lchown' : `${prefix}chown`
    calls.push({ fn, args: [target, set.uid ?? -1, set.gid ?? -1], from: nothing })
  }
  if (set.mode !== undefined) {
    // Linux has no modes on symbolic links.
    if (fd === undefined && !follow) return ENOTSUP
    calls.push({ fn: `${prefix}chmod`, args: [target, set.mode], from: nothing })
  }
  return calls
}

const attributes = (req: Request<'setattr'>): readonly Mapped[] | Failed => {
  const calls = attributesOf(req)
  if (calls instanceof Failed) return calls
  const { atime, mtime, atimeNs, mtimeNs } = req.set
  if ((atime ?? mtime ?? atimeNs ?? mtimeNs) === undefined) return calls
  const times = timesOf(req)
  return times instanceof Failed ? times : [...calls, times]
}

/** A new regular file is an exclusive create; mknod(2) says EPERM for what a filesystem has no nodes of. */
const mknod = ({ path, mode }: Request<'mknod'>): Mapped | Failed => {
  const type = mode & S_IFMT
  if (type !== 0 && type !== S_IFREG) return EPERM
  return {
    fn: 'writeFile',
    args: [encodePath(path), '', { mode: mode & ~S_IFMT, flag: 'wx' }],
    from: nothing,
  }
}

type XattrRequest = Request<'listxattr'>
const xattr = (fn: string, req: XattrRequest, ...rest: unknown[]): Mapped => {
  const prefix = req.fd !== undefined ? 'f' : req.follow ? '' : 'l'
  return { fn: `${prefix}${fn}`, args: [req.fd ?? encodePath(req.path), ...rest] }
}

export const mappings = (fs: AnyFs): Mappings => {
  // Another copy of plyfs has them; nothing else does.
  const hasXattr = typeof fs.getxattr === 'function'
  const onXattr =
    <O extends Op>(map: (req: Request<O>) => Mapped): Mapping<O> =>
    (req) =>
      hasXattr ? map(req) : ENOTSUP
  const datasync = typeof fs.fdatasyncSync === 'function' || typeof fs.fdatasync === 'function'
  return {
    lookup: ({ path }) => ({ fn: 'lstat', args: [encodePath(path)], from: toStats }),
    getattr: stat,
    setattr: attributes,
    readlink: ({ path }) => ({ fn: 'readlink', args: [encodePath(path)], from: nameOf }),
    symlink: ({ path, target }) => ({ fn: 'symlink', args: [encodePath(target), encodePath(path)], from: nothing }),
    mknod,
    mkdir: ({ path, mode }) => ({ fn: 'mkdir', args: [encodePath(path), mode], from: nothing }),
    unlink: ({ path }) => ({ fn: 'unlink', args: [encodePath(path)], from: nothing }),
    rmdir: ({ path }) => ({ fn: 'rmdir', args: [encodePath(path)], from: nothing }),
    link: ({ path, newPath }) => ({ fn: 'link', args: [encodePath(path), encodePath(newPath)], from: nothing }),
    open: ({ path, flags, mode }) => ({ fn: 'open', args: [encodePath(path), flags, mode] }),
    create: ({ path, flags, mode }) => ({ fn: 'open', args: [encodePath(path), flags, mode] }),
    read: ({ fd, buffer, offset, length, position }) => ({ fn: 'read', args: [fd, buffer, offset, length, position] }),
    write: ({ fd, buffer, offset, length, position }) => ({
      fn: 'write',
      args: [fd, buffer, offset, length, position],
    }),
    statfs: ({ path }) => ({ fn: 'statfs', args: [encodePath(path)] }),
    release: ({ fd }) => ({ fn: 'close', args: [fd], from: nothing }),
    fsync: (req) => ({ fn: req.datasync && datasync ? 'fdatasync' : 'fsync', args: [req.fd], from: nothing }),
    getxattr: onXattr<'getxattr'>((req) => xattr('getxattr', req, req.name)),
    setxattr: onXattr<'setxattr'>((req) => xattr('setxattr', req, req.name, req.value, req.flags)),
    listxattr: onXattr<'listxattr'>((req) => xattr('listxattr', req)),
    removexattr: onXattr<'removexattr'>((req) => xattr('removexattr', req, req.name)),
    access: ({ path, mask }) => ({ fn: 'access', args: [encodePath(path), mask], from: nothing }),
    rename: ({ path, newPath, flags }) =>
      flags === 0 ? { fn: 'rename', args: [encodePath(path), encodePath(newPath)], from: nothing } : EINVAL,
    opendir: ({ path }) => ({ fn: 'readdir', args: [encodePath(path)], from: nothing }),
    readdir: ({ path }) => ({ fn: 'readdir', args: [encodePath(path), TYPED], from: toEntries }),
    fallocate: () => ENOTSUP,
    syncfs: () => ENOSYS,
    tmpfile: () => ENOTSUP,
  }
}
