/** The upper's tree as it is, to be put back later. */
import { Buffer } from 'node:buffer'
import {
  type Asking,
  attemptOn,
  callOn,
  Failed,
  type Path,
  type Request,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Stats,
} from '../../lib/layer.js'
import { COMMIT, clear, forget } from './changes.js'
import { timesOf } from './copy-up.js'
import { RESERVED, TEMPORARY } from './marks.js'
import { type Identity, join, type Node } from './node.js'
import { contentsOf } from './pairs.js'
import type { Tree } from './tree.js'

const O_WRONLY_CREAT_EXCL = 0o301
/**
 * On the upper: what is to be restored, complete. While it is written it has another name, and yet another once the tree has
 * been cleared: after a crash, each says what is still to be done.
 */
const STAGE = `${RESERVED}${RESERVED}restore`
const UNFINISHED = `${STAGE}.new`
const MOVING = `${STAGE}.moving`

type Attributes = Request<'setattr'>['set']
interface Saved {
  /** From the upper's root on; '' is the root itself. */
  readonly path: string
  readonly mode: number
  readonly rdev: number
  readonly uid: number
  readonly gid: number
  readonly times: Attributes
  readonly xattrs: readonly (readonly [string, Buffer])[]
  /** A file's bytes, a link's target. */
  readonly contents?: Buffer | string
  /** Another name of the file that was saved under this path. */
  readonly linked?: string
  readonly identity?: Identity | undefined
}

/** What an overlay's upper held. Only `restore` looks into it. */
export interface Snapshot {
  readonly files: number
  readonly directories: number
  /** Bytes of contents that it holds in memory. */
  readonly bytes: number
  /** Of those, the bytes that other snapshots hold too: files that were not written in between are held once. */
  readonly shared: number
  /** What it says of the merged tree: the paths of changed files and directories, whiteouts and marks left out. */
  readonly paths: readonly string[]
}

const saved = new WeakMap<Snapshot, { readonly tree: Tree; readonly entries: readonly Saved[] }>()

/** A snapshot would hold more than it may. */
export class SnapshotTooLarge extends Error {
  override readonly name = 'SnapshotTooLarge'
  readonly code = 'ERR_PLYFS_SNAPSHOT'
  constructor(readonly maxBytes: number) {
    super(`snapshot(fs): what was written is more than maxBytes, ${maxBytes}; raise it, or commit before`)
  }
}

interface Counts {
  bytes: number
  shared: number
}

export function* takeSnapshot(tree: Tree, maxBytes: number): Asking<Snapshot> {
  const entries: Saved[] = []
  const links = new Map<string, string>()
  const counts: Counts = { bytes: 0, shared: 0 }
  yield* save(tree, '', tree.root, entries, links, counts, maxBytes)
  const isSeen = ({ path, mode }: Saved): boolean => !path.includes(`/${RESERVED}`) && (mode & S_IFMT) !== 0o020000
  const seen = entries.filter((entry) => entry.path !== '' && isSeen(entry))
  const directories = seen.filter(({ mode }) => (mode & S_IFMT) === S_IFDIR).length
  const paths = Object.freeze(seen.map(({ path }) => path))
  const snapshot: Snapshot = Object.freeze({ files: seen.length - directories, directories, ...counts, paths })
  saved.set(snapshot, { tree, entries })
  return snapshot
}

function* save(
  tree: Tree,
  path: string,
  node: Node | undefined,
  entries: Saved[],
  links: Map<string, string>,
  counts: Counts,
  maxBytes: number,
): Asking<void> {
  const self = tree.upper.asSelf
  const at = tree.prefix + path || '/'
  const stats = yield* callOn(self, 'getattr', { path: at, follow: false, precise: true })
  const type = stats.mode & S_IFMT
  const { mode, rdev, uid, gid } = stats
  const identity = node?.identity
  const entry = { path, mode, rdev, uid, gid, times: timesOf(stats), xattrs: yield* xattrsOf(tree, at), identity }
  const key = `${stats.dev}:${stats.ino}`
  const linked = type === S_IFDIR || stats.nlink < 2 ? undefined : links.get(key)
  if (linked !== undefined) entries.push({ ...entry, linked })
  else if (type === S_IFREG) {
    entries.push({ ...entry, contents: yield* bytesOf(tree, at, node, stats, counts, maxBytes) })
  } else if (type === S_IFLNK) {
    entries.push({ ...entry, contents: yield* callOn(self, 'readlink', { path: at }) })
  } else entries.push(entry)
  links.set(key, path)
  if (type !== S_IFDIR) return
  for (const { name } of yield* callOn(self, 'readdir', { path: at })) {
    if (name === COMMIT || name.startsWith(STAGE) || name.startsWith(TEMPORARY)) continue
    yield* save(tree, join(path, name), node?.get(name), entries, links, counts, maxBytes)
  }
}

