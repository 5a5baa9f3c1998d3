/** mkdir, alone or with all that is missing above. */

import { S_IFDIR, S_IFMT } from '../namei.js'
import { getattrOf, mkdirOf } from '../request.js'
import { Failed } from '../verdict.js'
import { ask, driveAsync, drivePromise, driveSync, ending, type Steps, tryAsk } from './compound.js'
import { fsError } from './errors.js'
import type { Method } from './method.js'
import { callbackOf, checkBoolean, modeOf, pathOf, shownPath } from './validate.js'
import { MKDIR_OPTIONS_MODE } from './versions.js'

interface Wanted {
  readonly mode: unknown
  readonly recursive: unknown
}
const wanted = (options: unknown): Wanted => {
  if (typeof options === 'number' || typeof options === 'string') return { mode: options, recursive: false }
  if (!options || typeof options === 'function') return { mode: 0o777, recursive: false }
  const { mode = 0o777, recursive = false } = options as Partial<Wanted>
  return { mode, recursive }
}

const modeName = (options: unknown): string =>
  options !== null && typeof options === 'object' ? MKDIR_OPTIONS_MODE : 'mode'

function* steps(path: string, shown: unknown, mode: number, recursive: boolean): Steps<unknown> {
  if (!recursive) return yield* ask('mkdir', mkdirOf(path, mode), 'mkdir', shown)
  return yield* makeAll(path, shown, mode)
}

/** As Node's MKDirpSync: what is missing above is made first. Gives the first directory made, undefined for none. */
export function* makeAll(path: string, shown: unknown, mode: number): Steps<string | undefined> {
  const todo = [path]
  const missing = new Set<string>()
  let first: string | undefined
  while (todo.length > 0) {
    const next = todo.pop() as string
    const made = yield* tryAsk('mkdir', mkdirOf(next, mode))
    if (!(made instanceof Failed)) {
      first ??= next
      continue
    }
    const { errno } = made
    if (errno === 'EACCES' || errno === 'ENOSPC' || errno === 'ENOTDIR' || errno === 'EPERM') {
      throw fsError(made, 'mkdir', shown)
    }
    if (errno === 'ENOENT') {
      const parent = parentOf(next)
      // Its parent is there, and still nothing can be made (/proc, a link that leads nowhere): an end must come.
      if (parent === next || missing.has(next)) throw fsError(made, 'mkdir', shown)
      missing.add(next)
      todo.push(next, parent)
      continue
    }
    const stats = yield* tryAsk('getattr', getattrOf(next, true))
    if (!(stats instanceof Failed) && (stats.mode & S_IFMT) === S_IFDIR) continue
    if (stats instanceof Failed) throw fsError(stats, 'mkdir', shown)
    throw fsError(errno === 'EEXIST' && todo.length > 0 ? NOT_A_DIRECTORY : made, 'mkdir', shown)
  }
  return first
}
const NOT_A_DIRECTORY = Failed.of('ENOTDIR')

const parentOf = (path: string): string => {
  const end = path.endsWith('/') ? path.replace(/\/+$/, '') : path
  const at = end.lastIndexOf('/')
  return at <= 0 ? '/' : end.slice(0, at)
}

export const mkdir: Method = {
  ops: ['mkdir', 'getattr'],
  sync: (v) =>
    function mkdirSync(path: unknown, options: unknown) {
      const { mode, recursive } = wanted(options)
      const at = pathOf(path)
      const deep = checkBoolean(recursive, 'options.recursive')
      return driveSync(v, steps(at, shownPath(path), modeOf(mode, modeName(options)), deep))
    },
  callback: (v) =>
    function mkdir(path: unknown, options: unknown, callback: unknown) {
      const { mode, recursive } = wanted(options)
      const cb = callbackOf(typeof options === 'function' ? options : callback)
      const at = pathOf(path)
      const deep = checkBoolean(recursive, 'options.recursive')
      driveAsync(v, steps(at, shownPath(path), modeOf(mode, modeName(options)), deep), ending(cb))
    },
  promise: (v) =>
    async function mkdir(path: unknown, options: unknown) {
      const { mode, recursive } = wanted(options)
      const at = pathOf(path)
      const deep = checkBoolean(recursive, 'options.recursive')
      return await drivePromise(v, steps(at, shownPath(path), modeOf(mode, 'mode', 0o777), deep))
    },
}
