/**
 * Canonical paths made safe by node:fs alone: the directory that a name is in is held, and asked through /proc/self/fd
 * where it is. Only if the kernel answers with the very path that was asked for was no link in the way. Directories are
 * kept held, a bounded number of them, and asked again each time that they are used.
 */

import type { Dentry } from '../../file.js'
import { PATH_MAX, S_IFLNK, S_IFMT } from '../../namei.js'
import type { Path, Stats } from '../../op.js'
import { decodePath } from '../../path-bytes.js'
import { indexOf, SafeMap, slice } from '../../primordials.js'
import { Failed } from '../../verdict.js'
import { failureOf } from '../node-fs/failure.js'
import { originalFs as fs } from '../original-fs.js'
import type { Calls, Held } from './calls.js'
import { isCanonical, isPlain, lastOf, parentOf } from './names.js'
import { O_PATH } from './node-calls.js'
import { accessHeld, type Resolver, type Seeker } from './resolver.js'
import { dentry, type Walker } from './walker.js'

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW } = fs.constants
const ENOENT = Failed.of('ENOENT')
const EISDIR = Failed.of('EISDIR')
const EEXIST = Failed.of('EEXIST')
const ELOOP = Failed.of('ELOOP')
const ENAMETOOLONG = Failed.of('ENAMETOOLONG')

/** Of two generations, each has so many directories at most, beside those that are in use. */
const GENERATION = 64

/** A directory that is held, and how many requests use it at this moment. */
interface Parent {
  readonly held: Held
  users: number
  /** No longer kept: the last one to use it lets it go. */
  dropped: boolean
}

export class Parents implements Resolver {
  readonly calls: Calls
  readonly root: Held
  /** By path: those that were asked for lately, and those that were before. What nobody asked for since is let go of. */
  #young = new SafeMap<string, Parent>()
  #old = new SafeMap<string, Parent>()
  readonly #byHeld = new SafeMap<Held, Parent>()

  constructor(readonly walker: Walker) {
    this.calls = walker.calls
    this.root = walker.root
  }

