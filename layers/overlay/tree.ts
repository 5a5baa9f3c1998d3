/** The merged tree: finding names in it, and copying them up. */
import {
  type Asking,
  attempt,
  attemptOn,
  Failed,
  fail,
  type OtherFs,
  PATH_MAX,
  type Path,
  type Reply,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Stats,
} from '../../lib/layer.js'
import { copyNode } from './copy-up.js'
import { isWhiteout, Marks, RESERVED } from './marks.js'
import { join, Lock, Node, type Origin, originOf } from './node.js'

/** How the last component is taken: through a link, as the link, or (for making and removing) as the mere name. */
export const FOLLOW = 0
export const STAY = 1
export const NAME = 2

export interface Place {
  /** The directory that the name is in; the node itself where `name` is '', '.' or '..'. */
  readonly parent: Node
  readonly name: string
  readonly node: Node | undefined
  readonly slash: boolean
  /** The last component was a link, and was followed. */
  readonly followed: boolean
}

const ENOENT = fail('ENOENT')
const ENOTDIR = fail('ENOTDIR')
const MAX_LINKS = 40
/** node:fs's UV_DIRENT_* as types of modes. */
const TYPES = [0, S_IFREG, S_IFDIR, S_IFLNK, 0o010000, 0o140000, 0o020000, 0o060000]
export const direntOf = (type: number): number => Math.max(0, TYPES.indexOf(type))

export class Tree {
  readonly root = new Node(undefined, '', S_IFDIR, true, '/')
  readonly lock = new Lock()
  readonly marks: Marks
  /** Callers' spellings of paths that lead to a node that is no link. */
  readonly paths = new Map<Path, Node>()
  readonly counters = { copiedUp: 0, copiedBytes: 0, whiteouts: 0 }

  constructor(
    readonly upper: OtherFs,
    /** Where the upper's tree is on its filesystem; '' is its root. */
    readonly prefix: string,
    readonly maxEntries: number,
    /** Whether a descriptor of the lower, and the upper's files, are the kernel's, and no layer changes what is in them. */
    readonly sharesKernel: (fd: number) => boolean,
  ) {
    this.marks = new Marks(upper.asSelf)
  }

  /** Where a node is, or would be, on the upper. */
  at(node: Node): Path {
    const { path } = node
    return this.prefix === '' ? path : path === '/' ? this.prefix : this.prefix + path
  }

  remember(path: Path, node: Node): void {
    if (this.paths.size >= this.maxEntries) this.paths.clear()
    this.paths.set(path, node)
  }

  /** Reads the upper's listing of a directory, once. */
  *load(dir: Node): Asking<Failed | undefined> {
    if (dir.loaded || !dir.upper) return undefined
    const at = this.at(dir)
    const self = this.upper.asSelf
    const entries = yield* attemptOn(self, 'readdir', { path: at })
    if (entries instanceof Failed) return entries
    const names = new Set(entries.map(({ name }) => name))
    const { opaque, redirect } = yield* this.marks.read(at, names)
    let lower = opaque ? undefined : dir.lower
    if (redirect !== undefined) lower = redirect.startsWith('/') ? redirect : join(parentPath(dir.lower), redirect)
    if (lower !== undefined) {
      const there = yield* attempt('lookup', { path: lower })
      if (there instanceof Failed || (there.mode & S_IFMT) !== S_IFDIR) lower = undefined
      else dir.identity = { dev: there.dev, ino: there.ino }
    }
    const found: (readonly [string, Node | undefined])[] = []
    for (const { name, type } of entries) {
      if (name.startsWith(RESERVED)) {
        const hidden = name.slice(RESERVED.length)
        if (!hidden.startsWith(RESERVED)) found.push([hidden, undefined])
        continue
      }
      let bits = TYPES[type] ?? 0
      if (bits === 0 || bits === 0o020000) {
        const stats = yield* attemptOn(self, 'lookup', { path: join(at, name) })
        if (stats instanceof Failed) continue
        bits = stats.mode & S_IFMT
        if (isWhiteout(stats)) {
          found.push([name, undefined])
          continue
        }
      }
      const beneath = bits === S_IFDIR && lower !== undefined ? join(lower, name) : undefined
      found.push([name, new Node(dir, name, bits, true, beneath)])
    }
    if (dir.loaded) return undefined
    dir.lower = lower
    for (const [name, node] of found) if (node !== undefined || !dir.knows(name)) dir.set(name, node)
    dir.loaded = true
    return undefined
  }

