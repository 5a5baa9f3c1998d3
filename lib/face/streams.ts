/**
 * ReadStream and WriteStream of a face: Node's own, with the face in the place of node:fs.
 *
 * They have Node's methods but not its prototype: from a stream, neither its constructor nor its prototypes lead to a
 * class that would open a file on node:fs itself. So `stream instanceof fs.ReadStream` holds where `fs` is the face.
 */
import type * as NodeFs from 'node:fs'
import { originalFs } from '../lower/original-fs.js'
import { notImplemented } from './codes.js'
import { FileHandle, letGo, retain, type StreamMakers } from './file-handle.js'
import { copiedOptions } from './validate.js'
import type { View } from './view.js'

type StreamFunction = new (path: unknown, options?: unknown) => NodeJS.EventEmitter & { close(): void }

const made = new WeakMap<View, StreamMakers>()

/** The stream classes of a face. */
export const streamsOf = (v: View): StreamMakers => {
  let classes = made.get(v)
  if (classes === undefined) {
    const { ReadStream, WriteStream } = originalFs
    classes = {
      ReadStream: over(v, ReadStream as unknown as StreamFunction) as unknown as StreamMakers['ReadStream'],
      WriteStream: over(v, WriteStream as unknown as StreamFunction) as unknown as StreamMakers['WriteStream'],
    }
    made.set(v, classes)
  }
  return classes
}

/** `Original` with the face, or where it is installed, for its filesystem. Callable without `new`, and upon an object of a subclass, as Node's is. */
const over = (v: View, Original: StreamFunction): StreamFunction => {
  function Stream(this: object, path: unknown, given: unknown): object {
    if (!(this instanceof Stream)) return new (Stream as unknown as StreamFunction)(path, given)
    const options = copiedOptions(given)
    const handle = options.fd instanceof FileHandle ? options.fd : undefined
    if (handle !== undefined) {
      if (options.fs) throw notImplemented('FileHandle with fs')
      options.fd = handle.fd
      options.fs = operationsOf(handle)
    } else if (!options.fs) options.fs = v.surface.at
    // Node's constructor looks at the prototype, and would make another object.
    const prototype = Object.getPrototypeOf(this)
    Object.setPrototypeOf(this, Original.prototype)
    try {
      Original.call(this, path, options)
    } finally {
      Object.setPrototypeOf(this, prototype)
    }
    if (handle !== undefined) {
      retain(handle)
      handle.on('close', (this as unknown as { close(): void }).close.bind(this))
    }
    return this
  }
  const { prototype, name } = Original
  Stream.prototype = Object.create(Object.getPrototypeOf(prototype), {
    ...Object.getOwnPropertyDescriptors(prototype),
    constructor: { value: Stream, writable: true, configurable: true, enumerable: true },
  })
  Object.setPrototypeOf(Stream, Object.getPrototypeOf(Original))
  return Object.defineProperty(Stream, 'name', { value: name, configurable: true }) as unknown as StreamFunction
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

type Utf8StreamOptions = { fs?: object } & Record<string, unknown>
type Utf8StreamClass = new (options?: Utf8StreamOptions) => object

/** Utf8Stream (Node 24) of a face; undefined where Node has none. */
export const utf8StreamOf = (v: View): Utf8StreamClass | undefined => {
  const Original = (originalFs as typeof NodeFs & { Utf8Stream?: Utf8StreamClass }).Utf8Stream
  if (Original === undefined) return undefined
  // A class with private fields: made whole by Node, then given a prototype that does not lead back to it.
  function Utf8Stream(options?: Utf8StreamOptions): object {
    if (new.target === undefined) throw new TypeError("Class constructor Utf8Stream cannot be invoked without 'new'")
    const stream = new (Original as Utf8StreamClass)({ ...options, fs: options?.fs ?? v.surface.at })
    return Object.setPrototypeOf(stream, new.target.prototype)
  }
  Utf8Stream.prototype = Object.create(Object.getPrototypeOf(Original.prototype), {
    ...Object.getOwnPropertyDescriptors(Original.prototype),
    constructor: { value: Utf8Stream, writable: true, configurable: true },
  })
  Object.setPrototypeOf(Utf8Stream, Object.getPrototypeOf(Original))
  return Utf8Stream as unknown as Utf8StreamClass
}
