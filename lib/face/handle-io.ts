/** What a FileHandle does with its file, as functions: each is checked as Node checks it, and asks the plans. */
import type { Attributes } from '../op.js'
import { toBigIntStats } from '../stats.js'
import { checkAborted, invalidArgType, invalidArgValue, outOfRange } from './codes.js'
import { fsError } from './errors.js'
import { encodingOf, fsyncOn, getattrOn, setattrOn } from './fields.js'
import { perform } from './perform.js'
import { Fault, readWhole } from './read-whole.js'
import { bytesOf, checkBoolean, copiedOptions, integerOf, isView, objectOf, signalOf } from './validate.js'
import { gathered, joined, NO_VECTORS, scatter, vectorPosition, viewsOf } from './vectors.js'
import { nodeMajor } from './versions.js'
import type { View } from './view.js'

/** The most that one read or write moves: Linux's own limit, and libuv's. */
const IO_MAX = 2 ** 31 - 1
const WRITE_CHUNK = 512 * 1024

type Position = number | bigint | null

export const handleStat = async (v: View, fd: number, options: unknown): Promise<unknown> => {
  const precise = (options as { bigint?: unknown } | null | undefined)?.bigint === true
  const stats = await perform(v, 'getattr', getattrOn(v, fd, precise), 'fstat')
  return precise ? toBigIntStats(stats) : stats
}

export const handleSet = async (v: View, fd: number, set: Attributes, syscall: string): Promise<void> => {
  await perform(v, 'setattr', setattrOn(v, fd, set), syscall)
}

export const handleSync = (v: View, fd: number, datasync: boolean): Promise<void> =>
  perform(v, 'fsync', fsyncOn(v, fd, datasync), datasync ? 'fdatasync' : 'fsync')

const readAt = (
  v: View,
  fd: number,
  buffer: NodeJS.ArrayBufferView,
  offset: number,
  length: number,
  position: Position,
) => perform(v, 'read', { fd, file: v.x.files.get(fd), buffer, offset, length, position }, 'read')
const writeAt = (
  v: View,
  fd: number,
  buffer: NodeJS.ArrayBufferView,
  offset: number,
  length: number,
  position: number | null,
) => perform(v, 'write', { fd, file: v.x.files.get(fd), buffer, offset, length, position }, 'write')

// Node's results have no prototype.
const bare = <T extends object>(fields: T): T => Object.assign(Object.create(null), fields) as T

/** Up to Node 20 a position that is no safe integer means the file's own; later ones are checked. */
const positionOf = (position: unknown, length: number): Position => {
  if (nodeMajor < 22) return Number.isSafeInteger(position) && (position as number) >= 0 ? (position as number) : null
  if (position === null || position === undefined) return null
  if (typeof position === 'number') {
    integerOf(position, 'position', -1, Number.MAX_SAFE_INTEGER)
    return position === -1 ? null : position
  }
  if (typeof position === 'bigint') {
    const max = 2n ** 63n - 1n - BigInt(length)
    if (position < -1n || position > max) throw outOfRange('position', `>= -1 && <= ${max}`, position)
    return position === -1n ? null : position
  }
  throw invalidArgType('position', 'of type bigint or integer', position)
}

export const handleRead = async (
  v: View,
  fd: number,
  bufferOrParams: unknown,
  offsetOrOptions: unknown,
  lengthArg: unknown,
  positionArg: unknown,
): Promise<{ bytesRead: number; buffer: NodeJS.ArrayBufferView }> => {
  let buffer = bufferOrParams as NodeJS.ArrayBufferView
  let offset = offsetOrOptions as number | null | undefined
  let length = lengthArg as number | null | undefined
  let position = positionArg
  if (!isView(bufferOrParams)) {
    if (bufferOrParams !== undefined && bufferOrParams !== null) objectOf(bufferOrParams, 'options')
    const params = (bufferOrParams ?? {}) as { buffer?: unknown; offset?: number; length?: number; position?: unknown }
    buffer = (params.buffer ?? Buffer.alloc(16384)) as NodeJS.ArrayBufferView
    if (!isView(buffer)) throw invalidArgType('buffer', 'an instance of Buffer, TypedArray, or DataView', buffer)
    ;({ offset = 0, length = buffer.byteLength - (offset as number), position = null } = params)
  }
  if (offset !== null && typeof offset === 'object') {
    const params = offset as { offset?: number; length?: number; position?: unknown }
    ;({ offset = 0, length = buffer.byteLength - (offset as number), position = null } = params)
  }
  const at = offset === null || offset === undefined ? 0 : integerOf(offset, 'offset', 0, Number.MAX_SAFE_INTEGER)
  const size = length ?? buffer.byteLength - at
  if (size === 0) return bare({ bytesRead: 0, buffer })
  if (buffer.byteLength === 0) throw invalidArgValue('buffer', buffer, 'is empty and cannot be written')
  if (typeof size !== 'number') throw invalidArgType('length', 'of type number', size)
  if (size < 0) throw outOfRange('length', '>= 0', size)
  if (at + size > buffer.byteLength) throw outOfRange('length', `<= ${buffer.byteLength - at}`, size)
  const bytesRead = await readAt(v, fd, buffer, at, Math.trunc(size), positionOf(position, size))
  return bare({ bytesRead, buffer })
}