  *child(dir: Node, name: string): Asking<Node | undefined | Failed> {
    if (dir.upper && !dir.loaded) {
      const failed = yield* this.load(dir)
      if (failed !== undefined) return failed
    }
    if (dir.knows(name)) return dir.get(name)
    if (dir.lower === undefined) return undefined
    const lower = join(dir.lower, name)
    const stats = yield* attempt('lookup', { path: lower })
    if (stats instanceof Failed) return stats.errno === 'ENOENT' ? undefined : stats
    // Somebody else may have been here meanwhile.
    if (dir.knows(name)) return dir.get(name)
    const node = new Node(dir, name, stats.mode & S_IFMT, false, lower)
    dir.set(name, node)
    return node
  }

  /** Fails as namei(7) does. A missing last component is a place without a node. */
  *walk(path: Path, mode: number): Asking<Place | Failed> {
    if (path === '') return ENOENT
    if (path.length > PATH_MAX) return fail('ENAMETOOLONG')
    const todo = path.split('/').reverse()
    let node = this.root
    let name = ''
    let links = 0
    let followed = false
    while (todo.length > 0) {
      const part = todo.pop() as string
      if (part === '') continue
      if (part === '.' || part === '..') {
        if (!node.isDirectory) return ENOTDIR
        if (part === '..') node = node.parent ?? node
        name = part
        continue
      }
      if (!node.isDirectory) return ENOTDIR
      name = part
      const last = todo.every((rest) => rest === '')
      const slash = todo.length > 0
      let next: Node | undefined | Failed = node.get(part)
      if (next === undefined) next = yield* this.child(node, part)
      if (next instanceof Failed) return next
      if (next === undefined) return last ? { parent: node, name, node: undefined, slash, followed } : ENOENT
      if (next.isLink && (!last || mode === FOLLOW || (mode === STAY && slash))) {
        if (++links > MAX_LINKS) return fail('ELOOP')
        const target = yield* this.readlink(next)
        if (target instanceof Failed) return target
        if (target === '') return ENOENT
        followed ||= last
        if (target.startsWith('/')) node = this.root
        const parts = target.split('/')
        for (let k = parts.length - 1; k >= 0; k--) todo.push(parts[k] as string)
        continue
      }
      if (last) {
        if (slash && !next.isDirectory && mode !== NAME) return ENOTDIR
        return { parent: node, name, node: next, slash, followed }
      }
      node = next
    }
    return { parent: node, name: name === '.' || name === '..' ? name : '', node, slash: false, followed }
  }

  /** The node that a path leads to: ENOENT where nothing is there. */
  *find(path: Path, follow: boolean): Asking<Node | Failed> {
    const known = this.paths.get(path)
    if (known !== undefined && !known.gone) return known
    const place = yield* this.walk(path, follow ? FOLLOW : STAY)
    if (place instanceof Failed) return place
    const { node } = place
    if (node === undefined) return ENOENT
    // With `..`, it would hang on a directory that is not above it.
    if (!node.isLink && !place.followed && !path.includes('..')) this.remember(path, node)
    return node
  }

  *readlink(node: Node): Asking<string | Failed> {
    if (node.upper) return yield* attemptOn(this.upper, 'readlink', { path: this.at(node) })
    return yield* attempt('readlink', { path: node.lower as Path })
  }

