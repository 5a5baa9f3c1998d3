/** Attributes as replies. */
import { type BigIntStats, type StatsFs, statfsSync } from 'node:fs'
import type { Stats } from '../../op.js'
import { fromPrecise, makeStats } from '../../stats.js'
import { allocated, pagesOf, sizeOf } from './contents.js'
import { isDirectory, isRegular, type Node } from './node.js'
import { msOf, nsOf } from './times.js'
import type { MemoryVolume } from './volume.js'

const BLOCK = 4096
/** What ext4 says of a small directory: programs that add up sizes expect something. */
const DIRECTORY_SIZE = 4096

/** memfs counts a root's links in its own way: three too many, or, after a reset, one too few. */
const linksOf = (v: MemoryVolume, node: Node): number => {
  const { root } = v.core
  if (node !== root.node) return node.nlink
  return root.children.has('.') ? node.nlink - 3 : node.nlink + 1
}

const sizes = (node: Node): { size: number; blocks: number } => {
  if (isDirectory(node)) return { size: DIRECTORY_SIZE, blocks: DIRECTORY_SIZE / 512 }
  const size = sizeOf(node)
  if (!isRegular(node)) return { size, blocks: 0 }
  const used = pagesOf(node) === undefined ? size : allocated(node)
  return { size, blocks: Math.ceil(used / BLOCK) * (BLOCK / 512) }
}

export const statsOf = (v: MemoryVolume, node: Node): Stats => {
  const { size, blocks } = sizes(node)
  return makeStats({
    dev: v.dev,
    mode: node.mode,
    nlink: linksOf(v, node),
    uid: node.uid,
    gid: node.gid,
    rdev: node.rdev,
    blksize: BLOCK,
    ino: node.ino,
    size,
    blocks,
    atimeMs: msOf(node.atime),
    mtimeMs: msOf(node.mtime),
    ctimeMs: msOf(node.ctime),
    birthtimeMs: msOf(node.btime),
  })
}

/** The same with nanoseconds. */
export const preciseStatsOf = (v: MemoryVolume, node: Node): Stats => {
  const { size, blocks } = sizes(node)
  const atimeNs = nsOf(node.atime)
  const mtimeNs = nsOf(node.mtime)
  const ctimeNs = nsOf(node.ctime)
  const birthtimeNs = nsOf(node.btime)
  const numbers = {
    dev: BigInt(v.dev),
    mode: BigInt(node.mode),
    nlink: BigInt(linksOf(v, node)),
    uid: BigInt(node.uid),
    gid: BigInt(node.gid),
    rdev: BigInt(node.rdev),
    blksize: BigInt(BLOCK),
    ino: BigInt(node.ino),
    size: BigInt(size),
    blocks: BigInt(blocks),
    atimeNs,
    mtimeNs,
    ctimeNs,
    birthtimeNs,
  }
  return fromPrecise(numbers as BigIntStats)
}

/** linux/magic.h */
const TMPFS_MAGIC = 0x01021994
/** Where there is no limit, tmpfs has none either, and says 0; a number that people can read does less harm. */
const MANY_FILES = 2 ** 31

let prototype: object | undefined

export const statFsOf = (v: MemoryVolume): StatsFs => {
  const { space } = v
  // node:fs does not export the class.
  prototype ??= Object.getPrototypeOf(statfsSync('/')) as object
  const blocks = Number.isFinite(space.maxBytes) ? Math.floor(space.maxBytes / BLOCK) : 2 ** 40
  const free = Math.max(blocks - Math.ceil(space.bytes / BLOCK), 0)
  const files = Number.isFinite(space.maxFiles) ? space.maxFiles : MANY_FILES
  const numbers = {
    type: TMPFS_MAGIC,
    bsize: BLOCK,
    blocks,
    bfree: free,
    bavail: free,
    files,
    ffree: Math.max(files - space.files, 0),
  }
  return Object.assign(Object.create(prototype), numbers) as StatsFs
}
