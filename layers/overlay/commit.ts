/**
 * Applies an overlay to its lower. New contents are staged beside the tree; a journal that is renamed into place is the
 * point of no return; then everything is renamed to where it belongs. A crash before that point leaves the lower as it was
 * (but for the staging directory, which `recover` takes away); after it, `recover` does the rest. Every step may be
 * repeated.
 */
import { Buffer } from 'node:buffer'
import {
  type Asking,
  attempt,
  attemptOn,
  call,
  callOn,
  Failed,
  type Path,
  type Request,
  S_IFDIR,
  S_IFMT,
} from '../../lib/layer.js'
import { COMMIT, type Detail, discardAll } from './changes.js'
import { timesOf } from './copy-up.js'
import { isOwnXattr } from './marks.js'
import { join } from './node.js'
import type { Tree } from './tree.js'

const O_CREATE_EXCL = 0o301
const CHUNK = 1 << 20

type Set = { mode: number; uid: number; gid: number }
/** `take`: moved into the stage. `put`: what is in the stage under `name` comes to `path`. */
type Step =
  | { readonly do: 'take'; readonly path: Path; readonly name: string }
  | { readonly do: 'put'; readonly path: Path; readonly name: string }
  | { readonly do: 'set'; readonly path: Path; readonly set: Set }

const depthOf = (path: Path): number => path.split('/').length

/** The directory that all of them are in, so that renaming crosses no filesystem where the tree is on one. */
const commonDirectory = (paths: readonly Path[]): Path => {
  const dirs = paths.map((path) => path.split('/').slice(1, -1))
  const first = dirs[0] ?? []
  let length = first.length
  for (const dir of dirs) {
    let k = 0
    while (k < length && dir[k] === first[k]) k++
    length = k
  }
  return `/${first.slice(0, length).join('/')}`
}

export function* commitAll(tree: Tree, details: readonly Detail[], id: string): Asking<void> {
  if (details.length === 0) {
    yield* discardAll(tree)
    return
  }
  const touched = details.flatMap(({ path, from }) => (from === undefined ? [path] : [path, from]))
  // A directory that is new, or deleted, cannot hold the stage.
  const made = new Set(details.filter(({ type }) => type !== 'modified').map(({ path }) => path))
  let dir = commonDirectory(touched)
  while (dir !== '/' && made.has(dir)) dir = dir.slice(0, Math.max(1, dir.lastIndexOf('/')))
  const stage = join(dir, `.plyfs-commit-${id}`)
  yield* note(tree, stage)
  yield* call('mkdir', { path: stage, mode: 0o700 })
  const steps: Step[] = []
  for (const [k, detail] of details.entries()) yield* plan(tree, stage, `n${k}`, detail, steps)
  const text = Buffer.from(JSON.stringify(steps))
  yield* writeBelow(join(stage, 'journal.new'), text)
  yield* call('rename', { path: join(stage, 'journal.new'), newPath: join(stage, 'journal'), flags: 0 })
  yield* attempt('syncfs', { path: stage })
  yield* finish(tree, stage)
}

/** Says on the upper where the stage is. */
function* note(tree: Tree, stage: Path): Asking<void> {
  const self = tree.upper.asSelf
  const path = join(tree.at(tree.root), COMMIT)
  const buffer = Buffer.from(stage)
  const fd = yield* callOn(self, 'create', { path: `${path}.new`, flags: O_CREATE_EXCL & ~0o200, mode: 0o600 })
  yield* callOn(self, 'write', { fd, buffer, offset: 0, length: buffer.length, position: 0 })
  yield* attemptOn(self, 'fsync', { fd, datasync: false })
  yield* callOn(self, 'release', { fd })
  yield* callOn(self, 'rename', { path: `${path}.new`, newPath: path, flags: 0 })
}

