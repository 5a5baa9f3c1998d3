/** FileHandle: an open file as fs.promises.open gives it. Every method asks the stack's plans. */
import { AsyncResource } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import type { ReadableStream } from 'node:stream/web'
import { runAsync } from '../driver/callback.js'
import type { Op } from '../op.js'
import { SafeFinalizationRegistry } from '../primordials.js'
import { invalidArgType, nodeError } from './codes.js'
import { onFile } from './fields.js'
import {
  handleRead,
  handleReadFile,
  handleReadv,
  handleSet,
  handleStat,
  handleSync,
  handleWrite,
  handleWriteFile,
  handleWritev,
} from './handle-io.js'
import { perform } from './perform.js'
import { checkBoolean, idOf, integerOf, modeOf, objectOf, timeOf } from './validate.js'
import { nodeMajor } from './versions.js'
import { contextOf, type View } from './view.js'
import { webStream } from './web-stream.js'

/** Every opcode that a FileHandle may ask. */
export const HANDLE_OPS: readonly Op[] = ['open', 'create', 'read', 'write', 'release', 'fsync', 'getattr', 'setattr']

/** The stream classes of a handle's face. */
export interface StreamMakers {
  readonly ReadStream: new (path: unknown, options?: unknown) => NodeJS.ReadableStream
  readonly WriteStream: new (path: unknown, options?: unknown) => NodeJS.WritableStream
}

let deprecationShown = false
/** Closes what its owner forgot, and says so, as Node does. */
const forgotten = new SafeFinalizationRegistry<{ readonly v: View; readonly fd: number }>(({ v, fd }) => {
  runAsync(v.x, 'release', onFile(v, fd), contextOf(v), () => {})
  process.emitWarning(`Closing file descriptor ${fd} on garbage collection`)
  if (deprecationShown) return
  deprecationShown = true
  process.emitWarning(
    'Closing a FileHandle object on garbage collection is deprecated. Please close FileHandle objects explicitly ' +
      'using FileHandle.prototype.close(). In the future, an error will be thrown if a file descriptor is closed ' +
      'during garbage collection.',
    'DeprecationWarning',
    'DEP0137',
  )
})

/** For streams: keep the file open while one of them uses it. */
export let retain: (handle: FileHandle) => void
/** The counterpart of `retain`; the last one closes the file. */
export let letGo: (handle: FileHandle) => void

export class FileHandle extends EventEmitter {
  static {
    retain = (handle) => {
      handle.#refs++
    }
    letGo = (handle) => handle.#unref()
  }

  readonly #v: View | undefined
  readonly #streams: StreamMakers | undefined
  #fd: number
  #refs = 1
  #locked = false
  #closing: Promise<void> | undefined
  #settle: { resolve(): void; reject(error: unknown): void } | undefined
  #resource: AsyncResource | undefined

  constructor(v?: View, fd = -1, streams?: StreamMakers) {
    super()
    this.#v = v
    this.#fd = fd
    this.#streams = streams
    if (v !== undefined) forgotten.register(this, { v, fd }, this)
  }

  getAsyncId(): number {
    this.#resource ??= new AsyncResource('FILEHANDLE')
    return this.#resource.asyncId()
  }

  /** The descriptor; -1 once it is closed. */
  get fd(): number {
    return this.#fd
  }

  /** Runs `fn` with the file kept open. A closed one is refused as Node refuses it. */
  async #use<T>(syscall: string, fn: (v: View, fd: number) => Promise<T>): Promise<T> {
    const v = this.#v
    if (this.#fd === -1 || v === undefined) {
      throw Object.assign(new Error('file closed'), { code: 'EBADF', syscall })
    }
    this.#refs++
    try {
      return await fn(v, this.#fd)
    } finally {
      this.#unref()
    }
  }

