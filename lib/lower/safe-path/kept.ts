/**
 * Canonical paths acted on beneath directories that are kept held: where a name is in a directory that was used lately, the
 * kernel walks no path. A witness says, for each request, that every such directory is still where it was.
 */

import { constants } from 'node:os'
import type { Dentry } from '../../file.js'
import { S_IFLNK, S_IFMT } from '../../namei.js'
import type { Path, Stats } from '../../op.js'
import { SafeMap } from '../../primordials.js'
import { Failed } from '../../verdict.js'
import type { Calls, Held } from './calls.js'
import { type Counted, Counts } from './counts.js'
import type { KernelResolver } from './kernel.js'
import { isCanonical, partsOf } from './names.js'
import type { Raw } from './raw.js'
import type { Resolver, Seeker } from './resolver.js'
import { dentry } from './walker.js'
import { type Watched, Witness } from './witness.js'

const ENOENT = Failed.of('ENOENT')
const { EINVAL: EINVAL_NUMBER, ENOENT: ENOENT_NUMBER } = constants.errno
const { setInterval, clearInterval } = globalThis
const UNSURE = 0
const NO_LINK = 1
const MISSING = 2
type Kind = typeof UNSURE | typeof NO_LINK | typeof MISSING

/** Directories that are held at most: a program that counts its descriptors is to find few that it did not open. */
const HELD = 3
/** Requests in a directory before it is held: to hold one costs as much as some ten requests save. */
const WORTH = 24
/** As many more where it could not be. */
const WORTHLESS = 1000
/** Names that are known in a directory at most. */
const KNOWN = 64
/** Directories are let go of where none of them was used for so long: one that is held keeps its filesystem mounted. */
const IDLE_MS = 1000

interface Parent extends Watched {
  readonly path: Path
  /** -1 once it was closed. */
  held: Held
  users: number
  /** Let go of: the last one to use it closes it. */
  dropped: boolean
  /** How often it was asked whether it was removed, since something was not found in it. */
  doubts: number
  /** The witness tells that, and nobody has to ask. */
  tellsEnd: boolean
  /** How often it would have been of use to know of a name that it is no link. */
  wanted: number
  /** Names that are none, where the witness tells what comes into the directory: nothing did since each was looked at. */
  names: SafeMap<string, true> | undefined
}

export class Kept implements Resolver {
  readonly calls: Calls
  readonly #raw: Raw
  readonly #witness: Witness
  readonly #counts = new Counts()
  readonly #held: (Parent | undefined)[] = [undefined, undefined, undefined]
  /** The place of the one that was held first. */
  #oldest = 0
  #timer: NodeJS.Timeout | undefined
  #used = false
  /** How often it was told in vain that something came to an end. */
  #alarms = 0
  /** How often names had to be looked at anew, less how often they were known. */
  #vain = 0
  /** How often something came into a directory whose names are known. */
  #news = 0
  /** The last name of the path that was asked about. */
  #name = ''

