/** What an overlay has changed, and throwing it away. */
import {
  type Asking,
  attempt,
  attemptOn,
  Failed,
  type Path,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  type Stats,
} from '../../lib/layer.js'
import { timesOf } from './copy-up.js'
import { RESERVED } from './marks.js'
import { join, type Node, type Origin } from './node.js'
import { isCopy } from './same.js'
import type { Tree } from './tree.js'

export interface Change {
  readonly type: 'added' | 'modified' | 'deleted' | 'renamed'
  /** Where it is now; for what was deleted, where it was. */
  readonly path: Path
  /** Of what was renamed: where it was. */
  readonly from?: Path
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
  /** Bytes now; 0 for what was deleted, and for directories. */
  readonly size: number
  /** Bytes before; 0 for what was added, and for directories. */
  readonly before: number
}

/** A change with what is needed to apply it. */
export interface Detail extends Change {
  readonly node: Node | undefined
  /** The contents differ, not only mode, owner or times. */
  readonly contents: boolean
  /** What of the lower it hides, as it was then. */
  readonly covers?: Origin | undefined
}

const kindOf = ({ mode }: Stats): Change['kind'] => {
  const type = mode & S_IFMT
  return type === S_IFDIR ? 'directory' : type === S_IFLNK ? 'symlink' : type === 0o100000 ? 'file' : 'other'
}
const sizeOf = (stats: Stats | undefined): number =>
  stats === undefined || (stats.mode & S_IFMT) === S_IFDIR ? 0 : stats.size

/** Parents first. A directory that was deleted stands for all that was in it. */
export function* changesOf(tree: Tree): Asking<Detail[]> {
  const out: Detail[] = []
  yield* visit(tree, tree.root, out)
  const moved = new Set(out.flatMap(({ type, from }) => (type === 'renamed' ? [from] : [])))
  return out.filter(({ type, path }) => type !== 'deleted' || !moved.has(path))
}

