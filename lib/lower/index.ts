/** plyfs/lower: what a stack may stand on. Each is an object shaped like node:fs, of use without a stack too. */
import { type LowerFs, lowerBeneath, lowerFace } from '../plyfs.js'
import { hostLower } from './host.js'
import { type MemfsVolume, type MemoryOptions, memoryLower } from './memory.js'
import { type RootedOptions, rootedLower } from './rooted/index.js'
import { unionLower } from './union.js'

export type { LowerFs, MemfsVolume, MemoryOptions, RootedOptions }
/** All of node:fs, and extended attributes. */
export type PlyFs = ReturnType<typeof lowerFace>

/**
 * A filesystem in memory that behaves as node:fs on Linux does.
 * @param volume memfs's; its owner sees what is done here, and the other way round. Default: a fresh, empty one
 * @throws {TypeError} for what is no volume of memfs 4.80, and for ill-typed options
 */
export const memory = (volume?: MemfsVolume, options?: MemoryOptions): PlyFs => lowerFace(memoryLower(volume, options))

/**
 * The real filesystem: node:fs as it was when plyfs was loaded, so that it stays real under `install()`.
 * Extended attributes and whatever else node:fs lacks come from koffi, where that is installed.
 */
export const host = (): PlyFs => lowerFace(hostLower())

export interface UnionOptions {
  /** The one of `filesystems` that takes changes. Default: none; every change is refused with EROFS. */
  readonly write?: LowerFs | undefined
}

/**
 * Several filesystems as one: the first that has a path is the one that is seen; directories are merged. Changes go to
 * `write`; what only the others have cannot be changed (EROFS), moved or linked (EXDEV).
 * @param filesystems searched in this order
 * @throws {TypeError} where `write` is none of them
 */
export const union = (filesystems: readonly LowerFs[], { write }: UnionOptions = {}): PlyFs => {
  if (!Array.isArray(filesystems) || filesystems.length === 0) {
    throw new TypeError('union(filesystems): expected an array with at least one filesystem')
  }
  const writable = write === undefined ? -1 : filesystems.indexOf(write)
  if (write !== undefined && writable === -1) {
    throw new TypeError('union(filesystems, { write }): expected one of the filesystems')
  }
  return lowerFace(unionLower(filesystems.map(lowerBeneath), writable))
}

/**
 * node:fs confined beneath `dir`, which is held by a descriptor: `/` is `dir`, and no link, `..` or race leads outside. See
 * {@link rootedLower} for what is guaranteed, and what is thrown.
 */
export const rooted = (dir: string | Uint8Array | URL, options?: RootedOptions): PlyFs =>
  lowerFace(rootedLower(dir, options))