  constructor(readonly kernel: KernelResolver) {
    this.calls = kernel.calls
    this.#raw = kernel.raw
    this.#witness = new Witness(
      kernel.raw,
      kernel.root,
      () => this.#dropAll(),
      () => this.#isAnyGone(),
      () => this.#renew(),
    )
  }

  /** Directories that are held; 3 at most. */
  get size(): number {
    let size = 0
    for (let k = 0; k < HELD; k++) if (this.#held[k] !== undefined) size++
    return size
  }

  /** Lets go of all of them, and of what watched them. */
  letGo(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#witness.reset()
  }

  #dropAll(): void {
    for (let k = 0; k < HELD; k++) {
      const parent = this.#held[k]
      if (parent !== undefined) this.#drop(parent)
    }
  }
  #drop(parent: Parent): void {
    if (parent.tellsEnd || parent.names !== undefined) this.#hearLess(0)
    parent.dropped = true
    if (parent.users === 0) this.#close(parent)
  }
  #close(parent: Parent): void {
    if (parent.held < 0) return
    for (let k = 0; k < HELD; k++) if (this.#held[k] === parent) this.#held[k] = undefined
    this.#raw.close(parent.held)
    parent.held = -1
  }
  #of(held: Held): Parent | undefined {
    for (let k = 0; k < HELD; k++) {
      const parent = this.#held[k]
      if (parent?.held === held) return parent
    }
    return undefined
  }

  /** The directory that `path` is in, where it is held; whether it still is where it was is for the witness to say. */
  #find(path: Path): Parent | undefined {
    const { name, above, isPlain } = partsOf(path)
    if (!isPlain || above === '') return undefined
    this.#name = name
    return this.#at(above)
  }
  /** The directory at `path`, the same. */
  #at(path: Path): Parent | undefined {
    for (let k = 0; k < HELD; k++) {
      const parent = this.#held[k]
      if (parent === undefined || parent.dropped || parent.path !== path) continue
      this.#used = true
      return parent
    }
    const counted = this.#counts.count(path)
    return counted !== undefined && counted.seen > WORTH ? this.#hold(counted) : undefined
  }

  #hold(counted: Counted): Parent | undefined {
    counted.seen = 0
    const oldest = this.#held[this.#oldest]
    if (oldest !== undefined && oldest.users > 0) return undefined
    const watched = this.#witness.hold(counted.path)
    if (watched === undefined) {
      // It may not be one that can be held: not tried again soon.
      counted.seen = -WORTHLESS
      return undefined
    }
    const last = this.#held[this.#oldest]
    if (last !== undefined) this.#drop(last)
    const { held, watch, isOpen } = watched
    const parent: Parent = {
      path: counted.path,
      held,
      watch,
      isOpen,
      users: 0,
      dropped: false,
      doubts: 0,
      tellsEnd: false,
      wanted: 0,
      names: undefined,
    }
    this.#held[this.#oldest] = parent
    this.#oldest = (this.#oldest + 1) % HELD
    this.#used = true
    this.#timer ??= setInterval(() => this.#rest(), IDLE_MS).unref()
    return parent
  }

  #rest(): void {
    if (this.#used) {
      this.#used = false
      return
    }
    this.letGo()
  }

  /** Whether a kept directory is where it was, and was not removed: what is not in it is nowhere, then. */
  #stands(parent: Parent): boolean {
    if (!parent.tellsEnd && this.#witness.isGone(parent.held)) {
      this.#drop(parent)
      return false
    }
    return this.#witness.quiet(parent.isOpen)
  }
  /** Some entry was removed or replaced beside one whose end is watched for: whether it is that one. */
  #isAnyGone(): boolean {
    for (let k = 0; k < HELD; k++) {
      const parent = this.#held[k]
      if (parent?.tellsEnd === true && this.#witness.isGone(parent.held)) return true
    }
    if (++this.#alarms > WORTH) this.#hearLess(-WORTHLESS)
    return false
  }
  /** Something came into a directory: what was known of its names is no longer. Of which of them, is not asked. */
  #renew(): void {
    // Counted in any case: whoever acts just now may be the last one who knew of a name.
    this.#news++
    let isHeard = false
    for (let k = 0; k < HELD; k++) {
      const names = this.#held[k]?.names
      if (names === undefined) continue
      names.clear()
      isHeard = true
    }
    if (!isHeard) return
    this.#vain += 2
    if (this.#vain > 2 * WORTH) this.#hearLess(-WORTHLESS)
  }
  /**
   * Has nobody tell any more what happens to entries: where so much happens, to hear of it costs more than to ask.
   * @param credit what each directory begins with before it is told again
   */
  #hearLess(credit: number): void {
    this.#alarms = 0
    this.#vain = 0
    // All of them: one may be in another.
    for (let k = 0; k < HELD; k++) {
      const parent = this.#held[k]
      if (parent === undefined || !(parent.tellsEnd || parent.names !== undefined)) continue
      this.#witness.forgetEntries(parent)
      if (parent.tellsEnd) parent.doubts = credit
      if (parent.names !== undefined) parent.wanted = credit
      parent.tellsEnd = false
      parent.names = undefined
    }
  }

  /** Whether that is what a name in a kept directory was answered because it is not there. */
  #isMissing(parent: Parent, result: number): boolean {
    if (result !== -ENOENT_NUMBER || !this.#stands(parent)) return false
    if (!parent.tellsEnd && ++parent.doubts > WORTH) {
      parent.doubts = 0
      parent.tellsEnd = this.#witness.watchEnd(parent.held)
    }
    return true
  }

  /** What a name in a kept directory is, asked for less than its attributes cost; a NO_LINK is for the witness to confirm. */
  #kindOf(parent: Parent): Kind {
    const result = this.#raw.readlinkat(parent.held, this.#name)
    if (result === -EINVAL_NUMBER) return NO_LINK
    return result < 0 && this.#isMissing(parent, result) ? MISSING : UNSURE
  }

  stat(path: Path, follow: boolean, precise: boolean): Stats | Failed {
    const parent = this.#find(path)
    if (parent !== undefined) {
      const raw = this.#raw
      const result = raw.statx(parent.held, this.#name)
      if (result < 0) {
        if (this.#isMissing(parent, result)) return ENOENT
      } else if (!(follow && (raw.mode() & S_IFMT) === S_IFLNK) && this.#witness.quiet(parent.isOpen))
        return raw.stats(precise)
    }
    return this.kernel.stat(path, follow, precise)
  }

  /** Whether the name is known to be no link. Nothing must have come into the directory when that has been of use. */
  #knows({ names }: Parent): boolean {
    if (names?.has(this.#name) !== true) return false
    if (this.#vain > 0) this.#vain--
    return true
  }
  /** It would have been of use to know; whoever found a NO_LINK since then has it known. */
  #learn(parent: Parent, kind: Kind): void {
    const { names } = parent
    if (names === undefined) {
      if (++parent.wanted <= WORTH) return
      parent.wanted = -WORTHLESS
      if (this.#witness.watchNames(parent)) parent.names = new SafeMap()
    } else if (kind === NO_LINK) {
      if (names.size >= KNOWN) names.clear()
      names.set(this.#name, true)
    }
  }

  access(path: Path, mask: number): Failed | undefined {
    const parent = this.#find(path)
    if (parent !== undefined) {
      const isKnown = mask !== 0 && this.#knows(parent)
      const news = this.#news
      const kind = isKnown ? NO_LINK : this.#kindOf(parent)
      if (kind === MISSING) return ENOENT
      if (kind === NO_LINK) {
        if (mask !== 0 && !isKnown) this.#learn(parent, kind)
        const allowed = mask === 0 ? 0 : this.#raw.access(parent.held, this.#name, mask)
        if (allowed === 0 && this.#witness.quiet(parent.isOpen) && (!isKnown || news === this.#news)) return undefined
      }
    }
    return this.kernel.access(path, mask)
  }

  onNoLink(path: Path, act: (dir: Held, name: string) => Failed | undefined): boolean {
    const parent = this.#find(path)
    if (parent === undefined || !this.#witness.quiet(parent.isOpen)) return false
    if (!this.#knows(parent)) {
      this.#learn(parent, parent.names === undefined ? UNSURE : this.#kindOf(parent))
      return false
    }
    const news = this.#news
    if (act(parent.held, this.#name) !== undefined) return false
    // Who we are was asked before.
    this.#witness.quiet(true)
    return news === this.#news
  }

  parent(path: Path): Held | Failed {
    const parent = this.#find(path)
    if (parent === undefined || !this.#witness.quiet(parent.isOpen)) return this.kernel.parent(path)
    parent.users++
    return parent.held
  }

  isStale(dir: Held): boolean {
    const parent = this.#of(dir)
    return parent !== undefined && (parent.dropped || !this.#stands(parent))
  }

  release(held: Held): void {
    const parent = this.#of(held)
    if (parent === undefined) this.kernel.release(held)
    else if (--parent.users === 0 && parent.dropped) this.#drop(parent)
  }

  directory(path: Path): Held | undefined {
    const found = this.#at(path)
    if (found === undefined || !this.#stands(found)) return undefined
    found.users++
    return found.held
  }

  hold(path: Path, follow: boolean): Held | Failed {
    return this.kernel.hold(path, follow)
  }

  open(path: Path, flags: number, mode: number): number | Failed {
    return this.kernel.open(path, flags, mode)
  }

  place(path: Path): Seeker | Failed {
    return this.kernel.place(path)
  }

  resolve(path: Path, follow: boolean): Dentry | Failed {
    const parent = isCanonical(path) ? this.#find(path) : undefined
    if (parent !== undefined) {
      const kind = this.#kindOf(parent)
      if (kind === MISSING) return dentry(path, false, false)
      if (kind === NO_LINK && this.#witness.quiet(parent.isOpen)) return dentry(path, true, false)
    }
    return this.kernel.resolve(path, follow)
  }
}
