/** watchFile and unwatchFile: StatWatcher, polling the stack as libuv's fs_poll polls the system. */

import { EventEmitter } from 'node:events'
import { resolve } from 'node:path'
import { runAsync } from '../driver/callback.js'
import type { Stats } from '../op.js'
import { SafeWeakMap } from '../primordials.js'
import { getattrOf } from '../request.js'
import { makeStats, toBigIntStats } from '../stats.js'
import { Failed } from '../verdict.js'
import type { Method } from './method.js'
import { callbackOf, givenPath, integerOf, pathOf } from './validate.js'
import { contextOf, type View } from './view.js'

/** Milliseconds: Node's own default. */
const INTERVAL = 5007

const nothing = (): Stats =>
  makeStats({
    dev: 0,
    mode: 0,
    nlink: 0,
    uid: 0,
    gid: 0,
    rdev: 0,
    blksize: 0,
    ino: 0,
    size: 0,
    blocks: 0,
    atimeMs: 0,
    mtimeMs: 0,
    ctimeMs: 0,
    birthtimeMs: 0,
  })

// What libuv compares: not atime.
const compared = ['ctimeMs', 'mtimeMs', 'birthtimeMs', 'size', 'mode', 'uid', 'gid', 'ino', 'dev'] as const
const same = (a: Stats, b: Stats): boolean => compared.every((field) => a[field] === b[field])

export class StatWatcher extends EventEmitter {
  readonly #v: View
  readonly #path: string
  readonly #bigint: boolean
  readonly #interval: number
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  #persistent: boolean
  #refs = 1
  #maxRefs = 1
  #last: Stats = nothing()
  /** undefined before the first answer; null: the file is there; else the errno. */
  #state: string | null | undefined

  constructor(v: View, path: string, options: { bigint: boolean; persistent: boolean; interval: number }) {
    super()
    this.#v = v
    this.#path = path
    this.#bigint = options.bigint
    this.#interval = options.interval
    this.#persistent = options.persistent
    if (!options.persistent) this.#refs = 0
    this.#poll()
  }

  #poll(): void {
    if (this.#stopped) return
    const began = Date.now()
    // In flight a request may hold no timer: a persistent watcher keeps the process up by one all the same.
    this.#arm(() => {}, 0x7fffffff)
    const req = getattrOf(this.#path, true, this.#bigint)
    runAsync(this.#v.x, 'getattr', req, contextOf(this.#v), (bug, out) => {
      if (this.#stopped) return
      const spent = Date.now() - began
      this.#arm(() => this.#poll(), this.#interval - (spent % Math.max(1, this.#interval)))
      if (bug !== null) {
        process.nextTick(() => this.emit('error', bug))
        return
      }
      process.nextTick(() => this.#landed(out as Stats | Failed))
    })
  }

  #arm(fn: () => void, ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(fn, ms)
    if (!this.#persistent) this.#timer.unref()
  }

  #landed(out: Stats | Failed): void {
    if (this.#stopped) return
    const { errno, stats } =
      out instanceof Failed ? { errno: out.errno, stats: nothing() } : { errno: null, stats: out }
    const first = this.#state === undefined
    const before = this.#last
    const changed = errno !== null ? this.#state !== errno : !first && (this.#state !== null || !same(before, stats))
    this.#state = errno
    if (errno === null) this.#last = stats
    if (changed) this.emit('change', this.#shown(stats), this.#shown(before))
  }

  #shown(stats: Stats): unknown {
    return this.#bigint ? toBigIntStats(stats) : makeStats(stats)
  }

  /** Does nothing, as Node's. */
  start(): void {}

  /** Ends it; 'stop' follows in a later turn. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    clearTimeout(this.#timer)
    process.nextTick(() => this.emit('stop'))
  }

  ref(): this {
    if (this.#refs === this.#maxRefs) return this
    if (!this.#stopped && this.#refs++ === 0) this.#hold(true)
    return this
  }
  unref(): this {
    if (this.#refs === 0) return this
    if (!this.#stopped && --this.#refs === 0) this.#hold(false)
    return this
  }
  #hold(persistent: boolean): void {
    this.#persistent = persistent
    if (persistent) this.#timer?.ref()
    else this.#timer?.unref()
  }

  /** One more listener by watchFile. */
  static add(watcher: StatWatcher): void {
    watcher.#refs++
    watcher.#maxRefs++
  }
  /** A listener went by unwatchFile. */
  static drop(watcher: StatWatcher): void {
    watcher.#maxRefs--
    watcher.unref()
  }
}

const watchers = new SafeWeakMap<View, Map<string, StatWatcher>>()
const watchersOf = (v: View): Map<string, StatWatcher> => {
  let map = watchers.get(v)
  if (map === undefined) {
    map = new Map()
    watchers.set(v, map)
  }
  return map
}

const fullPath = (path: unknown): string => {
  pathOf(path)
  return resolve(givenPath(path))
}

export const watchFile: Method = {
  ops: ['getattr'],
  callback: (v) => (path: unknown, given?: unknown, listenerGiven?: unknown) => {
    const filename = fullPath(path)
    const isOptions = given !== null && typeof given === 'object'
    const listener = callbackOf(isOptions ? listenerGiven : given, 'listener')
    const options = (isOptions ? given : {}) as { bigint?: boolean; persistent?: boolean; interval?: number }
    const { bigint = false, persistent = true, interval = INTERVAL } = options
    const map = watchersOf(v)
    let watcher = map.get(filename)
    if (watcher === undefined) {
      integerOf(interval, 'interval', 0, 4294967295)
      watcher = new StatWatcher(v, filename, { bigint: Boolean(bigint), persistent: Boolean(persistent), interval })
      map.set(filename, watcher)
    } else StatWatcher.add(watcher)
    watcher.on('change', listener)
    return watcher
  },
}

export const unwatchFile: Method = {
  ops: ['getattr'],
  callback: (v) => (path: unknown, listener?: unknown) => {
    const filename = fullPath(path)
    const map = watchersOf(v)
    const watcher = map.get(filename)
    if (watcher === undefined) return
    if (typeof listener === 'function') {
      const before = watcher.listenerCount('change')
      watcher.removeListener('change', listener as () => void)
      if (watcher.listenerCount('change') < before) StatWatcher.drop(watcher)
    } else watcher.removeAllListeners('change')
    if (watcher.listenerCount('change') === 0) {
      watcher.stop()
      map.delete(filename)
    }
  },
}
