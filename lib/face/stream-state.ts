/**
 * What Node's constructors of ReadStream and WriteStream do to the object. Written out, not called: they want an object
 * with Node's own prototype, and whatever runs meanwhile (an accessor of the options, of the object, a listener's hook)
 * could follow that to a class which opens files on node:fs itself.
 */
import { Readable, Writable } from 'node:stream'
import { originalFs } from '../lower/original-fs.js'
import { apply } from '../primordials.js'
import { invalidArgType, notImplemented, outOfRange } from './codes.js'
import { FileHandle, letGo, retain } from './file-handle.js'
import { callbackOf, checkBoolean, copiedOptions, fdOf, givenPath, integerOf, optionsOf, pathOf } from './validate.js'
import type { View } from './view.js'

/** The fields of Node's streams that only its own methods know by name. */
const symbols = ((): { readonly fs: symbol; readonly performing: symbol } => {
  const quiet = { open: () => undefined, close: () => undefined, read: () => undefined }
  const probe = new (originalFs.ReadStream as unknown as new (path: string, options: object) => object)('', {
    fs: quiet,
  })
  const named = (name: string): symbol => {
    for (const symbol of Object.getOwnPropertySymbols(probe)) if (symbol.description === name) return symbol
    throw new Error(`plyfs: fs.ReadStream of Node ${process.version} has no ${name}`)
  }
  return { fs: named('kFs'), performing: named('kIsPerformingIO') }
})()

type Options = Record<string, unknown>
/** A stream, as its constructor fills it in. */
type Target = Record<string | symbol, unknown> & {
  close(): void
  setDefaultEncoding(encoding: unknown): void
}
type Operations = Record<string, unknown>

const MAX_SAFE = Number.MAX_SAFE_INTEGER

/** The file of a stream: by its path, a descriptor or a FileHandle. Gives what its `fs` is. */
const connect = (v: View, stream: Target, path: unknown, options: Options, flags: string): Operations => {
  const given = options.fs
  const operations = (given || v.surface.at) as Operations
  const { fd } = options
  if (fd === undefined || fd === null) {
    stream.fd = null
    stream[symbols.fs] = operations
    callbackOf(operations.open, 'options.fs.open')
    const text = givenPath(path)
    pathOf(text)
    stream.path = typeof path === 'string' || path instanceof Uint8Array ? path : text
    stream.flags = options.flags === undefined ? flags : options.flags
    stream.mode = options.mode === undefined ? 0o666 : options.mode
    return operations
  }
  if (typeof fd === 'number') {
    stream[symbols.fs] = operations
    stream.fd = fdOf(fd)
    return operations
  }
  if (!(fd instanceof FileHandle)) {
    throw invalidArgType('options.fd', 'of type number or an instance of FileHandle', fd)
  }
  if (given) throw notImplemented('FileHandle with fs')
  const own = operationsOf(fd)
  stream[symbols.fs] = own
  stream.fd = fdOf(fd.fd)
  retain(fd)
  fd.on('close', () => stream.close())
  return own
}

const closes = (options: Options, operations: Operations): void => {
  options.autoDestroy = options.autoClose === undefined ? true : options.autoClose
  if (options.autoDestroy) callbackOf(operations.close, 'options.fs.close')
}

/** As `ReadStream(path, options)`. */
export const beReadStream = (v: View, stream: Target, path: unknown, given: unknown): void => {
  const options = copiedOptions(optionsOf(given))
  if (options.highWaterMark === undefined) options.highWaterMark = 64 * 1024
  const operations = connect(v, stream, path, options, 'r')
  callbackOf(operations.read, 'options.fs.read')
  closes(options, operations)
  const { start, end } = options
  stream.start = start
  stream.end = end === undefined ? Number.POSITIVE_INFINITY : end
  stream.pos = undefined
  stream.bytesRead = 0
  stream[symbols.performing] = false
  if (start !== undefined) stream.pos = integerOf(start, 'start', 0, MAX_SAFE)
  if (end !== undefined && end !== Number.POSITIVE_INFINITY) {
    integerOf(end, 'end', 0, MAX_SAFE)
    if (start !== undefined && (start as number) > (end as number)) {
      throw outOfRange('start', `<= "end" (here: ${end})`, start)
    }
  }
  apply(Readable, stream, [options])
}

/** As `WriteStream(path, options)`. */
export const beWriteStream = (v: View, stream: Target, path: unknown, given: unknown): void => {
  const options = copiedOptions(optionsOf(given))
  options.decodeStrings = true
  const operations = connect(v, stream, path, options, 'w')
  const { write, writev } = operations
  if (!write && !writev) throw invalidArgType('options.fs.write', 'of type function', write)
  if (write) callbackOf(write, 'options.fs.write')
  if (writev) callbackOf(writev, 'options.fs.writev')
  closes(options, operations)
  const { flush, start } = options
  stream.flush = flush === undefined || flush === null ? false : checkBoolean(flush, 'options.flush')
  if (flush !== undefined && flush !== null) callbackOf(operations.fsync, 'options.fs.fsync')
  if (!write) stream._write = null
  if (!writev) stream._writev = null
  stream.start = start
  stream.pos = undefined
  stream.bytesWritten = 0
  stream[symbols.performing] = false
  if (start !== undefined) stream.pos = integerOf(start, 'start', 0, MAX_SAFE)
  apply(Writable, stream, [options])
  if (options.encoding) stream.setDefaultEncoding(options.encoding)
}

type Cb = (error: unknown, ...values: unknown[]) => void

/** What a stream over a FileHandle uses for its `fs`. */
const operationsOf = (handle: FileHandle) => ({
  open(): never {
    throw notImplemented('open()')
  },
  close(_fd: number, cb: Cb): void {
    letGo(handle)
    handle.close().then(() => cb(null), cb)
  },
  fsync(_fd: number, cb: Cb): void {
    handle.sync().then(() => cb(null), cb)
  },
  read(_fd: number, buffer: Buffer, offset: number, length: number, position: unknown, cb: Cb): void {
    handle.read(buffer, offset, length, position).then(
      (read) => cb(null, read.bytesRead, read.buffer),
      (error) => cb(error, 0, buffer),
    )
  },
  write(_fd: number, buffer: Buffer, offset: number, length: number, position: unknown, cb: Cb): void {
    handle.write(buffer, offset, length, position).then(
      (written) => cb(null, written.bytesWritten, written.buffer),
      (error) => cb(error, 0, buffer),
    )
  },
  writev(_fd: number, buffers: readonly Buffer[], position: unknown, cb: Cb): void {
    handle.writev(buffers, position).then(
      (written) => cb(null, written.bytesWritten, written.buffers),
      (error) => cb(error, 0, buffers),
    )
  },
})
