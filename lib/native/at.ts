/**
 * Calls on a name beneath an open directory, and those that take flags which node:fs does not pass. `dirfd` is
 * AT_FDCWD or a directory's fd; an absolute path ignores it. Unless said otherwise: 0, or a negative errno.
 */
import { closeSync, constants as fs } from 'node:fs'
import { constants as os } from 'node:os'
import { decodePath } from '../path-bytes.js'
import { type Arena, PATH_MAX, type PathArg } from './arena.js'
import type { Sys } from './sys.js'

/** linux/fcntl.h */
export const AT_FDCWD = -100
export const AT_SYMLINK_NOFOLLOW = 0x100
export const AT_REMOVEDIR = 0x200
export const AT_EACCESS = 0x200
export const AT_SYMLINK_FOLLOW = 0x400
export const AT_NO_AUTOMOUNT = 0x800
export const AT_EMPTY_PATH = 0x1000

/** asm-generic/fcntl.h; what differs from one processor to another is taken from node:fs. */
export const O_CLOEXEC = 0o2000000
export const O_PATH = 0o10000000
export const O_TMPFILE = 0o20000000 | fs.O_DIRECTORY

/** linux/openat2.h, for `resolve`. */
export const RESOLVE_NO_XDEV = 0x01
export const RESOLVE_NO_MAGICLINKS = 0x02
export const RESOLVE_NO_SYMLINKS = 0x04
export const RESOLVE_BENEATH = 0x08
export const RESOLVE_IN_ROOT = 0x10
export const RESOLVE_CACHED = 0x20

/** linux/fs.h, for renameat2. */
export const RENAME_NOREPLACE = 1
export const RENAME_EXCHANGE = 2
export const RENAME_WHITEOUT = 4

/** linux/stat.h, in the place of nanoseconds. */
export const UTIME_NOW = 0x3fffffff
export const UTIME_OMIT = 0x3ffffffe

export interface At {
  /** openat(2): an fd. O_CLOEXEC is added, as libuv does. */
  openat(dirfd: number, path: PathArg, flags: number, mode: number): number
  /**
   * openat2(2): an fd; O_CLOEXEC is added. ELOOP where RESOLVE_NO_SYMLINKS met a link, EXDEV where the path would leave
   * (RESOLVE_BENEATH, RESOLVE_NO_XDEV), EAGAIN where a rename raced `..` (ask again), ENOSYS before Linux 5.6.
   */
  openat2(dirfd: number, path: PathArg, flags: number, mode: number, resolve: number): number
  /** renameat2(2). EINVAL where the filesystem does not know the flag. */
  renameat2(olddirfd: number, oldpath: PathArg, newdirfd: number, newpath: PathArg, flags: number): number
  /** linkat(2). `flags`: AT_SYMLINK_FOLLOW, AT_EMPTY_PATH. */
  linkat(olddirfd: number, oldpath: PathArg, newdirfd: number, newpath: PathArg, flags: number): number
  /** open(2) with O_TMPFILE: the fd of a file without a name. EOPNOTSUPP or EISDIR where there is no such thing. */
  tmpfile(dirfd: number, directory: PathArg, flags: number, mode: number): number
  /** Gives an open file (from `tmpfile`) a name, through /proc/self/fd. EEXIST where the name is taken. */
  linkfd(fd: number, newdirfd: number, newpath: PathArg): number
  mkdirat(dirfd: number, path: PathArg, mode: number): number
  /** mknod(2). `mode` with the S_IF* type; `rdev` as makedev(3) packs it (see `makedev`). */
  mknodat(dirfd: number, path: PathArg, mode: number, rdev: number): number
  symlinkat(target: PathArg, dirfd: number, path: PathArg): number
  /** readlink(2): the target. With an empty path, `dirfd` is the link itself (O_PATH | O_NOFOLLOW). */
  readlinkat(dirfd: number, path: PathArg): string | number
  /** unlink(2), or rmdir(2) with AT_REMOVEDIR. */
  unlinkat(dirfd: number, path: PathArg, flags: number): number
  /** chown(2); -1 keeps an id. `flags`: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. */
  fchownat(dirfd: number, path: PathArg, uid: number, gid: number, flags: number): number
  /**
   * chmod(2). `flags`: AT_SYMLINK_NOFOLLOW (EOPNOTSUPP for a symbolic link: it has no mode), AT_EMPTY_PATH. Where there
   * is no fchmodat2 (before Linux 6.6), through /proc/self/fd.
   */
  fchmodat(dirfd: number, path: PathArg, mode: number, flags: number): number
  /** access(2). `flags`: AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH (Linux 5.8, else ENOSYS). */
  faccessat2(dirfd: number, path: PathArg, mask: number, flags: number): number
  /** utimensat(2): seconds and nanoseconds since the epoch; UTIME_NOW or UTIME_OMIT in the place of nanoseconds. */
  utimensat(
    dirfd: number,
    path: PathArg,
    atime: number,
    atimensec: number,
    mtime: number,
    mtimensec: number,
    flags: number,
  ): number
  /** The same on an open file. */
  futimens(fd: number, atime: number, atimensec: number, mtime: number, mtimensec: number): number
}

/** A device number as Linux packs it in 32 bits (new_encode_dev): 12 bits of major, 20 of minor. */
export const makedev = (major: number, minor: number): number =>
  ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0

const { ENOSYS, EOPNOTSUPP } = os.errno