/** Stages what one change needs, and says what is to be done with it. */
function* plan(tree: Tree, stage: Path, name: string, detail: Detail, steps: Step[]): Asking<void> {
  const { type, path, from, node, contents } = detail
  if (type === 'deleted') {
    steps.push({ do: 'take', path, name })
    return
  }
  if (node === undefined) return
  const stats = yield* callOn(tree.upper.asSelf, 'getattr', { path: tree.at(node), follow: false, precise: true })
  const set = { mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid }
  if (type === 'renamed') {
    steps.push({ do: 'take', path: from as Path, name: `${name}.old` })
    if (node.isDirectory || !contents) {
      steps.push({ do: 'put', path, name: `${name}.old` })
      if (node.isDirectory) steps.push({ do: 'set', path, set })
      return
    }
  }
  if (type === 'modified' && !contents) {
    steps.push({ do: 'set', path: node.isDirectory ? (node.lower ?? path) : path, set })
    return
  }
  const staged = join(stage, name)
  if (node.isDirectory) yield* call('mkdir', { path: staged, mode: set.mode })
  else if (node.isLink) {
    const target = yield* callOn(tree.upper.asSelf, 'readlink', { path: tree.at(node) })
    yield* call('symlink', { path: staged, target })
  } else if (node.isFile) yield* copyDown(tree, tree.at(node), staged)
  else yield* call('mknod', { path: staged, mode: stats.mode, rdev: stats.rdev })
  yield* dress(tree, tree.at(node), staged, set, node.isLink)
  yield* attempt('setattr', { path: staged, follow: false, set: timesOf(stats) })
  steps.push({ do: 'put', path, name })
}

function* dress(tree: Tree, from: Path, to: Path, set: Set, isLink: boolean): Asking<void> {
  const made = yield* call('getattr', { path: to, follow: false, precise: false })
  if (made.uid !== set.uid || made.gid !== set.gid) {
    const owned = yield* attempt('setattr', { path: to, follow: false, set: { uid: set.uid, gid: set.gid } })
    if (owned instanceof Failed && owned.errno !== 'EPERM') throw owned
  }
  const self = tree.upper.asSelf
  const names = yield* attemptOn(self, 'listxattr', { path: from, follow: false })
  for (const name of names instanceof Failed ? [] : names) {
    if (isOwnXattr(name)) continue
    const value = yield* attemptOn(self, 'getxattr', { path: from, follow: false, name })
    if (!(value instanceof Failed)) yield* attempt('setxattr', { path: to, follow: false, name, value, flags: 0 })
  }
  if (!isLink) yield* call('setattr', { path: to, follow: false, set: { mode: set.mode } })
}

function* copyDown(tree: Tree, from: Path, to: Path): Asking<void> {
  const self = tree.upper.asSelf
  const fd = yield* callOn(self, 'open', { path: from, flags: 0, mode: 0 })
  const out = yield* call('create', { path: to, flags: O_CREATE_EXCL, mode: 0o600 })
  const buffer = Buffer.allocUnsafe(CHUNK)
  for (let at = 0; ; ) {
    const length = yield* callOn(self, 'read', { fd, buffer, offset: 0, length: CHUNK, position: at })
    if (length === 0) break
    for (let done = 0; done < length; ) {
      done += yield* call('write', { fd: out, buffer, offset: done, length: length - done, position: at + done })
    }
    at += length
  }
  yield* attempt('fsync', { fd: out, datasync: false })
  yield* call('release', { fd: out })
  yield* attemptOn(self, 'release', { fd })
}

function* writeBelow(path: Path, buffer: Buffer): Asking<void> {
  const fd = yield* call('create', { path, flags: O_CREATE_EXCL & ~0o200, mode: 0o600 })
  for (let at = 0; at < buffer.length; ) {
    at += yield* call('write', { fd, buffer, offset: at, length: buffer.length - at, position: at })
  }
  yield* attempt('fsync', { fd, datasync: false })
  yield* call('release', { fd })
}

