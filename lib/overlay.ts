/** plyfs/overlay: what an overlay has changed; to keep it, or to throw it away. */

import { randomBytes } from 'node:crypto'
import { type Change, changesOf, conflictsOf, discardAll } from '../layers/overlay/changes.js'
import { commitAll, recoverCommit } from '../layers/overlay/commit.js'
import { overlayTree } from '../layers/overlay/index.js'
import { locked } from '../layers/overlay/names.js'
import { eachPair } from '../layers/overlay/pairs.js'
import {
  recoverRestore,
  restoreSnapshot,
  type Snapshot,
  SnapshotTooLarge,
  takeSnapshot,
} from '../layers/overlay/snapshot.js'
import type { Tree } from '../layers/overlay/tree.js'
import { runPromise } from './driver/promise.js'
import { Exchange } from './exchange.js'
import type { Asking } from './extension.js'
import { layer } from './extension.js'
import { fsError } from './face/errors.js'
import { exchangeOf, type PlyFs } from './face/node-fs.js'
import { patchOf } from './patch.js'
import { Failed } from './verdict.js'

export { type Change, type Snapshot, SnapshotTooLarge }

/** What `commit` refuses: others have changed the same files of the lower meanwhile. */
export class CommitConflict extends Error {
  override readonly name = 'CommitConflict'
  readonly code = 'ERR_PLYFS_CONFLICT'
  constructor(
    /** Paths on the lower. */
    readonly paths: readonly string[],
  ) {
    super(`the lower has changed beneath the overlay: ${paths.join(', ')}`)
  }
}

/** Runs steps as the overlay itself would: what they ask goes to the layers below it, for callers that await. */
const perform = async <T>(fs: PlyFs, what: string, steps: (tree: Tree) => Asking<T>): Promise<T> => {
  const x = exchangeOf(fs)
  const index = x?.layers.findIndex((each) => overlayTree(each) !== undefined) ?? -1
  const tree = x?.layers[index] === undefined ? undefined : overlayTree(x.layers[index])
  if (x === undefined || tree === undefined) throw new TypeError(`${what}(fs): expected a stack with an overlay in it`)
  let out: T | undefined
  const control = layer('overlay', {
    syncfs: {
      *around() {
        out = yield* locked(tree, steps(tree))
      },
    },
  })
  const below = new Exchange([control, ...x.layers.slice(index + 1)], x.lower, x.depth)
  const failed = await runPromise(below, 'syncfs', { path: '/' }, below.context(below.caller))
  if (failed instanceof Failed) throw fsError(failed, what)
  return out as T
}

/**
 * What differs from the lower, parents first. A deleted directory stands for all that was in it; a file that was only
 * opened for writing is no change. Renames of files are known for as long as the overlay that made them runs; afterwards
 * they are a deletion and an addition.
 * @throws {TypeError} for a stack without an overlay; where there are several, the uppermost is meant
 */
export const changes = (fs: PlyFs): Promise<Change[]> =>
  perform(fs, 'changes', function* (tree) {
    const details = yield* changesOf(tree)
    return details.map(({ node: _node, contents: _contents, covers: _covers, ...change }) => change)
  })

/**
 * The changes as a patch in git's extended format: `git apply` makes of the lower's files what is seen through the overlay.
 * Contents that are no UTF-8 text are binary literals. Git knows files, symbolic links, and whether the owner may execute:
 * other modes, owners, times, empty directories, and files of other kinds are not in it.
 * @returns '' where nothing has changed that git would see
 */
export const diff = (fs: PlyFs): Promise<string> =>
  perform(fs, 'diff', function* (tree) {
    const parts: string[] = []
    yield* eachPair(tree, yield* changesOf(tree), ({ before, after }) => parts.push(patchOf(before, after)))
    return parts.join('')
  })

/**
 * Keeps, in memory, what was changed so far. Files that were not written since an earlier snapshot that is still held are
 * held once. It says how much it holds.
 * @param options.maxBytes of file contents; default 268435456 (256 MiB)
 * @throws {SnapshotTooLarge} where there is more
 */
export const snapshot = (fs: PlyFs, options: { readonly maxBytes?: number } = {}): Promise<Snapshot> =>
  perform(fs, 'snapshot', (tree) => takeSnapshot(tree, options.maxBytes ?? 256 << 20))

/**
 * Makes the changes what they were when `snapshot` was taken; it can be restored again. Until all of it is on the upper,
 * nothing is taken away, so that a full disk leaves what was there; after a crash, `recover` finishes it or takes it back. A file that is open stays what it is for whoever has
 * it open, as after an unlink: what is written to it then is no longer seen by others.
 * @throws {TypeError} for a snapshot of another overlay
 */
export const restore = (fs: PlyFs, snapshot: Snapshot): Promise<void> =>
  perform(fs, 'restore', (tree) => restoreSnapshot(tree, snapshot))

/** Takes back everything: the lower is seen as it is. Files of the upper that are open stay readable. */
export const discard = (fs: PlyFs): Promise<void> => perform(fs, 'discard', discardAll)

/**
 * Applies all changes to the lower, or none: new contents are staged beside the tree, a journal decides, then everything is
 * renamed into place. After a crash, `recover` finishes it or takes it back. The overlay is empty afterwards; close files
 * that are open for writing first.
 * @throws {CommitConflict} where files of the lower were changed by others since they were copied up; nothing is done
 * @throws {Error} what the lower fails with. Before the journal is written nothing has happened; afterwards, `recover`.
 */
export const commit = (fs: PlyFs): Promise<void> =>
  perform(fs, 'commit', function* (tree) {
    yield* recovered(tree)
    const details = yield* changesOf(tree)
    const conflicts = yield* conflictsOf(tree, details)
    if (conflicts.length > 0) throw new CommitConflict(conflicts)
    yield* commitAll(tree, details, randomBytes(4).toString('hex'))
  })

function* recovered(tree: Tree): Asking<'none' | 'finished' | 'undone'> {
  const restored = yield* recoverRestore(tree)
  const committed = yield* recoverCommit(tree)
  return committed === 'none' ? restored : committed
}

/** Ends a commit, or a restore, that was interrupted: `finished` it, or had it `undone`; `none` where there was none. */
export const recover = (fs: PlyFs): Promise<'none' | 'finished' | 'undone'> => perform(fs, 'recover', recovered)