/** A file's bytes: those that an earlier snapshot has, where nothing was written since. */
function* bytesOf(
  tree: Tree,
  at: Path,
  node: Node | undefined,
  stats: Stats,
  counts: Counts,
  maxBytes: number,
): Asking<Buffer> {
  const known = stats.nlink === 1 && node?.kept?.version === node?.version ? node?.kept?.bytes.deref() : undefined
  counts.bytes += stats.size
  if (counts.bytes > maxBytes) throw new SnapshotTooLarge(maxBytes)
  if (known !== undefined) {
    counts.shared += known.length
    return known
  }
  const version = node?.version ?? 0
  const bytes = yield* contentsOf(tree.upper.asSelf, at, stats.size)
  if (node !== undefined) node.kept = { version, bytes: new WeakRef(bytes) }
  return bytes
}

function* xattrsOf(tree: Tree, path: Path): Asking<(readonly [string, Buffer])[]> {
  const self = tree.upper.asSelf
  const names = yield* attemptOn(self, 'listxattr', { path, follow: false })
  const out: (readonly [string, Buffer])[] = []
  for (const name of names instanceof Failed ? [] : names) {
    const value = yield* attemptOn(self, 'getxattr', { path, follow: false, name })
    if (!(value instanceof Failed)) out.push([name, value])
  }
  return out
}

/**
 * All that was saved is written beside the tree before anything is taken away: what fails until then changes nothing, and
 * what is interrupted from then on, `recoverRestore` finishes.
 */
export function* restoreSnapshot(tree: Tree, snapshot: Snapshot): Asking<void> {
  const held = saved.get(snapshot)
  if (held === undefined || held.tree !== tree) {
    throw new TypeError('restore(fs, snapshot): expected what snapshot(fs) returned for this overlay')
  }
  const { entries } = held
  const self = tree.upper.asSelf
  yield* recoverRestore(tree)
  const stage = join(tree.at(tree.root), UNFINISHED)
  try {
    for (const entry of entries) yield* put(tree, stage, entry)
    for (const entry of [...entries].reverse()) if ((entry.mode & S_IFMT) === S_IFDIR) yield* date(tree, stage, entry)
  } catch (thrown) {
    yield* remove(tree, stage)
    throw thrown
  }
  // A name that outlives a power failure must not come before what it stands for.
  yield* attemptOn(self, 'syncfs', { path: stage })
  yield* callOn(self, 'rename', { path: stage, newPath: join(tree.at(tree.root), STAGE), flags: 0 })
  yield* finish(tree)
  // Renaming a directory, or out of one, moves its time.
  for (const entry of entries) if ((entry.mode & S_IFMT) === S_IFDIR) yield* date(tree, tree.prefix, entry)
  forget(tree)
  for (const { path, identity } of entries) {
    if (identity === undefined) continue
    const place = yield* tree.walk(path || '/', 2)
    if (!(place instanceof Failed) && place.node?.upper === true) place.node.identity = identity
  }
}

/** From the point of no return on: every step may be repeated. */
function* finish(tree: Tree): Asking<void> {
  const self = tree.upper.asSelf
  const root = tree.at(tree.root)
  const moving = join(root, MOVING)
  if (yield* isThere(tree, join(root, STAGE))) {
    yield* clear(tree, root, STAGE)
    yield* callOn(self, 'rename', { path: join(root, STAGE), newPath: moving, flags: 0 })
  }
  const stats = yield* callOn(self, 'getattr', { path: moving, follow: false, precise: true })
  const { mode, rdev, uid, gid } = stats
  const kept: Saved = { path: '', mode, rdev, uid, gid, times: timesOf(stats), xattrs: yield* xattrsOf(tree, moving) }
  for (const { name } of yield* callOn(self, 'readdir', { path: moving })) {
    yield* callOn(self, 'rename', { path: join(moving, name), newPath: join(root, name), flags: 0 })
  }
  yield* dress(tree, root, kept)
  yield* callOn(self, 'rmdir', { path: moving })
}