  appendFile(data: unknown, options?: unknown): Promise<void> {
    return this.#use('writeFile', (v, fd) => handleWriteFile(v, fd, data, options))
  }
  chmod(mode: unknown): Promise<void> {
    return this.#use('fchmod', async (v, fd) => handleSet(v, fd, { mode: modeOf(mode, 'mode') }, 'fchmod'))
  }
  chown(uid: unknown, gid: unknown): Promise<void> {
    return this.#use('fchown', async (v, fd) =>
      handleSet(v, fd, { uid: idOf(uid, 'uid'), gid: idOf(gid, 'gid') }, 'fchown'),
    )
  }
  datasync(): Promise<void> {
    return this.#use('fdatasync', (v, fd) => handleSync(v, fd, true))
  }
  sync(): Promise<void> {
    return this.#use('fsync', (v, fd) => handleSync(v, fd, false))
  }
  read(buffer?: unknown, offset?: unknown, length?: unknown, position?: unknown) {
    return this.#use('read', (v, fd) => handleRead(v, fd, buffer, offset, length, position))
  }
  readv(buffers: unknown, position?: unknown) {
    return this.#use('readv', (v, fd) => handleReadv(v, fd, buffers, position))
  }
  readFile(options?: unknown): Promise<string | Buffer> {
    return this.#use('readFile', (v, fd) => handleReadFile(v, fd, options))
  }
  readLines(options?: object): Interface {
    return createInterface({ input: this.createReadStream(options), crlfDelay: Number.POSITIVE_INFINITY })
  }
  stat(options?: unknown): Promise<unknown> {
    return this.#use('fstat', (v, fd) => handleStat(v, fd, options))
  }
  truncate(len: unknown = 0): Promise<void> {
    return this.#use('ftruncate', async (v, fd) => {
      const size = integerOf(len, 'len', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
      await handleSet(v, fd, { size: Math.max(0, size) }, 'ftruncate')
    })
  }
  utimes(atime: unknown, mtime: unknown): Promise<void> {
    return this.#use('futimes', async (v, fd) =>
      handleSet(v, fd, { atime: timeOf(atime, 'atime'), mtime: timeOf(mtime, 'mtime') }, 'futime'),
    )
  }
  write(buffer: unknown, offset?: unknown, length?: unknown, position?: unknown) {
    return this.#use('write', (v, fd) => handleWrite(v, fd, buffer, offset, length, position))
  }
  writev(buffers: unknown, position?: unknown) {
    return this.#use('writev', (v, fd) => handleWritev(v, fd, buffers, position))
  }
  writeFile(data: unknown, options?: unknown): Promise<void> {
    return this.#use('writeFile', (v, fd) => handleWriteFile(v, fd, data, options))
  }

  /** Ends once every operation in flight has ended. An own property, as Node's: it may be passed on by itself. */
  close = (): Promise<void> => {
    if (this.#fd === -1) return Promise.resolve()
    if (this.#closing !== undefined) return this.#closing
    const settled = (): void => {
      this.#closing = undefined
      this.#settle = undefined
    }
    this.#refs--
    if (this.#refs === 0) this.#closing = this.#release().finally(settled)
    else {
      this.#closing = new Promise<void>((resolve, reject) => {
        this.#settle = { resolve, reject }
      }).finally(settled)
    }
    this.emit('close')
    return this.#closing
  }

  #release(): Promise<void> {
    const fd = this.#fd
    this.#fd = -1
    forgotten.unregister(this)
    return perform(this.#v as View, 'release', onFile(this.#v as View, fd), 'close')
  }

  #unref(): void {
    this.#refs--
    if (this.#refs !== 0) return
    const settle = this.#settle
    this.#release().then(settle?.resolve, settle?.reject)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** A web stream of the rest of the file; of bytes from Node 22 on, or with `type: 'bytes'`. One for each handle. */
  readableWebStream(options: { type?: string; autoClose?: boolean } = {}): ReadableStream {
    if (this.#fd === -1) throw invalidState('The FileHandle is closed')
    if (this.#closing !== undefined) throw invalidState('The FileHandle is closing')
    if (this.#locked) throw invalidState('The FileHandle is locked')
    this.#locked = true
    objectOf(options, 'options')
    const bytesOnly = nodeMajor >= 22
    const { type = bytesOnly ? 'bytes' : undefined, autoClose = false } = options
    checkBoolean(autoClose, 'options.autoClose')
    if (type !== undefined && typeof type !== 'string') throw invalidArgType('options.type', 'of type string', type)
    if (bytesOnly && type !== 'bytes') {
      process.emitWarning(
        'A non-"bytes" options.type has no effect. A byte-oriented steam is always created.',
        'ExperimentalWarning',
      )
    }
    const ended = async (): Promise<void> => {
      this.#unref()
      if (autoClose) await this.close()
    }
    const { stream, end } = webStream(this, bytesOnly || type === 'bytes', ended)
    this.#refs++
    this.once('close', end)
    return stream
  }

  createReadStream(options?: object): NodeJS.ReadableStream {
    const { ReadStream } = this.#streams as StreamMakers
    return new ReadStream(undefined, { ...options, fd: this })
  }
  createWriteStream(options?: object): NodeJS.WritableStream {
    const { WriteStream } = this.#streams as StreamMakers
    return new WriteStream(undefined, { ...options, fd: this })
  }
}

const invalidState = (what: string): Error => nodeError('ERR_INVALID_STATE', `Invalid state: ${what}`)
