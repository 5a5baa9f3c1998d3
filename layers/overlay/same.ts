/** Whether a file of the upper is still what it was copied from. */
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
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  type Stats,
} from '../../lib/layer.js'
import { isOwnXattr } from './marks.js'

/** Bytes that are compared at a time. */
const CHUNK = 1 << 18

/**
 * Whether its bytes, or its target, and its extended attributes are those of the lower's file. Other times say that it was
 * written; the same times do not say that it was not: clocks are coarse, and programs set times back.
 */
export function* isCopy(upper: OtherFs, at: Path, stats: Stats, from: Path, old: Stats): Asking<boolean> {
  if (old.size !== stats.size || Math.abs(old.mtimeMs - stats.mtimeMs) >= 1) return false
  const type = stats.mode & S_IFMT
  if (type === S_IFREG && !(yield* sameBytes(upper, at, from))) return false
  if (type === S_IFLNK) {
    return (yield* callOn(upper, 'readlink', { path: at })) === (yield* call('readlink', { path: from }))
  }
  return yield* sameXattrs(upper, at, from)
}

/** Of what may not be read, the times must do. */
function* sameBytes(upper: OtherFs, at: Path, from: Path): Asking<boolean> {
  const fd = yield* attemptOn(upper, 'open', { path: at, flags: 0, mode: 0 })
  if (fd instanceof Failed) return true
  try {
    const oldFd = yield* attempt('open', { path: from, flags: 0, mode: 0 })
    if (oldFd instanceof Failed) return true
    try {
      const part = { offset: 0, length: CHUNK }
      const buffer = Buffer.allocUnsafeSlow(CHUNK)
      const old = Buffer.allocUnsafeSlow(CHUNK)
      for (let position = 0; ; ) {
        const length = yield* callOn(upper, 'read', { fd, buffer, position, ...part })
        let filled = 0
        while (filled < Math.max(length, 1)) {
          const rest = { offset: filled, length: CHUNK - filled, position: position + filled }
          const more = yield* call('read', { fd: oldFd, buffer: old, ...rest })
          if (more === 0) break
          filled += more
        }
        if (filled < length || (length === 0 && filled > 0)) return false
        if (length === 0) return true
        if (buffer.compare(old, 0, length, 0, length) !== 0) return false
        position += length
      }
    } finally {
      yield* attempt('release', { fd: oldFd })
    }
  } finally {
    yield* attemptOn(upper, 'release', { fd })
  }
}

/** But for those that an upper may not have been able to take over. */
function* sameXattrs(upper: OtherFs, at: Path, from: Path): Asking<boolean> {
  const listed = yield* attemptOn(upper, 'listxattr', { path: at, follow: false })
  if (listed instanceof Failed) return true
  const names = listed.filter((name) => !isOwnXattr(name))
  for (const name of names) {
    const value = yield* attemptOn(upper, 'getxattr', { path: at, follow: false, name })
    const old = yield* attempt('getxattr', { path: from, follow: false, name })
    if (value instanceof Failed) continue
    if (old instanceof Failed || !value.equals(old)) return false
  }
  const before = yield* attempt('listxattr', { path: from, follow: false })
  return before instanceof Failed || before.every((name) => !name.startsWith('user.') || names.includes(name))
}
