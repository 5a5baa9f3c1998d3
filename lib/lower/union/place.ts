/** Where a path leads in a union, and how the writable member gets to hold it. */
import type { Asking } from '../../extension.js'
import { namei } from '../../namei.js'
import type { Op, Path, Reply, Request } from '../../op.js'
import { Failed } from '../../verdict.js'
import { attemptOn, canonical, type Found, find, isMiss, type Members, on } from './members.js'

const S_IFMT = 0o170000
const S_IFDIR = 0o040000
const MODE = 0o7777

export const EROFS = Failed.of('EROFS')
const ENOENT = Failed.of('ENOENT')
const ENOTDIR = Failed.of('ENOTDIR')

export const isDir = ({ stats }: Found): boolean => (stats.mode & S_IFMT) === S_IFDIR

export interface Place {
  readonly path: Path
  readonly found: Found | undefined
  /** The path ends in a slash. */
  readonly slash: boolean
}

interface OnPath {
  readonly path: Path
  readonly dentry?: unknown
}

/** Where `path` leads, and who has it. */
export function* place({ path, dentry }: OnPath, follow: boolean): Asking<Place> {
  const slash = path.length > 1 && path.endsWith('/')
  if (dentry !== undefined) return { path, found: yield* find(path), slash }
  const end = yield* namei(path, follow)
  if (end instanceof Failed) throw end
  return { path: end.path, found: end.exists ? yield* find(end.path) : undefined, slash }
}

/** The same for what must be there. */
export function* existing(req: OnPath, follow: boolean): Asking<{ path: Path; found: Found }> {
  const { path, found } = yield* place(req, follow)
  if (found === undefined) throw ENOENT
  return { path, found }
}

/** The same without the slashes at the end: they follow no link. */
export function* bare(req: OnPath): Asking<Place> {
  let end = req.path.length
  while (end > 1 && req.path.charCodeAt(end - 1) === 47) end--
  const { path, found } = yield* place({ path: req.path.slice(0, end), dentry: req.dentry }, false)
  return { path, found, slash: end < req.path.length }
}

/** The same for a name that is about to go: a slash after it wants a directory. */
export function* named(req: OnPath): Asking<Place> {
  const at = yield* bare(req)
  if (at.slash && at.found !== undefined && !isDir(at.found)) throw ENOTDIR
  return at
}

/** The last component where it is no name: `.`, `..`, or `/`. */
export const dots = (path: Path): '.' | '..' | '/' | undefined => {
  const last = /(?:^|\/)([^/]*)\/*$/.exec(path)?.[1] ?? ''
  return last === '' ? '/' : last === '.' || last === '..' ? last : undefined
}

/** Whether a member other than the writable one has something at `path`. */
export function* isElsewhere(m: Members, path: Path): Asking<boolean> {
  for (const k of m.lowers.keys()) {
    if (k === m.writable) continue
    const out = yield* attemptOn(k, 'lookup', canonical(path))
    if (!(out instanceof Failed) || !isMiss(out)) return true
  }
  return false
}

/** Performs a change in the writable member; directories that only others have are made there first. */
export function* change<O extends Op>(m: Members, op: O, path: Path, request: Request<O>): Asking<Reply<O>> {
  if (m.writable === -1) throw EROFS
  const out = yield* attemptOn(m.writable, op, request)
  if (!(out instanceof Failed)) return out
  if (out.errno !== 'ENOENT') throw out
  yield* makeParents(m, path)
  return yield* on(m.writable, op, request)
}

function* makeParents(m: Members, path: Path): Asking<void> {
  for (let slash = path.indexOf('/', 1); slash !== -1; slash = path.indexOf('/', slash + 1)) {
    const above = canonical(path.slice(0, slash))
    const out = yield* attemptOn(m.writable, 'lookup', above)
    if (!(out instanceof Failed)) continue
    if (out.errno !== 'ENOENT') throw out
    const { found } = yield* existing(above, false)
    const mode = found.stats.mode & MODE
    yield* on(m.writable, 'mkdir', { ...above, mode })
    // Whatever the umask made of it.
    yield* on(m.writable, 'setattr', { ...above, follow: true, set: { mode } })
  }
}
