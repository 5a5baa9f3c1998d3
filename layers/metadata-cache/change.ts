/** A change on its way: what it may alter is forgotten before it goes down and again after its reply. */
import type { DCache } from './dcache.js'
import type { Inode, Name, Tracked } from './entries.js'

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
  /** Nothing that was under these names is altered but what `inodes` say, or it is asked afterwards what that was. */
  readonly adds?: boolean
}

const NO_NAMES: readonly Name[] = []

export class Change {
  readonly #names: readonly Name[]
  readonly #of: readonly Name[]
  readonly #inodes: Inode[] = []
  readonly #dirs: Inode[] = []
  readonly #space: boolean
  readonly #links: boolean
  readonly #adds: boolean
  readonly #everything: boolean
  readonly #stamp: number
  readonly #era: number
  #ended = false

  /** @param scope undefined: nobody knows what it changes */
  constructor(
    readonly cache: DCache,
    scope: Scope | undefined,
  ) {
    this.#names = scope?.names ?? NO_NAMES
    this.#of = scope?.of ?? NO_NAMES
    this.#space = scope?.space === true
    this.#links = scope?.links === true
    this.#adds = scope?.adds === true
    this.#everything =
      scope === undefined ||
      // An inode with several names was met since this one was looked for: it may be any of those that are kept.
      (this.#links && cache.sawLinks) ||
      // What arrives first is not known, nor what the other one will find under the name.
      (!this.#adds && this.#names.some(isBusy))
    for (const { dir, inode } of this.#names) {
      if (dir !== cache.noDir && !this.#dirs.includes(dir)) this.#dirs.push(dir)
      this.#touch(inode)
    }
    if (scope?.inodes !== undefined) for (const inode of scope.inodes) this.#touch(inode)
    this.#stamp = ++cache.stamp
    this.#era = cache.era
    if (this.#isNamed) cache.changing++
    this.#mark(1)
  }
  get #isNamed(): boolean {
    return this.#names.length > 0 || this.#of.length > 0
  }
  #touch(inode: Inode | undefined): void {
    if (inode !== undefined && !this.#inodes.includes(inode)) this.#inodes.push(inode)
  }

  #mark(by: 1 | -1): void {
    const { cache } = this
    const at = cache.stamp
    for (const name of this.#names) note(name, by, at)
    for (const name of this.#of) note(name, by, at)
    for (const dir of this.#dirs) {
      note(dir, by, at)
      cache.forgetAttrs(dir)
      cache.forgetListing(dir)
    }
    for (const inode of this.#inodes) {
      note(inode, by, at)
      cache.forgetInode(inode)
    }
    if (this.#space) note(cache.space, by, at)
    if (this.#links) note(cache.links, by, at)
    if (this.#everything) {
      note(cache.all, by, at)
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
    let alone = !this.#everything
    for (const name of this.#names) if (name.changed !== this.#stamp) alone = false
    const isSure = this.#everything || (!this.#mayHaveStrayed() && (alone || this.#adds))
    cache.stamp++
    this.#mark(-1)
    if (this.#isNamed) {
      if (this.#era === cache.era) cache.changing--
      else cache.all.busy--
    }
    for (const name of this.#names) name.until = 0
    for (const inode of this.#inodes) cache.settled(inode)
    for (const dir of this.#dirs) cache.settled(dir)
    // What was marked is not what was changed: whatever was found in between may be older than the change.
    if (!isSure) cache.clear()
    return alone && isSure
  }
  /** Whether its paths may have led elsewhere by the time that it arrived. Had something been moving, it would know no names. */
  #mayHaveStrayed(): boolean {
    return this.#isNamed && this.cache.space.changed > this.#stamp
  }
}

const isBusy = ({ busy }: Name): boolean => busy > 0
const note = (it: Tracked, by: 1 | -1, at: number): void => {
  it.busy += by
  it.changed = at
}
