/**
 * Resolves by openat2(2): the kernel walks the whole path in one call, and refuses, at the moment of use, every step that
 * would leave the root. Nothing is remembered from one request to the next, but the directories that it is told are used
 * (`listing`); `Kept` does so for canonical paths. What it refuses (an absolute link, `..` above the root) is left to the walker, which
 * knows what that means here.
 */

import { constants } from 'node:os'
import type { Dentry } from '../../file.js'
import { PATH_MAX, S_IFLNK, S_IFMT } from '../../namei.js'
import { RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from '../../native/index.js'
import type { Path, Stats } from '../../op.js'
import { Failed } from '../../verdict.js'
import { originalFs } from '../original-fs.js'
import type { Calls, Held } from './calls.js'
import { isCanonical, parentOf, partsOf } from './names.js'
import { failed } from './native-calls.js'
import { O_PATH, O_TMPFILE } from './node-calls.js'
import type { Raw } from './raw.js'
import { accessHeld, type Resolver, type Seeker } from './resolver.js'
import { dentry, type Walker } from './walker.js'

const { errno } = constants
const { O_CREAT, O_DIRECTORY, O_NOFOLLOW } = originalFs.constants
const ENOENT = Failed.of('ENOENT')
const ENAMETOOLONG = Failed.of('ENAMETOOLONG')

/** open(2) ignores flags that it does not know, openat2(2) refuses them: linux/fcntl.h's VALID_OPEN_FLAGS. */
const O_KNOWN = (() => {
  let known = O_PATH | O_TMPFILE | 0o2000000 | 0o20000
  for (const [name, value] of Object.entries(originalFs.constants)) if (name.startsWith('O_')) known |= value
  return known
})()
/** What open(2) leaves of the flags beside O_PATH. */
const WITH_PATH = O_PATH | O_DIRECTORY | O_NOFOLLOW

/** Directories that are listed at a time. */
const LISTED = 4
interface Listed {
  readonly path: Path
  /** Once it was of use. */
  held: Held | undefined
}

export class KernelResolver implements Resolver {
  readonly calls: Calls
  readonly root: Held
  readonly #resolve: number
  /** Whose names are looked up just now, the last one first. */
  readonly #listed: (Listed | undefined)[] = [undefined, undefined, undefined, undefined]

  constructor(
    readonly raw: Raw,
    readonly walker: Walker,
  ) {
    this.calls = walker.calls
    this.root = walker.root
    this.#resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (walker.policy.none ? RESOLVE_NO_SYMLINKS : 0)
  }

  release(held: Held): void {
    if (held !== this.root && !this.#isListed(held)) this.raw.close(held)
  }

  /** Whether what the kernel refused may be had: a link or `..` that needs our own reading, or a race. */
  #unsure(result: number): boolean {
    if (result === -errno.ELOOP) return !this.walker.policy.none
    return result === -errno.EXDEV || result === -errno.EAGAIN
  }

  /** openat2 without O_CREAT. Where the path would leave, once more with the root as `/`, as after chroot(2). */
  #open(path: string, flags: number): number {
    const fd = this.raw.openat2(this.root, path, flags, 0, this.#resolve)
    if (fd !== -errno.EXDEV || this.walker.policy.none) return fd
    const clamped = this.raw.openat2(this.root, path, flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    // What is not found that way may still be named by the root's own path on the host.
    return clamped < 0 ? fd : clamped
  }

  #bad(path: Path): Failed | undefined {
    if (path === '') return ENOENT
    return path.length > PATH_MAX ? ENAMETOOLONG : undefined
  }

  hold(path: Path, follow: boolean): Held | Failed {
    const bad = this.#bad(path)
    if (bad !== undefined) return bad
    const flags = follow ? O_PATH : O_PATH | O_NOFOLLOW
    const held = this.#open(path, flags)
    if (held >= 0) return held
    return this.#unsure(held) ? this.walker.hold(path, follow) : failed(held)
  }

  parent(path: Path): Held | Failed {
    const bad = this.#bad(path)
    if (bad !== undefined) return bad
    return this.#listedAbove(path) ?? this.#parent(path)
  }
  #parent(path: Path): Held | Failed {
    const { above } = partsOf(path)
    if (above === '') return this.root
    const held = this.#open(above, O_PATH | O_DIRECTORY)
    if (held >= 0) return held
    return this.#unsure(held) ? this.walker.parent(path) : failed(held)
  }

  /** See `Lower.listing`. */
  listing(path: Path | undefined): void {
    const all = this.#listed
    if (path === undefined) {
      for (let k = 0; k < LISTED; k++) {
        this.#drop(all[k])
        all[k] = undefined
      }
      return
    }
    // A name in the root takes one call as it is.
    if (path === '/') return
    let at = 0
    while (at < LISTED - 1 && all[at] !== undefined && all[at]?.path !== path) at++
    let first = all[at]
    if (first?.path !== path) {
      this.#drop(first)
      first = { path, held: undefined }
    }
    for (; at > 0; at--) all[at] = all[at - 1]
    all[0] = first
  }
  #drop(listed: Listed | undefined): void {
    if (listed?.held !== undefined) this.raw.close(listed.held)
  }
  #isListed(held: Held): boolean {
    const all = this.#listed
    for (let k = 0; k < LISTED && all[k] !== undefined; k++) if (all[k]?.held === held) return true
    return false
  }
  #listedAt(path: Path): Listed | undefined {
    const all = this.#listed
    for (let k = 0; k < LISTED && all[k] !== undefined; k++) if (all[k]?.path === path) return all[k]
    return undefined
  }
  /** The directory that is listed, if `path` is a name in one. */
  #listedAbove(path: Path): Held | undefined {
    if (this.#listed[0] === undefined) return undefined
    const { above, isPlain } = partsOf(path)
    const listed = isPlain ? this.#listedAt(above) : undefined
    if (listed === undefined) return undefined
    if (listed.held === undefined) {
      const held = this.#parent(path)
      if (!(held instanceof Failed) && held !== this.root) listed.held = held
    }
    return listed.held
  }
  /** The same of the path that is listed itself; undefined where there is no directory, but a link to one perhaps. */
  #listedItself(path: Path): Held | undefined {
    const listed = this.#listedAt(path)
    if (listed === undefined || listed.held !== undefined) return listed?.held
    const held = this.#open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW)
    if (held >= 0) listed.held = held
    return listed.held
  }

  stat(path: Path, follow: boolean, precise: boolean): Stats | Failed {
    const { raw } = this
    const listed = this.#listedAbove(path)
    const parts = partsOf(path)
    // In the root itself there is no way to be led astray.
    if (listed !== undefined || (parts.above === '' && parts.isPlain)) {
      const result = raw.statx(listed ?? this.root, parts.name)
      if (result < 0) return failed(result)
      if ((raw.mode() & S_IFMT) !== S_IFLNK || !follow) return raw.stats(precise)
    }
    const itself = this.#listedItself(path)
    if (itself !== undefined) return this.calls.stat(itself, precise)
    const held = this.hold(path, follow)
    if (held instanceof Failed) return held
    const stats = this.calls.stat(held, precise)
    this.release(held)
    return stats
  }

  open(path: Path, flags: number, mode: number): number | Failed {
    const bad = this.#bad(path)
    if (bad !== undefined) return bad
    // What fails is asked for once more by its path, which tells why.
    if ((flags & (O_PATH | O_TMPFILE | O_NOFOLLOW)) === O_NOFOLLOW) {
      const listed = this.#listedAbove(path)
      const fd = listed === undefined ? -1 : this.raw.openat(listed, partsOf(path).name, flags & O_KNOWN, mode & 0o7777)
      if (fd >= 0) return fd
    }
    const known = (flags & O_PATH) !== 0 ? flags & WITH_PATH : flags & O_KNOWN
    const makes = (known & O_CREAT) !== 0 || (known & O_TMPFILE) === O_TMPFILE
    const fd = makes ? this.raw.openat2(this.root, path, known, mode & 0o7777, this.#resolve) : this.#open(path, known)
    if (fd >= 0) return fd
    return this.#unsure(fd) ? this.walker.open(path, flags, mode) : failed(fd)
  }

  access(path: Path, mask: number): Failed | undefined {
    return accessHeld(this, path, mask)
  }

  place(path: Path): Seeker | Failed {
    return this.walker.place(path)
  }

  resolve(path: Path, follow: boolean): Dentry | Failed {
    if (!isCanonical(path) || path.length > PATH_MAX) return this.walker.resolve(path, follow)
    const { raw } = this
    // Without one link in it, a canonical path leads to itself.
    const how = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
    const held = raw.openat2(this.root, path, O_PATH | O_NOFOLLOW, 0, how)
    if (held < 0) {
      if (held === -errno.ENOENT) {
        const above = raw.openat2(this.root, parentOf(path) || '/', O_PATH | O_DIRECTORY, 0, how)
        if (above >= 0) {
          raw.close(above)
          return dentry(path, false, false)
        }
      }
      return this.walker.resolve(path, follow)
    }
    const result = raw.statx(held, '')
    const link = (raw.mode() & S_IFMT) === S_IFLNK
    raw.close(held)
    if (result < 0) return failed(result)
    return link && follow ? this.walker.resolve(path, true) : dentry(path, true, link)
  }
}
