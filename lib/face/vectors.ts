/** readv and writev: each one request, so that no other reader or writer comes in between. */
import { Failed } from '../verdict.js'
import { invalidArgType } from './codes.js'
import { fsError } from './errors.js'
import { onFile } from './fields.js'
import { type Method, request } from './method.js'
import { performSync } from './perform.js'
import { writePosition } from './read-write.js'
import { bytesOf, callbackOf, isView } from './validate.js'

type Bytes = NodeJS.ArrayBufferView

export const viewsOf = (buffers: unknown): readonly Bytes[] => {
  if (!Array.isArray(buffers)) throw invalidArgType('buffers', 'an ArrayBufferView[]', buffers)
  for (let k = 0; k < buffers.length; k++) {
    if (!isView(buffers[k])) throw invalidArgType('buffers', 'an ArrayBufferView[]', buffers)
  }
  return buffers as Bytes[]
}
const sizeOf = (buffers: readonly Bytes[]): number => {
  let total = 0
  for (const { byteLength } of buffers) total += byteLength
  return total
}
export const vectorPosition = (position: unknown): number | null =>
  typeof position === 'number' ? writePosition(position) : null

/** One buffer for all of them, so that layers see one request and no other reader comes in between. */
export const gathered = (buffers: readonly Bytes[]): Buffer => {
  const only = buffers[0]
  return buffers.length === 1 && only !== undefined ? bytesOf(only) : Buffer.allocUnsafe(sizeOf(buffers))
}
export const scatter = (from: Buffer, bytes: number, buffers: readonly Bytes[]): void => {
  if (buffers.length === 1) return
  let at = 0
  for (const buffer of buffers) {
    if (at >= bytes) return
    at += from.copy(bytesOf(buffer), 0, at, bytes)
  }
}
export const joined = (buffers: readonly Bytes[]): Buffer =>
  buffers.length === 1 ? bytesOf(buffers[0] as Bytes) : Buffer.concat(buffers.map(bytesOf))

export const NO_VECTORS = Failed.of('EINVAL')

/** readv as one `read` into a buffer of its own, scattered afterwards. */
export const readv: Method = {
  ops: ['read'],
  sync: (v) =>
    function readvSync(given: unknown, vectors: unknown, position: unknown) {
      const { fd, file } = onFile(v, given)
      const buffers = viewsOf(vectors)
      if (buffers.length === 0) throw fsError(NO_VECTORS, 'read')
      const buffer = gathered(buffers)
      const req = { fd, file, buffer, offset: 0, length: buffer.length, position: vectorPosition(position) }
      const bytes = performSync(v, 'read', req, 'read')
      scatter(buffer, bytes, buffers)
      return bytes
    },
  callback: (v) =>
    function readv(given: unknown, vectors: unknown, position: unknown, callback: unknown) {
      const { fd, file } = onFile(v, given)
      const buffers = viewsOf(vectors)
      const done = callbackOf(callback || position)
      if (buffers.length === 0) {
        process.nextTick(done, fsError(NO_VECTORS, 'read'), 0, buffers)
        return
      }
      const buffer = gathered(buffers)
      const req = { fd, file, buffer, offset: 0, length: buffer.length, position: vectorPosition(position) }
      request(v, 'read', req, 'read', undefined, (error, bytes = 0) => {
        scatter(buffer, bytes, buffers)
        done(error, bytes, buffers)
      })
    },
}

/** writev as one `write` of all the bytes. */
export const writev: Method = {
  ops: ['write'],
  sync: (v) =>
    function writevSync(given: unknown, vectors: unknown, position: unknown) {
      const { fd, file } = onFile(v, given)
      const buffers = viewsOf(vectors)
      if (buffers.length === 0) return 0
      const buffer = joined(buffers)
      const req = { fd, file, buffer, offset: 0, length: buffer.length, position: vectorPosition(position) }
      return performSync(v, 'write', req, 'write')
    },
  callback: (v) =>
    function writev(given: unknown, vectors: unknown, position: unknown, callback: unknown) {
      const { fd, file } = onFile(v, given)
      const buffers = viewsOf(vectors)
      const done = callbackOf(callback || position)
      if (buffers.length === 0) {
        process.nextTick(done, null, 0, buffers)
        return
      }
      const buffer = joined(buffers)
      const req = { fd, file, buffer, offset: 0, length: buffer.length, position: vectorPosition(position) }
      request(v, 'write', req, 'write', undefined, (error, bytes) => done(error, bytes ?? 0, buffers))
    },
}
