/** Reading and writing open files in memory. */

import type { Caller } from '../../context.js'
import { Failed } from '../../verdict.js'
import { withoutSetId } from './caller.js'
import { allocated, allocatedAfter, pagesOf, prepare, readFrom, truncate, writeTo, zero } from './contents.js'
import { EVENT, isDirectory, isRegular, type Node } from './node.js'
import { touch, read as wasRead } from './times.js'
import type { MemoryOps, MemoryVolume, OpenNode } from './volume.js'

const EBADF = Failed.of('EBADF')
const EFBIG = Failed.of('EFBIG')
const EINVAL = Failed.of('EINVAL')
const EISDIR = Failed.of('EISDIR')
const ENODEV = Failed.of('ENODEV')
const ENOSPC = Failed.of('ENOSPC')
const ENOTSUP = Failed.of('ENOTSUP')
const ENXIO = Failed.of('ENXIO')

// linux/falloc.h
const FALLOC_FL_KEEP_SIZE = 1
const FALLOC_FL_PUNCH_HOLE = 2
const FALLOC_FL_ZERO_RANGE = 16
const SEEK_DATA = 3
const SEEK_HOLE = 4

/** The largest offset of a file. */
const OFFSET_MAX = 2n ** 63n - 1n

type FileOp = 'read' | 'write' | 'fsync' | 'fallocate' | 'lseek' | 'copy_file_range'

/** How many of `length` bytes at `position` fit: all, some, or a failure. */
const room = (v: MemoryVolume, node: Node, position: number, length: number): number | Failed => {
  const { space } = v
  if (position >= space.maxFileBytes) return EFBIG
  let count = Math.min(length, space.maxFileBytes - position)
  const before = allocated(node)
  if (!space.hasBytes(allocatedAfter(node, position, position + count) - before)) {
    // As much as fits, as write(2) does: what lies within memory that the file has already costs nothing.
    const left = Math.max(space.maxBytes - space.bytes, 0) + (pagesOf(node) === undefined ? before - position : 0)
    count = Math.min(count, left)
    if (count <= 0 || allocatedAfter(node, position, position + count) - before > space.maxBytes - space.bytes) {
      return ENOSPC
    }
  }
  return count
}

/** Sets a file's size. */
export const resize = (v: MemoryVolume, node: Node, size: number, caller: Caller): Failed | undefined => {
  const { space } = v
  if (size < 0) return EINVAL
  if (size > space.maxFileBytes) return EFBIG
  const before = allocated(node)
  const dense = allocatedAfter(node, size, size) - before
  if (size > node.getSize() && !space.hasBytes(dense)) return ENOSPC
  truncate(node, size)
  space.bytes += allocated(node) - before
  touch(node)
  if (caller.uid !== 0) node.mode = withoutSetId(node.mode)
  return undefined
}

export const fileOps = (v: MemoryVolume): Pick<MemoryOps, FileOp> => {
  const { files, space } = v

  const writeAt = (
    file: OpenNode,
    buffer: NodeJS.ArrayBufferView,
    offset: number,
    length: number,
    position: number,
    caller: Caller,
  ): number | Failed => {
    const { node } = file
    if (length === 0) return 0
    const count = room(v, node, position, length)
    if (count instanceof Failed) return count
    const before = allocated(node)
    const written = writeTo(node, buffer, offset, count, position)
    space.bytes += allocated(node) - before
    touch(node)
    if (caller.uid !== 0) node.mode = withoutSetId(node.mode)
    v.tell(EVENT.modify, file.link)
    return written
  }

  return {
    read({ fd, buffer, offset, length, position }) {
      const file = files.get(fd)
      if (file === undefined || !file.readable) return EBADF
      const { node } = file
      if (isDirectory(node)) return EISDIR
      const own = position === null || position < 0
      const at = own ? file.position : Number(position)
      if (typeof position === 'bigint' && position + BigInt(length) > OFFSET_MAX) return EINVAL
      const count = readFrom(node, buffer, offset, length, at)
      wasRead(node)
      if (own) file.position = at + count
      return count
    },

    write({ fd, buffer, offset, length, position }, caller) {
      const file = files.get(fd)
      if (file === undefined || !file.writable) return EBADF
      const own = position === null || position < 0
      // Linux appends even at a given position.
      const at = file.append ? file.node.getSize() : own ? file.position : Number(position)
      const count = writeAt(file, buffer, offset, length, at, caller)
      if (own && typeof count === 'number') file.position = at + count
      return count
    },

    fsync({ fd }) {
      const file = files.get(fd)
      return file === undefined || file.pathOnly ? EBADF : undefined
    },

    fallocate({ fd, mode, offset, length }, caller) {
      const file = files.get(fd)
      if (file === undefined) return EBADF
      if (offset < 0 || length <= 0) return EINVAL
      const keep = (mode & FALLOC_FL_KEEP_SIZE) !== 0
      const action = mode & ~FALLOC_FL_KEEP_SIZE
      if (action !== 0 && action !== FALLOC_FL_ZERO_RANGE && !(action === FALLOC_FL_PUNCH_HOLE && keep)) return ENOTSUP
      if (!file.writable) return EBADF
      const { node } = file
      if (!isRegular(node)) return ENODEV
      const end = offset + length
      if (end > space.maxFileBytes) return EFBIG
      const before = allocated(node)
      if (action !== FALLOC_FL_PUNCH_HOLE) {
        const need = allocatedAfter(node, offset, end) - before
        if (!space.hasBytes(need)) return ENOSPC
      }
      if (action !== 0) zero(node, offset, end)
      if (action !== FALLOC_FL_PUNCH_HOLE) {
        if (!keep && end > node.getSize()) {
          prepare(node, offset, end)
          truncate(node, end)
        }
        if (pagesOf(node) !== undefined) pagesOf(node)?.allocate(offset, end)
      }
      space.bytes += allocated(node) - before
      touch(node)
      if (caller.uid !== 0) node.mode = withoutSetId(node.mode)
      v.tell(EVENT.modify, file.link)
      return undefined
    },

    lseek({ fd, offset, whence }) {
      const file = files.get(fd)
      if (file === undefined || file.pathOnly) return EBADF
      if (whence !== SEEK_DATA && whence !== SEEK_HOLE) return EINVAL
      const size = file.node.getSize()
      if (offset < 0 || offset >= size) return ENXIO
      const pages = pagesOf(file.node)
      if (whence === SEEK_HOLE) {
        file.position = pages === undefined ? size : pages.hole(offset)
        return file.position
      }
      const at = pages === undefined ? offset : pages.data(offset)
      if (at === undefined) return ENXIO
      file.position = at
      return at
    },

    copy_file_range({ fd, offset, fdOut, offsetOut, length }, caller) {
      const from = files.get(fd)
      const to = files.get(fdOut)
      if (from === undefined || to === undefined || !from.readable || !to.writable || to.append) return EBADF
      if (isDirectory(from.node)) return EISDIR
      if (offset < 0 || offsetOut < 0 || length < 0) return EINVAL
      const count = Math.min(length, from.node.getSize() - offset, COPY_CHUNK)
      if (count <= 0) return 0
      if (from.node === to.node && offset < offsetOut + count && offsetOut < offset + count) return EINVAL
      const buffer = Buffer.allocUnsafe(count)
      readFrom(from.node, buffer, 0, count, offset)
      wasRead(from.node)
      return writeAt(to, buffer, 0, count, offsetOut, caller)
    },
  }
}

/** So much at once: the caller asks again for the rest. */
const COPY_CHUNK = 8 << 20
