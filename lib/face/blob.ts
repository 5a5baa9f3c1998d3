/**
 * openAsBlob. Node's Blob can read no file but the system's, so the bytes are read through the stack when it is made:
 * the whole file is in memory. As with Node's, reading fails once the file has changed.
 */

import { Blob as NodeBlob } from 'node:buffer'
import { constants } from 'node:fs'
import type { ReadableStream } from 'node:stream/web'
import { runPromise } from '../driver/promise.js'
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

/** Whether the file is still what it was when the blob was made. */
type Check = () => Promise<boolean>

const unreadable = (): DOMException => new DOMException('The blob could not be read', 'NotReadableError')

class Blob extends NodeBlob {
  readonly #unchanged: Check

  constructor(parts: ConstructorParameters<typeof NodeBlob>[0], type: string, unchanged: Check) {
    super(parts, { type })
    this.#unchanged = unchanged
  }
  async #checked<T>(read: () => Promise<T>): Promise<T> {
    if (!(await this.#unchanged())) throw unreadable()
    return read()
  }
  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.#checked(() => super.arrayBuffer())
  }
  override text(): Promise<string> {
    return this.#checked(() => super.text())
  }
  override bytes(): Promise<Uint8Array> {
    return this.#checked(async () => new Uint8Array(await super.arrayBuffer()))
  }
  override slice(start?: number, end?: number, type = ''): Blob {
    return new Blob([super.slice(start, end)], type, this.#unchanged)
  }
  override stream(): ReadableStream {
    const inner = super.stream() as ReadableStream<Uint8Array>
    let first = true
    return inner.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform: async (chunk, controller) => {
          if (first && !(await this.#unchanged())) throw unreadable()
          first = false
          controller.enqueue(chunk)
        },
      }),
    )
  }
}

/** Before Node 26, Node does not say why. */
const cannotOpen = (failed: Failed, path: unknown): Error =>
  nodeMajor < 26
    ? nodeError('ERR_INVALID_ARG_VALUE', 'Unable to open file as blob', TypeError)
    : fsError(failed, 'stat', shownPath(path))

const argsOf = (path: unknown, given: unknown = {}): { path: string; type: string } => {
  const { type } = objectOf(given, 'options') as { type?: unknown }
  const text = type || ''
  if (typeof text !== 'string') throw invalidArgType('options.type', 'of type string', text)
  return { path: pathOf(path), type: text }
}

/** Opens it, and looks at it: in the caller's turn, as Node does. */
const opened = (v: View, path: string, given: unknown): { fd: number; stats: Stats } => {
  const fd = runSync(v.x, 'open', openOf(path, constants.O_RDONLY, 0), contextOf(v))
  if (fd instanceof Failed) throw cannotOpen(fd, given)
  const stats = runSync(v.x, 'getattr', { path, follow: true, precise: false, ...onFile(v, fd) }, contextOf(v))
  if (stats instanceof Failed || stats.isDirectory()) {
    runSync(v.x, 'release', onFile(v, fd), contextOf(v))
    throw cannotOpen(stats instanceof Failed ? stats : Failed.of('EISDIR'), given)
  }
  return { fd, stats }
}

const checkOf =
  (v: View, path: string, { size, mtimeMs }: Stats): Check =>
  async () => {
    const now = await runPromise(v.x, 'getattr', getattrOf(path, true), contextOf(v))
    return !(now instanceof Failed) && now.size === size && now.mtimeMs === mtimeMs
  }

export const openAsBlob: Method = {
  ops: OPS,
  callback: (v) => (given: unknown, options?: unknown) => {
    const { path, type } = argsOf(given, options)
    const { fd, stats } = opened(v, path, given)
    return (async () => {
      const bytes = Buffer.allocUnsafeSlow(stats.size)
      let at = 0
      try {
        while (at < bytes.length) {
          const req = { ...onFile(v, fd), buffer: bytes, offset: at, length: bytes.length - at, position: at }
          const got = await perform(v, 'read', req, 'read')
          if (got === 0) break
          at += got
        }
      } finally {
        await perform(v, 'release', onFile(v, fd), 'close')
      }
      return new Blob([bytes.subarray(0, at)], type, checkOf(v, path, stats))
    })()
  },
  sync: (v) => (given: unknown, options?: unknown) => {
    const { path, type } = argsOf(given, options)
    const { fd, stats } = opened(v, path, given)
    const bytes = Buffer.allocUnsafeSlow(stats.size)
    let at = 0
    try {
      while (at < bytes.length) {
        const req = { ...onFile(v, fd), buffer: bytes, offset: at, length: bytes.length - at, position: at }
        const got = performSync(v, 'read', req, 'read')
        if (got === 0) break
        at += got
      }
    } finally {
      performSync(v, 'release', onFile(v, fd), 'close')
    }
    return new Blob([bytes.subarray(0, at)], type, checkOf(v, path, stats))
  },
}
