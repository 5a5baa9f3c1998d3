/** Copying a file or directory up: contents, mode, owner, times and extended attributes. */
import { Buffer } from 'node:buffer'
import {
  type Asking,
  attempt,
  attemptOn,
  call,
  callOn,
  Failed,
  type Path,
  preciseOf,
  type Request,
  type Stats,
} from '../../lib/layer.js'
import { isOwnXattr, type Target } from './marks.js'
import { type Node, type Origin, originOf } from './node.js'
import type { Tree } from './tree.js'

/** Bytes: what stays in a processor's cache between the read and the write. */
const CHUNK = 1 << 18
/** One that nobody uses: fresh memory costs more than the copy. */
let spare: Buffer | undefined
/** Of what the kernel copies by itself: the thread waits for that long. */
const KERNEL_CHUNK = 1 << 20
const O_WRONLY_CREAT_EXCL = 0o301

/** Copies one node to the upper; the directory above it is there. Throws what fails. */
export function* copyNode(tree: Tree, parent: Node, node: Node, data: boolean): Asking<void> {
  const self = tree.upper.asSelf
  const from = node.lower as Path
  const to = tree.at(node)
  const stats = yield* call('getattr', { path: from, follow: false, precise: true })
  const before = yield* callOn(self, 'getattr', { path: tree.at(parent), follow: false, precise: true })
  const mode = stats.mode & 0o7777
  const temporary = tree.marks.temporary(tree.at(parent))
  if (node.isDirectory) yield* callOn(self, 'mkdir', { path: temporary, mode })
  else if (node.isLink) {
    const target = yield* call('readlink', { path: from })
    yield* callOn(self, 'symlink', { path: temporary, target })
  } else if (!node.isFile) yield* callOn(self, 'mknod', { path: temporary, mode: stats.mode, rdev: stats.rdev })
  const origin = originOf(from, stats)
  if (node.isFile) {
    const fd = yield* callOn(self, 'create', { path: temporary, flags: O_WRONLY_CREAT_EXCL, mode: 0o600 })
    try {
      if (data) yield* contents(tree, from, fd, stats.size)
      yield* dress(tree, node, { path: '', fd, follow: true }, stats, origin)
    } finally {
      yield* attemptOn(self, 'release', { fd })
    }
  } else yield* dress(tree, node, { path: temporary, follow: false }, stats, origin)
  // When it is closed: whoever buffers writes to it has made them.
  yield* attemptOn(self, 'setattr', { path: temporary, follow: false, set: timesOf(stats) })
  if (node.upper) {
    // Somebody who waited for nothing did it meanwhile.
    yield* attemptOn(self, node.isDirectory ? 'rmdir' : 'unlink', { path: temporary })
    return
  }
  yield* callOn(self, 'rename', { path: temporary, newPath: to, flags: 0 })
  node.upper = true
  node.origin = origin
  node.recalled = true
  if (node.isDirectory) {
    node.loaded = true
    node.identity = { dev: stats.dev, ino: stats.ino }
  } else {
    node.lower = undefined
    // A link that is broken becomes a file of its own.
    if (stats.nlink === 1) node.identity = { dev: stats.dev, ino: stats.ino }
  }
  yield* attemptOn(self, 'setattr', { path: tree.at(parent), follow: false, set: timesOf(before) })
  tree.counters.copiedUp++
}

function* contents(tree: Tree, from: Path, out: number, size: number): Asking<void> {
  const fd = yield* call('open', { path: from, flags: 0, mode: 0 })
  try {
    let at = 0
    if (tree.sharesKernel(fd)) at = yield* byKernel(tree, fd, out, size)
    if (size === 0 || at < size) yield* byHand(tree, fd, out, at, size)
  } finally {
    yield* attempt('release', { fd })
  }
}

/** Both are the kernel's own files, and nobody below looks at them: it copies by itself as far as it can. */
function* byKernel(tree: Tree, fd: number, fdOut: number, size: number): Asking<number> {
  let at = 0
  while (at < size) {
    const part = { fd, offset: at, fdOut, offsetOut: at, length: Math.min(size - at, KERNEL_CHUNK) }
    const copied = yield* attemptOn(tree.upper.asSelf, 'copy_file_range', part)
    if (copied instanceof Failed || copied === 0) break
    at += copied
    tree.counters.copiedBytes += copied
  }
  return at
}

function* byHand(tree: Tree, fd: number, out: number, from: number, size: number): Asking<void> {
  const self = tree.upper.asSelf
  const buffer = spare ?? Buffer.allocUnsafeSlow(CHUNK)
  spare = undefined
  for (let at = from; ; ) {
    const length = yield* call('read', { fd, buffer, offset: 0, length: CHUNK, position: at })
    if (length === 0) break
    for (let done = 0; done < length; ) {
      const rest = { offset: done, length: length - done, position: at + done }
      done += yield* callOn(self, 'write', { fd: out, buffer, ...rest })
    }
    at += length
    tree.counters.copiedBytes += length
    if (size > 0 && at >= size) break
  }
  spare = buffer
}

/** Owner, extended attributes, mode and where it is from: by descriptor, where it is open. */
function* dress(tree: Tree, { lower, isLink }: Node, to: Target, stats: Stats, origin: Origin): Asking<void> {
  const self = tree.upper.asSelf
  const from = lower as Path
  const made = yield* callOn(self, 'getattr', { ...to, precise: false })
  if (made.uid !== stats.uid || made.gid !== stats.gid) {
    const owned = yield* attemptOn(self, 'setattr', { ...to, set: { uid: stats.uid, gid: stats.gid } })
    // Whoever may not give files away keeps the copy as their own.
    if (owned instanceof Failed && owned.errno !== 'EPERM') throw owned
  }
  const names = yield* attempt('listxattr', { path: from, follow: false })
  for (const name of names instanceof Failed ? [] : names) {
    if (isOwnXattr(name)) continue
    const value = yield* attempt('getxattr', { path: from, follow: false, name })
    if (value instanceof Failed) continue
    yield* attemptOn(self, 'setxattr', { ...to, name, value, flags: 0 })
  }
  if (!isLink && (made.mode & 0o7777) !== (stats.mode & 0o7777)) {
    yield* callOn(self, 'setattr', { ...to, set: { mode: stats.mode & 0o7777 } })
  }
  yield* tree.marks.keep(to, { origin })
}

export const timesOf = (stats: Stats): Request<'setattr'>['set'] => {
  const precise = preciseOf(stats)
  if (precise === undefined) return { atime: stats.atimeMs / 1000, mtime: stats.mtimeMs / 1000 }
  return { atimeNs: precise.atimeNs, mtimeNs: precise.mtimeNs }
}
