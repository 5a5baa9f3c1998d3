/** FSWatcher and the handle in it, as Node's own look to those who look at them. */
import { EventEmitter } from 'node:events'
import { errnoCode } from '../errno.js'
import type { WatchHandle } from '../op.js'
import { Failed } from '../verdict.js'
import { nodeError } from './codes.js'
import { fsError } from './errors.js'

export type Sink = (error: NodeJS.ErrnoException | null, eventType: string, filename: string | Buffer | null) => void

interface Referable {
  ref?(): void
  unref?(): void
}

/** The watcher below. Programs know it as `watcher._handle`. */
class FSEvent {
  #live: WatchHandle | undefined
  onchange: (status: number, eventType: string, filename: string | Buffer | null) => void = () => {}

  /** @param begin starts the watcher below */
  constructor(begin: (() => WatchHandle) | undefined) {
    this.#live = begin?.()
  }
  get initialized(): boolean {
    return this.#live !== undefined
  }
  close(): void {
    this.#live?.close()
    this.#live = undefined
  }
  ref(): void {
    ;(this.#live as Referable | undefined)?.ref?.()
  }
  unref(): void {
    ;(this.#live as Referable | undefined)?.unref?.()
  }
}

const checkHandle = (handle: unknown): void => {
  if (handle instanceof FSEvent) return
  throw nodeError(
    'ERR_INTERNAL_ASSERTION',
    'handle must be a FSEvent\nThis is caused by either a bug in Node.js or incorrect usage of Node.js internals.\n' +
      'Please open an issue with this stack trace at https://github.com/nodejs/node/issues\n',
  )
}

/** Node's name for what starts a watcher. */
const START = Symbol('kFSWatchStart')

export class FSWatcher extends EventEmitter {
  _handle: FSEvent | null = null

  /** @param begin starts the watcher below, and gets where its events go */
  constructor(begin?: (sink: Sink) => WatchHandle) {
    super()
    const sink: Sink = (error, eventType, filename) => {
      if (this._handle === null) return
      if (error === null) this.emit('change', eventType, filename)
      else this.#fail(error)
    }
    this._handle = new FSEvent(begin === undefined ? undefined : () => begin(sink))
    this._handle.onchange = (status, eventType, filename) => {
      if (status >= 0) this.emit('change', eventType, filename)
      else
        this.#fail(Object.assign(fsError(Failed.of(errnoCode(status) ?? 'UNKNOWN'), 'watch', filename), { filename }))
    }
  }

  /** Ends without 'close'. */
  #fail(error: Error): void {
    this._handle?.close()
    this._handle = null
    this.emit('error', error)
  }

  /** It is started already. */
  [START](): void {
    if (this._handle !== null) checkHandle(this._handle)
  }
  /** Does nothing, as Node's. */
  start(): void {}

  /** Ends it; 'close' follows in a later turn. */
  close(): void {
    if (this._handle === null) return
    checkHandle(this._handle)
    if (!this._handle.initialized) return
    this._handle.close()
    this._handle = null
    process.nextTick(() => this.emit('close'))
  }
  ref(): this {
    this._handle?.ref()
    return this
  }
  unref(): this {
    this._handle?.unref()
    return this
  }
}
