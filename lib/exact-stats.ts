/** Stats made of what statx(2) wrote: times to the nanosecond, and 64-bit numbers whole. */
import { type BigIntStats, Stats as NodeStats } from 'node:fs'

/** Where a reply to a `precise` request keeps its 64-bit numbers. */
export const PRECISE: unique symbol = Symbol('plyfs.precise')

/** What is asked of them. */
export type PreciseStats = Pick<
  BigIntStats,
  | 'dev'
  | 'mode'
  | 'nlink'
  | 'uid'
  | 'gid'
  | 'rdev'
  | 'blksize'
  | 'ino'
  | 'size'
  | 'blocks'
  | 'atimeNs'
  | 'mtimeNs'
  | 'ctimeNs'
  | 'birthtimeNs'
>

const WORD = 2 ** 32

/** struct statx (linux/stat.h), in words of 32 bits. */
const BLKSIZE = 1
const NLINK = 4
const UID = 5
const GID = 6
const MODE = 7
const INO = 8
const SIZE = 10
const BLOCKS = 12
const ATIME = 16
const BTIME = 20
const CTIME = 24
const MTIME = 28
const RDEV = 32
const DEV = 34

const u32 = (w: Uint32Array, at: number): number => w[at] as number
/** Without a sum where none is needed: V8 takes its outcome for no small integer, and keeps it as an object of its own. */
const u64 = (w: Uint32Array, at: number): number => {
  const high = u32(w, at + 1)
  return high === 0 ? u32(w, at) : high * WORD + u32(w, at)
}
const i64 = (w: Uint32Array, at: number): number => (u32(w, at + 1) | 0) * WORD + u32(w, at)
const whole = (w: Uint32Array, at: number): bigint => (BigInt(u32(w, at + 1)) << 32n) | BigInt(u32(w, at))
/** glibc's makedev(3), which st_dev and st_rdev are told in. */
const device = (w: Uint32Array, at: number): number => {
  const major = u32(w, at)
  const minor = u32(w, at + 1)
  const low = (major & 0xfff) * 2 ** 8 + (minor & 0xff) + (minor >>> 8) * 2 ** 20
  return major < 0x1000 ? low : low + (major >>> 12) * 2 ** 44
}
const msOf = (sec: number, nsec: number): number => sec * 1000 + nsec / 1e6
const nsOf = (sec: number, nsec: number): bigint => BigInt(sec) * 1_000_000_000n + BigInt(nsec)
const bigOf = (value: number): bigint => BigInt(Math.trunc(value))

/** The numbers of a struct statx that is in `w`, from index `at` on. */
export const readStatx = (w: Uint32Array, at: number, to: StatNumbers): void => {
  to.dev = device(w, at + DEV)
  to.mode = u32(w, at + MODE) & 0xffff
  to.nlink = u32(w, at + NLINK)
  to.uid = u32(w, at + UID)
  to.gid = u32(w, at + GID)
  to.rdev = device(w, at + RDEV)
  to.blksize = u32(w, at + BLKSIZE)
  to.ino = u64(w, at + INO)
  to.size = u64(w, at + SIZE)
  to.blocks = u64(w, at + BLOCKS)
  to.atimeMs = msOf(i64(w, at + ATIME), u32(w, at + ATIME + 2))
  to.mtimeMs = msOf(i64(w, at + MTIME), u32(w, at + MTIME + 2))
  to.ctimeMs = msOf(i64(w, at + CTIME), u32(w, at + CTIME + 2))
  to.birthtimeMs = msOf(i64(w, at + BTIME), u32(w, at + BTIME + 2))
}
type StatNumbers = { -readonly [F in keyof PreciseStats as F extends `${infer T}Ns` ? `${T}Ms` : F]: number }

/** A Stats but for its Dates, which are made when somebody asks: programs are given others (see `makeStats`). */
export class ExactStats {
  dev: number
  mode: number
  nlink: number
  uid: number
  gid: number
  rdev: number
  blksize: number
  ino: number
  size: number
  blocks: number
  atimeMs: number
  mtimeMs: number
  ctimeMs: number
  birthtimeMs: number
  readonly #atime: number
  readonly #mtime: number
  readonly #ctime: number
  readonly #birthtime: number
  readonly #atimeNsec: number
  readonly #mtimeNsec: number
  readonly #ctimeNsec: number
  readonly #birthtimeNsec: number
  /** ino, size and blocks, where a number does not hold one of them. */
  readonly #large: readonly [bigint, bigint, bigint] | undefined

