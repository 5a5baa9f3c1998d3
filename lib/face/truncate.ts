/** truncate by path: open, ftruncate, close, as node:fs does it. */

import { constants } from 'node:fs'
import type { Op } from '../op.js'
import { openOf } from '../request.js'
import { Failed } from '../verdict.js'
import { ask, driveAsync, drivePromise, driveSync, ending, type Steps, tryAsk } from './compound.js'
import { aggregate } from './errors.js'
import type { Fn, Method } from './method.js'
import { callbackOf, integerOf, pathOf, shownPath } from './validate.js'
import type { View } from './view.js'

const lengthOf = (len: unknown): number => integerOf(len, 'len', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)

function* steps(v: View, path: string, shown: unknown, len: unknown, sync: boolean): Steps<void> {
  const fd = yield* ask('open', openOf(path, constants.O_RDWR, 0o666), 'open', shown)
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
  const closed = yield* tryAsk(closing.op, closing.request)
  const error =
    closed instanceof Failed ? (sync ? closing.error(closed) : aggregate(closing.error(closed), failed)) : failed
  if (error !== undefined) throw error
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
      if (typeof path === 'number') {
        warnOfDescriptor()
        return (v.fs as { ftruncateSync: Fn }).ftruncateSync(path, len)
      }
      return driveSync(v, steps(v, pathOf(path), shownPath(path), len === undefined ? 0 : len, true))
    },
  callback: (v) =>
    function truncate(path: unknown, lenArg: unknown, callback: unknown) {
      if (typeof path === 'number') {
        warnOfDescriptor()
        return (v.fs as { ftruncate: Fn }).ftruncate(path, lenArg, callback)
      }
      const given = typeof lenArg === 'function' ? lenArg : callback
      const len = lengthOf(typeof lenArg === 'function' || lenArg === undefined ? 0 : lenArg)
      const cb = callbackOf(given)
      driveAsync(v, steps(v, pathOf(path), shownPath(path), len, false), ending(cb))
      return undefined
    },
  promise: (v) =>
    async function truncate(path: unknown, len: unknown = 0) {
      await drivePromise(v, steps(v, pathOf(path), shownPath(path), len, false))
    },
}
