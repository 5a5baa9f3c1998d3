/** Values of a node-fs-shaped object, as replies. */
import { type BigIntStats, constants, Dirent, Stats as NodeStats } from 'node:fs'
import type { Entry, Stats } from '../../op.js'
import { decodePath } from '../../path-bytes.js'
import { fromPrecise, makeStats } from '../../stats.js'
import { Failed } from '../../verdict.js'

const ENOENT = Failed.of('ENOENT')

/** `throwIfNoEntry: false` makes a missing file undefined. */
export const toStats = (value: unknown): Stats | Failed => {
  if (value === undefined) return ENOENT
  return value instanceof NodeStats ? value : makeStats(value as Stats)
}
export const toPrecise = (value: unknown): Stats | Failed =>
  value === undefined ? ENOENT : fromPrecise(value as BigIntStats)
export const nothing = (): undefined => undefined

interface DirentLike {
  readonly name: string | Uint8Array
  isFile(): boolean
  isDirectory(): boolean
  isSymbolicLink(): boolean
  isFIFO?(): boolean
  isSocket?(): boolean
  isCharacterDevice?(): boolean
  isBlockDevice?(): boolean
}

/** Where Node's Dirent keeps its UV_DIRENT_*; undefined where a later Node keeps it out of sight. */
const TYPE = ((): symbol | undefined => {
  const { UV_DIRENT_FIFO } = constants as unknown as { readonly UV_DIRENT_FIFO: number }
  const sample = new (Dirent as unknown as new (name: string, type: number, path: string) => object)(
    '',
    UV_DIRENT_FIFO,
    '',
  ) as Record<symbol, unknown>
  return Object.getOwnPropertySymbols(sample).find((symbol) => sample[symbol] === UV_DIRENT_FIFO)
})()

/** node:fs's UV_DIRENT_* of an entry. */
export const direntType = (entry: DirentLike): number => {
  if (entry.isFile()) return 1
  if (entry.isDirectory()) return 2
  if (entry.isSymbolicLink()) return 3
  if (entry.isFIFO?.()) return 4
  if (entry.isSocket?.()) return 5
  if (entry.isCharacterDevice?.()) return 6
  return entry.isBlockDevice?.() ? 7 : 0
}

/** A name that came as a string or as bytes. */
export const nameOf = (name: unknown): string => (name instanceof Uint8Array ? decodePath(name) : String(name))

export const toEntries = (value: unknown): Entry[] => {
  const dirents = value as DirentLike[]
  const entries = new Array<Entry>(dirents.length)
  for (let k = 0; k < dirents.length; k++) {
    const dirent = dirents[k] as DirentLike & Record<symbol, unknown>
    const { name } = dirent
    const kept = TYPE === undefined ? undefined : dirent[TYPE]
    const type = typeof kept === 'number' ? kept : direntType(dirent)
    entries[k] = { name: typeof name === 'string' ? name : nameOf(name), type }
  }
  return entries
}
