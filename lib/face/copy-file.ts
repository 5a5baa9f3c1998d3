/** copyFile, in libuv's order: the source is opened first, nothing is made before it is known to be a file. */

import { constants } from 'node:fs'
import type { Op, Stats } from '../op.js'
import { onPath, openOf } from '../request.js'
import { Failed } from '../verdict.js'
import { driveAsync, drivePromise, driveSync, ending, type Steps, tryAsk } from './compound.js'
import { fsError } from './errors.js'
import type { Method } from './method.js'
import { bindingModeOf, callbackOf, pathOf, shownPath } from './validate.js'
import type { View } from './view.js'

const { COPYFILE_EXCL, COPYFILE_FICLONE, COPYFILE_FICLONE_FORCE } = constants
const COPY_MAX = COPYFILE_EXCL | COPYFILE_FICLONE | COPYFILE_FICLONE_FORCE
/** What one request copies at most. */
const CHUNK = 1 << 30
const S_IFMT = 0o170000
const S_IFDIR = 0o040000

export const COPY_OPS: readonly Op[] = [
  'open',
  'create',
  'getattr',
  'setattr',
  'copy_file_range',
  'read',
  'write',
  'release',
  'unlink',
  'statfs',
]

/** The copy of `src` as `dest`; `mode` is of COPYFILE_*. Fails as a value. */
export function* copy(v: View, src: string, dest: string, mode: number): Steps<Failed | undefined> {
  const from = yield* tryAsk('open', openOf(src, constants.O_RDONLY, 0))
  if (from instanceof Failed) return from
  const fromFile = v.x.files.get(from)
  let failed: Failed | undefined
  try {
    const stats = yield* tryAsk('getattr', { path: src, follow: true, fd: from, file: fromFile, precise: false })
    failed = stats instanceof Failed ? stats : yield* copyFrom(v, from, stats, dest, mode)
  } finally {
    const closed = yield* tryAsk('release', { fd: from, file: fromFile })
    if (failed === undefined && closed instanceof Failed) failed = closed
  }
  return failed
}

function* copyFrom(v: View, from: number, stats: Stats, dest: string, mode: number): Steps<Failed | undefined> {
  let flags = constants.O_WRONLY | constants.O_CREAT
  if ((mode & COPYFILE_EXCL) !== 0) flags |= constants.O_EXCL
  const to = yield* tryAsk('create', openOf(dest, flags, stats.mode & 0o7777))
  if (to instanceof Failed) return to
  const file = v.x.files.get(to)
  const on = { path: dest, follow: true, fd: to, file }
  let failed: Failed | undefined
  let unlinks = true
  try {
    const there = yield* tryAsk('getattr', { ...on, precise: false })
    if (there instanceof Failed) failed = there
    else if (there.dev === stats.dev && there.ino === stats.ino && there.ino !== 0) {
      unlinks = false
      return undefined
    } else {
      failed = yield* fill(v, from, to, stats, there, on, mode)
    }
  } finally {
    const closed = yield* tryAsk('release', { fd: to, file })
    if (failed === undefined && closed instanceof Failed) failed = closed
    if (failed !== undefined && unlinks) yield* tryAsk('unlink', onPath(dest))
  }
  return failed
}

/** There, modes cannot be set: libuv forgives that to it alone. */
const CIFS_MAGIC = 0xff534d42
function* isCifs(path: string): Steps<boolean> {
  const out = yield* tryAsk('statfs', onPath(path))
  return !(out instanceof Failed) && Number(out.type) >>> 0 === CIFS_MAGIC
}

