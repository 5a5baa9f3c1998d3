/** The program's end of what the kernel is told: asks the serving thread what a path is known as, and sends the answers. */
import type { MessagePort } from 'node:worker_threads'
import type { Exchange } from '../exchange.js'
import type { Counters } from './counters.js'
import { push, pushAll } from './push.js'
import type { Server } from './server.js'
import type { StalePaths } from './stale.js'
import type { Wake } from './wake.js'
import { Watching } from './watching.js'

/** Asks the serving thread, which looks when it is called. */
export interface ToWorker extends StalePaths {
  readonly id: number
}
/** Its answer; or, without an id, what a layer there has forgotten by itself. */
export interface Told {
  readonly id: number | undefined
  readonly messages: readonly Uint8Array[]
  readonly everything: boolean
}

/** Whoever changes one thing changes more: milliseconds that a change may wait for others. */
const GATHER = 4
const gathering = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, GATHER))

export class Notifier {
  readonly #waiting = new Map<number, { resolve(): void; reject(reason: unknown): void }>()
  /** Paths that were changed while others were on their way. */
  #changed = new Set<string>()
  #isBusy = false
  #next = 0
  #over = false

  readonly #device: number
  readonly #watching: Watching | undefined

  /** @param watched a stack over the same files, whose directories are watched as soon as the kernel keeps something of them */
  constructor(
    server: Server,
    readonly port: MessagePort,
    readonly counters: Counters,
    readonly wake: Wake,
    watched: Exchange | undefined,
  ) {
    this.#device = server.device
    const ignored = (): void => {
      // The time to live ends it.
    }
    if (watched !== undefined) {
      this.#watching = new Watching(watched, {
        changed: (path) => this.changed(path),
        begun: (path) => void this.stale([path], 1, true).catch(ignored),
      })
    }
    server.onTold = (told) => void this.#told(told)
    server.onLook = (path) => this.#watching?.add(path)
  }

  /** Resolves when the kernel has been told. An empty list of paths: the layers alone. */
  stale(paths: readonly string[], depth: number, gently: boolean): Promise<void> {
    if (this.#over) return Promise.resolve()
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.port.postMessage({ id, paths, depth, gently } satisfies ToWorker)
      this.counters.call()
      this.wake.call()
    })
  }
  /** Everything. @throws {Error} EINVAL before Linux 6.16 */
  async all(): Promise<void> {
    await this.stale([], 0, true)
    if (!this.#over) await pushAll(this.#device)
  }

  /** `path` alone was changed: told as soon as may be, many at a time. */
  changed(path: string): void {
    this.#changed.add(path)
    if (!this.#isBusy) void this.#flush()
  }
  async #flush(): Promise<void> {
    this.#isBusy = true
    while (this.#changed.size > 0 && !this.#over) {
      await gathering()
      const paths = [...this.#changed]
      this.#changed = new Set()
      await this.stale(paths, 0, true).catch(() => {
        // Its time to live ends it.
      })
    }
    this.#isBusy = false
  }

  async #told({ id, messages, everything }: Told): Promise<void> {
    const waiting = id === undefined ? undefined : this.#waiting.get(id)
    try {
      if (everything) await pushAll(this.#device)
      for (const message of messages) await push(this.#device, message)
      waiting?.resolve()
    } catch (failed) {
      waiting?.reject(failed)
    }
    if (id !== undefined) this.#waiting.delete(id)
  }

  /** The mount has ended. */
  end(): void {
    this.#over = true
    for (const { resolve } of this.#waiting.values()) resolve()
    this.#waiting.clear()
    this.port.close()
    this.#watching?.end()
  }
}
