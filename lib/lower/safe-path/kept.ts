/**
 * Canonical paths acted on beneath directories that are kept held: where a name is in a directory that was used lately, the
 * kernel walks no path. A witness says, for each request, that every such directory is still where it was.
 */

import { constants } from 'node:os'
import type { Dentry } from '../../file.js'
import { S_IFLNK, S_IFMT } from '../../namei.js'
import type { Path, Stats } from '../../op.js'
import { append, charCodeAt } from '../../primordials.js'
import { Failed } from '../../verdict.js'
import type { Calls, Held } from './calls.js'
import type { KernelResolver } from './kernel.js'
import { isCanonical, partsOf } from './names.js'
import type { Raw } from './raw.js'
import type { Resolver, Seeker } from './resolver.js'
import { dentry } from './walker.js'
import { Witness } from './witness.js'

const ENOENT = Failed.of('ENOENT')
const { EINVAL: EINVAL_NUMBER, ENOENT: ENOENT_NUMBER } = constants.errno
const { setInterval, clearInterval } = globalThis
const UNSURE = 0
const NO_LINK = 1
const MISSING = 2

/** Directories that are held at most: a program that counts its descriptors is to find few that it did not open. */
const HELD = 3
/** Those of which requests are counted at most, a power of two. */
const COUNTED = 256
/** Requests in a directory before it is held: to hold one costs as much as some ten requests save. */
const WORTH = 24
/** As many more where it could not be. */
const WORTHLESS = 1000
/** Directories are let go of where none of them was used for so long: one that is held keeps its filesystem mounted. */
const IDLE_MS = 1000

/** A directory that is not held. */
interface Counted {
  readonly path: Path
  /** Requests that were made in it. */
  seen: number
}
interface Parent {
  readonly path: Path
  /** -1 once it was closed. */
  held: Held
  /** See `Watched`. */
  readonly isOpen: boolean
  users: number
  /** Let go of: the last one to use it closes it. */
  dropped: boolean
  /** How often it was asked whether it was removed, since something was not found in it. */
  doubts: number
  /** The witness tells that, and nobody has to ask. */
  tellsEnd: boolean
}

const emptyPlaces = (): undefined[] => {
  const places: undefined[] = []
  for (let k = 0; k < COUNTED; k++) append(places, undefined)
  return places
}
/**
 * Where a path is counted: of two with the same place, only the last is. A map would have the whole of each path hashed, and
 * most are of directories where nothing else is asked for.
 */
const placeOf = (path: Path): number => {
  const { length } = path
  let sum = length
  for (let at = length > NAMING ? length - NAMING : 0; at < length; at++) sum = (sum * 31 + charCodeAt(path, at)) | 0
  return sum & (COUNTED - 1)
}
/** Units at its end that tell a path from others. */
const NAMING = 8

export class Kept implements Resolver {
  readonly calls: Calls
  readonly #raw: Raw
  readonly #witness: Witness
  /** By `placeOf` their paths. */
  readonly #counted: (Counted | undefined)[] = emptyPlaces()
  readonly #held: (Parent | undefined)[] = [undefined, undefined, undefined]
  /** The place of the one that was held first. */
  #oldest = 0
  #timer: NodeJS.Timeout | undefined
  #used = false
  /** How often it was told in vain that something came to an end. */
  #alarms = 0
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
    const place = placeOf(path)
    const counted = this.#counted[place]
    if (counted === undefined || counted.path !== path) {
      this.#counted[place] = { path, seen: 1 }
      return undefined
    }
    return ++counted.seen > WORTH ? this.#hold(counted) : undefined
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
    const { held, isOpen } = watched
    const parent: Parent = { path: counted.path, held, isOpen, users: 0, dropped: false, doubts: 0, tellsEnd: false }
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
    const isFutile = ++this.#alarms > WORTH
    if (isFutile) this.#alarms = 0
    for (let k = 0; k < HELD; k++) {
      const parent = this.#held[k]
      if (parent === undefined || !parent.tellsEnd) continue
      if (this.#witness.isGone(parent.held)) return true
      if (!isFutile) continue
      // So much happens there that to hear of it costs more than to ask.
      this.#witness.forgetEnd(parent.held)
      parent.tellsEnd = false
      parent.doubts = -WORTHLESS
    }
    return false
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
  #kindOf(parent: Parent): typeof UNSURE | typeof NO_LINK | typeof MISSING {
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

  access(path: Path, mask: number): Failed | undefined {
    const parent = this.#find(path)
    if (parent !== undefined) {
      const kind = this.#kindOf(parent)
      if (kind === MISSING) return ENOENT
      if (kind === NO_LINK) {
        const allowed = mask === 0 ? 0 : this.#raw.access(parent.held, this.#name, mask)
        if (allowed === 0 && this.#witness.quiet(parent.isOpen)) return undefined
      }
    }
    return this.kernel.access(path, mask)
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
