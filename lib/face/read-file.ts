/** readFile: open, reads until nothing comes, release; the size is asked for only where a file is not small. */

import { runSync } from '../driver/sync.js'
import type { OpenFile } from '../file.js'
import type { Op, Request } from '../op.js'
import { openOf } from '../request.js'
import { Failed } from '../verdict.js'
import { abortError, checkAborted } from './codes.js'
import { finished, giveScratch, Rest, SCRATCH, sizeOf, takeScratch } from './contents.js'
import { aggregate, fsError } from './errors.js'
import { FileHandle } from './file-handle.js'
import { later, type Method } from './method.js'
import { perform, performSync } from './perform.js'
import { Fault, openOp, readWhole } from './read-whole.js'
import { replaced } from './surface.js'
import { callbackOf, fdOf, flagsOf, type Options, optionsOf, pathOf, shownPath } from './validate.js'
import { contextOf, type View } from './view.js'

export const READ_OPS: readonly Op[] = ['open', 'create', 'getattr', 'read', 'release']

const DEFAULTS: Options = { flag: 'r' }

/** Whether Node takes a path argument for a descriptor. As there, a Symbol throws V8's own TypeError. */
export const isDescriptor = (path: unknown): path is number => ((path as number) | 0) === path

/**
 * What is in the file from its own offset on, for a caller that waits.
 * @param named a readSync that the program put on fs is called; Node does not for UTF-8
 */
const contents = (
  v: View,
  path: string,
  fd: number,
  statCall: string,
  encoding: unknown,
  named: boolean,
): string | Buffer => {
  const file = v.x.files.get(fd)
  const scratch = takeScratch()
  try {
    let total = 0
    const read = named ? replaced(v, 'readSync') : undefined
    if (read !== undefined) sizeSync(v, path, fd, file, statCall)
    while (total < SCRATCH) {
      if (read !== undefined) {
        const some = read(fd, scratch, total, SCRATCH - total) as number
        if (some === 0) return finished(scratch, total, encoding, true)
        total += some
        continue
      }
      const req = { fd, file, buffer: scratch, offset: total, length: SCRATCH - total, position: null }
      const got = runSync(v.x, 'read', req, contextOf(v))
      if (got instanceof Failed) {
        // Node asks for the size first: where that fails too, the Error is its.
        if (got.errno === 'EBADF' && statCall !== 'read') sizeSync(v, path, fd, file, statCall)
        throw fsError(got, 'read')
      }
      if (got === 0) return finished(scratch, total, encoding, true)
      total += got
    }
    const rest = new Rest(scratch, sizeSync(v, path, fd, file, statCall))
    while (!rest.done) rest.took(performSync(v, 'read', rest.next(fd, file), 'read'))
    return rest.decoded(encoding)
  } finally {
    giveScratch(scratch)
  }
}

const sizeSync = (v: View, path: string, fd: number, file: OpenFile | undefined, syscall: string): number =>
  sizeOf(performSync(v, 'getattr', { path, follow: true, fd, file, precise: false }, syscall))

export const readFile: Method = {
  ops: READ_OPS,
  sync: (v) =>
    function readFileSync(path: unknown, given: unknown) {
      const options = optionsOf(given, DEFAULTS)
      const { encoding } = options
      const text = encoding === 'utf8' || encoding === 'utf-8'
      if (isDescriptor(path)) {
        // Node reads UTF-8 without asking for the size first: a bad descriptor is read's failure there.
        if (text && path < 0) throw fsError(Failed.of('EBADF'), 'read')
        return contents(v, '', fdOf(path), text ? 'read' : 'fstat', encoding, !text)
      }
      const open = text ? undefined : replaced(v, 'openSync')
      const close = text ? undefined : replaced(v, 'closeSync')
      const at = open === undefined ? pathOf(path) : ''
      let fd: number
      if (open !== undefined) fd = open(path, options.flag, 0o666) as number
      else {
        const flags = flagsOf(options.flag)
        fd = performSync(v, openOp(flags), openOf(at, flags, 0o666), 'open', shownPath(path))
      }
      try {
        return contents(v, at, fd, 'fstat', encoding, !text)
      } finally {
        if (close !== undefined) close(fd)
        else performSync(v, 'release', { fd, file: v.x.files.get(fd) }, 'close')
      }
    },
  callback: (v) =>
    function readFile(path: unknown, given: unknown, callback: unknown) {
      const cb = callbackOf(callback || given)
      const options = optionsOf(given, DEFAULTS)
      const { encoding, signal } = options
      let deferred = true
      const end = (out: string | Buffer | Fault): void => {
        if (out instanceof Fault) later(deferred, cb, out.error())
        else later(deferred, cb, null, out)
      }
      if (isDescriptor(path)) {
        process.nextTick(() => readWhole(v, { path: '', fd: fdOf(path), encoding, signal }, end))
        return
      }
      if (signal?.aborted) {
        cb(abortError(signal))
        return
      }
      const flags = flagsOf(options.flag, 'options.flag')
      readWhole(v, { path: pathOf(path), shown: shownPath(path), flags, encoding, signal }, end)
      deferred = false
    },
  promise: (v) =>
    async function readFile(path: unknown, given: unknown) {
      const options = optionsOf(given, DEFAULTS)
      if (path instanceof FileHandle) return path.readFile(options)
      const { encoding, signal } = options
      checkAborted(signal)
      const at = pathOf(path)
      const whole = { path: at, shown: shownPath(path), flags: flagsOf(options.flag || 'r'), encoding, signal }
      const out = await new Promise<string | Buffer | Fault>((resolve) => readWhole(v, whole, resolve))
      if (out instanceof Fault) throw out.error()
      return out
    },
}

/** Open, run, close, for those who await; a failed close adds its Error. */
export const withOpen = async <T>(
  v: View,
  path: string,
  shown: unknown,
  flags: number,
  mode: number,
  run: (fd: number) => Promise<T>,
): Promise<T> => {
  const fd = await perform(v, openOp(flags), openOf(path, flags, mode), 'open', shown)
  const close = (): Promise<void> =>
    perform(v, 'release', { fd, file: v.x.files.get(fd) } satisfies Request<'release'>, 'close')
  let value: T
  try {
    value = await run(fd)
  } catch (error) {
    try {
      await close()
    } catch (closing) {
      throw aggregate(closing, error)
    }
    throw error
  }
  await close()
  return value
}
