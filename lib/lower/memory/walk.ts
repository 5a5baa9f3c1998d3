/** Path resolution in memory: the kernel's namei over memfs's links. */
import type { Caller } from '../../context.js'
import { Failed } from '../../verdict.js'
import { EXECUTE, may } from './caller.js'
import { longerThan, NAME_MAX, PATH_MAX } from './names.js'
import { type Core, isDirectory, isLink, type Link } from './node.js'

/** Follow a symbolic link in the last component. */
export const FOLLOW = 1
/** Stop at the last component's directory: it is about to be made, or removed. */
export const PARENT = 2
/** No symbolic link may be followed: ELOOP. */
export const NO_LINKS = 4
/** A file is to be made: a slash after the last component is then an error of its own, whatever is there. */
export const CREATE = 8
/** A last component that is too long is told by `long`: rename looks for the old name first. */
export const LONG_LATER = 16

/** What the last component is. */
export const NORM = 0
export const DOT = 1
export const DOTDOT = 2
export const ROOT = 3

/** Linux's MAXSYMLINKS. */
const MAX_LINKS = 40
const SLASH = 47

const ENOENT = Failed.of('ENOENT')
const ENOTDIR = Failed.of('ENOTDIR')
const EACCES = Failed.of('EACCES')
const ELOOP = Failed.of('ELOOP')
const ENAMETOOLONG = Failed.of('ENAMETOOLONG')

/** Where a path leads. One object is used again and again: its fields hold until the next `to`. */
export class Walk {
  /** The directory of the last component. */
  dir: Link
  /** The last component; `''` for the root. */
  name = ''
  /** What is there; undefined where nothing is. */
  link: Link | undefined
  /** NORM, DOT, DOTDOT or ROOT. */
  last: number = ROOT
  /** Whether a slash came after the last component. */
  slash = false
  /** Whether the last component is longer than a name can be; only with LONG_LATER. */
  long = false

  constructor(readonly core: Core) {
    this.dir = core.root
  }

  /**
   * Walks. Replies nothing where `path` leads somewhere, its last component possibly missing.
   * @param how FOLLOW, PARENT, NO_LINKS, CREATE and LONG_LATER
   */
  to(path: string, how: number, caller: Caller): Failed | undefined {
    if (path === '') return ENOENT
    if (longerThan(path, PATH_MAX)) return ENAMETOOLONG
    const { root } = this.core
    let rest = path
    let at = 0
    let dir = root
    let followed = 0
    for (;;) {
      while (rest.charCodeAt(at) === SLASH) at++
      if (at >= rest.length) {
        this.#land(root, '', root, ROOT, false)
        return undefined
      }
      let end = rest.indexOf('/', at)
      if (end === -1) end = rest.length
      let next = end
      while (rest.charCodeAt(next) === SLASH) next++
      const isLast = next >= rest.length
      const slash = isLast && end < rest.length
      const name = rest.slice(at, end)
      if (!isDirectory(dir.node)) return ENOTDIR
      if (caller.uid !== 0 && !may(dir.node, EXECUTE, caller)) return EACCES
      if (name === '.' || name === '..') {
        const there: Link = name === '.' ? dir : (dir.parent ?? root)
        if (isLast) {
          this.#land(dir, name, there, name === '.' ? DOT : DOTDOT, slash)
          return undefined
        }
        dir = there
        at = next
        continue
      }
      if (longerThan(name, NAME_MAX)) {
        if (!isLast || (how & LONG_LATER) === 0) return ENAMETOOLONG
        this.#land(dir, name, undefined, NORM, slash)
        this.long = true
        return undefined
      }
      const link = slash && (how & CREATE) !== 0 ? undefined : dir.children.get(name)
      if (link === undefined) {
        if (!isLast) return ENOENT
        this.#land(dir, name, undefined, NORM, slash)
        return undefined
      }
      if (isLast && (how & PARENT) !== 0) {
        this.#land(dir, name, link, NORM, slash)
        return undefined
      }
      if (isLink(link.node) && (!isLast || slash || (how & FOLLOW) !== 0)) {
        if ((how & NO_LINKS) !== 0 || ++followed > MAX_LINKS) return ELOOP
        const target = link.node.symlink
        rest = isLast ? (slash ? `${target}/` : target) : `${target}/${rest.slice(next)}`
        if (rest.charCodeAt(0) === SLASH) dir = root
        at = 0
        continue
      }
      if (isLast) {
        if (slash && !isDirectory(link.node)) return ENOTDIR
        this.#land(dir, name, link, NORM, slash)
        return undefined
      }
      dir = link
      at = next
    }
  }

  #land(dir: Link, name: string, link: Link | undefined, last: number, slash: boolean): void {
    this.dir = dir
    this.name = name
    this.link = link
    this.last = last
    this.slash = slash
    this.long = false
  }

  /** As `to`, for what must be there. */
  find(path: string, how: number, caller: Caller): Link | Failed {
    const failed = this.to(path, how, caller)
    if (failed !== undefined) return failed
    return this.link ?? ENOENT
  }
}

/** `path`'s walk for a request: a resolved one may follow nothing. */
export const how = (req: { readonly dentry?: unknown }, follow: boolean): number =>
  (follow ? FOLLOW : 0) | (req.dentry === undefined ? 0 : NO_LINKS)

/** The canonical path of an entry. */
export const pathTo = (link: Link): string => {
  const path = link.getPath()
  return path === '' ? '/' : path
}
