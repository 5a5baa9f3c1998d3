/** cp: Node's rules for copying a file or a tree, as one generator for the three conventions. */

import { constants } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { types } from 'node:util'
import type { Op, Stats } from '../op.js'
import { getattrOf, mkdirOf, onPath, setattrOf, symlinkOf } from '../request.js'
import { Failed } from '../verdict.js'
import { invalidArgType, nodeError, specificType } from './codes.js'
import { Await, ask, driveAsync, drivePromise, driveSync, type Steps, tryAsk } from './compound.js'
import { COPY_OPS, copySteps } from './copy-file.js'
import * as refuse from './cp-errors.js'
import { fsError } from './errors.js'
import type { Method } from './method.js'
import { makeAll } from './mkdir.js'
import { callbackOf, checkBoolean, givenPath, integerOf, pathOf, shownPath } from './validate.js'
import { CP_REFUSES_DIRECTORIES } from './versions.js'
import type { View } from './view.js'

const COPY_MAX = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE | constants.COPYFILE_FICLONE_FORCE

interface CpOptions {
  readonly dereference: boolean
  readonly errorOnExist: boolean
  readonly filter: ((src: string, dest: string) => unknown) | undefined
  readonly force: boolean
  readonly mode: number
  readonly preserveTimestamps: boolean
  readonly recursive: boolean
  readonly verbatimSymlinks: boolean
}
const DEFAULTS: CpOptions = {
  dereference: false,
  errorOnExist: false,
  filter: undefined,
  force: true,
  mode: 0,
  preserveTimestamps: false,
  recursive: false,
  verbatimSymlinks: false,
}
const FLAGS = ['dereference', 'errorOnExist', 'force', 'preserveTimestamps', 'recursive', 'verbatimSymlinks'] as const

const optionsOf = (given: unknown): CpOptions => {
  if (given === undefined) return DEFAULTS
  if (given === null || typeof given !== 'object' || Array.isArray(given)) {
    throw invalidArgType('options', 'of type object', given)
  }
  const options = { ...DEFAULTS, ...(given as Partial<CpOptions>) }
  for (const flag of FLAGS) checkBoolean(options[flag], `options.${flag}`)
  const mode = (options.mode as number | null | undefined) ?? 0
  integerOf(mode, 'mode', 0, COPY_MAX)
  if (options.dereference && options.verbatimSymlinks) {
    throw nodeError(
      'ERR_INCOMPATIBLE_OPTION_PAIR',
      'Option "dereference" cannot be used in combination with option "verbatimSymlinks"',
      TypeError,
    )
  }
  if (options.filter !== undefined && typeof options.filter !== 'function') {
    throw invalidArgType('options.filter', 'of type function', options.filter)
  }
  return { ...options, mode }
}

const identical = (a: Stats, b: Stats): boolean =>
  Boolean(b.ino) && Boolean(b.dev) && b.ino === a.ino && b.dev === a.dev
const partsOf = (path: string): string[] => resolve(path).split('/').filter(Boolean)
/** Whether `dest` is beneath `src`, or is `src`, by the strings alone. */
const isBeneath = (src: string, dest: string): boolean => {
  const to = partsOf(dest)
  return partsOf(src).every((part, k) => to[k] === part)
}

/** One copy: what every step of it needs. */
const REFUSED = new Set(['EACCES', 'EPERM'])

class Copy {
  constructor(
    readonly v: View,
    readonly options: CpOptions,
    readonly sync: boolean,
  ) {}

  *run(src: string, dest: string): Steps<void> {
    const checked = yield* this.#check(src, dest)
    if (checked === undefined) return
    yield* this.#checkParents(src, checked.from, dest)
    const parent = dirname(dest)
    const there = yield* tryAsk('getattr', getattrOf(pathOf(parent), true))
    if (there instanceof Failed) {
      if (there.errno !== 'ENOENT' && !this.sync) throw fsError(there, 'stat', parent)
      yield* makeAll(pathOf(parent), parent, 0o777)
    }
    yield* this.#copyEntry(checked.to, src, dest)
  }

