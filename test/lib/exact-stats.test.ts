import { Stats } from 'node:fs'
import test from 'ava'
import { preciseOf } from '../../lib/layer.js'
import { fromStatx, makeStats, toBigIntStats } from '../../lib/stats.js'

/** struct statx of a file with numbers that no double holds, and times before the epoch. */
const told = (): Uint32Array => {
  const bytes = Buffer.alloc(256)
  bytes.writeUInt32LE(4096, 0x04)
  bytes.writeUInt32LE(2, 0x10)
  bytes.writeUInt16LE(0o100644, 0x1c)
  bytes.writeBigUInt64LE(2n ** 63n + 1n, 0x20)
  bytes.writeBigUInt64LE(2n ** 33n + 1n, 0x28)
  bytes.writeBigInt64LE(-2n, 0x40)
  bytes.writeUInt32LE(999_999_999, 0x48)
  bytes.writeBigInt64LE(1_700_000_000n, 0x70)
  bytes.writeUInt32LE(123_456_789, 0x78)
  // 259:70000
  bytes.writeUInt32LE(259, 0x88)
  bytes.writeUInt32LE(70_000, 0x8c)
  return new Uint32Array(bytes.buffer, bytes.byteOffset, 64)
}

test('what statx told is exact, and rounded as node:fs rounds it', (t) => {
  const stats = fromStatx(told(), 0, true)
  t.true(stats instanceof Stats && stats.isFile())
  t.like(stats, { ino: 2 ** 63, size: 2 ** 33 + 1, nlink: 2, blksize: 4096, dev: 0x11110370 })
  t.is(stats.mtimeMs, 1_700_000_000_123.4568)
  t.is(stats.mtime.getTime(), 1_700_000_000_123)
  t.like(preciseOf(stats), { ino: 2n ** 63n + 1n, size: 2n ** 33n + 1n, atimeNs: -1_000_000_001n })
  t.like(toBigIntStats(stats), { ino: 2n ** 63n + 1n, mtimeNs: 1_700_000_000_123_456_789n })
  t.like(toBigIntStats(makeStats(stats)), { ino: 2n ** 63n + 1n, mtimeNs: 1_700_000_000_123_456_789n }, 'a copy')
})

test('what a layer makes of it counts', (t) => {
  const stats = fromStatx(told(), 0, true)
  const noon = new Date('2020-01-01T12:00:00Z')
  Object.assign(stats, { size: 5, mtimeMs: noon.getTime(), mtime: noon })
  t.is(stats.mtime, noon)
  t.like(toBigIntStats(stats), { size: 5n, mtimeMs: BigInt(noon.getTime()) })
})

test('not asked to be exact, it is a Stats like any other', (t) => {
  const stats = fromStatx(told(), 0, false)
  t.is(preciseOf(stats), undefined)
  t.is(Object.getPrototypeOf(stats), Stats.prototype)
  t.deepEqual(Object.keys(stats), Object.keys(makeStats(stats)))
})
