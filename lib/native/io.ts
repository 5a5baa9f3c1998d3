/** Calls on open files. Errors are negative errnos; offsets and lengths are bytes, exact up to 2^53 - 1. */
import type { Arena } from './arena.js'
import { type Arg, offsetBy, type Sys } from './sys.js'

/** lseek(2) */
export const SEEK_SET = 0
export const SEEK_CUR = 1
export const SEEK_END = 2
export const SEEK_DATA = 3
export const SEEK_HOLE = 4

/** linux/falloc.h */
export const FALLOC_FL_KEEP_SIZE = 0x01
export const FALLOC_FL_PUNCH_HOLE = 0x02
export const FALLOC_FL_COLLAPSE_RANGE = 0x08
export const FALLOC_FL_ZERO_RANGE = 0x10
export const FALLOC_FL_INSERT_RANGE = 0x20
export const FALLOC_FL_UNSHARE_RANGE = 0x40

/** flock(2) */
export const LOCK_SH = 1
export const LOCK_EX = 2
export const LOCK_NB = 4
export const LOCK_UN = 8

/** linux/time.h */
const CLOCK_REALTIME_COARSE = 5

export interface Io {
  /** lseek(2): the new offset. ENXIO past the end, EOVERFLOW for an offset from 2^53 on. */
  lseek(fd: number, offset: Arg, whence: number): number
  /** fallocate(2): 0. `mode`: FALLOC_FL_*. */
  fallocate(fd: number, mode: number, offset: Arg, length: Arg): number
  /**
   * copy_file_range(2): the bytes copied, maybe fewer; 0 at the end of the file. An offset of null is the file's own,
   * which then moves.
   */
  copy_file_range(fdIn: number, offsetIn: Arg | null, fdOut: number, offsetOut: Arg | null, length: Arg): number
  /** flock(2): 0. Without LOCK_NB it blocks the thread; EWOULDBLOCK with it. */
  flock(fd: number, operation: number): number
  /** The time that the kernel stamps files with, in nanoseconds since the epoch: CLOCK_REALTIME_COARSE. */
  coarseTime(): bigint
  /** syncfs(2): 0. Writes out the filesystem that `fd` is on. */
  syncfs(fd: number): number
}

export const makeIo = (sys: Sys, arena: Arena): Io => {
  const { view, struct } = arena
  const copy = sys.of6('copy_file_range')
  const clock = sys.of2('clock_gettime')
  /** Puts a loff_t and answers its address, or 0 for null. */
  const offsetAt = (slot: 0 | 8, offset: Arg | null): Arg => {
    if (offset === null) return 0
    view.setBigInt64(struct.at + slot, BigInt(offset), true)
    return offsetBy(struct.address, slot)
  }
  return {
    lseek: sys.of3('lseek'),
    fallocate: sys.of4('fallocate'),
    copy_file_range: (fdIn, offsetIn, fdOut, offsetOut, length) =>
      copy(fdIn, offsetAt(0, offsetIn), fdOut, offsetAt(8, offsetOut), length, 0),
    flock: sys.of2('flock'),
    coarseTime: () => {
      clock(CLOCK_REALTIME_COARSE, struct.address)
      return view.getBigInt64(struct.at, true) * 1_000_000_000n + view.getBigInt64(struct.at + 8, true)
    },
    syncfs: sys.of1('syncfs'),
  }
}
