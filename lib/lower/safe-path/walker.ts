/** Resolves by walking: works wherever a directory can be held. */

import type { Dentry } from '../../file.js'
import { S_IFDIR, S_IFLNK, S_IFMT } from '../../namei.js'
import type { Path, Stats } from '../../op.js'
import { Failed } from '../../verdict.js'
import { originalFs } from '../original-fs.js'
import type { Calls, Held } from './calls.js'
import { isCanonical, parentOf } from './names.js'
import { O_PATH } from './node-calls.js'
import { accessHeld, type LinkPolicy, type Resolver, type Root, type Seeker } from './resolver.js'
import { Walk } from './walk.js'

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW } = originalFs.constants
const ENOENT = Failed.of('ENOENT')
const ENOTDIR = Failed.of('ENOTDIR')
const EISDIR = Failed.of('EISDIR')
const EEXIST = Failed.of('EEXIST')
const ELOOP = Failed.of('ELOOP')
/** A name that is now a link, now none: whoever plays so long with it gets this. */
const TRIES = 64

const isLink = (stats: Stats): boolean => (stats.mode & S_IFMT) === S_IFLNK
const isDirectory = (stats: Stats): boolean => (stats.mode & S_IFMT) === S_IFDIR

export class Walker implements Resolver {
  readonly root: Held

  constructor(
    readonly calls: Calls,
    readonly anchor: Root,
    readonly policy: LinkPolicy,
  ) {
    this.root = anchor.held
  }

  release(held: Held): void {
    if (held !== this.root) this.calls.release(held)
  }

  #walk(path: Path): Walk | Failed {
    const walk = new Walk(this.calls, this.root, this.policy)
    return walk.start(path, false) ?? walk
  }

  /** Walks on through links for as long as `act` finds one (undefined) at the place. Nothing is held afterwards. */
  #through<T>(path: Path, act: (walk: Walk) => T | Failed | undefined): T | Failed {
    const walk = this.#walk(path)
    if (walk instanceof Failed) return walk
    try {
      for (let tries = 0; tries < TRIES; tries++) {
        const out = act(walk)
        if (out !== undefined) return out instanceof Failed ? walk.say(out) : out
        if (this.policy.none) return ELOOP
        const failed = walk.through()
        if (failed !== undefined && failed.errno !== 'EINVAL') return failed
      }
      return ELOOP
    } finally {
      walk.release()
    }
  }

  stat(path: Path, follow: boolean, precise: boolean): Stats | Failed {
    return this.#through<Stats>(path, (walk) => {
      if (walk.name === '') return this.calls.stat(walk.dir, precise)
      const stats = this.calls.lstat(walk.dir, walk.name, precise)
      if (stats instanceof Failed) return stats
      if (isLink(stats)) return follow || walk.wantsDirectory ? undefined : stats
      return walk.wantsDirectory && !isDirectory(stats) ? ENOTDIR : stats
    })
  }

  hold(path: Path, follow: boolean): Held | Failed {
    return this.#through<Held>(path, (walk) => {
      // What the walk holds it lets go of; `take` is for this.
      if (walk.name === '') return walk.take() ?? this.root
      const held = this.calls.hold(walk.dir, walk.name)
      if (held instanceof Failed || (!follow && !walk.wantsDirectory)) return held
      const stats = this.calls.stat(held, false)
      if (!(stats instanceof Failed)) {
        if (!isLink(stats) && (!walk.wantsDirectory || isDirectory(stats))) return held
        this.calls.release(held)
        return isLink(stats) ? undefined : ENOTDIR
      }
      this.calls.release(held)
      return stats
    })
  }

  parent(path: Path): Held | Failed {
    const above = parentOf(path)
    if (above === '') return path === '' ? ENOENT : this.root
    const walk = new Walk(this.calls, this.root, this.policy)
    return walk.start(above, true) ?? walk.take() ?? this.root
  }

  access(path: Path, mask: number): Failed | undefined {
    return accessHeld(this, path, mask)
  }

  place(path: Path): Seeker | Failed {
    return this.#walk(path)
  }

  open(path: Path, flags: number, mode: number): number | Failed {
    const creates = (flags & O_CREAT) !== 0
    const follow = (flags & O_NOFOLLOW) === 0 && !(creates && (flags & O_EXCL) !== 0)
    if ((flags & O_PATH) !== 0) return this.#openPath(path, flags, follow)
    return this.#through<number>(path, (walk) => {
      if (walk.name === '') {
        if (creates) return (flags & O_EXCL) !== 0 ? EEXIST : EISDIR
        return this.calls.reopen(walk.dir, flags)
      }
      if (walk.wantsDirectory && creates) return EISDIR
      const wanted = walk.wantsDirectory ? flags | O_DIRECTORY : flags
      const fd = this.calls.open(walk.dir, walk.name, wanted, mode)
      if (!(fd instanceof Failed)) return fd
      // A link is ELOOP, or with O_DIRECTORY ENOTDIR.
      if (fd !== ELOOP && (fd !== ENOTDIR || (wanted & O_DIRECTORY) === 0)) return fd
      if (!follow && !walk.wantsDirectory) return fd
      const stats = this.calls.lstat(walk.dir, walk.name, false)
      return stats instanceof Failed || !isLink(stats) ? fd : undefined
    })
  }

  #openPath(path: Path, flags: number, follow: boolean): number | Failed {
    const held = this.hold(path, follow)
    if (held instanceof Failed) return held
    if (held === this.root) return this.calls.reopen(held, flags)
    if ((flags & O_DIRECTORY) === 0) return held
    const stats = this.calls.stat(held, false)
    if (!(stats instanceof Failed) && isDirectory(stats)) return held
    this.release(held)
    return stats instanceof Failed ? stats : ENOTDIR
  }

  resolve(path: Path, follow: boolean): Dentry | Failed {
    return this.#through<Dentry>(path, (walk) => {
      if (walk.name === '') return dentry(walk.path(), true, false)
      const stats = this.calls.lstat(walk.dir, walk.name, false)
      if (stats instanceof Failed) return stats === ENOENT && !walk.outward ? dentry(walk.path(), false, false) : stats
      if (isLink(stats) && (follow || walk.wantsDirectory)) return undefined
      if (walk.wantsDirectory && !isDirectory(stats)) return ENOTDIR
      return dentry(isCanonical(path) && walk.links === 0 ? path : walk.path(), true, isLink(stats))
    })
  }
}

export const dentry = (path: Path, exists: boolean, link: boolean): Dentry => ({
  path,
  exists,
  isLink: link,
  security: undefined,
})
