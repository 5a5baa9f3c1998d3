/** rm and rmdir: one entry, or all that is beneath it, with Node's retries. */

import type { Op, Request } from '../op.js'
import { getattrOf, onPath } from '../request.js'
import { Failed } from '../verdict.js'
import { invalidArgType } from './codes.js'
import { Ask, ask, driveAsync, drivePromise, driveSync, ending, Pause, type Steps, tryAsk } from './compound.js'
import { fsError, systemError } from './errors.js'
import type { Method } from './method.js'
import { S_IFDIR, S_IFMT } from './modes.js'
import { callbackOf, checkBoolean, givenPath, integerOf, pathOf, shownPath } from './validate.js'
import { RM_SYNC_FORGIVES_ENOTDIR } from './versions.js'

const MAX_INT32 = 2147483647
const MAX_UINT32 = 4294967295
const RETRIED = new Set(['EBUSY', 'EMFILE', 'ENFILE', 'ENOTEMPTY', 'EPERM'])
const NOT_EMPTY = new Set(['ENOTEMPTY', 'EEXIST', 'EPERM'])
const EISDIR = 21

interface RmOptions {
  readonly recursive: boolean
  readonly force: boolean
  /** Milliseconds; the nth retry waits n times as long. */
  readonly retryDelay: number
  readonly maxRetries: number
  /** For a caller that waits: there the rules are others. */
  readonly sync?: boolean
}
const DEFAULTS: RmOptions = { recursive: false, force: false, retryDelay: 100, maxRetries: 0 }

const rmdirOptions = (given: unknown): RmOptions => {
  if (given === undefined) return DEFAULTS
  if (given === null || typeof given !== 'object' || Array.isArray(given)) {
    throw invalidArgType('options', 'of type object', given)
  }
  const options = { ...DEFAULTS, ...given }
  checkBoolean(options.recursive, 'options.recursive')
  integerOf(options.retryDelay, 'options.retryDelay', 0, MAX_INT32)
  integerOf(options.maxRetries, 'options.maxRetries', 0, MAX_UINT32)
  return options
}
const rmOptions = (given: unknown): RmOptions => {
  const options = rmdirOptions(given)
  checkBoolean(options.force, 'options.force')
  return options
}

/** What went wrong, and with what: an Error only where it reaches the caller. */
class Trouble {
  constructor(
    readonly failed: Failed,
    readonly syscall: string,
    readonly path: string,
  ) {}
  error(): Error {
    return fsError(this.failed, this.syscall, this.path)
  }
}
type Outcome = Trouble | undefined

function* attempt<O extends 'unlink' | 'rmdir'>(op: O, path: string, shown: string): Steps<Outcome> {
  const out = yield* tryAsk(op, onPath(path) as Request<O>)
  return out instanceof Failed ? new Trouble(out, op, shown) : undefined
}

function* rimraf(path: string, shown: string, options: RmOptions): Steps<Outcome> {
  for (let retries = 0; ; ) {
    const trouble = yield* once(path, shown, options)
    if (trouble === undefined || trouble.failed.errno === 'ENOENT') return undefined
    if (!RETRIED.has(trouble.failed.errno) || retries >= options.maxRetries) return trouble
    retries++
    yield new Pause(retries * options.retryDelay)
  }
}

function* once(path: string, shown: string, options: RmOptions): Steps<Outcome> {
  const stats = yield* tryAsk('lookup', onPath(path))
  if (stats instanceof Failed && stats.errno === 'ENOENT') return undefined
  if (!(stats instanceof Failed) && (stats.mode & S_IFMT) === S_IFDIR) {
    return yield* removeDirectory(path, shown, options, undefined)
  }
  const trouble = yield* attempt('unlink', path, shown)
  const errno = trouble?.failed.errno
  if (errno === 'EISDIR' || errno === 'EPERM') return yield* removeDirectory(path, shown, options, trouble)
  return trouble
}

function* removeDirectory(path: string, shown: string, options: RmOptions, first: Outcome): Steps<Outcome> {
  const trouble = yield* attempt('rmdir', path, shown)
  if (trouble === undefined) return undefined
  // `link/` is a directory, and cannot be removed as one: Node tells sync callers alone.
  if (trouble.failed.errno === 'ENOTDIR') return first ?? (options.sync === true ? trouble : undefined)
  if (!NOT_EMPTY.has(trouble.failed.errno)) return trouble
  const entries = yield* tryAsk('readdir', onPath(path))
  if (entries instanceof Failed) return new Trouble(entries, 'scandir', shown)
  for (const { name } of entries) {
    const inner = yield* rimraf(`${path}/${name}`, `${shown}/${name}`, options)
    if (inner !== undefined) return inner
  }
  return yield* attempt('rmdir', path, shown)
}

