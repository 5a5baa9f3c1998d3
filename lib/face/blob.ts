/**
 * openAsBlob. Node's Blob can read no file but the system's; this one knows its file, and reads it through the stack when
 * it is asked. As with Node's, reading fails once the file has changed. Only where Node itself reaches for the bytes (a blob
 * that becomes part of another one, or is sent to a worker) is all of it read, at once.
 */

import { Blob as NodeBlob } from 'node:buffer'
import { constants } from 'node:fs'
import { ReadableStream } from 'node:stream/web'
import { runSync } from '../driver/sync.js'
import type { Op, Stats } from '../op.js'
import { getattrOf, openOf } from '../request.js'
import { Failed } from '../verdict.js'
import { invalidArgType, nodeError } from './codes.js'
import { fsError } from './errors.js'
import { onFile } from './fields.js'
import type { Method } from './method.js'
import { perform, performSync } from './perform.js'
import { objectOf, pathOf, shownPath } from './validate.js'
import { nodeMajor } from './versions.js'
import { contextOf, type View } from './view.js'

const OPS: readonly Op[] = ['open', 'read', 'release', 'getattr']
/** Bytes read in one go, as Node's stream gives them. */
const CHUNK = 65536

const unreadable = (): DOMException => new DOMException('The blob could not be read', 'NotReadableError')

/** A file as it was when the blob was made. */
interface Source {
  readonly v: View
  readonly path: string
  readonly size: number
  readonly mtimeMs: number
}

/** The bytes from `start` to `end`, in chunks. @throws NotReadableError where the file is not what it was */
async function* chunks({ v, path, size, mtimeMs }: Source, start: number, end: number): AsyncGenerator<Uint8Array> {
  if (start >= end) return
  let fd: number
  try {
    fd = await perform(v, 'open', openOf(path, constants.O_RDONLY, 0), 'open')
  } catch {
    throw unreadable()
  }
  try {
    for (let at = start; at < end; ) {
      const now = await perform(v, 'getattr', { path, follow: true, precise: false, ...onFile(v, fd) }, 'fstat')
      if (now.size !== size || now.mtimeMs !== mtimeMs) throw unreadable()
      const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, end - at))
      const req = { ...onFile(v, fd), buffer, offset: 0, length: buffer.length, position: at }
      const got = await perform(v, 'read', req, 'read')
      if (got === 0) throw unreadable()
      at += got
      yield new Uint8Array(buffer.buffer, 0, got)
    }
  } catch (error) {
    throw error instanceof DOMException ? error : unreadable()
  } finally {
    await perform(v, 'release', onFile(v, fd), 'close')
  }
}

/** The same for Node, which does not wait. */
const bytesNow = ({ v, path, size, mtimeMs }: Source, start: number, end: number): Buffer => {
  const bytes = Buffer.allocUnsafeSlow(end - start)
  let fd: number | undefined
  try {
    fd = performSync(v, 'open', openOf(path, constants.O_RDONLY, 0), 'open')
    const on = onFile(v, fd)
    const now = performSync(v, 'getattr', { path, follow: true, precise: false, ...on }, 'fstat')
    if (now.size !== size || now.mtimeMs !== mtimeMs) throw unreadable()
    for (let at = 0; at < bytes.length; ) {
      const req = { ...on, buffer: bytes, offset: at, length: bytes.length - at, position: start + at }
      const got = performSync(v, 'read', req, 'read')
      if (got === 0) throw unreadable()
      at += got
    }
    return bytes
  } catch (error) {
    throw error instanceof DOMException ? error : unreadable()
  } finally {
    if (fd !== undefined) performSync(v, 'release', onFile(v, fd), 'close')
  }
}

/** Where Node keeps what a Blob is made of; the same in every version from 20 to 26. */
const fieldOf = (name: string): symbol => {
  const found = Object.getOwnPropertySymbols(new NodeBlob([])).find(({ description }) => description === name)
  if (found === undefined) throw new TypeError(`openAsBlob: this version of Node has another kind of Blob (no ${name})`)
  return found
}

class Blob extends NodeBlob {
  static {
    // Node's own would reach for the bytes.
    Object.defineProperties(Blob.prototype, {
      size: { get: sizeOf, configurable: true, enumerable: true },
      type: { get: typeOf, configurable: true, enumerable: true },
    })
    function sizeOf(this: Blob): number {
      return this.#end - this.#start
    }
    function typeOf(this: Blob): string {
      return this.#type
    }
  }
  readonly #source: Source
  readonly #start: number
  readonly #end: number
  readonly #type: string

  constructor(source: Source, start: number, end: number, type: string) {
    super([], { type })
    // As Node keeps it.
    this.#type = new NodeBlob([], { type }).type
    this.#source = source
    this.#start = start
    this.#end = end
    const handle = fieldOf('kHandle')
    const whole = (): unknown => Reflect.get(new NodeBlob([bytesNow(source, start, end)]), handle)
    Object.defineProperty(this, fieldOf('kLength'), { value: end - start, writable: true, configurable: true })
    Object.defineProperty(this, handle, { get: whole, configurable: true })
  }
  async #bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const all = new Uint8Array(this.size)
    let at = 0
    for await (const chunk of chunks(this.#source, this.#start, this.#end)) {
      all.set(chunk, at)
      at += chunk.length
    }
    return all
  }
  override async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.#bytes()).buffer
  }
  override async text(): Promise<string> {
    return new TextDecoder().decode(await this.#bytes())
  }
  override bytes(): Promise<Uint8Array> {
    return this.#bytes()
  }
  override slice(start = 0, end = this.size, type = ''): Blob {
    const within = (at: number): number => (at < 0 ? Math.max(this.size + at, 0) : Math.min(at, this.size))
    const from = within(Math.trunc(start))
    const to = Math.max(from, within(Math.trunc(end)))
    return new Blob(this.#source, this.#start + from, this.#start + to, type)
  }
  override stream(): ReadableStream {
    const pieces = chunks(this.#source, this.#start, this.#end)
    return new ReadableStream({
      type: 'bytes',
      pull: async (controller) => {
        const { done, value } = await pieces.next()
        if (!done) controller.enqueue(value)
        else {
          controller.close()
          controller.byobRequest?.respond(0)
        }
      },
      cancel: async () => {
        await pieces.return(undefined)
      },
    })
  }
}

/** Before Node 26, Node does not say why. */
const cannotOpen = (failed: Failed, path: unknown): Error =>
  nodeMajor < 26
    ? nodeError('ERR_INVALID_ARG_VALUE', 'Unable to open file as blob', TypeError)
    : fsError(failed, 'stat', shownPath(path))

/** The blob of what is there; looked at in the caller's turn, as Node does. */
const blobOf = (v: View, given: unknown, options: unknown = {}): Blob => {
  const { type } = objectOf(options, 'options') as { type?: unknown }
  const text = type || ''
  if (typeof text !== 'string') throw invalidArgType('options.type', 'of type string', text)
  const path = pathOf(given)
  const stats: Stats | Failed = runSync(v.x, 'getattr', getattrOf(path, true), contextOf(v))
  if (stats instanceof Failed) throw cannotOpen(stats, given)
  if (stats.isDirectory()) throw cannotOpen(Failed.of('EISDIR'), given)
  const { size, mtimeMs } = stats
  return new Blob({ v, path, size, mtimeMs }, 0, size, text)
}

export const openAsBlob: Method = {
  ops: OPS,
  callback: (v) => (given: unknown, options?: unknown) => Promise.resolve(blobOf(v, given, options)),
  sync: (v) => (given: unknown, options?: unknown) => blobOf(v, given, options),
}
