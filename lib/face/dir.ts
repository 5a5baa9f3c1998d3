/** opendir and Dir: a directory's entries one after the other, listed through the stack's plans. */

import { Dirent, Dir as NodeDir } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { runSync } from '../driver/sync.js'
import type { Entry } from '../op.js'
import { append, takeFirst } from '../primordials.js'
import { onPath } from '../request.js'
import { Failed } from '../verdict.js'
import { nodeError } from './codes.js'
import { encodeName, encodingOf } from './fields.js'
import { type Method, request } from './method.js'
import { perform, performSync } from './perform.js'
import { callbackOf, copiedOptions, integerOf, optionsOf, pathOf, shownPath } from './validate.js'
import { contextOf, type View } from './view.js'

const MakeDirent = Dirent as unknown as new (name: string | Buffer, type: number, path: unknown) => Dirent

/** What a Dir lists: whose view, and which directory. Nobody but opendir can make one. */
interface Listed {
  readonly v: View
  /** Absolute, with every byte of the name. */
  readonly path: string
}
/** A directory's listing, given out in pieces of `bufferSize` entries. */
interface Cursor {
  readonly listed: Listed
  readonly shown: string | Buffer
  entries: readonly Entry[] | undefined
  at: number
}
interface Buffered {
  readonly dirent: Dirent
  readonly path: string
}

type ReadCallback = (error: unknown, dirent?: Dirent | null) => void
type CloseCallback = (error?: unknown) => void

const closed = (): Error => nodeError('ERR_DIR_CLOSED', 'Directory handle was closed')
const concurrent = (): Error =>
  nodeError(
    'ERR_DIR_CONCURRENT_OPERATION',
    'Cannot do synchronous work on directory handle with concurrent asynchronous operations',
  )

let isClosed: (dir: Dir) => boolean

export class Dir {
  static {
    isClosed = (dir) => dir.#closed
  }
  readonly #view: View
  readonly #path: string | Buffer
  readonly #encoding: string | undefined
  readonly #bufferSize: number
  readonly #recursive: boolean
  readonly #cursors: Cursor[]
  readonly #buffered: Buffered[] = []
  #closed = false
  /** Operations that wait for the one under way; null: none is. */
  #queue: (() => void)[] | null = null

  /** Made by opendir only, as Node's. */
  constructor(handle: Listed, path: string | Buffer, options?: unknown) {
    if (handle === undefined || handle === null) {
      throw nodeError('ERR_MISSING_ARGS', 'The "handle" argument must be specified', TypeError)
    }
    const { encoding, bufferSize, recursive } = dirOptions(options)
    this.#view = handle.v
    this.#path = path
    this.#encoding = encoding
    this.#bufferSize = bufferSize
    this.#recursive = recursive
    this.#cursors = [{ listed: handle, shown: path, entries: undefined, at: 0 }]
  }

  get path(): string | Buffer {
    return this.#path
  }