function* removeAll(path: string, shown: string, options: RmOptions): Steps<void> {
  const trouble = yield* rimraf(path, shown, options)
  if (RM_SYNC_FORGIVES_ENOTDIR && options.sync && options.force && trouble?.failed.errno === 'ENOTDIR') return
  if (trouble !== undefined) throw trouble.error()
}

function* rmSteps(path: string, shown: string, options: RmOptions, sync: boolean): Steps<void> {
  const { force, recursive } = options
  if (!sync || !force || !recursive) {
    const stats = yield* tryAsk('lookup', onPath(path))
    if (stats instanceof Failed) {
      if (!force || stats.errno !== 'ENOENT') throw fsError(stats, 'lstat', shown)
    } else if ((stats.mode & S_IFMT) === S_IFDIR && !recursive) {
      throw systemError('ERR_FS_EISDIR', {
        code: 'EISDIR',
        message: 'is a directory',
        path: shown,
        syscall: 'rm',
        errno: EISDIR,
      })
    }
  }
  yield* removeAll(path, shown, { ...options, sync })
}

/** @param check the request that tells whether it is a directory, where all beneath it is to go; undefined: one entry */
function* rmdirSteps(
  path: string,
  shown: string,
  options: RmOptions,
  check: 'lstat' | 'stat' | undefined,
): Steps<void> {
  if (check !== undefined) {
    const stats = yield* ask('getattr', getattrOf(path, check === 'stat'), check, shown)
    if ((stats.mode & S_IFMT) === S_IFDIR) {
      yield* removeAll(path, shown, options)
      return
    }
  }
  yield* new Ask('rmdir', onPath(path), 'rmdir', shown)
}

let warned: boolean | undefined
const warnOfRecursive = (): void => {
  warned ??= process.noDeprecation === true
  if (warned) return
  process.emitWarning(
    'In future versions of Node.js, fs.rmdir(path, { recursive: true }) will be removed. ' +
      'Use fs.rm(path, { recursive: true }) instead',
    'DeprecationWarning',
    'DEP0147',
  )
  warned = true
}

const shownText = (path: unknown): string => givenPath(shownPath(path))
const isRecursive = (options: unknown): boolean =>
  Boolean((options as { recursive?: unknown } | null | undefined)?.recursive)

const RM_OPS: readonly Op[] = ['lookup', 'unlink', 'rmdir', 'readdir']

export const rm: Method = {
  ops: RM_OPS,
  sync: (v) =>
    function rmSync(path: unknown, given: unknown) {
      const at = pathOf(path)
      const options = rmOptions(given)
      return driveSync(v, rmSteps(at, shownText(path), options, true))
    },
  callback: (v) =>
    function rm(path: unknown, given: unknown, callback: unknown) {
      const cb = typeof given === 'function' ? given : callback
      const at = pathOf(path)
      const options = rmOptions(typeof given === 'function' ? undefined : given)
      driveAsync(v, rmSteps(at, shownText(path), options, false), ending(callbackOf(cb)))
    },
  promise: (v) =>
    async function rm(path: unknown, given: unknown) {
      const at = pathOf(path)
      const options = rmOptions(given)
      await drivePromise(v, rmSteps(at, shownText(path), options, false))
    },
}

export const rmdir: Method = {
  ops: [...RM_OPS, 'getattr'],
  sync: (v) =>
    function rmdirSync(path: unknown, given: unknown) {
      const at = pathOf(path)
      const all = isRecursive(given)
      if (all) warnOfRecursive()
      const options = all ? rmOptions({ ...(given as object), force: false }) : rmdirOptions(given)
      return driveSync(v, rmdirSteps(at, shownText(path), options, all ? 'lstat' : undefined))
    },
  callback: (v) =>
    function rmdir(path: unknown, given: unknown, callback: unknown) {
      const cb = callbackOf(typeof given === 'function' ? given : callback)
      const wanted = typeof given === 'function' ? undefined : given
      const at = pathOf(path)
      const all = isRecursive(wanted)
      if (all) warnOfRecursive()
      const options = all ? rmOptions({ ...(wanted as object), force: false }) : rmdirOptions(wanted)
      driveAsync(v, rmdirSteps(at, shownText(path), options, all ? 'lstat' : undefined), ending(cb))
    },
  promise: (v) =>
    async function rmdir(path: unknown, given: unknown) {
      const at = pathOf(path)
      const options = rmdirOptions(given)
      if (options.recursive) warnOfRecursive()
      await drivePromise(v, rmdirSteps(at, shownText(path), options, options.recursive ? 'stat' : undefined))
    },
}
