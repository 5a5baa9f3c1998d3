/** What all of the layer's hooks share. */
import type { Context, Site } from '../../lib/layer.js'
import { DCache } from './dcache.js'
import type { Limits } from './entries.js'
import { Files } from './files.js'
import { Walker } from './walk.js'

export class Cache {
  readonly cache: DCache
  readonly files: Files
  readonly walker: Walker
  hits = 0
  misses = 0
  #caller: Context['caller'] | undefined
  readonly #uid = process.geteuid?.() ?? 0
  readonly #gid = process.getegid?.() ?? 0

  constructor(limits: Limits, watch: boolean) {
    this.cache = new DCache(limits)
    this.files = new Files(this.cache)
    this.walker = new Walker(this.cache, this.files, watch)
  }

  attach(site: Site): void {
    this.cache.stableInodes = site.capabilities.stableInodes
    this.cache.accessTimes = site.capabilities.accessTimes
    this.walker.components.noFollow = site.capabilities.noFollow
  }

  /** The last reading of the clock. */
  get time(): number {
    return this.cache.clock.at
  }

  /**
   * Whether somebody else than the process asks. What is kept is what the process was told: a layer below may tell
   * others something else, so their requests go down, and nothing of the answers is kept.
   */
  isForeign(cx: Context): boolean {
    const { caller } = cx
    if (caller === this.#caller) return false
    if (caller.uid !== this.#uid || caller.gid !== this.#gid) return true
    this.#caller = caller
    return false
  }
}
