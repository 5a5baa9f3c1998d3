/** writeFile and appendFile: create, writes, fsync where wanted, release. */

import type { Op } from '../op.js'
import { openOf } from '../request.js'
import { Failed } from '../verdict.js'
import { abortError, checkAborted, invalidArgType } from './codes.js'
import { ask, driveAsync, ending, Pause, type Steps } from './compound.js'
import { aggregate, fsError } from './errors.js'
import { FileHandle } from './file-handle.js'
import { handleSync, handleWriteFile } from './handle-io.js'
import type { Fn, Method } from './method.js'
import { performSync } from './perform.js'
import { isDescriptor, withOpen } from './read-file.js'
import { openOp } from './read-whole.js'
import { byName, replaced } from './surface.js'
import {
  bytesOf,
  callbackOf,
  checkBoolean,
  fdOf,
  flagsOf,
  isView,
  modeOf,
  type Options,
  optionsOf,
  pathOf,
  shownPath,
} from './validate.js'
import type { View } from './view.js'

const OPS: readonly Op[] = ['open', 'create', 'write', 'fsync', 'release']
const WRITE: Options = { encoding: 'utf8', mode: 0o666, flag: 'w', flush: false }
const APPEND: Options = { encoding: 'utf8', mode: 0o666, flag: 'a' }

const dataOf = (data: unknown, encoding: unknown): Buffer => {
  if (isView(data)) return bytesOf(data)
  if (typeof data !== 'string') {
    throw invalidArgType('data', 'of type string or an instance of Buffer, TypedArray, or DataView', data)
  }
  return Buffer.from(data, (encoding || 'utf8') as BufferEncoding)
}

/** appendFile's options: a copy, so that nobody's own is changed. */
const appending = (path: unknown, given: unknown): Options => {
  const options: Record<string, unknown> = {}
  const from = optionsOf(given, APPEND) as Record<string, unknown>
  for (const key in from) options[key] = from[key]
  if (!options.flag || isDescriptor(path)) options.flag = 'a'
  return options
}

const writeSync = (v: View, path: unknown, data: unknown, options: Options): undefined => {
  const flush = checkBoolean(options.flush ?? false, 'options.flush')
  const { encoding } = options
  const direct = typeof data === 'string' && (encoding === 'utf8' || encoding === 'utf-8')
  const early = direct ? undefined : dataOf(data, encoding)
  const own = isDescriptor(path)
  let fd: number
  if (own) {
    if (direct && path < 0) throw fsError(Failed.of('EBADF'), 'write')
    fd = path
  } else {
    const flag = options.flag || 'w'
    const open = replaced(v, 'openSync')
    if (open !== undefined) fd = open(path, flag, options.mode) as number
    else {
      const at = pathOf(path)
      const flags = flagsOf(flag)
      const mode = modeOf(options.mode, 'mode', 0o666)
      fd = performSync(v, openOp(flags), openOf(at, flags, mode), 'open', shownPath(path))
    }
  }
  const bytes = early ?? dataOf(data, encoding)
  const write = replaced(v, 'writeSync')
  try {
    for (let offset = 0; offset < bytes.length; ) {
      const file = v.x.files.get(fdOf(fd))
      const length = bytes.length - offset
      offset +=
        write === undefined
          ? performSync(v, 'write', { fd, file, buffer: bytes, offset, length, position: null }, 'write')
          : (write(fd, bytes, offset, length) as number)
    }
    if (flush) (v.surface.at.fsyncSync as Fn)(fd)
  } finally {
    const close = replaced(v, 'closeSync')
    if (!own) {
      if (close !== undefined) close(fd)
      else performSync(v, 'release', { fd, file: v.x.files.get(fd) }, 'close')
    }
  }
  return undefined
}

