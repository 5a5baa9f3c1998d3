/** statx(2), every field. */
import type { Arena, PathArg } from './arena.js'
import type { Sys } from './sys.js'

/** linux/stat.h, for `mask`. */
export const STATX_TYPE = 0x0001
export const STATX_MODE = 0x0002
export const STATX_NLINK = 0x0004
export const STATX_UID = 0x0008
export const STATX_GID = 0x0010
export const STATX_ATIME = 0x0020
export const STATX_MTIME = 0x0040
export const STATX_CTIME = 0x0080
export const STATX_INO = 0x0100
export const STATX_SIZE = 0x0200
export const STATX_BLOCKS = 0x0400
export const STATX_BASIC_STATS = 0x07ff
export const STATX_BTIME = 0x0800
export const STATX_MNT_ID = 0x1000
export const STATX_DIOALIGN = 0x2000
export const STATX_MNT_ID_UNIQUE = 0x4000
export const STATX_SUBVOL = 0x8000
export const STATX_WRITE_ATOMIC = 0x10000
export const STATX_DIO_READ_ALIGN = 0x20000

/** For `flags`. */
export const AT_STATX_FORCE_SYNC = 0x2000
export const AT_STATX_DONT_SYNC = 0x4000

/**
 * struct statx in the kernel's names, without `stx_`. 64-bit numbers are bigints, the rest numbers. Times are seconds
 * since the epoch, negative before it, and nanoseconds beside them. A field that `mask` does not have is 0 or made up.
 */
export interface Statx {
  readonly mask: number
  /** Preferred size of I/O, in bytes. */
  readonly blksize: number
  readonly attributes: bigint
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly mode: number
  readonly ino: bigint
  /** Bytes. */
  readonly size: bigint
  /** In units of 512 bytes. */
  readonly blocks: bigint
  readonly attributes_mask: bigint
  readonly atime: number
  readonly atimensec: number
  readonly btime: number
  readonly btimensec: number
  readonly ctime: number
  readonly ctimensec: number
  readonly mtime: number
  readonly mtimensec: number
  readonly rdev_major: number
  readonly rdev_minor: number
  readonly dev_major: number
  readonly dev_minor: number
  readonly mnt_id: bigint
  readonly dio_mem_align: number
  readonly dio_offset_align: number
  readonly subvol: bigint
  readonly atomic_write_unit_min: number
  readonly atomic_write_unit_max: number
  readonly atomic_write_segments_max: number
  readonly dio_read_offset_align: number
  readonly atomic_write_unit_max_opt: number
}

export interface Stat {
  /** statx(2). `flags`: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH (then `dirfd` is the file), AT_STATX_*. ENOSYS before 4.11. */
  statx(dirfd: number, path: PathArg, flags: number, mask: number): Statx | number
}

export const makeStat = (sys: Sys, arena: Arena): Stat => {
  const { view, path: slot, struct } = arena
  const base = struct.at
  const statx = sys.of5('statx')
  const u32 = (at: number): number => view.getUint32(base + at, true)
  const u64 = (at: number): bigint => view.getBigUint64(base + at, true)
  /** tv_sec, an i64. */
  const sec = (at: number): number => view.getInt32(base + at + 4, true) * 2 ** 32 + view.getUint32(base + at, true)

  return {
    statx: (dirfd, path, flags, mask) => {
      const failed = arena.put(slot, path) || statx(dirfd, slot.address, flags, mask, struct.address)
      if (failed < 0) return failed
      return {
        mask: u32(0x00),
        blksize: u32(0x04),
        attributes: u64(0x08),
        nlink: u32(0x10),
        uid: u32(0x14),
        gid: u32(0x18),
        mode: view.getUint16(base + 0x1c, true),
        ino: u64(0x20),
        size: u64(0x28),
        blocks: u64(0x30),
        attributes_mask: u64(0x38),
        atime: sec(0x40),
        atimensec: u32(0x48),
        btime: sec(0x50),
        btimensec: u32(0x58),
        ctime: sec(0x60),
        ctimensec: u32(0x68),
        mtime: sec(0x70),
        mtimensec: u32(0x78),
        rdev_major: u32(0x80),
        rdev_minor: u32(0x84),
        dev_major: u32(0x88),
        dev_minor: u32(0x8c),
        mnt_id: u64(0x90),
        dio_mem_align: u32(0x98),
        dio_offset_align: u32(0x9c),
        subvol: u64(0xa0),
        atomic_write_unit_min: u32(0xa8),
        atomic_write_unit_max: u32(0xac),
        atomic_write_segments_max: u32(0xb0),
        dio_read_offset_align: u32(0xb4),
        atomic_write_unit_max_opt: u32(0xb8),
      }
    },
  }
}
