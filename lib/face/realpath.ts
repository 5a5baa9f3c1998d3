/** realpath: Node's own walk, and the native one, over lookup and readlink. */

import { resolve } from 'node:path'
import { runSync } from '../driver/sync.js'
import { isCanonical } from '../lower/safe-path/names.js'
import type { Op, Reply } from '../op.js'
import { decodePath } from '../path-bytes.js'
import { getattrOf, onPath, resolveOf } from '../request.js'
import { Failed } from '../verdict.js'
import { ask, driveAsync, drivePromise, driveSync, ending, type Steps, tryAsk } from './compound.js'
import { fsError } from './errors.js'
import { encodeName } from './fields.js'
import type { Fn, Method } from './method.js'
import { MAX_LINKS, PATH_MAX, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFSOCK } from './modes.js'
import { byName } from './surface.js'
import { callbackOf, optionsOf, pathOf, shownPath } from './validate.js'
import { contextOf, type View } from './view.js'

const PRECISE = { bigint: true }
/**
 * Node's walk: a failure is lstat's, of the component that failed; a loop is stat's.
 * @param named whose replaced functions are called, where Node calls them
 */
function* walk(start: string, encoding: unknown, named?: View): Steps<string | Buffer> {
  const seen = new Map<string, string>()
  const hard = new Map<string, number>()
  let path = start
  let at = 1
  let current = '/'
  while (at < path.length) {
    const slash = path.indexOf('/', at)
    const previous = current
    const end = slash === -1 ? path.length : slash
    const base = previous + path.slice(at, end)
    current = slash === -1 ? base : `${base}/`
    at = slash === -1 ? path.length : slash + 1
    const known = hard.get(base)
    if (known !== undefined) {
      if (known === S_IFIFO || known === S_IFSOCK) break
      continue
    }
    const looked = ask('lookup', onPath(base), 'lstat', base)
    const stats = named === undefined ? yield* looked : yield* byName(named, 'lstat', [base, PRECISE], looked)
    const type = Number(stats.mode) & S_IFMT
    if (type !== S_IFLNK) {
      hard.set(base, type)
      continue
    }
    const id = `${stats.dev}:${stats.ino}`
    let target = seen.get(id)
    if (target === undefined || !stats.ino) {
      const led = ask('getattr', getattrOf(base, true), 'stat', base)
      const read = ask('readlink', onPath(base), 'readlink', base)
      if (named === undefined) yield* led
      else yield* byName(named, 'stat', [base], led)
      target = named === undefined ? yield* read : yield* byName(named, 'readlink', [base], read)
      seen.set(id, target)
    }
    path = resolve(resolve(previous, target), path.slice(at))
    at = 1
    current = '/'
  }
  return encodeName(path, encoding)
}

/** The kernel's walk: a failure is realpath's, of the whole path. */
function* nativeWalk(start: string, shown: unknown, encoding: unknown): Steps<string | Buffer> {
  const fail = (errno: string): Error => fsError(Failed.of(errno), 'realpath', shown)
  if (start === '') throw fail('ENOENT')
  if (start.length > PATH_MAX) throw fail('ENAMETOOLONG')
  const todo = start.split('/').reverse()
  let current = ''
  let links = 0
  while (todo.length > 0) {
    const name = todo.pop() as string
    if (name === '' || name === '.') continue
    if (name === '..') {
      current = current.slice(0, Math.max(0, current.lastIndexOf('/')))
      continue
    }
    const here = `${current}/${name}`
    const stats = yield* tryAsk('lookup', onPath(here))
    if (stats instanceof Failed) throw fsError(stats, 'realpath', shown)
    const type = stats.mode & S_IFMT
    if (type === S_IFLNK) {
      if (++links > MAX_LINKS) throw fail('ELOOP')
      const target = yield* tryAsk('readlink', onPath(here))
      if (target instanceof Failed) throw fsError(target, 'realpath', shown)
      if (target.startsWith('/')) current = ''
      const parts = target.split('/')
      for (let k = parts.length - 1; k >= 0; k--) todo.push(parts[k] as string)
      continue
    }
    if (todo.length > 0 && type !== S_IFDIR) throw fail('ENOTDIR')
    current = here
  }
  return encodeName(current === '' ? '/' : current, encoding)
}

const OPS: readonly Op[] = ['lookup', 'getattr', 'readlink', 'resolve']

/**
 * Whether `resolve` means what the kernel's walk does: where every layer that looks at its steps looks at that too. It is one
 * request, where a walk is one for each name.
 */
const isOneStep = ({ x }: View): boolean => {
  const { lookup, readlink, resolve } = x.plans
  const looks = new Set(resolve.steps.map(({ layer }) => layer))
  return [...lookup.steps, ...readlink.steps].every(({ layer }) => looks.has(layer))
}
const MISSING = Failed.of('ENOENT')
const shownAs = (found: Reply<'resolve'> | Failed, shown: unknown, encoding: unknown): string | Buffer => {
  if (found instanceof Failed) throw fsError(found, 'realpath', shown)
  if (!found.exists) throw fsError(MISSING, 'realpath', shown)
  return encodeName(found.path, encoding)
}
/** The kernel's walk, in one step where that will do. */
function* native(inOne: boolean, start: string, shown: unknown, encoding: unknown): Steps<string | Buffer> {
  if (!inOne || !isCanonical(start)) return yield* nativeWalk(start, shown, encoding)
  return shownAs(yield* tryAsk('resolve', resolveOf(start)), shown, encoding)
}

/** Node turns what is no string into one here, and normalises it first. */
const startOf = (path: unknown): string => {
  const given = shownPath(path)
  const text = typeof given === 'string' ? given : Buffer.isBuffer(given) ? decodePath(given) : `${given}`
  pathOf(text)
  return resolve(text)
}

export const realpath: Method = {
  ops: OPS,
  sync: (v) => {
    const inOne = isOneStep(v)
    const realpathSync: Fn = (path: unknown, options: unknown) => {
      const { encoding } = optionsOf(options)
      return driveSync(v, walk(startOf(path), encoding))
    }
    return Object.assign(realpathSync, {
      native: (path: unknown, options: unknown) => {
        const { encoding } = optionsOf(options)
        const start = pathOf(path)
        if (!inOne || !isCanonical(start)) return driveSync(v, nativeWalk(start, shownPath(path), encoding))
        return shownAs(runSync(v.x, 'resolve', resolveOf(start), contextOf(v)), shownPath(path), encoding)
      },
    })
  },
  callback: (v) => {
    const inOne = isOneStep(v)
    const realpath: Fn = (path: unknown, options: unknown, callback: unknown) => {
      const cb = callbackOf(typeof options === 'function' ? options : callback)
      const { encoding } = optionsOf(options)
      driveAsync(v, walk(startOf(path), encoding, v), ending(cb))
    }
    return Object.assign(realpath, {
      native: (path: unknown, options: unknown, callback: unknown) => {
        const cb = callbackOf(callback || options)
        const { encoding } = optionsOf(options)
        driveAsync(v, native(inOne, pathOf(path), shownPath(path), encoding), ending(cb))
      },
    })
  },
  promise: (v) => {
    const inOne = isOneStep(v)
    return async function realpath(path: unknown, options: unknown) {
      const { encoding } = optionsOf(options)
      return await drivePromise(v, native(inOne, pathOf(path), shownPath(path), encoding))
    }
  },
}