  /** What the lower has by this name, as it was when it was first hidden or changed; undefined: nothing. */
  *beneath(dir: Node, name: string, node: Node | undefined): Asking<Origin | undefined> {
    if (dir.lower === undefined) return undefined
    const path = join(dir.lower, name)
    const stats = yield* attempt('lookup', { path })
    if (stats instanceof Failed) return undefined
    let known: Origin | undefined
    if (node?.upper === true) {
      yield* this.recall(node)
      known = node.covers ?? (node.origin?.path === path ? node.origin : undefined)
    } else if (node === undefined && dir.knows(name)) known = yield* this.marks.hidden(this.at(dir), name)
    return known ?? originOf(path, stats)
  }

  /** What the upper has kept of where a node's changes began. */
  *recall(node: Node): Asking<void> {
    if (node.recalled || !node.upper) return
    const { origin, covers } = yield* this.marks.recall(this.at(node))
    node.origin ??= origin
    node.covers ??= covers
    node.recalled = true
  }

  /** A node has come to a name that the lower has too, or no longer stands over one. */
  *cover(node: Node, covers: Origin | undefined): Asking<void> {
    if (node.covers?.path === covers?.path) return
    yield* this.recall(node)
    node.covers = covers
    yield* this.marks.keep({ path: this.at(node), follow: false }, { origin: node.origin, covers })
  }

  /**
   * Brings a node, and the directories above it, to the upper: contents, mode, owner, times and extended attributes.
   * @param data false: it is about to be truncated
   */
  *copyUp(node: Node, data = true): Asking<Failed | undefined> {
    if (node.upper) return undefined
    if (node.gone || node.parent === undefined) return fail('EROFS')
    const parent = node.parent
    const failed = yield* this.copyUp(parent)
    if (failed !== undefined) return failed
    if (node.upper) return undefined
    try {
      yield* copyNode(this, parent, node, data)
    } catch (thrown) {
      if (thrown instanceof Failed) return thrown
      throw thrown
    }
    return undefined
  }

  /** Adds what a merged node's attributes have of their own. */
  dress(stats: Stats, node: Node): Stats {
    if (node.identity !== undefined) {
      stats.dev = node.identity.dev
      stats.ino = node.identity.ino
    }
    if (node.isDirectory && node.upper && node.lower !== undefined) stats.nlink = 1
    return stats
  }

  *getattr(node: Node, precise: boolean): Asking<Stats | Failed> {
    if (!node.upper) return yield* attempt('getattr', { path: node.lower as Path, follow: false, precise })
    if (node.isDirectory) yield* this.load(node)
    const stats = yield* attemptOn(this.upper, 'getattr', { path: this.at(node), follow: false, precise })
    return stats instanceof Failed ? stats : this.dress(stats, node)
  }

  *readdir(dir: Node): Asking<Reply<'readdir'> | Failed> {
    if (!dir.upper) return yield* attempt('readdir', { path: dir.lower as Path })
    const failed = yield* this.load(dir)
    if (failed !== undefined) return failed
    // The upper decides whether the caller may.
    const own = yield* attemptOn(this.upper, 'opendir', { path: this.at(dir) })
    if (own instanceof Failed) return own
    const below = dir.lower === undefined ? [] : yield* attempt('readdir', { path: dir.lower })
    if (below instanceof Failed) return below
    const entries: Reply<'readdir'> = []
    const { children } = dir
    if (children === undefined || children.size === 0) return below
    for (const [name, node] of children) if (node?.upper === true) entries.push({ name, type: direntOf(node.type) })
    for (const entry of below) {
      const node = children.get(entry.name)
      if (node === undefined ? !children.has(entry.name) : !node.upper) entries.push(entry)
    }
    return entries
  }
}

const parentPath = (path: Path | undefined): Path => path?.slice(0, Math.max(1, path.lastIndexOf('/'))) ?? '/'