interface Job {
  readonly given: string | number
  readonly shown: unknown
  readonly flags: number
  readonly mode: number
  readonly bytes: Buffer
  readonly signal: AbortSignal | undefined
  readonly flush: boolean
}
function* steps(v: View, { given, shown, flags, mode, bytes, signal, flush }: Job): Steps<void> {
  const fd =
    typeof given === 'number'
      ? fdOf(given)
      : yield* byName(v, 'open', [shown, flags, mode], ask(openOp(flags), openOf(given, flags, mode), 'open', shown))
  const file = v.x.files.get(fd)
  let failed: unknown
  try {
    let offset = 0
    // Even nothing is written once: a bad descriptor must be told.
    do {
      if (signal !== undefined) yield new Pause(0)
      if (signal?.aborted) throw abortError(signal)
      const length = bytes.length - offset
      const request = ask('write', { fd, file, buffer: bytes, offset, length, position: null }, 'write')
      offset += yield* byName(v, 'write', [fd, bytes, offset, length, null], request)
    } while (offset < bytes.length)
    if (flush) yield* byName(v, 'fsync', [fd], ask('fsync', { fd, file, datasync: false }, 'fsync'))
  } catch (error) {
    failed = error
  }
  if (typeof given === 'string') {
    try {
      yield* byName(v, 'close', [fd], ask('release', { fd, file }, 'close'))
    } catch (closing) {
      failed = aggregate(closing, failed)
    }
  }
  if (failed !== undefined) throw failed
}

const writeCallback = (
  v: View,
  path: unknown,
  data: unknown,
  options: Options,
  cb: (...args: unknown[]) => void,
): void => {
  const flush = checkBoolean(options.flush ?? false, 'options.flush')
  const bytes = dataOf(data, options.encoding)
  const { signal } = options
  if (isDescriptor(path)) {
    const job = { given: path, shown: undefined, flags: 0, mode: 0, bytes, signal, flush }
    fdOf(path)
    driveAsync(v, steps(v, job), ending(cb))
    return
  }
  if (signal?.aborted) {
    cb(abortError(signal))
    return
  }
  const given = pathOf(path)
  const mode = modeOf(options.mode, 'mode', 0o666)
  const flags = flagsOf(options.flag || 'w')
  driveAsync(v, steps(v, { given, shown: shownPath(path), flags, mode, bytes, signal, flush }), ending(cb))
}

const isIterable = (data: unknown): boolean =>
  data !== null &&
  typeof data === 'object' &&
  !isView(data) &&
  (Symbol.asyncIterator in data || Symbol.iterator in data)

const writePromise = async (v: View, path: unknown, data: unknown, options: Options): Promise<void> => {
  const flag = options.flag || 'w'
  const flush = checkBoolean(options.flush ?? false, 'options.flush')
  const whole = isIterable(data) ? data : dataOf(data, options.encoding)
  if (path instanceof FileHandle) return path.writeFile(whole, options)
  checkAborted(options.signal)
  const at = pathOf(path)
  const flags = flagsOf(flag)
  const mode = modeOf(options.mode, 'mode', 0o666)
  const rest = { encoding: options.encoding, signal: options.signal }
  await withOpen(v, at, shownPath(path), flags, mode, async (fd) => {
    await handleWriteFile(v, fd, whole, rest)
    if (flush) await handleSync(v, fd, false)
  })
}

export const writeFile: Method = {
  ops: OPS,
  sync: (v) =>
    function writeFileSync(path: unknown, data: unknown, options: unknown) {
      return writeSync(v, path, data, optionsOf(options, WRITE))
    },
  callback: (v) =>
    function writeFile(path: unknown, data: unknown, options: unknown, callback: unknown) {
      const cb = callbackOf(callback || options)
      writeCallback(v, path, data, optionsOf(options, WRITE), cb)
    },
  promise: (v) =>
    async function writeFile(path: unknown, data: unknown, options: unknown) {
      await writePromise(v, path, data, optionsOf(options, WRITE))
    },
}

export const appendFile: Method = {
  ops: OPS,
  sync: (v) =>
    function appendFileSync(path: unknown, data: unknown, options: unknown) {
      const write = replaced(v, 'writeFileSync')
      const all = appending(path, options)
      return write === undefined ? writeSync(v, path, data, all) : write(path, data, all)
    },
  callback: (v) =>
    function appendFile(path: unknown, data: unknown, options: unknown, callback: unknown) {
      const cb = callbackOf(callback || options)
      const write = replaced(v, 'writeFile')
      const all = appending(path, options)
      if (write === undefined) writeCallback(v, path, data, all, cb)
      else write(path, data, all, cb)
    },
  promise: (v) =>
    async function appendFile(path: unknown, data: unknown, options: unknown) {
      await writePromise(v, path, data, appending(undefined, options))
    },
}