function* exists(path: Path): Asking<boolean> {
  const there = yield* attempt('lookup', { path })
  if (there instanceof Failed && there.errno !== 'ENOENT') throw there
  return !(there instanceof Failed)
}

function* readBelow(path: Path): Asking<string> {
  const fd = yield* call('open', { path, flags: 0, mode: 0 })
  const { size } = yield* call('getattr', { path, fd, follow: true, precise: false })
  const buffer = Buffer.alloc(size)
  for (let at = 0; at < size; ) {
    const length = yield* call('read', { fd, buffer, offset: at, length: size - at, position: at })
    if (length === 0) break
    at += length
  }
  yield* call('release', { fd })
  return buffer.toString()
}

/** From the point of no return on. */
function* finish(tree: Tree, stage: Path): Asking<void> {
  const steps = JSON.parse(yield* readBelow(join(stage, 'journal'))) as Step[]
  const taken = join(stage, 'taken')
  if (!(yield* exists(taken))) {
    const takes = steps.filter((step) => step.do === 'take').sort((a, b) => depthOf(b.path) - depthOf(a.path))
    for (const { path, name } of takes as { path: Path; name: string }[]) {
      if (yield* exists(join(stage, name))) continue
      yield* call('rename', { path, newPath: join(stage, name), flags: 0 })
    }
    yield* writeBelow(taken, Buffer.from('taken'))
  }
  for (const step of steps) {
    if (step.do === 'put' && (yield* exists(join(stage, step.name)))) {
      yield* call('rename', { path: join(stage, step.name), newPath: step.path, flags: 0 })
    }
    if (step.do === 'set') yield* apply(step.path, step.set)
  }
  yield* attempt('syncfs', { path: stage })
  yield* discardAll(tree)
  // From here on there is nothing left to be repeated.
  yield* call('rename', { path: join(stage, 'journal'), newPath: join(stage, 'done'), flags: 0 })
  yield* removeBelow(stage)
  yield* attemptOn(tree.upper.asSelf, 'unlink', { path: join(tree.at(tree.root), COMMIT) })
}

function* apply(path: Path, set: Set): Asking<void> {
  const at: Request<'lookup'> = { path }
  const { uid, gid } = yield* call('lookup', at)
  if (uid !== set.uid || gid !== set.gid) {
    yield* call('setattr', { path, follow: false, set: { uid: set.uid, gid: set.gid } })
  }
  yield* call('setattr', { path, follow: false, set: { mode: set.mode } })
}

function* removeBelow(path: Path): Asking<void> {
  const stats = yield* attempt('lookup', { path })
  if (stats instanceof Failed) {
    if (stats.errno === 'ENOENT') return
    throw stats
  }
  if ((stats.mode & S_IFMT) !== S_IFDIR) {
    yield* call('unlink', { path })
    return
  }
  const entries = yield* call('readdir', { path })
  for (const { name } of entries) yield* removeBelow(join(path, name))
  yield* call('rmdir', { path })
}

/** Ends a commit that was interrupted: does the rest of it, or takes away what it had staged. */
export function* recoverCommit(tree: Tree): Asking<'none' | 'finished' | 'undone'> {
  const self = tree.upper.asSelf
  const path = join(tree.at(tree.root), COMMIT)
  const fd = yield* attemptOn(self, 'open', { path, flags: 0, mode: 0 })
  if (fd instanceof Failed) return 'none'
  const buffer = Buffer.alloc(4096)
  const length = yield* callOn(self, 'read', { fd, buffer, offset: 0, length: 4096, position: 0 })
  yield* callOn(self, 'release', { fd })
  const stage = buffer.toString('utf8', 0, length)
  if (yield* exists(join(stage, 'journal'))) {
    yield* finish(tree, stage)
    return 'finished'
  }
  const done = yield* exists(join(stage, 'done'))
  yield* removeBelow(stage)
  yield* callOn(self, 'unlink', { path })
  return done ? 'finished' : 'undone'
}
