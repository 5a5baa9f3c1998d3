/** mount(2), umount2(2) and the device ioctls of FUSE. 0 unless said otherwise, or a negative errno. */
import { constants } from 'node:os'
import type { Arena, PathArg } from './arena.js'
import type { Sys } from './sys.js'

/** linux/mount.h */
export const MS_RDONLY = 1
export const MS_NOSUID = 2
export const MS_NODEV = 4
export const MS_NOEXEC = 8
export const MS_SYNCHRONOUS = 16
export const MS_REMOUNT = 32
export const MS_DIRSYNC = 128
export const MS_NOATIME = 1024
export const MS_NODIRATIME = 2048
export const MS_BIND = 4096
export const MS_MOVE = 8192
export const MS_REC = 16384
export const MS_PRIVATE = 1 << 18
export const MS_RELATIME = 1 << 21

/** umount2(2) */
export const MNT_FORCE = 1
export const MNT_DETACH = 2
export const MNT_EXPIRE = 4
export const UMOUNT_NOFOLLOW = 8

/** linux/fuse.h: _IOW(229, 1, struct fuse_backing_map), _IOW(229, 2, u32), _IOR(229, 0, u32). */
export const FUSE_DEV_IOC_BACKING_OPEN = 0x4010e501
export const FUSE_DEV_IOC_BACKING_CLOSE = 0x4004e502
export const FUSE_DEV_IOC_CLONE = 0x8004e500

export interface Mounting {
  /** mount(2). `flags`: MS_*; `data`: the filesystem's own options. EPERM without CAP_SYS_ADMIN. */
  mount(source: PathArg, target: PathArg, type: string, flags: number, data: string): number
  /** umount2(2). EINVAL: nothing is mounted there. EBUSY without MNT_DETACH. */
  umount2(target: PathArg, flags: number): number
  /**
   * FUSE_DEV_IOC_BACKING_OPEN on the session's device: a backing id (> 0) for the open regular file `backing`, which
   * may then be closed. EPERM without CAP_SYS_ADMIN or before INIT agreed on passthrough, EISDIR for what is no regular
   * file, ELOOP where the backing filesystem is stacked too high, ENOTTY before Linux 6.9.
   */
  backing_open(device: number, backing: number): number
  /** FUSE_DEV_IOC_BACKING_CLOSE. ENOENT for an unknown id. */
  backing_close(device: number, backingId: number): number
  /** FUSE_DEV_IOC_CLONE: makes the fresh `device` one more queue of the session whose device is `session`. */
  clone(device: number, session: number): number
}

const { EINVAL } = constants.errno

export const makeMounting = (sys: Sys, arena: Arena): Mounting => {
  const { view, path, path2, name, value, struct } = arena
  const mount = sys.of5('mount')
  const umount2 = sys.of2('umount2')
  const ioctl = sys.of3('ioctl')

  return {
    mount: (source, target, type, flags, data) => {
      // The kernel reads one page of data, and cuts off silently what is longer.
      if (Buffer.byteLength(data) >= 4096) return -EINVAL
      return (
        arena.put(path, source) ||
        arena.put(path2, target) ||
        arena.put(name, type) ||
        arena.put(value, data) ||
        mount(path.address, path2.address, name.address, flags, value.address)
      )
    },
    umount2: (target, flags) => arena.put(path, target) || umount2(path.address, flags),
    backing_open: (device, backing) => {
      // struct fuse_backing_map { i32 fd; u32 flags; u64 padding }
      view.setInt32(struct.at, backing, true)
      view.setUint32(struct.at + 4, 0, true)
      view.setBigUint64(struct.at + 8, 0n, true)
      return ioctl(device, FUSE_DEV_IOC_BACKING_OPEN, struct.address)
    },
    backing_close: (device, backingId) => {
      view.setUint32(struct.at, backingId, true)
      return ioctl(device, FUSE_DEV_IOC_BACKING_CLOSE, struct.address)
    },
    clone: (device, session) => {
      view.setUint32(struct.at, session, true)
      return ioctl(device, FUSE_DEV_IOC_CLONE, struct.address)
    },
  }
}
