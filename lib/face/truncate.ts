/** truncate by path: open, ftruncate, close, as node:fs does it. */

import { constants } from 'node:fs'
import type { Op } from '../op.js'
import { openOf } from '../request.js'
import { ask, driveAsync, drivePromise, driveSync, ending, type Steps } from './compound.js'
import { aggregate } from './errors.js'
import type { Fn, Method } from './method.js'
import { byName, replaced } from './surface.js'
import { callbackOf, integerOf, pathOf, shownPath } from './validate.js'
import { TRUNCATE_PATHS_ONLY } from './versions.js'
import type { View } from './view.js'

const lengthOf = (len: unknown): number => integerOf(len, 'len', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)

type Convention = 'sync' | 'callback' | 'promise'

function* steps(v: View, path: string, shown: unknown, len: unknown, how: Convention): Steps<void> {
  const opening = ask('open', openOf(path, constants.O_RDWR, 0o666), 'open', shown)
  const fd = how !== 'callback' ? yield* opening : yield* byName(v, 'open', [shown, 'r+'], opening)
  const file = v.x.files.get(fd)
  let failed: unknown
  try {
    // Sync callers and those who await have `len` checked only now.
    const size = Math.max(0, lengthOf(len))
    yield* ask('setattr', { path, follow: true, fd, file, set: { size } }, 'ftruncate')
  } catch (error) {
    failed = error
  }
  const closing = ask('release', { fd, file }, 'close')
  let closed: unknown
  try {
    if (how !== 'callback') yield* closing
    else yield* byName(v, 'close', [fd], closing)
  } catch (error) {
    closed = error
  }
  const error = closed === undefined ? failed : how === 'sync' ? closed : aggregate(closed, failed)
  if (error !== undefined) throw error
}

/** For a program with functions of its own. */
const byNames = (v: View, path: unknown, len: unknown): unknown => {
  const { openSync, ftruncateSync, closeSync } = v.surface.at as Record<string, Fn>
  const fd = openSync?.(path, 'r+')
  try {
    return ftruncateSync?.(fd, len === undefined ? 0 : len)
  } finally {
    closeSync?.(fd)
  }
}

let deprecationShown = false
const warnOfDescriptor = (): void => {
  if (deprecationShown) return
  deprecationShown = true
  process.emitWarning(
    'Using fs.truncate with a file descriptor is deprecated. Please use fs.ftruncate with a file descriptor instead.',
    'DeprecationWarning',
    'DEP0081',
  )
}
const OPS: readonly Op[] = ['open', 'setattr', 'release']

export const truncate: Method = {
  ops: OPS,
  sync: (v) =>
    function truncateSync(path: unknown, len: unknown) {
      if (typeof path === 'number' && !TRUNCATE_PATHS_ONLY) {
        warnOfDescriptor()
        return (v.surface.at.ftruncateSync as Fn)(path, len)
      }
      const open = replaced(v, 'openSync')
      const close = replaced(v, 'closeSync')
      if (open !== undefined || close !== undefined) return byNames(v, path, len)
      return driveSync(v, steps(v, pathOf(path), shownPath(path), len === undefined ? 0 : len, 'sync'))
    },
  callback: (v) =>
    function truncate(path: unknown, lenArg: unknown, callback: unknown) {
      if (typeof path === 'number' && !TRUNCATE_PATHS_ONLY) {
        warnOfDescriptor()
        return (v.surface.at.ftruncate as Fn)(path, lenArg, callback)
      }
      const given = typeof lenArg === 'function' ? lenArg : callback
      const len = lengthOf(typeof lenArg === 'function' || lenArg === undefined ? 0 : lenArg)
      const cb = callbackOf(given)
      driveAsync(v, steps(v, pathOf(path), shownPath(path), len, 'callback'), ending(cb))
      return undefined
    },
  promise: (v) =>
    async function truncate(path: unknown, len: unknown = 0) {
      await drivePromise(v, steps(v, pathOf(path), shownPath(path), len, 'promise'))
    },
}