export const makeAt = (sys: Sys, arena: Arena): At => {
  const { view, bytes, path: slot, path2: slot2, struct } = arena
  const put = (path: PathArg): number => arena.put(slot, path)
  const put2 = (path: PathArg): number => arena.put(slot2, path)

  const openat = sys.of4('openat')
  const openat2 = sys.of4('openat2')
  const renameat2 = sys.of5('renameat2')
  const linkat = sys.of5('linkat')
  const mkdirat = sys.of3('mkdirat')
  const mknodat = sys.of4('mknodat')
  const symlinkat = sys.of3('symlinkat')
  const readlinkat = sys.of4('readlinkat')
  const unlinkat = sys.of3('unlinkat')
  const fchownat = sys.of5('fchownat')
  const fchmodat = sys.of3('fchmodat')
  const fchmodat2 = sys.of4('fchmodat2')
  const faccessat = sys.of3('faccessat')
  const faccessat2 = sys.of4('faccessat2')
  const utimensat = sys.of4('utimensat')

  const putI64 = (at: number, value: number): void => {
    view.setInt32(at + 4, Math.floor(value / 2 ** 32), true)
    view.setUint32(at, value, true)
  }
  /** struct timespec[2] */
  const putTimes = (atime: number, atimensec: number, mtime: number, mtimensec: number): void => {
    putI64(struct.at, atime)
    putI64(struct.at + 8, atimensec)
    putI64(struct.at + 16, mtime)
    putI64(struct.at + 24, mtimensec)
  }

  /** fchmodat2 without fchmodat2, on what `slot` names: the fd pins the file, so that no link can take its place. */
  const chmodByFd = (dirfd: number, mode: number, flags: number): number => {
    if ((flags & AT_EMPTY_PATH) !== 0 && bytes[slot.at] === 0) {
      return put(`/proc/self/fd/${dirfd}`) || fchmodat(AT_FDCWD, slot.address, mode)
    }
    const nofollow = (flags & AT_SYMLINK_NOFOLLOW) === 0 ? 0 : fs.O_NOFOLLOW
    const fd = openat(dirfd, slot.address, O_PATH | O_CLOEXEC | nofollow, 0)
    if (fd < 0) return fd
    put('')
    const isLink = readlinkat(fd, slot.address, slot2.address, PATH_MAX) >= 0
    const done = isLink ? -EOPNOTSUPP : put(`/proc/self/fd/${fd}`) || fchmodat(AT_FDCWD, slot.address, mode)
    closeSync(fd)
    return done
  }

  return {
    openat: (dirfd, path, flags, mode) => put(path) || openat(dirfd, slot.address, flags | O_CLOEXEC, mode),
    openat2: (dirfd, path, flags, mode, resolve) => {
      // struct open_how { u64 flags, mode, resolve }. A mode without O_CREAT or O_TMPFILE is EINVAL here.
      putI64(struct.at, flags | O_CLOEXEC)
      putI64(struct.at + 8, mode)
      putI64(struct.at + 16, resolve)
      return put(path) || openat2(dirfd, slot.address, struct.address, 24)
    },
    renameat2: (olddirfd, oldpath, newdirfd, newpath, flags) =>
      put(oldpath) || put2(newpath) || renameat2(olddirfd, slot.address, newdirfd, slot2.address, flags),
    linkat: (olddirfd, oldpath, newdirfd, newpath, flags) =>
      put(oldpath) || put2(newpath) || linkat(olddirfd, slot.address, newdirfd, slot2.address, flags),
    tmpfile: (dirfd, directory, flags, mode) =>
      put(directory) || openat(dirfd, slot.address, flags | O_TMPFILE | O_CLOEXEC, mode),
    linkfd: (fd, newdirfd, newpath) =>
      // Not AT_EMPTY_PATH: that one wants CAP_DAC_READ_SEARCH.
      put(`/proc/self/fd/${fd}`) ||
      put2(newpath) ||
      linkat(AT_FDCWD, slot.address, newdirfd, slot2.address, AT_SYMLINK_FOLLOW),
    mkdirat: (dirfd, path, mode) => put(path) || mkdirat(dirfd, slot.address, mode),
    mknodat: (dirfd, path, mode, rdev) => put(path) || mknodat(dirfd, slot.address, mode, rdev),
    symlinkat: (target, dirfd, path) => put(target) || put2(path) || symlinkat(slot.address, dirfd, slot2.address),
    readlinkat: (dirfd, path) => {
      const failed = put(path)
      if (failed < 0) return failed
      const length = readlinkat(dirfd, slot.address, slot2.address, PATH_MAX)
      return length < 0 ? length : decodePath(bytes, slot2.at, slot2.at + length)
    },
    unlinkat: (dirfd, path, flags) => put(path) || unlinkat(dirfd, slot.address, flags),
    fchownat: (dirfd, path, uid, gid, flags) => put(path) || fchownat(dirfd, slot.address, uid, gid, flags),
    fchmodat: (dirfd, path, mode, flags) => {
      const failed = put(path)
      if (failed < 0) return failed
      if (flags === 0) return fchmodat(dirfd, slot.address, mode)
      const done = fchmodat2(dirfd, slot.address, mode, flags)
      return done === -ENOSYS ? chmodByFd(dirfd, mode, flags) : done
    },
    faccessat2: (dirfd, path, mask, flags) =>
      put(path) || (flags === 0 ? faccessat(dirfd, slot.address, mask) : faccessat2(dirfd, slot.address, mask, flags)),
    utimensat: (dirfd, path, atime, atimensec, mtime, mtimensec, flags) => {
      putTimes(atime, atimensec, mtime, mtimensec)
      return put(path) || utimensat(dirfd, slot.address, struct.address, flags)
    },
    futimens: (fd, atime, atimensec, mtime, mtimensec) => {
      putTimes(atime, atimensec, mtime, mtimensec)
      return utimensat(fd, 0, struct.address, 0)
    },
  }
}