  *#stat(path: string, follow: boolean): Steps<Stats> {
    return yield* ask('getattr', getattrOf(pathOf(path), follow), follow ? 'stat' : 'lstat', path)
  }
  *#statOrNot(path: string, follow: boolean): Steps<Stats | undefined> {
    const stats = yield* tryAsk('getattr', getattrOf(pathOf(path), follow))
    if (!(stats instanceof Failed)) return stats
    if (stats.errno === 'ENOENT') return undefined
    throw fsError(stats, follow ? 'stat' : 'lstat', path)
  }

  /** Both ends, or undefined where the filter leaves it out. */
  *#check(src: string, dest: string): Steps<{ from: Stats; to: Stats | undefined } | undefined> {
    const { filter, dereference } = this.options
    if (filter !== undefined) {
      let wanted = filter(src, dest)
      if (this.sync && types.isPromise(wanted)) {
        throw nodeError(
          'ERR_INVALID_RETURN_VALUE',
          `Expected boolean to be returned from the "filter" function but got ${specificType(wanted)}.`,
          TypeError,
        )
      }
      if (!this.sync && typeof (wanted as PromiseLike<unknown> | null)?.then === 'function') {
        wanted = yield new Await(wanted as PromiseLike<unknown>)
      }
      if (!wanted) return undefined
    }
    const from = yield* this.#stat(src, dereference)
    const to = yield* this.#statOrNot(dest, dereference)
    if (to !== undefined) {
      if (identical(from, to)) throw refuse.sameFile(dest)
      if (from.isDirectory() && !to.isDirectory()) throw refuse.dirToNonDir(src, dest)
      if (!from.isDirectory() && to.isDirectory()) throw refuse.nonDirToDir(src, dest)
    }
    if (from.isDirectory() && isBeneath(src, dest)) throw refuse.intoItself(src, dest, dest)
    return { from, to }
  }

  /** No directory above `dest` may be `src` itself, whatever links lead there. */
  *#checkParents(src: string, from: Stats, dest: string): Steps<void> {
    const srcParent = resolve(dirname(src))
    for (let parent = resolve(dirname(dest)); parent !== srcParent && parent !== '/'; parent = dirname(parent)) {
      const stats = yield* tryAsk('getattr', getattrOf(pathOf(parent), true))
      if (stats instanceof Failed) {
        if (stats.errno === 'ENOENT') return
        if (!REFUSED.has(stats.errno)) throw fsError(stats, 'stat', parent)
        // A guard lets be used what is beneath, and not this; `src`, which it let be seen, is not this.
        dest = parent
        continue
      }
      // The message names the directory that was reached, as Node's recursion does.
      if (identical(from, stats)) throw refuse.intoItself(src, dest, dest)
      dest = parent
    }
  }

  *#copyEntry(to: Stats | undefined, src: string, dest: string): Steps<void> {
    const from = yield* this.#stat(src, this.options.dereference)
    if (from.isDirectory()) {
      if (!this.options.recursive) throw refuse.notRecursive(src, this.sync)
      yield* this.#copyDirectory(from, to, src, dest)
    } else if (from.isFile() || from.isCharacterDevice() || from.isBlockDevice()) {
      yield* this.#copyFile(from, to, src, dest)
    } else if (from.isSymbolicLink()) yield* this.#copyLink(to, src, dest)
    else if (from.isSocket()) throw refuse.socket(dest)
    else if (from.isFIFO()) throw refuse.fifo(dest)
    else throw refuse.unknownType(dest)
  }

  *#copyDirectory(from: Stats, to: Stats | undefined, src: string, dest: string): Steps<void> {
    const { errorOnExist, force } = this.options
    if (to !== undefined && CP_REFUSES_DIRECTORIES && !this.sync && errorOnExist && !force) {
      throw refuse.alreadyThere(dest)
    }
    if (to === undefined) yield* ask('mkdir', mkdirOf(pathOf(dest), 0o777), 'mkdir', dest)
    const entries = yield* ask('readdir', onPath(pathOf(src)), 'opendir', src)
    for (const { name } of entries) {
      const inner = join(src, name)
      const innerDest = join(dest, name)
      const checked = yield* this.#check(inner, innerDest)
      if (checked !== undefined) yield* this.#copyEntry(checked.to, inner, innerDest)
    }
    if (to === undefined) yield* this.#chmod(dest, from.mode)
  }

  *#chmod(dest: string, mode: number): Steps<void> {
    yield* ask('setattr', setattrOf(pathOf(dest), true, { mode }), 'chmod', dest)
  }

  *#copyFile(from: Stats, to: Stats | undefined, src: string, dest: string): Steps<void> {
    const { force, errorOnExist, mode, preserveTimestamps } = this.options
    if (to !== undefined) {
      if (!force) {
        if (errorOnExist) throw refuse.alreadyThere(dest)
        return
      }
      yield* ask('unlink', onPath(pathOf(dest)), 'unlink', dest)
    }
    yield* copySteps(this.v, pathOf(src), pathOf(dest), mode, src, dest)
    if (preserveTimestamps) {
      if ((from.mode & 0o200) === 0) yield* this.#chmod(dest, from.mode | 0o200)
      // Asked again: reading it may have moved its atime.
      const now = yield* this.#stat(src, true)
      const set = { atime: now.atime.getTime() / 1000, mtime: now.mtime.getTime() / 1000 }
      yield* ask('setattr', setattrOf(pathOf(dest), true, set), 'utime', dest)
    }
    yield* this.#chmod(dest, from.mode)
  }

  *#copyLink(to: Stats | undefined, src: string, dest: string): Steps<void> {
    let from = yield* ask('readlink', onPath(pathOf(src)), 'readlink', src)
    if (!this.options.verbatimSymlinks && !isAbsolute(from)) from = resolve(dirname(src), from)
    const link = (): Steps<void> => this.#symlink(from, dest)
    if (to === undefined) return yield* link()
    const old = yield* tryAsk('readlink', onPath(pathOf(dest)))
    if (old instanceof Failed) {
      if (old.errno === 'EINVAL') return yield* link()
      throw fsError(old, 'readlink', dest)
    }
    const into = isAbsolute(old) ? old : resolve(dirname(dest), old)
    if (isBeneath(from, into)) throw refuse.intoItself(from, into, dest)
    const target = yield* this.#stat(this.sync ? dest : src, true)
    if (target.isDirectory() && isBeneath(into, from)) throw refuse.overSubdirectory(into, from, dest)
    yield* ask('unlink', onPath(pathOf(dest)), 'unlink', dest)
    return yield* link()
  }

  *#symlink(target: string, dest: string): Steps<void> {
    yield* ask('symlink', symlinkOf(pathOf(dest), target), 'symlink', target, dest)
  }
}