/** Ends a `restore` that was interrupted: does the rest of it, or takes away what it had staged. */
export function* recoverRestore(tree: Tree): Asking<'none' | 'finished' | 'undone'> {
  const root = tree.at(tree.root)
  if ((yield* isThere(tree, join(root, STAGE))) || (yield* isThere(tree, join(root, MOVING)))) {
    yield* finish(tree)
    forget(tree)
    return 'finished'
  }
  if (!(yield* isThere(tree, join(root, UNFINISHED)))) return 'none'
  yield* remove(tree, join(root, UNFINISHED))
  return 'undone'
}

function* isThere(tree: Tree, path: Path): Asking<boolean> {
  const there = yield* attemptOn(tree.upper.asSelf, 'lookup', { path })
  if (there instanceof Failed && there.errno !== 'ENOENT') throw there
  return !(there instanceof Failed)
}

function* put(tree: Tree, stage: Path, entry: Saved): Asking<void> {
  const self = tree.upper.asSelf
  const { mode, rdev, contents, linked } = entry
  const path = stage + entry.path
  if (linked !== undefined) {
    yield* callOn(self, 'link', { path: stage + linked, newPath: path })
    return
  }
  const type = mode & S_IFMT
  if (type === S_IFDIR) yield* callOn(self, 'mkdir', { path, mode: 0o700 })
  else if (typeof contents === 'string') yield* callOn(self, 'symlink', { path, target: contents })
  else if (contents !== undefined) yield* write(tree, path, contents)
  else yield* callOn(self, 'mknod', { path, mode, rdev })
  yield* dress(tree, path, entry)
}

function* write(tree: Tree, path: Path, bytes: Buffer): Asking<void> {
  const self = tree.upper.asSelf
  const fd = yield* callOn(self, 'create', { path, flags: O_WRONLY_CREAT_EXCL, mode: 0o600 })
  try {
    for (let at = 0; at < bytes.length; ) {
      // Written from a copy: a lower may keep what it is given.
      const part = { buffer: Buffer.from(bytes.subarray(at)), offset: 0, length: bytes.length - at, position: at }
      at += yield* callOn(self, 'write', { fd, ...part })
    }
  } finally {
    yield* attemptOn(self, 'release', { fd })
  }
}

function* dress(tree: Tree, path: Path, { mode, uid, gid, times, xattrs }: Saved): Asking<void> {
  const self = tree.upper.asSelf
  const made = yield* callOn(self, 'getattr', { path, follow: false, precise: false })
  const isLink = (mode & S_IFMT) === S_IFLNK
  const set = (what: Attributes) => attemptOn(self, 'setattr', { path, follow: false, set: what })
  if (made.uid !== uid || made.gid !== gid) {
    const owned = yield* set({ uid, gid })
    if (owned instanceof Failed && owned.errno !== 'EPERM') throw owned
  }
  for (const name of yield* xattrNames(tree, path)) {
    if (!xattrs.some(([kept]) => kept === name)) {
      yield* attemptOn(self, 'removexattr', { path, follow: false, name })
    }
  }
  for (const [name, value] of xattrs) {
    yield* callOn(self, 'setxattr', { path, follow: false, name, value: Buffer.from(value), flags: 0 })
  }
  if (!isLink && (made.mode & 0o7777) !== (mode & 0o7777)) {
    const changed = yield* set({ mode: mode & 0o7777 })
    if (changed instanceof Failed) throw changed
  }
  yield* set(times)
}

function* xattrNames(tree: Tree, path: Path): Asking<string[]> {
  const names = yield* attemptOn(tree.upper.asSelf, 'listxattr', { path, follow: false })
  return names instanceof Failed ? [] : names
}

function* date(tree: Tree, stage: Path, { path, times }: Saved): Asking<void> {
  yield* attemptOn(tree.upper.asSelf, 'setattr', { path: stage + path || '/', follow: false, set: times })
}

function* remove(tree: Tree, path: Path): Asking<void> {
  const self = tree.upper.asSelf
  const stats = yield* attemptOn(self, 'lookup', { path })
  if (stats instanceof Failed) return
  yield* clear(tree, path)
  const gone = yield* attemptOn(self, 'rmdir', { path })
  if (gone instanceof Failed) throw gone
}