function* visit(tree: Tree, dir: Node, out: Detail[]): Asking<void> {
  const failed = yield* tree.load(dir)
  if (failed !== undefined) throw failed
  for (const [name, node] of [...(dir.children ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (node !== undefined && !node.upper) continue
    const beneath = dir.lower === undefined ? undefined : join(dir.lower, name)
    const found = beneath === undefined ? undefined : yield* attempt('lookup', { path: beneath })
    const old = found === undefined || found instanceof Failed ? undefined : found
    const covers = node === undefined && old !== undefined ? yield* tree.marks.hidden(tree.at(dir), name) : undefined
    yield* entry(tree, node, beneath, old, covers, out)
  }
}

function* entry(
  tree: Tree,
  node: Node | undefined,
  beneath: Path | undefined,
  old: Stats | undefined,
  hidden: Origin | undefined,
  out: Detail[],
): Asking<void> {
  const deleted = (): void => {
    if (old === undefined || beneath === undefined) return
    const change = { type: 'deleted', path: beneath, kind: kindOf(old), size: 0, before: sizeOf(old) } as const
    out.push({ ...change, node: undefined, contents: true, covers: hidden })
  }
  if (node === undefined) {
    deleted()
    return
  }
  const stats = yield* attemptOn(tree.upper.asSelf, 'lookup', { path: tree.at(node) })
  if (stats instanceof Failed) throw stats
  yield* tree.recall(node)
  const path = node.path
  const now = { path, kind: kindOf(stats), size: sizeOf(stats), node, covers: node.covers }
  if (node.isDirectory) {
    const failed = yield* tree.load(node)
    if (failed !== undefined) throw failed
    if (node.lower !== undefined && node.lower === beneath && old !== undefined) {
      if (!sameRights(old, stats)) out.push({ ...now, type: 'modified', before: 0, contents: false })
    } else {
      deleted()
      if (node.lower === undefined) out.push({ ...now, type: 'added', before: 0, contents: true })
      else out.push({ ...now, type: 'renamed', from: node.lower, before: 0, contents: false })
    }
    yield* visit(tree, node, out)
    return
  }
  const from = node.origin?.path
  if (from !== undefined && from !== beneath) {
    const source = yield* attempt('lookup', { path: from })
    // Of several links, the first is the file that was moved.
    const first = !out.some((other) => other.type === 'renamed' && other.from === from)
    if (first && !(source instanceof Failed) && (yield* isHidden(tree, from))) {
      deleted()
      const contents = !(yield* isCopy(tree.upper.asSelf, tree.at(node), stats, from, source))
      out.push({ ...now, type: 'renamed', from, before: source.size, contents: contents || !sameRights(source, stats) })
      return
    }
  }
  if (old === undefined || (old.mode & S_IFMT) !== (stats.mode & S_IFMT)) {
    deleted()
    out.push({ ...now, type: 'added', before: 0, contents: true })
    return
  }
  const contents = !(yield* isCopy(tree.upper.asSelf, tree.at(node), stats, beneath as Path, old))
  if (contents || !sameRights(old, stats)) out.push({ ...now, type: 'modified', before: old.size, contents })
}

/** Whether nothing is seen any more at a path of the lower. */
function* isHidden(tree: Tree, path: Path): Asking<boolean> {
  const place = yield* tree.walk(path, 2)
  return place instanceof Failed || place.node === undefined
}

const sameRights = (a: Stats, b: Stats): boolean => a.mode === b.mode && a.uid === b.uid && a.gid === b.gid

/** Where the lower is no longer as it was when the changes were begun: paths of the lower, each once. */
export function* conflictsOf(tree: Tree, details: readonly Detail[]): Asking<Path[]> {
  const paths = new Set<Path>()
  const deleted = new Set(details.flatMap(({ type, path }) => (type === 'deleted' ? [path] : [])))
  for (const { node, type, path, covers } of details) {
    if (covers !== undefined && !(yield* isSame(covers))) paths.add(covers.path)
    if (node === undefined) continue
    const { origin, parent } = node
    if (origin !== undefined && !(yield* node.isDirectory ? isDirectory(origin.path) : isSame(origin))) {
      paths.add(origin.path)
    }
    if (parent?.lower === undefined) continue
    if (type !== 'modified' && !(yield* isDirectory(parent.lower))) paths.add(parent.lower)
    // Nothing was there; where the upper cannot keep what was, one cannot know.
    const isNew = origin === undefined && covers === undefined && !deleted.has(path)
    if (!isNew || (type === 'modified' && (node.isDirectory || !tree.marks.keeps))) continue
    const beneath = join(parent.lower, node.name)
    if (!((yield* attempt('lookup', { path: beneath })) instanceof Failed)) paths.add(beneath)
  }
  return [...paths].sort()
}

function* isDirectory(path: Path): Asking<boolean> {
  const now = yield* attempt('lookup', { path })
  return !(now instanceof Failed) && (now.mode & S_IFMT) === S_IFDIR
}

/** Whether a name of the lower, and of a directory all that is in it, is as it was. */
function* isSame({ path, ino, size, mtimeMs, ctimeMs, at }: Origin): Asking<boolean> {
  const now = yield* attempt('lookup', { path })
  if (now instanceof Failed || now.ino !== ino || now.ctimeMs !== ctimeMs || now.mtimeMs !== mtimeMs) return false
  return (now.mode & S_IFMT) === S_IFDIR ? yield* isOlder(path, at) : now.size === size
}
/** Whether nothing beneath a directory was changed after `at`. */
function* isOlder(dir: Path, at: number): Asking<boolean> {
  const entries = yield* attempt('readdir', { path: dir })
  if (entries instanceof Failed) return false
  for (const { name } of entries) {
    const path = join(dir, name)
    const stats = yield* attempt('lookup', { path })
    if (stats instanceof Failed || Math.floor(stats.ctimeMs) > at) return false
    if ((stats.mode & S_IFMT) === S_IFDIR && !(yield* isOlder(path, at))) return false
  }
  return true
}

/** Takes everything off the upper: nothing has happened. */
export function* discardAll(tree: Tree): Asking<void> {
  const { root } = tree
  const at = tree.at(root)
  const before = yield* attemptOn(tree.upper.asSelf, 'getattr', { path: at, follow: false, precise: true })
  yield* clear(tree, at)
  if (!(before instanceof Failed)) {
    yield* attemptOn(tree.upper.asSelf, 'setattr', { path: at, follow: false, set: timesOf(before) })
  }
  forget(tree)
}

/** Takes all that is in a directory of the upper away, but for the name `spared` in it. */
export function* clear(tree: Tree, dir: Path, spared?: string): Asking<void> {
  const self = tree.upper.asSelf
  const entries = yield* attemptOn(self, 'readdir', { path: dir })
  if (entries instanceof Failed) throw entries
  for (const { name } of entries) {
    const path = join(dir, name)
    if (name === COMMIT || name === spared) continue
    const stats = yield* attemptOn(self, 'lookup', { path })
    if (stats instanceof Failed) continue
    const isDirectory = (stats.mode & S_IFMT) === S_IFDIR
    if (isDirectory) yield* clear(tree, path)
    const gone = yield* attemptOn(self, isDirectory ? 'rmdir' : 'unlink', { path })
    if (gone instanceof Failed) throw gone
  }
}
/** On the upper: says that a commit has begun, and where. */
export const COMMIT = `${RESERVED}${RESERVED}commit`

/** The tree is what is on the upper now. */
export const forget = (tree: Tree): void => {
  forgetBelow(tree.root)
  tree.root.loaded = false
  tree.root.lower = '/'
  tree.paths.clear()
}
const forgetBelow = (node: Node): void => {
  for (const child of node.children?.values() ?? []) {
    if (child === undefined) continue
    child.gone = true
    forgetBelow(child)
  }
  node.children = undefined
}
