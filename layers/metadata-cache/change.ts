/** A change on its way: what it may alter is forgotten before it goes down and again after its reply. */
import type { DCache } from './dcache.js'
import type { Inode, Name } from './entries.js'

/** What a request may change. */
export interface Scope {
  /** Names that may come, go, or lead elsewhere; their directories change with them. */
  readonly names?: readonly Name[]
  /** Names that stay, whose inode changes. */
  readonly of?: readonly Name[]
  /** Inodes that change. */
  readonly inodes?: readonly (Inode | undefined)[]
  /** Other paths may lead elsewhere afterwards. */
  readonly space?: boolean
  /** Some inode may lose or gain a name, and it is not known which. */
  readonly links?: boolean
}

export class Change {
  readonly #names: readonly Name[]
  readonly #of: readonly Name[]
  readonly #inodes = new Set<Inode>()
  readonly #dirs = new Set<Inode>()
  readonly #space: boolean
  readonly #links: boolean
  readonly #everything: boolean
  readonly #stamp: number
  #ended = false

  /** @param scope undefined: nobody knows what it changes */
  constructor(
    readonly cache: DCache,
    scope: Scope | undefined,
  ) {
    this.#everything = scope === undefined
    this.#names = scope?.names ?? []
    this.#of = scope?.of ?? []
    for (const { dir, inode } of this.#names) {
      if (dir !== cache.noDir) this.#dirs.add(dir)
      if (inode !== undefined) this.#inodes.add(inode)
    }
    for (const inode of scope?.inodes ?? []) if (inode !== undefined) this.#inodes.add(inode)
    this.#space = scope?.space === true
    this.#links = scope?.links === true
    this.#stamp = ++cache.stamp
    this.#mark(1)
  }

  #mark(by: 1 | -1): void {
    const { cache } = this
    const at = cache.stamp
    for (const name of this.#names) {
      name.busy += by
      name.changed = at
    }
    for (const name of this.#of) {
      name.busy += by
      name.changed = at
    }
    for (const dir of this.#dirs) {
      dir.busy += by
      dir.changed = at
      cache.forgetAttrs(dir)
      cache.forgetListing(dir)
    }
    for (const inode of this.#inodes) {
      inode.busy += by
      inode.changed = at
      cache.forgetInode(inode)
    }
    if (this.#space) {
      cache.space.busy += by
      cache.space.changed = at
    }
    if (this.#links) {
      cache.links.busy += by
      cache.links.changed = at
    }
    if (this.#everything) {
      cache.all.busy += by
      cache.all.changed = at
      if (!cache.isEmpty) cache.clear()
    }
  }

  /**
   * The reply has come.
   * @returns whether nobody else changed the same names meanwhile, so that their state is known now
   */
  end(): boolean {
    if (this.#ended) return false
    this.#ended = true
    const { cache } = this
    const alone = !this.#everything && this.#names.every((name) => name.changed === this.#stamp && name.busy === 1)
    const held =
      this.#names.every((name) => cache.holds(name)) &&
      this.#of.every((name) => cache.holds(name)) &&
      [...this.#dirs, ...this.#inodes].every((inode) => inode.held)
    cache.stamp++
    this.#mark(-1)
    for (const name of this.#names) name.until = 0
    for (const inode of this.#inodes) cache.settled(inode)
    for (const dir of this.#dirs) cache.settled(dir)
    // What was marked is not what the tables hold now: whatever was found in between may be older than the change.
    if (!held) cache.clear()
    return alone && held
  }
}
