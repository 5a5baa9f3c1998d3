/** Stats as plyfs makes and copies them: the same prototype, own fields and order as node:fs's. */
import { type BigIntStats, Stats as NodeStats, statSync } from 'node:fs'
import { ExactStats, PRECISE, type PreciseStats, readStatx } from './exact-stats.js'
import type { Stats } from './op.js'

// Up to Node 21 a Stats owns its four Dates; later ones derive them from the prototype when asked.
const ownsDates = Object.hasOwn(statSync('/'), 'atime')

interface Draft extends StatFields {
  atime?: Date
  mtime?: Date
  ctime?: Date
  birthtime?: Date
  [PRECISE]?: PreciseStats
}

/** The fields of Stats that are numbers; a Stats itself is one. */
export type StatFields = Pick<
  Stats,
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
  | 'atimeMs'
  | 'mtimeMs'
  | 'ctimeMs'
  | 'birthtimeMs'
>

function Draft(this: Draft, from: StatFields): void {
  this.dev = from.dev
  this.mode = from.mode
  this.nlink = from.nlink
  this.uid = from.uid
  this.gid = from.gid
  this.rdev = from.rdev
  this.blksize = from.blksize
  this.ino = from.ino
  this.size = from.size
  this.blocks = from.blocks
  this.atimeMs = from.atimeMs
  this.mtimeMs = from.mtimeMs
  this.ctimeMs = from.ctimeMs
  this.birthtimeMs = from.birthtimeMs
  if (ownsDates) {
    this.atime = new Date(Math.round(from.atimeMs))
    this.mtime = new Date(Math.round(from.mtimeMs))
    this.ctime = new Date(Math.round(from.ctimeMs))
    this.birthtime = new Date(Math.round(from.birthtimeMs))
  }
}
Draft.prototype = NodeStats.prototype
const Make = Draft as unknown as new (from: StatFields) => Draft

/** A Stats of its own with the fields of `from`: nothing of `from` is shared. */
export const makeStats = (from: StatFields): Stats => {
  const made = new Make(from)
  const precise = (from as Draft)[PRECISE]
  if (precise !== undefined) setPrecise(made, precise)
  return made as Stats
}

/** The numbers of a Stats, kept to be made a Stats of again: without the Dates, which are most of its memory. */
export class KeptStats implements StatFields {
  mode = 0
  nlink = 0
  uid = 0
  gid = 0
  rdev = 0
  blksize = 0
  size = 0
  blocks = 0
  // Never whole: a field that is a whole number first has to be made another one.
  atimeMs = Number.NaN
  mtimeMs = Number.NaN
  ctimeMs = Number.NaN
  birthtimeMs = Number.NaN;
  [PRECISE]: PreciseStats | undefined = undefined

  constructor(
    public dev: number,
    public ino: number,
  ) {}

  /** Keeps those of `from`. */
  keep(from: StatFields): void {
    this.dev = from.dev
    this.mode = from.mode
    this.nlink = from.nlink
    this.uid = from.uid
    this.gid = from.gid
    this.rdev = from.rdev
    this.blksize = from.blksize
    this.ino = from.ino
    this.size = from.size
    this.blocks = from.blocks
    this.atimeMs = from.atimeMs
    this.mtimeMs = from.mtimeMs
    this.ctimeMs = from.ctimeMs
    this.birthtimeMs = from.birthtimeMs
    this[PRECISE] = (from as Draft)[PRECISE]
  }
  /** Whether it keeps 64-bit numbers too. */
  get isPrecise(): boolean {
    return this[PRECISE] !== undefined
  }
  dropPrecise(): void {
    this[PRECISE] = undefined
  }
}

/** Written anew for each: nothing is made of what programs are not given. */
const told = new KeptStats(0, 0)

/** Stats of what statx(2) wrote into `words` from index `at` on; exact, where that is asked for. */
export const fromStatx = (words: Uint32Array, at: number, precise: boolean): Stats => {
  if (precise) return new ExactStats(words, at) as unknown as Stats
  readStatx(words, at, told)
  return new Make(told) as Stats
}

/** The 64-bit numbers of a reply to a `precise` request, where it has them. */
export const preciseOf = (stats: Stats): PreciseStats | undefined => (stats as Draft)[PRECISE]

const setPrecise = (stats: Draft, precise: PreciseStats): void => {
  Object.defineProperty(stats, PRECISE, { value: precise, enumerable: false, configurable: true, writable: true })
}

/** Stats out of BigIntStats, which it keeps beside the rounded numbers. */
export const fromPrecise = (from: BigIntStats): Stats => {
  const made = new Make({
    dev: Number(from.dev),
    mode: Number(from.mode),
    nlink: Number(from.nlink),
    uid: Number(from.uid),
    gid: Number(from.gid),
    rdev: Number(from.rdev),
    blksize: Number(from.blksize),
    ino: Number(from.ino),
    size: Number(from.size),
    blocks: Number(from.blocks),
    atimeMs: toMs(from.atimeNs),
    mtimeMs: toMs(from.mtimeNs),
    ctimeMs: toMs(from.ctimeNs),
    birthtimeMs: toMs(from.birthtimeNs),
  })
  setPrecise(made, from)
  return made as Stats
}

// As Node does: seconds and nanoseconds apart, so that no precision is lost before the sum.
const toMs = (ns: bigint): number => Number(ns / 1_000_000_000n) * 1000 + Number(ns % 1_000_000_000n) / 1e6

const bigStats = statSync('/', { bigint: true })
const bigPrototype = Object.getPrototypeOf(bigStats) as object
/** node:fs does not export the class; its prototype is had from an instance. */
export const BigIntStatsPrototype = bigPrototype

const numberFields = ['dev', 'mode', 'nlink', 'uid', 'gid', 'rdev', 'blksize', 'ino', 'size', 'blocks'] as const
const timeFields = ['atime', 'mtime', 'ctime', 'birthtime'] as const

/**
 * The BigIntStats of a Stats. Where a layer changed a number after the lower's precise answer, the layer's wins.
 */
export const toBigIntStats = (stats: Stats): BigIntStats => {
  const precise = (stats as Draft)[PRECISE]
  const out = Object.create(bigPrototype) as Record<string, unknown>
  for (const field of numberFields) {
    const kept = precise?.[field]
    out[field] = kept !== undefined && Number(kept) === stats[field] ? kept : BigInt(Math.trunc(stats[field]))
  }
  const ns = timeFields.map((field) => {
    const kept = precise?.[`${field}Ns`]
    const ms = stats[`${field}Ms`]
    return kept !== undefined && toMs(kept) === ms ? kept : BigInt(Math.trunc(ms * 1000)) * 1000n
  })
  timeFields.forEach((field, k) => {
    out[`${field}Ms`] = (ns[k] as bigint) / 1_000_000n
  })
  timeFields.forEach((field, k) => {
    out[`${field}Ns`] = ns[k]
  })
  if (ownsDates) {
    // As Node does: of the whole milliseconds.
    for (const field of timeFields) out[field] = new Date(Number(out[`${field}Ms`]))
  }
  return out as unknown as BigIntStats
}