function* fill(
  v: View,
  from: number,
  to: number,
  stats: Stats,
  there: Stats,
  on: { path: string; follow: boolean; fd: number },
  mode: number,
): Steps<Failed | undefined> {
  const file = v.x.files.get(to)
  if (there.size > 0) {
    const cut = yield* tryAsk('setattr', { ...on, file, set: { size: 0 } })
    if (cut instanceof Failed) return cut
  }
  if ((there.mode & 0o7777) !== (stats.mode & 0o7777)) {
    const set = yield* tryAsk('setattr', { ...on, file, set: { mode: stats.mode } })
    if (set instanceof Failed) {
      const allowed = set.errno === 'EPERM' && (yield* isCifs(on.path))
      if (!allowed) return set
    }
  }
  if ((stats.mode & S_IFMT) === S_IFDIR) return Failed.of('EISDIR')
  // No lower clones blocks for us.
  if ((mode & COPYFILE_FICLONE_FORCE) !== 0) return Failed.of('ENOTSUP')
  let offset = 0
  for (;;) {
    const length = stats.size > offset ? Math.min(stats.size - offset, CHUNK) : CHUNK >> 10
    const copied = yield* tryAsk('copy_file_range', {
      fd: from,
      file: v.x.files.get(from),
      offset,
      fdOut: to,
      fileOut: file,
      offsetOut: offset,
      length,
    })
    if (copied instanceof Failed) return ELSEWISE.has(copied.errno) ? yield* byHand(v, from, to, offset) : copied
    offset += copied
    if (copied === 0 || (offset >= stats.size && stats.size > 0)) return undefined
  }
}

/** Where copy_file_range(2) says so, libuv copies in another way: between two filesystems, for one. */
const ELSEWISE = new Set(['EXDEV', 'ENOSYS', 'EOPNOTSUPP', 'ENOTSUP', 'EINVAL', 'EPERM'])
const BY_HAND = 1 << 18
function* byHand(v: View, from: number, to: number, offset: number): Steps<Failed | undefined> {
  const buffer = Buffer.allocUnsafeSlow(BY_HAND)
  const [file, fileOut] = [v.x.files.get(from), v.x.files.get(to)]
  for (let at = offset; ; ) {
    const length = yield* tryAsk('read', { fd: from, file, buffer, offset: 0, length: BY_HAND, position: at })
    if (length instanceof Failed || length === 0) return length === 0 ? undefined : length
    for (let done = 0; done < length; ) {
      const rest = { buffer, offset: done, length: length - done, position: at + done }
      const written = yield* tryAsk('write', { fd: to, file: fileOut, ...rest })
      if (written instanceof Failed) return written
      done += written
    }
    at += length
  }
}

/** As `copy`, with the Error that node:fs gives. */
export function* copySteps(v: View, src: string, dest: string, mode: number, a: unknown, b: unknown): Steps<void> {
  const failed = yield* copy(v, src, dest, mode)
  if (failed !== undefined) throw fsError(failed, 'copyfile', a, b)
}

export const copyFile: Method = {
  ops: COPY_OPS,
  sync: (v) =>
    function copyFileSync(src: unknown, dest: unknown, mode: unknown) {
      const from = pathOf(src, 'src')
      const to = pathOf(dest, 'dest')
      return driveSync(v, copySteps(v, from, to, bindingModeOf(mode, COPY_MAX), shownPath(src), shownPath(dest)))
    },
  callback: (v) =>
    function copyFile(src: unknown, dest: unknown, mode: unknown, callback: unknown) {
      const from = pathOf(src, 'src')
      const to = pathOf(dest, 'dest')
      const cb = callbackOf(typeof mode === 'function' ? mode : callback)
      const bits = bindingModeOf(typeof mode === 'function' ? 0 : mode, COPY_MAX)
      driveAsync(v, copySteps(v, from, to, bits, shownPath(src), shownPath(dest)), ending(cb))
    },
  promise: (v) =>
    async function copyFile(src: unknown, dest: unknown, mode: unknown) {
      const from = pathOf(src, 'src')
      const to = pathOf(dest, 'dest')
      await drivePromise(v, copySteps(v, from, to, bindingModeOf(mode, COPY_MAX), shownPath(src), shownPath(dest)))
    },
}
