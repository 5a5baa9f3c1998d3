/** Watching a volume, with what inotify would say through node:fs. */
import type { Caller } from '../../context.js'
import type { Request, WatchHandle } from '../../op.js'
import { Failed } from '../../verdict.js'
import { EVENT, type FsEvent, isDirectory, type Link } from './node.js'
import type { MemoryOps, MemoryVolume } from './volume.js'
import { how } from './walk.js'

/** As long as a timer can be: it does nothing but keep the process alive. */
const FOREVER_MS = 2 ** 31 - 1

type Sent = readonly ['rename' | 'change', string]

class Watcher implements WatchHandle {
  readonly #req: Request<'watch'>
  readonly #link: Link
  readonly #stop: () => void
  readonly #alive: NodeJS.Timeout
  #pending: Sent[] = []
  #closed = false

  constructor(v: MemoryVolume, link: Link, req: Request<'watch'>) {
    this.#req = req
    this.#link = link
    this.#stop = v.core.changes.listen((event) => this.#hear(event))
    this.#alive = setInterval(() => {}, FOREVER_MS)
    if (!req.persistent) this.#alive.unref()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#stop()
    clearInterval(this.#alive)
  }
  ref(): this {
    this.#alive.ref()
    return this
  }
  unref(): this {
    this.#alive.unref()
    return this
  }

  /** The name of `steps` as seen from the watched directory; undefined where it is not beneath. */
  #inside(steps: readonly string[]): string | undefined {
    const root = this.#link.steps
    if (steps.length <= root.length) return undefined
    if (!this.#req.recursive && steps.length > root.length + 1) return undefined
    for (const [k, step] of root.entries()) if (steps[k] !== step) return undefined
    return steps.slice(root.length).join('/')
  }

  #hear(event: FsEvent): void {
    const { link } = event
    const type = event.type as number
    const changed = type === EVENT.modify || type === EVENT.attrib
    // inotify says of a directory that it is one, which libuv takes for more than a change.
    const kind = changed && (this.#req.recursive || !isDirectory(event.node)) ? 'change' : 'rename'
    // A file is known by its inode, by whatever name it changes.
    const itself = link === this.#link || (changed && event.node === this.#link.node)
    if (itself) {
      const { steps } = this.#link
      this.#send(kind, (type === EVENT.move ? event.oldSteps?.at(-1) : steps.at(-1)) ?? '')
      return
    }
    if (!isDirectory(this.#link.node)) return
    if (event.oldSteps !== undefined) {
      const old = this.#inside(event.oldSteps)
      if (old !== undefined) this.#send('rename', old)
    }
    const name = this.#inside(event.steps)
    if (name !== undefined) this.#send(kind, name)
  }

  /** Later, in order; the same thing twice in a row is one event, as in inotify's queue. */
  #send(type: 'rename' | 'change', name: string): void {
    const last = this.#pending.at(-1)
    if (last !== undefined && last[0] === type && last[1] === name) return
    this.#pending.push([type, name])
    if (this.#pending.length === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const pending = this.#pending
    this.#pending = []
    for (const [type, name] of pending) if (!this.#closed) this.#req.sink.change(type, name)
  }
}

export const watchOp =
  (v: MemoryVolume): MemoryOps['watch'] =>
  (req: Request<'watch'>, caller: Caller) => {
    const link = v.walk.find(req.path, how(req, true), caller)
    return link instanceof Failed ? link : new Watcher(v, link, req)
  }