const OPS: readonly Op[] = [...COPY_OPS, 'mkdir', 'readdir', 'readlink', 'symlink']

const prepared = (v: View, src: unknown, dest: unknown, options: CpOptions, sync: boolean): Steps<void> => {
  pathOf(src, 'src')
  pathOf(dest, 'dest')
  return new Copy(v, options, sync).run(givenPath(shownPath(src)), givenPath(shownPath(dest)))
}

export const cp: Method = {
  ops: OPS,
  sync: (v) =>
    function cpSync(src: unknown, dest: unknown, given: unknown) {
      return driveSync(v, prepared(v, src, dest, optionsOf(given), true))
    },
  callback: (v) =>
    function cp(src: unknown, dest: unknown, given: unknown, callback: unknown) {
      const cb = callbackOf(typeof given === 'function' ? given : callback)
      const options = optionsOf(typeof given === 'function' ? undefined : given)
      const steps = prepared(v, src, dest, options, false)
      // A filter that throws must end in the callback, in its own time.
      process.nextTick(() => {
        try {
          driveAsync(v, steps, (error) => (error === null ? cb(null, undefined) : cb(error)))
        } catch (error) {
          cb(error)
        }
      })
    },
  promise: (v) =>
    async function cp(src: unknown, dest: unknown, given: unknown) {
      await drivePromise(v, prepared(v, src, dest, optionsOf(given), false))
    },
}
