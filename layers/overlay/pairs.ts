/** The files that an overlay's changes consist of, before and after: what a patch is made of. */
import { Buffer } from 'node:buffer'
import {
  type Asking,
  attempt,
  attemptOn,
  call,
  callOn,
  Failed,
  type OtherFs,
  type Path,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Stats,
} from '../../lib/layer.js'
import type { Detail } from './changes.js'
import { join, type Node } from './node.js'
import type { Tree } from './tree.js'

export interface Side {
  readonly path: Path
  readonly mode: number
  /** Of a symbolic link: its target, as a path string. */
  readonly contents: Buffer | string
}
export interface Pair {
  /** Absent for what is new. */
  readonly before?: Side | undefined
  /** Absent for what was deleted. */
  readonly after?: Side | undefined
}

/**
 * Gives each file and symbolic link that was changed to `sink`, one at a time. Of directories, what is in them; files of
 * other kinds are left out.
 */
export function* eachPair(tree: Tree, details: readonly Detail[], sink: (pair: Pair) => void): Asking<void> {
  const moved = new Set(details.flatMap(({ from }) => (from === undefined ? [] : [from])))
  for (const { type, path, from, kind, node } of details) {
    if (type === 'deleted') {
      yield* below(path, moved, (before) => sink({ before }))
    } else if (node === undefined) {
      // Nothing but deletions has none.
    } else if (kind === 'directory') {
      if (type === 'renamed') yield* untouched(tree, node, moved, sink)
    } else {
      const origin = type === 'renamed' ? from : type === 'modified' ? beneath(node) : undefined
      const before = origin === undefined ? undefined : yield* side(undefined, origin, origin)
      const after = yield* side(tree.upper.asSelf, tree.at(node), path)
      if (before !== undefined || after !== undefined) sink({ before, after })
    }
  }
}

const beneath = ({ parent, name }: Node): Path | undefined =>
  parent?.lower === undefined ? undefined : join(parent.lower, name)

/** All that the lower has at and beneath a path, but for what was moved elsewhere. */
function* below(path: Path, moved: ReadonlySet<Path>, sink: (side: Side) => void): Asking<void> {
  if (moved.has(path)) return
  const stats = yield* call('lookup', { path })
  if ((stats.mode & S_IFMT) !== S_IFDIR) {
    const one = yield* side(undefined, path, path)
    if (one !== undefined) sink(one)
    return
  }
  for (const { name } of yield* call('readdir', { path })) yield* below(join(path, name), moved, sink)
}

/** What is in a directory that was moved, and only has another path now. */
function* untouched(tree: Tree, dir: Node, moved: ReadonlySet<Path>, sink: (pair: Pair) => void): Asking<void> {
  const { lower } = dir
  if (lower === undefined) return
  const failed = yield* tree.load(dir)
  if (failed !== undefined) throw failed
  for (const { name } of yield* call('readdir', { path: lower })) {
    const node = dir.get(name)
    const from = join(lower, name)
    if (node === undefined && dir.knows(name)) continue
    if (node?.upper === true) {
      if (node.isDirectory && node.lower === from) yield* untouched(tree, node, moved, sink)
      continue
    }
    const to = join(dir.path, name)
    yield* below(from, moved, (before) => {
      sink({ before, after: { ...before, path: to + before.path.slice(from.length) } })
    })
  }
}

/** @param on undefined: the lower */
function* side(on: OtherFs | undefined, at: Path, path: Path): Asking<Side | undefined> {
  const stats: Stats | Failed =
    on === undefined ? yield* attempt('lookup', { path: at }) : yield* attemptOn(on, 'lookup', { path: at })
  if (stats instanceof Failed) throw stats
  const { mode } = stats
  if ((mode & S_IFMT) === S_IFLNK) {
    const target =
      on === undefined ? yield* call('readlink', { path: at }) : yield* callOn(on, 'readlink', { path: at })
    return { path, mode, contents: target }
  }
  if ((mode & S_IFMT) !== S_IFREG) return undefined
  return { path, mode, contents: yield* contentsOf(on, at, stats.size) }
}

/** The whole of a file. `size` is what it should have. */
export function* contentsOf(on: OtherFs | undefined, path: Path, size: number): Asking<Buffer> {
  const fd =
    on === undefined
      ? yield* call('open', { path, flags: 0, mode: 0 })
      : yield* callOn(on, 'open', { path, flags: 0, mode: 0 })
  try {
    const buffer = Buffer.alloc(size)
    let at = 0
    while (at < size) {
      const part = { fd, buffer, offset: at, length: size - at, position: at }
      const length = on === undefined ? yield* call('read', part) : yield* callOn(on, 'read', part)
      if (length === 0) break
      at += length
    }
    return at === size ? buffer : buffer.subarray(0, at)
  } finally {
    if (on === undefined) yield* attempt('release', { fd })
    else yield* attemptOn(on, 'release', { fd })
  }
}
