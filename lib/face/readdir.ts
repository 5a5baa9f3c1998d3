/** readdir: names or Dirents, of one directory or of all beneath it. */

import { type Dirent, Dirent as NodeDirent } from 'node:fs'
import { join, relative } from 'node:path'
import type { Entry, Op } from '../op.js'
import { getattrOf, onPath } from '../request.js'
import { Failed } from '../verdict.js'
import { ask, driveAsync, drivePromise, driveSync, ending, type Steps, tryAsk } from './compound.js'
import { encodeName } from './fields.js'
import type { Method } from './method.js'
import { DIRENT, S_IFDIR, S_IFMT } from './modes.js'
import { performSync } from './perform.js'
import { callbackOf, checkBoolean, givenPath, type Options, optionsOf, pathOf, shownPath } from './validate.js'
import { READDIR_FOLLOWS, READDIR_PROMISE_BY_LEVEL } from './versions.js'

const { UV_DIRENT_DIR, UV_DIRENT_LINK, UV_DIRENT_UNKNOWN } = DIRENT
const OPS: readonly Op[] = ['readdir', 'getattr', 'lookup']

const Make = NodeDirent as unknown as new (name: string | Buffer, type: number, path: unknown) => Dirent
/** A Dirent of the running Node's own class, fields and all. */
export const makeDirent = (name: string | Buffer, type: number, parent: unknown): Dirent => new Make(name, type, parent)

const typeOfMode = new Map<number, number>([
  [0o100000, DIRENT.UV_DIRENT_FILE],
  [0o040000, DIRENT.UV_DIRENT_DIR],
  [0o120000, DIRENT.UV_DIRENT_LINK],
  [0o010000, DIRENT.UV_DIRENT_FIFO],
  [0o140000, DIRENT.UV_DIRENT_SOCKET],
  [0o020000, DIRENT.UV_DIRENT_CHAR],
  [0o060000, DIRENT.UV_DIRENT_BLOCK],
])
function* typeOf(entry: Entry, path: string, shown: string): Steps<number> {
  if (entry.type !== UV_DIRENT_UNKNOWN) return entry.type
  const stats = yield* ask('lookup', onPath(below(path, entry.name)), 'lstat', shown)
  return typeOfMode.get(stats.mode & S_IFMT) ?? UV_DIRENT_UNKNOWN
}
const below = (path: string, name: string): string => (path.endsWith('/') ? path + name : `${path}/${name}`)

const namesOf = (entries: readonly Entry[], encoding: unknown): (string | Buffer)[] => {
  const names = new Array<string | Buffer>(entries.length)
  for (let k = 0; k < entries.length; k++) names[k] = encodeName((entries[k] as Entry).name, encoding)
  return names
}
/** Undefined where a type is not known, and has to be asked for. */
const direntsOf = (entries: readonly Entry[], parent: unknown, encoding: unknown): Dirent[] | undefined => {
  const out = new Array<Dirent>(entries.length)
  for (let k = 0; k < entries.length; k++) {
    const { name, type } = entries[k] as Entry
    if (type === UV_DIRENT_UNKNOWN) return undefined
    out[k] = new Make(encodeName(name, encoding), type, parent)
  }
  return out
}

function* typed(entries: readonly Entry[], path: string, parent: unknown, encoding: unknown): Steps<Dirent[]> {
  const out: Dirent[] = []
  for (const entry of entries) {
    const type = yield* typeOf(entry, path, join(String(parent), entry.name))
    out.push(new Make(encodeName(entry.name, encoding), type, parent))
  }
  return out
}

function* flat(path: string, shown: unknown, options: Options): Steps<unknown> {
  const entries = yield* ask('readdir', onPath(path), 'scandir', shown)
  if (!options.withFileTypes) return namesOf(entries, options.encoding)
  return direntsOf(entries, shown, options.encoding) ?? (yield* typed(entries, path, shown, options.encoding))
}

interface Listing {
  readonly at: string
  readonly shown: string
  readonly entries: readonly Entry[] | undefined
}
/**
 * @param promised promises read a directory when it is found, and list the last one found first; the others, and all in
 *   later versions, list level by level
 */
function* deep(path: string, base: string, options: Options, promised: boolean): Steps<unknown> {
  const depthFirst = promised && !READDIR_PROMISE_BY_LEVEL
  const follows = promised ? READDIR_FOLLOWS.promise : READDIR_FOLLOWS.sync
  const { encoding, withFileTypes } = options
  const out: unknown[] = []
  const queue: Listing[] = [{ at: path, shown: base, entries: undefined }]
  if (depthFirst) queue[0] = { at: path, shown: base, entries: yield* ask('readdir', onPath(path), 'scandir', base) }
  for (let next = 0; next < queue.length || (depthFirst && queue.length > 0); next++) {
    const { at, shown, entries } = (depthFirst ? queue.pop() : queue[next]) as Listing
    for (const entry of entries ?? (yield* ask('readdir', onPath(at), 'scandir', shown))) {
      const inner = below(at, entry.name)
      const innerShown = join(shown, entry.name)
      let type = entry.type
      if (withFileTypes) {
        type = yield* typeOf(entry, at, innerShown)
        out.push(new Make(encodeName(entry.name, encoding), type, shown))
      } else out.push(encodeName(relative(base, innerShown), encoding))
      // Where only names are wanted, every Node looks through links.
      if (!withFileTypes || follows) {
        if (type === UV_DIRENT_LINK || type === UV_DIRENT_UNKNOWN) {
          const stats = yield* tryAsk('getattr', getattrOf(inner, true))
          if (!(stats instanceof Failed) && (stats.mode & S_IFMT) === S_IFDIR) type = UV_DIRENT_DIR
        }
      }
      if (type !== UV_DIRENT_DIR) continue
      const inside: readonly Entry[] | undefined = depthFirst
        ? yield* ask('readdir', onPath(inner), 'scandir', innerShown)
        : undefined
      queue.push({ at: inner, shown: innerShown, entries: inside })
    }
    if (depthFirst) next = -1
  }
  return out
}

const stepsOf = (path: string, given: unknown, options: Options, promised: boolean): Steps<unknown> => {
  const shown = shownPath(given)
  return options.recursive
    ? deep(path, typeof shown === 'string' ? shown : givenPath(shown), options, promised)
    : flat(path, shown, options)
}
const checkRecursive = ({ recursive }: Options): void => {
  if (recursive !== undefined && recursive !== null) checkBoolean(recursive, 'options.recursive')
}

export const readdir: Method = {
  ops: OPS,
  sync: (v) =>
    function readdirSync(path: unknown, given: unknown) {
      const options = optionsOf(given)
      const at = pathOf(path)
      checkRecursive(options)
      if (options.recursive) return driveSync(v, stepsOf(at, path, options, false))
      const shown = shownPath(path)
      const entries = performSync(v, 'readdir', onPath(at), 'scandir', shown)
      if (!options.withFileTypes) return namesOf(entries, options.encoding)
      return direntsOf(entries, shown, options.encoding) ?? driveSync(v, typed(entries, at, shown, options.encoding))
    },
  callback: (v) =>
    function readdir(path: unknown, given: unknown, callback: unknown) {
      const cb = callbackOf(typeof given === 'function' ? given : callback)
      const options = optionsOf(given)
      const at = pathOf(path)
      checkRecursive(options)
      driveAsync(v, stepsOf(at, path, options, false), ending(cb))
    },
  promise: (v) =>
    async function readdir(path: unknown, given: unknown) {
      const options = { ...optionsOf(given) }
      return await drivePromise(v, stepsOf(pathOf(path), path, options, true))
    },
}