  #find(path: Path): Parent | undefined {
    const parent = this.#young.get(path)
    if (parent !== undefined) return parent
    const old = this.#old.get(path)
    if (old !== undefined) {
      this.#old.delete(path)
      this.#keep(path, old)
    }
    return old
  }
  #keep(path: Path, parent: Parent): void {
    if (this.#young.size >= GENERATION) {
      const old = this.#old
      this.#old = this.#young
      this.#young = new SafeMap()
      old.forEach((each) => {
        this.#drop(each)
      })
    }
    this.#young.set(path, parent)
  }

  #drop(parent: Parent): void {
    parent.dropped = true
    if (parent.users > 0) return
    this.#byHeld.delete(parent.held)
    this.calls.release(parent.held)
  }

  release(held: Held): void {
    if (held === this.root) return
    const parent = this.#byHeld.get(held)
    if (parent === undefined) this.calls.release(held)
    else if (--parent.users === 0 && parent.dropped) this.#drop(parent)
  }

  /** Whether `held` is at `path` now, and no link is in it. */
  #isAt(held: Held, path: string): boolean {
    try {
      const at = this.calls.at(held)
      const text = fs.readlinkSync(at)
      return indexOf(text, '\ufffd') === -1 ? text === path : decodePath(fs.readlinkSync(at, 'buffer')) === path
    } catch {
      return false
    }
  }

  /** The directory `path` itself, which is canonical. */
  #directory(path: Path): Held | Failed {
    if (path === '' || path === '/') return this.root
    const kept = this.#find(path)
    if (kept !== undefined) {
      if (this.#isAt(kept.held, path)) {
        kept.users++
        return kept.held
      }
      this.#young.delete(path)
      this.#drop(kept)
    }
    const held = this.calls.holdHost(path)
    if (held instanceof Failed) return this.#whyNot(path)
    if (!this.#isAt(held, path)) {
      this.calls.release(held)
      return ELOOP
    }
    const parent: Parent = { held, users: 1, dropped: false }
    this.#byHeld.set(held, parent)
    this.#keep(path, parent)
    return held
  }

  /** Why `path` cannot be held: by a walk, since where a link in it leads is not to be told. */
  #whyNot(path: Path): Failed {
    const held = this.walker.parent(`${path}/.`)
    if (held instanceof Failed) return held
    this.walker.release(held)
    return ELOOP
  }

  parent(path: Path): Held | Failed {
    if (path === '') return ENOENT
    return path.length > PATH_MAX ? ENAMETOOLONG : this.#directory(parentOf(path))
  }

  /** What is at a plain name; `whole` takes what ends in a slash or a dot: a directory, by its own path. */
  #at<T>(path: Path, plain: (dir: Held, name: string) => T | Failed, whole: (dir: Held) => T | Failed): T | Failed {
    const name = lastOf(path)
    let dir: Held | Failed
    if (isPlain(name)) dir = this.parent(path)
    else if (name === '' || name === '.' || name === './') dir = this.#directory(parentOf(path))
    else dir = this.#directory(name === '..' || name === '../' ? path : withoutSlashes(path))
    if (dir instanceof Failed) return dir
    try {
      return isPlain(name) ? plain(dir, name) : whole(dir)
    } finally {
      this.release(dir)
    }
  }

  stat(path: Path, follow: boolean, precise: boolean): Stats | Failed {
    return this.#at<Stats>(
      path,
      (dir, name) => {
        const stats = this.calls.lstat(dir, name, precise)
        return follow && !(stats instanceof Failed) && (stats.mode & S_IFMT) === S_IFLNK ? ELOOP : stats
      },
      (dir) => this.calls.stat(dir, precise),
    )
  }

  hold(path: Path, follow: boolean): Held | Failed {
    return this.#at<Held>(
      path,
      (dir, name) => {
        const held = this.calls.hold(dir, name)
        if (held instanceof Failed || !follow) return held
        const stats = this.calls.stat(held, false)
        if (!(stats instanceof Failed) && (stats.mode & S_IFMT) !== S_IFLNK) return held
        this.calls.release(held)
        return stats instanceof Failed ? stats : ELOOP
      },
      (dir) => {
        const parent = this.#byHeld.get(dir)
        if (parent !== undefined) parent.users++
        return dir
      },
    )
  }

  open(path: Path, flags: number, mode: number): number | Failed {
    const creates = (flags & O_CREAT) !== 0
    return this.#at<number>(
      path,
      (dir, name) => {
        const fd = this.calls.open(dir, name, flags, mode)
        // O_PATH with O_NOFOLLOW opens a link itself.
        if (fd instanceof Failed || (flags & (O_PATH | O_NOFOLLOW)) !== O_PATH) return fd
        const stats = this.calls.stat(fd, false)
        if (!(stats instanceof Failed) && (stats.mode & S_IFMT) !== S_IFLNK) return fd
        fs.closeSync(fd)
        return stats instanceof Failed ? stats : ELOOP
      },
      (dir) => {
        if (creates) return (flags & O_EXCL) !== 0 ? EEXIST : EISDIR
        if ((flags & O_PATH) === 0) return this.calls.reopen(dir, flags | O_DIRECTORY)
        try {
          return fs.openSync(`${this.calls.at(dir)}/.`, O_PATH | O_DIRECTORY)
        } catch (thrown) {
          return failureOf(thrown)
        }
      },
    )
  }

  /** Kept held too: who lists a directory most likely goes on to what is in it. */
  directory(path: Path): Held | undefined {
    if (!isCanonical(path)) return undefined
    const held = this.#directory(path)
    return held instanceof Failed ? undefined : held
  }

  access(path: Path, mask: number): Failed | undefined {
    // That it is there takes no holding.
    if (mask !== 0) return accessHeld(this, path, mask)
    const stats = this.stat(path, true, false)
    return stats instanceof Failed ? stats : undefined
  }

  place(path: Path): Seeker | Failed {
    return this.walker.place(path)
  }

  resolve(path: Path, follow: boolean): Dentry | Failed {
    if (!isCanonical(path)) return this.walker.resolve(path, follow)
    // A canonical path without a link in it leads to itself.
    const dir = this.parent(path)
    if (dir instanceof Failed) return this.walker.resolve(path, follow)
    const name = lastOf(path)
    const stats = name === '' ? this.calls.stat(dir, false) : this.calls.lstat(dir, name, false)
    this.release(dir)
    if (stats === ENOENT) return dentry(path, false, false)
    if (stats instanceof Failed) return stats
    const isLink = (stats.mode & S_IFMT) === S_IFLNK
    return isLink && follow ? this.walker.resolve(path, true) : dentry(path, true, isLink)
  }
}

const withoutSlashes = (path: string): string => {
  let end = path.length
  while (end > 1 && path[end - 1] === '/') end--
  return slice(path, 0, end)
}