  read(): Promise<Dirent | null>
  read(callback: ReadCallback): void
  read(callback?: ReadCallback): Promise<Dirent | null> | undefined {
    if (this.#closed) throw closed()
    if (callback === undefined) return this.#readPromise()
    callbackOf(callback, 'callback')
    this.#read(callback)
    return undefined
  }

  #readPromise(): Promise<Dirent | null> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closed()
      this.#read((error, dirent) => (error ? reject(error) : resolve(dirent as Dirent | null)))
    })
  }

  #read(callback: ReadCallback): void {
    if (this.#queue !== null) {
      append(this.#queue, () => {
        if (this.#closed) callback(closed())
        else this.#read(callback)
      })
      return
    }
    const taken = this.#buffered.length > 0 ? this.#take() : undefined
    if (taken !== undefined) {
      process.nextTick(callback, null, taken)
      return
    }
    this.#queue = []
    const end = (error: unknown, dirent: Dirent | null | undefined): void => {
      process.nextTick(() => {
        const queue = this.#queue as (() => void)[]
        this.#queue = null
        for (const operation of queue) operation()
      })
      if (error) callback(error)
      else callback(null, dirent)
    }
    const list = (): void => {
      const cursor = this.#cursors[0]
      if (cursor === undefined) {
        process.nextTick(end, null, null)
        return
      }
      const listed = (): void => {
        const dirent = this.#take()
        if (dirent !== undefined || this.#cursors.length === 0) end(null, dirent ?? null)
        else list()
      }
      // Each `bufferSize` entries are an operation of their own.
      if (cursor.entries !== undefined) {
        setImmediate(listed)
        return
      }
      const { v, path } = cursor.listed
      request(v, 'readdir', onPath(path), 'scandir', cursor.shown, (error, entries) => {
        if (error) {
          takeFirst(this.#cursors)
          end(error, undefined)
          return
        }
        cursor.entries = entries as Entry[]
        listed()
      })
    }
    list()
  }

  readSync(): Dirent | null {
    if (this.#closed) throw closed()
    if (this.#queue !== null) throw concurrent()
    for (;;) {
      const taken = this.#take()
      if (taken !== undefined) return taken
      const cursor = this.#cursors[0]
      if (cursor === undefined) return null
      const { v, path } = cursor.listed
      cursor.entries = performSync(v, 'readdir', onPath(path), 'scandir', cursor.shown)
    }
  }

  /** The next entry that is at hand; undefined where a directory must be listed first, or nothing is left. */
  #take(): Dirent | undefined {
    for (;;) {
      const next = takeFirst(this.#buffered)
      if (next !== undefined) {
        if (this.#recursive && next.dirent.isDirectory()) this.#enter(next)
        return next.dirent
      }
      const cursor = this.#cursors[0]
      if (cursor?.entries === undefined) return undefined
      const until = Math.min(cursor.entries.length, cursor.at + this.#bufferSize)
      if (cursor.at === until) {
        takeFirst(this.#cursors)
        continue
      }
      const { path } = cursor.listed
      for (; cursor.at < until; cursor.at++) {
        const entry = cursor.entries[cursor.at] as Entry
        append(this.#buffered, {
          dirent: new MakeDirent(encodeName(entry.name, this.#encoding), this.#typeOf(cursor, entry), cursor.shown),
          path: path.endsWith('/') ? `${path}${entry.name}` : `${path}/${entry.name}`,
        })
      }
    }
  }

  /** A lower that does not know a type in its listing (some network filesystems) is asked for it. */
  #typeOf({ listed: { v, path } }: Cursor, entry: Entry): number {
    if (entry.type !== 0) return entry.type
    const stats = runSync(v.x, 'lookup', onPath(`${path}/${entry.name}`), contextOf(v))
    if (stats instanceof Failed) return 0
    if (stats.isFile()) return 1
    if (stats.isDirectory()) return 2
    if (stats.isSymbolicLink()) return 3
    if (stats.isFIFO()) return 4
    if (stats.isSocket()) return 5
    return stats.isCharacterDevice() ? 6 : 7
  }

  #enter({ dirent, path }: Buffered): void {
    const parent = (dirent as Dirent & { parentPath: string }).parentPath
    append(this.#cursors, {
      listed: { v: this.#view, path },
      shown: join(String(parent), String(dirent.name)),
      entries: undefined,
      at: 0,
    })
  }

  close(): Promise<void>
  close(callback: CloseCallback): void
  close(callback?: CloseCallback): Promise<void> | undefined {
    if (callback === undefined) {
      if (this.#closed) return Promise.reject(closed())
      return promisify((cb: CloseCallback) => this.close(cb))() as Promise<void>
    }
    callbackOf(callback, 'callback')
    if (this.#closed) {
      process.nextTick(callback, closed())
      return undefined
    }
    if (this.#queue !== null) {
      append(this.#queue, () => this.close(callback))
      return undefined
    }
    this.#closed = true
    process.nextTick(callback, null)
    return undefined
  }

  closeSync(): void {
    if (this.#closed) throw closed()
    if (this.#queue !== null) throw concurrent()
    this.#closed = true
  }

  async *entries(): AsyncGenerator<Dirent, void> {
    try {
      for (;;) {
        const dirent = await this.#readPromise()
        if (dirent === null) break
        yield dirent
      }
    } finally {
      await this.close()
    }
  }

  declare [Symbol.asyncIterator]: () => AsyncGenerator<Dirent, void>
}
const hidden = (value: unknown): PropertyDescriptor => ({ value, writable: true, configurable: true })
Object.defineProperty(Dir.prototype, Symbol.asyncIterator, hidden(Dir.prototype.entries))
// Disposal is there exactly where Node's Dir has it.
if (Symbol.dispose in NodeDir.prototype) {
  const dispose = function (this: Dir): void {
    if (!isClosed(this)) this.closeSync()
  }
  Object.defineProperty(Dir.prototype, Symbol.dispose, hidden(dispose))
}
if (Symbol.asyncDispose in NodeDir.prototype) {
  const dispose = async function (this: Dir): Promise<void> {
    if (!isClosed(this)) await this.close()
  }
  Object.defineProperty(Dir.prototype, Symbol.asyncDispose, hidden(dispose))
}

const dirOptions = (given: unknown) => {
  const options = copiedOptions(given)
  return {
    encoding: encodingOf(options),
    bufferSize: integerOf('bufferSize' in options ? options.bufferSize : 32, 'options.bufferSize', 1, 4294967295),
    recursive: Boolean(options.recursive),
  }
}

const listedOf = (v: View, path: unknown): { listed: Listed; shown: string | Buffer } => ({
  listed: { v, path: pathOf(path) },
  shown: shownPath(path) as string | Buffer,
})

export const opendir: Method = {
  ops: ['opendir', 'readdir', 'lookup'],
  sync: (v) => (path: unknown, options?: unknown) => {
    const { listed, shown } = listedOf(v, path)
    optionsOf(options)
    // Without a path in the Error: Node's own opendirSync has none.
    performSync(v, 'opendir', onPath(listed.path), 'opendir')
    return new Dir(listed, shown, options)
  },
  callback: (v) => (path: unknown, options?: unknown, callback?: unknown) => {
    const cb = callbackOf(typeof options === 'function' ? options : callback, 'callback')
    const { listed, shown } = listedOf(v, path)
    optionsOf(options)
    request(v, 'opendir', onPath(listed.path), 'opendir', shown, (error) => {
      if (error) cb(error)
      else cb(null, new Dir(listed, shown, options))
    })
  },
  promise: (v) => async (path: unknown, options?: unknown) => {
    const { listed, shown } = listedOf(v, path)
    optionsOf(options)
    await perform(v, 'opendir', onPath(listed.path), 'opendir', shown)
    return new Dir(listed, shown, options)
  },
}
