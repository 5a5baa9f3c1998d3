/** Stats, written where the kernel reads attributes: without an object between. */
import { ExactStats, type PreciseStats } from '../exact-stats.js'
import type { Stats } from '../op.js'
import { preciseOf } from '../stats.js'
import { ATTR, SX_TIME } from './layout.js'
import { setU64 } from './wire.js'

type Time = 'atime' | 'mtime' | 'ctime' | 'birthtime'

let seconds = 0
let nanoseconds = 0
/** Splits a time of `sec` seconds and `nsec` nanoseconds, if no layer has made another of it since. */
const splitExact = (ms: number, sec: number, nsec: number): void => {
  if (sec * 1000 + nsec / 1e6 === ms) {
    seconds = sec
    nanoseconds = nsec
  } else splitRounded(ms)
}
const splitRounded = (ms: number): void => {
  seconds = Math.floor(ms / 1000)
  nanoseconds = Math.min(999_999_999, Math.max(0, Math.round((ms - seconds * 1000) * 1e6)))
}
/** Exact where the reply was `precise` and no layer has changed it since. */
const split = (stats: Stats, precise: PreciseStats | undefined, time: Time): void => {
  const ms = stats[`${time}Ms`]
  seconds = Math.floor(ms / 1000)
  if (precise !== undefined) {
    const ns = precise[`${time}Ns`]
    const rest = Number(ns - BigInt(seconds) * 1_000_000_000n)
    // Rounding may have gone over the second; a layer's own time is somewhere else altogether.
    if (rest > -1e6 && rest < 1e9 + 1e6 && Math.abs(rest / 1e6 + seconds * 1000 - ms) < 0.01) {
      if (rest < 0) seconds--
      else if (rest >= 1e9) seconds++
      nanoseconds = rest < 0 ? rest + 1e9 : rest >= 1e9 ? rest - 1e9 : rest
      return
    }
  }
  splitRounded(ms)
}

/** struct fuse_attr at `at`. */
export const putStats = (view: DataView, at: number, stats: Stats, ino: number): void => {
  setU64(view, at + ATTR.ino, ino)
  setU64(view, at + ATTR.size, stats.size)
  setU64(view, at + ATTR.blocks, stats.blocks)
  const exact = stats instanceof ExactStats ? stats : undefined
  const precise = exact === undefined ? preciseOf(stats) : undefined
  if (exact === undefined) split(stats, precise, 'atime')
  else splitExact(exact.atimeMs, exact.atimeSec, exact.atimeNsec)
  setU64(view, at + ATTR.atime, seconds)
  view.setUint32(at + ATTR.atimensec, nanoseconds, true)
  if (exact === undefined) split(stats, precise, 'mtime')
  else splitExact(exact.mtimeMs, exact.mtimeSec, exact.mtimeNsec)
  setU64(view, at + ATTR.mtime, seconds)
  view.setUint32(at + ATTR.mtimensec, nanoseconds, true)
  if (exact === undefined) split(stats, precise, 'ctime')
  else splitExact(exact.ctimeMs, exact.ctimeSec, exact.ctimeNsec)
  setU64(view, at + ATTR.ctime, seconds)
  view.setUint32(at + ATTR.ctimensec, nanoseconds, true)
  view.setUint32(at + ATTR.mode, stats.mode, true)
  view.setUint32(at + ATTR.nlink, stats.nlink, true)
  view.setUint32(at + ATTR.uid, stats.uid, true)
  view.setUint32(at + ATTR.gid, stats.gid, true)
  view.setUint32(at + ATTR.rdev, stats.rdev, true)
  view.setUint32(at + ATTR.blksize, stats.blksize, true)
  view.setUint32(at + ATTR.flags, 0, true)
}

/** struct fuse_sx_time at `at`. */
export const putStatxTime = (view: DataView, at: number, stats: Stats, time: Time): void => {
  split(stats, preciseOf(stats), time)
  setU64(view, at + SX_TIME.tv_sec, seconds)
  view.setUint32(at + SX_TIME.tv_nsec, nanoseconds, true)
  view.setUint32(at + SX_TIME.__reserved, 0, true)
}
