/**
 * The bytes of a file. memfs keeps each file in one buffer, which doubles as it grows; a file that is large, or has a
 * large hole, gets pages instead, and memfs's own functions find them too.
 */

import { byteLength } from './names.js'
import { type Node, S_IFLNK, typeOf } from './node.js'
import { PAGE, Pages } from './pages.js'

/** A gap of so many bytes is worth keeping as a hole. */
const HOLE_MIN = 1 << 20
/** No file of more bytes is kept in one buffer: growing one copies it. */
const WHOLE_MAX = 64 << 20

const EMPTY = Buffer.alloc(0)
const paged = new WeakMap<Node, Pages>()

export const pagesOf = (node: Node): Pages | undefined => paged.get(node)

export const sizeOf = (node: Node): number => {
  // memfs counts the bytes of files only.
  if (typeOf(node) === S_IFLNK) return byteLength(node.symlink)
  return node.getSize()
}

/** Bytes of memory in use. */
export const allocated = (node: Node): number => paged.get(node)?.allocated ?? node.getSize()

/** What `allocated` would be after writing `start` to `end`. */
export const allocatedAfter = (node: Node, start: number, end: number): number => {
  const pages = paged.get(node)
  if (pages !== undefined) return pages.allocated + pages.missing(start, end) * PAGE
  const size = node.getSize()
  return wantsPages(size, start, end)
    ? (Math.ceil(size / PAGE) + Math.ceil(end / PAGE) - Math.floor(start / PAGE)) * PAGE
    : Math.max(size, end)
}

const wantsPages = (size: number, start: number, end: number): boolean => start - size >= HOLE_MIN || end > WHOLE_MAX

/** `start` to `end` is about to be written, or to become a hole (`start` = `end`). */
export const prepare = (node: Node, start: number, end: number): void => {
  if (!paged.has(node) && wantsPages(node.getSize(), start, end)) toPages(node)
}

const asBuffer = (view: NodeJS.ArrayBufferView): Buffer =>
  Buffer.isBuffer(view) ? view : Buffer.from(view.buffer, view.byteOffset, view.byteLength)

/** As memfs's own read, which moves atime where relatime would not. */
export const readFrom = (
  node: Node,
  into: NodeJS.ArrayBufferView,
  offset: number,
  length: number,
  position: number,
): number => {
  const count = Math.min(length, into.byteLength - offset, node.getSize() - position)
  if (count <= 0) return 0
  const pages = paged.get(node)
  return pages === undefined
    ? node.buf.copy(asBuffer(into), offset, position, position + count)
    : pages.read(asBuffer(into), offset, count, position)
}

export const writeTo = (
  node: Node,
  from: NodeJS.ArrayBufferView,
  offset: number,
  length: number,
  position: number,
): number => {
  prepare(node, position, position + length)
  return node.write(asBuffer(from), offset, length, position)
}

export const truncate = (node: Node, size: number): void => {
  prepare(node, size, size)
  node.truncate(size)
}

/** From now on the node's contents are pages: memfs's functions of this one node are replaced. */
export const toPages = (node: Node): Pages => {
  const pages = new Pages()
  const size = node.getSize()
  pages.write(node.buf, 0, size, 0)
  const own = {
    read: (buffer: NodeJS.ArrayBufferView, offset = 0, length = buffer.byteLength, position = 0): number => {
      node.atime = new Date()
      return position >= pages.size ? 0 : pages.read(asBuffer(buffer), offset, length, position)
    },
    write: (buffer: Buffer, offset = 0, length = buffer.length, position = 0): number => {
      const count = Math.min(length, buffer.length - offset)
      if (count <= 0) return 0
      pages.write(buffer, offset, count, position)
      node.touch()
      return count
    },
    truncate: (to = 0): void => {
      pages.truncate(Math.max(to, 0))
      node.touch()
    },
    getSize: (): number => pages.size,
    getBuffer: (): Buffer => {
      const whole = Buffer.allocUnsafe(pages.size)
      pages.read(whole, 0, pages.size, 0)
      return whole
    },
    _setBuf: (buffer: Buffer): void => {
      pages.truncate(0)
      pages.write(buffer, 0, buffer.length, 0)
      node.touch()
    },
  }
  for (const [name, value] of Object.entries(own)) Object.defineProperty(node, name, { value, configurable: true })
  node.buf = EMPTY
  paged.set(node, pages)
  return pages
}

/** Makes `start` to `end` zeros, within the file's size. */
export const zero = (node: Node, start: number, end: number): void => {
  const stop = Math.min(end, node.getSize())
  if (stop <= start) return
  const pages = paged.get(node) ?? (stop - start >= HOLE_MIN ? toPages(node) : undefined)
  if (pages === undefined) node.buf.fill(0, start, stop)
  else pages.punch(start, stop)
}
