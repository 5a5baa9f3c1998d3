/** Extended attributes: xattr(7). Errors are negative errnos; ENODATA is an attribute that is not there. */
import { constants } from 'node:os'
import { decodePath } from '../path-bytes.js'
import { type Arena, type PathArg, XATTR_SIZE_MAX } from './arena.js'
import type { SyscallName } from './numbers.js'
import type { Arg, Sys } from './sys.js'

/** setxattr(2): fail with EEXIST where the attribute is there already. */
export const XATTR_CREATE = 1
/** setxattr(2): fail with ENODATA where it is not. */
export const XATTR_REPLACE = 2

export interface Xattr {
  /** getxattr(2): the value, in memory of its own. The plain form follows symbolic links, `l` does not, `f` is by fd. */
  getxattr(path: PathArg, name: string): Buffer | number
  lgetxattr(path: PathArg, name: string): Buffer | number
  fgetxattr(fd: number, name: string): Buffer | number
  /** getxattrat(2) beneath a directory's fd, of a link itself. ENOSYS before Linux 6.13. */
  getxattrat(dirfd: number, path: PathArg, name: string): Buffer | number
  /** setxattr(2): 0. `flags`: 0, XATTR_CREATE or XATTR_REPLACE. E2BIG over 64 KiB. */
  setxattr(path: PathArg, name: string, value: Uint8Array, flags: number): number
  lsetxattr(path: PathArg, name: string, value: Uint8Array, flags: number): number
  fsetxattr(fd: number, name: string, value: Uint8Array, flags: number): number
  /** listxattr(2): the names, in the filesystem's order. */
  listxattr(path: PathArg): string[] | number
  llistxattr(path: PathArg): string[] | number
  flistxattr(fd: number): string[] | number
  /** removexattr(2): 0. */
  removexattr(path: PathArg, name: string): number
  lremovexattr(path: PathArg, name: string): number
  fremovexattr(fd: number, name: string): number
}

/** linux/fcntl.h */
const AT_SYMLINK_NOFOLLOW = 0x100

const { E2BIG, ENAMETOOLONG, ERANGE } = constants.errno

/** Enough for an ACL, a capability or a label: the kernel clears as much memory as it is asked for. */
const SMALL = 512

export const makeXattr = (sys: Sys, arena: Arena): Xattr => {
  const { path: pathSlot, name: nameSlot, value: valueSlot, struct, bytes, view } = arena

  const putName = (name: string): number => {
    const put = arena.put(nameSlot, name)
    // xattr(7) says ERANGE for a name that is too long, however much too long.
    return put === -ENAMETOOLONG ? -ERANGE : put
  }
  /** 0, so that `putPath(path) || call()` calls, or what was wrong with the path. */
  const putPath = (path: PathArg): number => arena.put(pathSlot, path)

  const valued = (call: (room: number) => number): Buffer | number => {
    let size = call(SMALL)
    if (size === -ERANGE) size = call(XATTR_SIZE_MAX)
    return size < 0 ? size : Buffer.from(bytes.subarray(valueSlot.at, valueSlot.at + size))
  }
  const get = (syscall: SyscallName) => {
    const call = sys.of4(syscall)
    return (target: Arg, name: string): Buffer | number =>
      putName(name) || valued((room) => call(target, nameSlot.address, valueSlot.address, room))
  }
  const getAt = sys.of6('getxattrat')
  /** struct xattr_args { u64 value; u32 size, flags } */
  const XATTR_ARGS = 16
  const getxattrat = (dirfd: number, room: number): number => {
    view.setBigUint64(struct.at, BigInt(valueSlot.address), true)
    view.setUint32(struct.at + 8, room, true)
    view.setUint32(struct.at + 12, 0, true)
    return getAt(dirfd, address, AT_SYMLINK_NOFOLLOW, nameSlot.address, struct.address, XATTR_ARGS)
  }
  const set = (syscall: SyscallName) => {
    const call = sys.of5(syscall)
    return (target: Arg, name: string, value: Uint8Array, flags: number): number => {
      const put = putName(name)
      if (put < 0) return put
      if (value.length > XATTR_SIZE_MAX) return -E2BIG
      bytes.set(value, valueSlot.at)
      return call(target, nameSlot.address, valueSlot.address, value.length, flags)
    }
  }
  const list = (syscall: SyscallName) => {
    const call = sys.of3(syscall)
    return (target: Arg): string[] | number => {
      let size = call(target, valueSlot.address, SMALL)
      if (size === -ERANGE) size = call(target, valueSlot.address, XATTR_SIZE_MAX)
      if (size <= 0) return size < 0 ? size : []
      // Each name ends with a NUL.
      return decodePath(bytes, valueSlot.at, valueSlot.at + size - 1).split('\0')
    }
  }
  const remove = (syscall: SyscallName) => {
    const call = sys.of2(syscall)
    return (target: Arg, name: string): number => {
      const put = putName(name)
      return put < 0 ? put : call(target, nameSlot.address)
    }
  }
  const getxattr = get('getxattr')
  const lgetxattr = get('lgetxattr')
  const setxattr = set('setxattr')
  const lsetxattr = set('lsetxattr')
  const listxattr = list('listxattr')
  const llistxattr = list('llistxattr')
  const removexattr = remove('removexattr')
  const lremovexattr = remove('lremovexattr')
  const { address } = pathSlot

  return {
    getxattr: (path, name) => putPath(path) || getxattr(address, name),
    lgetxattr: (path, name) => putPath(path) || lgetxattr(address, name),
    fgetxattr: get('fgetxattr'),
    getxattrat: (dirfd, path, name) => putPath(path) || putName(name) || valued((room) => getxattrat(dirfd, room)),
    setxattr: (path, name, value, flags) => putPath(path) || setxattr(address, name, value, flags),
    lsetxattr: (path, name, value, flags) => putPath(path) || lsetxattr(address, name, value, flags),
    fsetxattr: set('fsetxattr'),
    listxattr: (path) => putPath(path) || listxattr(address),
    llistxattr: (path) => putPath(path) || llistxattr(address),
    flistxattr: list('flistxattr'),
    removexattr: (path, name) => putPath(path) || removexattr(address, name),
    lremovexattr: (path, name) => putPath(path) || lremovexattr(address, name),
    fremovexattr: remove('fremovexattr'),
  }
}
