/** Watchers of the directories that the kernel keeps something of: in the program's thread, since the serving one waits. */
import { posix } from 'node:path'
import { syncPlan } from '../driver/sync.js'
import type { Exchange } from '../exchange.js'
import type { WatchHandle } from '../op.js'
import { Failed } from '../verdict.js'

export interface Watched {
  /** `path` was changed by somebody. */
  changed(path: string): void
  /** A watcher is there: what was told of the directory before may be out of date. */
  begun(path: string): void
}

export class Watching {
  readonly #handles = new Map<string, WatchHandle>()
  #over = false

  /** @param x a stack over the same files */
  constructor(
    readonly x: Exchange,
    readonly to: Watched,
  ) {}

  add(path: string): void {
    if (this.#over) return
    this.#handles.get(path)?.close()
    const self = posix.basename(path)
    const sink = {
      change: (type: 'rename' | 'change', name: string | null): void => {
        if (name === null || name === self) this.to.changed(path)
        if (name === null) return
        const at = posix.join(path, name)
        if (type === 'rename') this.#drop(at)
        this.to.changed(at)
      },
      error: (): void => this.#drop(path),
    }
    const req = { path, dentry: undefined, recursive: false, persistent: false, sink }
    const handle = syncPlan(this.x, 'watch')(req, this.x.context(this.x.caller)) as WatchHandle | Failed
    // No more watchers are to be had: the time to live ends what is kept.
    if (handle instanceof Failed) this.#handles.delete(path)
    else this.#handles.set(path, handle)
    this.to.begun(path)
  }

  /** It leads elsewhere, or nowhere. */
  #drop(path: string): void {
    if (!this.#handles.has(path)) return
    for (const [at, handle] of this.#handles) {
      if (at !== path && !at.startsWith(`${path}/`)) continue
      handle.close()
      this.#handles.delete(at)
    }
  }

  end(): void {
    this.#over = true
    for (const handle of this.#handles.values()) handle.close()
    this.#handles.clear()
  }
}
