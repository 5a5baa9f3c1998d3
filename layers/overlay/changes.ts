/** What an overlay has changed, and throwing it away. */
import { attempt, attemptOn, Failed, type Path, S_IFDIR, S_IFLNK, S_IFMT, type Stats } from '../../lib/layer.js'
import { timesOf } from './copy-up.js'
import { RESERVED } from './marks.js'
import { join, type Node } from './node.js'
import type { Steps, Tree } from './tree.js'

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
}

const kindOf = ({ mode }: Stats): Change['kind'] => {
  const type = mode & S_IFMT
  return type === S_IFDIR ? 'directory' : type === S_IFLNK ? 'symlink' : type === 0o100000 ? 'file' : 'other'
}
const sizeOf = (stats: Stats | undefined): number =>
  stats === undefined || (stats.mode & S_IFMT) === S_IFDIR ? 0 : stats.size

/** Parents first. A directory that was deleted stands for all that was in it. */
export function* changesOf(tree: Tree): Steps<Detail[]> {
  const out: Detail[] = []
  yield* visit(tree, tree.root, out)
  const moved = new Set(out.flatMap(({ type, from }) => (type === 'renamed' ? [from] : [])))
  return out.filter(({ type, path }) => type !== 'deleted' || !moved.has(path))
}

function* visit(tree: Tree, dir: Node, out: Detail[]): Steps<void> {
  const failed = yield* tree.load(dir)
  if (failed !== undefined) throw failed
  for (const [name, node] of [...(dir.children ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (node !== undefined && !node.upper) continue
    const beneath = dir.lower === undefined ? undefined : join(dir.lower, name)
    const found = beneath === undefined ? undefined : yield* attempt('lookup', { path: beneath })
    const old = found === undefined || found instanceof Failed ? undefined : found
    yield* entry(tree, node, beneath, old, out)
  }
}

function* entry(
  tree: Tree,
  node: Node | undefined,
  beneath: Path | undefined,
  old: Stats | undefined,
  out: Detail[],
): Steps<void> {
  const deleted = (): void => {
    if (old === undefined || beneath === undefined) return
    const change = { type: 'deleted', path: beneath, kind: kindOf(old), size: 0, before: sizeOf(old) } as const
    out.push({ ...change, node: undefined, contents: true })
  }
  if (node === undefined) {
    deleted()
    return
  }
  const stats = yield* attemptOn(tree.upper.asSelf, 'lookup', { path: tree.at(node) })
  if (stats instanceof Failed) throw stats
  const path = node.path
  const now = { path, kind: kindOf(stats), size: sizeOf(stats), node }
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
    if (!(source instanceof Failed) && (yield* isHidden(tree, from))) {
      deleted()
      const contents = !sameContents(source, stats)
      out.push({ ...now, type: 'renamed', from, before: source.size, contents: contents || !sameRights(source, stats) })
      return
    }
  }
  if (old === undefined || (old.mode & S_IFMT) !== (stats.mode & S_IFMT)) {
    deleted()
    out.push({ ...now, type: 'added', before: 0, contents: true })
    return
  }
  const contents = !sameContents(old, stats)
  if (contents || !sameRights(old, stats)) out.push({ ...now, type: 'modified', before: old.size, contents })
}

/** Whether nothing is seen any more at a path of the lower. */
function* isHidden(tree: Tree, path: Path): Steps<boolean> {
  const place = yield* tree.walk(path, 2)
  return place instanceof Failed || place.node === undefined
}

const sameRights = (a: Stats, b: Stats): boolean => a.mode === b.mode && a.uid === b.uid && a.gid === b.gid
/** A copy has the times of what it was copied from, until it is written. */
const sameContents = (a: Stats, b: Stats): boolean => a.size === b.size && Math.abs(a.mtimeMs - b.mtimeMs) < 1

/** Whether the lower is still as it was when the change was begun. */
export function* conflictsOf(details: readonly Detail[]): Steps<Path[]> {
  const paths: Path[] = []
  for (const { node, type, path } of details) {
    const origin = node?.origin
    if (origin !== undefined && !node?.isDirectory) {
      const now = yield* attempt('lookup', { path: origin.path })
      const same =
        !(now instanceof Failed) &&
        now.ino === origin.ino &&
        now.size === origin.size &&
        now.mtimeMs === origin.mtimeMs &&
        now.ctimeMs === origin.ctimeMs
      if (!same) paths.push(origin.path)
    } else if (type === 'added' && origin === undefined && node?.parent?.lower !== undefined) {
      const now = yield* attempt('lookup', { path: join(node.parent.lower, node.name) })
      // Hidden names that are there again were deleted here, and say so themselves.
      if (!(now instanceof Failed) && !details.some((other) => other.type === 'deleted' && other.path === path)) {
        paths.push(path)
      }
    }
  }
  return paths
}

/** Takes everything off the upper: nothing has happened. */
export function* discardAll(tree: Tree): Steps<void> {
  const { root } = tree
  const at = tree.at(root)
  const before = yield* attemptOn(tree.upper.asSelf, 'getattr', { path: at, follow: false, precise: true })
  yield* clear(tree, at)
  if (!(before instanceof Failed)) {
    yield* attemptOn(tree.upper.asSelf, 'setattr', { path: at, follow: false, set: timesOf(before) })
  }
  forget(root)
  root.loaded = false
  root.lower = '/'
  tree.paths.clear()
}

function* clear(tree: Tree, dir: Path): Steps<void> {
  const self = tree.upper.asSelf
  const entries = yield* attemptOn(self, 'readdir', { path: dir })
  if (entries instanceof Failed) throw entries
  for (const { name } of entries) {
    const path = join(dir, name)
    if (name === COMMIT) continue
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

const forget = (node: Node): void => {
  for (const child of node.children?.values() ?? []) {
    if (child === undefined) continue
    child.gone = true
    forget(child)
  }
  node.children = undefined
}