export const handleReadv = async (v: View, fd: number, given: unknown, position: unknown) => {
  const buffers = viewsOf(given)
  if (buffers.length === 0) throw fsError(NO_VECTORS, 'read')
  const buffer = gathered(buffers)
  const bytesRead = await readAt(v, fd, buffer, 0, buffer.length, vectorPosition(position))
  scatter(buffer, bytesRead, buffers)
  return bare({ bytesRead, buffers })
}

/** Where to write: what is no safe integer means the file's own offset. */
const placeOf = (position: unknown): number | null =>
  Number.isSafeInteger(position) && (position as number) >= 0 ? (position as number) : null

export const handleWrite = async (
  v: View,
  fd: number,
  data: unknown,
  offsetOrOptions: unknown,
  lengthArg: unknown,
  positionArg: unknown,
): Promise<{ bytesWritten: number; buffer: unknown }> => {
  if ((data as Buffer | null | undefined)?.byteLength === 0) return bare({ bytesWritten: 0, buffer: data })
  if (!isView(data)) {
    if (typeof data !== 'string') {
      throw invalidArgType('buffer', 'of type string or an instance of Buffer, TypedArray, or DataView', data)
    }
    // write(string, position, encoding)
    const encoding = (encodingOf(lengthArg) ?? 'utf8') as BufferEncoding
    if (encoding === 'hex' && data.length % 2 !== 0) {
      throw invalidArgValue('encoding', encoding, `is invalid for data of length ${data.length}`)
    }
    const bytes = Buffer.from(data, encoding)
    const at = placeOf(offsetOrOptions)
    const bytesWritten = await writeAt(v, fd, bytes, 0, bytes.length, at)
    return bare({ bytesWritten, buffer: data })
  }
  let offset = offsetOrOptions as number | null | undefined
  let length = lengthArg
  let position = positionArg
  if (typeof offsetOrOptions === 'object') {
    const params = (offsetOrOptions ?? {}) as { offset?: number; length?: number; position?: number | null }
    ;({ offset = 0, length = data.byteLength - (offset as number), position = null } = params)
  }
  const at = offset === null || offset === undefined ? 0 : integerOf(offset, 'offset', 0, Number.MAX_SAFE_INTEGER)
  const size = typeof length === 'number' ? length : data.byteLength - at
  if (at > data.byteLength) throw outOfRange('offset', `<= ${data.byteLength}`, at)
  if (size > data.byteLength - at) throw outOfRange('length', `<= ${data.byteLength - at}`, size)
  if (size < 0) throw outOfRange('length', '>= 0', size)
  integerOf(size, 'length', 0, IO_MAX)
  return bare({ bytesWritten: await writeAt(v, fd, data, at, size, placeOf(position)), buffer: data })
}

export const handleWritev = async (v: View, fd: number, given: unknown, position: unknown) => {
  const buffers = viewsOf(given)
  if (buffers.length === 0) return bare({ bytesWritten: 0, buffers })
  const buffer = joined(buffers)
  const bytesWritten = await writeAt(v, fd, buffer, 0, buffer.length, vectorPosition(position))
  return bare({ bytesWritten, buffers })
}

/** The rest of the file from its own offset on. */
export const handleReadFile = async (v: View, fd: number, given: unknown): Promise<string | Buffer> => {
  const options = copiedOptions(given)
  const encoding = encodingOf(options)
  const signal = signalOf(options.signal)
  checkAborted(signal)
  const out = await new Promise<string | Buffer | Fault>((resolve) =>
    readWhole(v, { path: '', fd, encoding, signal }, resolve),
  )
  if (out instanceof Fault) throw out.error()
  return out
}

const isIterable = (data: unknown): data is AsyncIterable<unknown> | Iterable<unknown> =>
  data !== null &&
  typeof data === 'object' &&
  (typeof (data as AsyncIterable<unknown>)[Symbol.asyncIterator] === 'function' ||
    typeof (data as Iterable<unknown>)[Symbol.iterator] === 'function')

/** Write all of `data`, from the file's own offset on; pieces of an iterable one after the other. */
export const handleWriteFile = async (v: View, fd: number, data: unknown, given: unknown): Promise<void> => {
  const options = copiedOptions(given)
  const encoding = (encodingOf(options) ?? 'utf8') as BufferEncoding
  checkBoolean(options.flush ?? false, 'options.flush')
  const signal = signalOf(options.signal)
  if (isView(data)) return writeAll(v, fd, bytesOf(data), signal)
  if (typeof data === 'string') return writeAll(v, fd, Buffer.from(data, encoding), signal)
  if (!isIterable(data)) {
    throw invalidArgType('data', 'of type string or an instance of Buffer, TypedArray, or DataView', data)
  }
  checkAborted(signal)
  for await (const piece of data) {
    checkAborted(signal)
    await writeAll(v, fd, isView(piece) ? bytesOf(piece) : Buffer.from(piece as string, encoding), signal)
    checkAborted(signal)
  }
}

const writeAll = async (v: View, fd: number, bytes: Buffer, signal: AbortSignal | undefined): Promise<void> => {
  let at = 0
  checkAborted(signal)
  while (at < bytes.length) {
    // Whoever has the signal gets a turn to fire it, also over a lower that answers at once.
    if (signal !== undefined) await new Promise(setImmediate)
    checkAborted(signal)
    at += await writeAt(v, fd, bytes, at, Math.min(WRITE_CHUNK, bytes.length - at), null)
  }
}