  /** @param w a struct statx is in it, from index `at` on */
  constructor(w: Uint32Array, at: number) {
    this.dev = device(w, at + DEV)
    this.mode = u32(w, at + MODE) & 0xffff
    this.nlink = u32(w, at + NLINK)
    this.uid = u32(w, at + UID)
    this.gid = u32(w, at + GID)
    this.rdev = device(w, at + RDEV)
    this.blksize = u32(w, at + BLKSIZE)
    this.ino = u64(w, at + INO)
    this.size = u64(w, at + SIZE)
    this.blocks = u64(w, at + BLOCKS)
    this.#atime = i64(w, at + ATIME)
    this.#mtime = i64(w, at + MTIME)
    this.#ctime = i64(w, at + CTIME)
    this.#birthtime = i64(w, at + BTIME)
    this.#atimeNsec = u32(w, at + ATIME + 2)
    this.#mtimeNsec = u32(w, at + MTIME + 2)
    this.#ctimeNsec = u32(w, at + CTIME + 2)
    this.#birthtimeNsec = u32(w, at + BTIME + 2)
    this.atimeMs = msOf(this.#atime, this.#atimeNsec)
    this.mtimeMs = msOf(this.#mtime, this.#mtimeNsec)
    this.ctimeMs = msOf(this.#ctime, this.#ctimeNsec)
    this.birthtimeMs = msOf(this.#birthtime, this.#birthtimeNsec)
    const fits = this.ino < 2 ** 53 && this.size < 2 ** 53 && this.blocks < 2 ** 53
    this.#large = fits ? undefined : [whole(w, at + INO), whole(w, at + SIZE), whole(w, at + BLOCKS)]
  }

  // Whole seconds since the epoch, and nanoseconds after them, as they were told: whoever changes a time changes its Ms.
  get atimeSec(): number {
    return this.#atime
  }
  get atimeNsec(): number {
    return this.#atimeNsec
  }
  get mtimeSec(): number {
    return this.#mtime
  }
  get mtimeNsec(): number {
    return this.#mtimeNsec
  }
  get ctimeSec(): number {
    return this.#ctime
  }
  get ctimeNsec(): number {
    return this.#ctimeNsec
  }
  get birthtimeSec(): number {
    return this.#birthtime
  }
  get birthtimeNsec(): number {
    return this.#birthtimeNsec
  }

  get [PRECISE](): PreciseStats {
    return {
      dev: bigOf(this.dev),
      mode: bigOf(this.mode),
      nlink: bigOf(this.nlink),
      uid: bigOf(this.uid),
      gid: bigOf(this.gid),
      rdev: bigOf(this.rdev),
      blksize: bigOf(this.blksize),
      ino: this.#large?.[0] ?? bigOf(this.ino),
      size: this.#large?.[1] ?? bigOf(this.size),
      blocks: this.#large?.[2] ?? bigOf(this.blocks),
      atimeNs: nsOf(this.#atime, this.#atimeNsec),
      mtimeNs: nsOf(this.#mtime, this.#mtimeNsec),
      ctimeNs: nsOf(this.#ctime, this.#ctimeNsec),
      birthtimeNs: nsOf(this.#birthtime, this.#birthtimeNsec),
    }
  }
}

// isFile() and the rest.
Object.setPrototypeOf(ExactStats.prototype, NodeStats.prototype)
for (const time of ['atime', 'mtime', 'ctime', 'birthtime'] as const) {
  Object.defineProperty(ExactStats.prototype, time, {
    configurable: true,
    get(this: ExactStats): Date {
      return new Date(Math.round(this[`${time}Ms`]))
    },
    set(this: ExactStats, value: unknown) {
      Object.defineProperty(this, time, { value, enumerable: true, configurable: true, writable: true })
    },
  })
}
