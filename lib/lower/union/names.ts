/** A union's opcodes on names. */

import type { Asking } from '../../extension.js'
import type { Lower } from '../../lower.js'
import { namei } from '../../namei.js'
import type { Entry, Op, Path, Reply, Request, WatchHandle } from '../../op.js'
import { Failed } from '../../verdict.js'
import { type Steps, steps } from '../steps.js'
import { attemptOn, canonical, type Found, isMiss, type Members, on } from './members.js'
import { bare, change, dots, EROFS, existing, isDir, isElsewhere, named } from './place.js'

const EBUSY = Failed.of('EBUSY')
const EEXIST = Failed.of('EEXIST')
const EINVAL = Failed.of('EINVAL')
const EISDIR = Failed.of('EISDIR')
const ENOENT = Failed.of('ENOENT')
const ENOTDIR = Failed.of('ENOTDIR')
const ENOTEMPTY = Failed.of('ENOTEMPTY')
const EPERM = Failed.of('EPERM')
const EXDEV = Failed.of('EXDEV')

const W_OK = 2
const RENAME_NOREPLACE = 1
const RENAME_EXCHANGE = 2

type NameOp =
  | 'lookup'
  | 'resolve'
  | 'readlink'
  | 'access'
  | 'statfs'
  | 'syncfs'
  | 'opendir'
  | 'readdir'
  | 'symlink'
  | 'mknod'
  | 'mkdir'
  | 'unlink'
  | 'rmdir'
  | 'link'
  | 'rename'
  | 'watch'

/** The listing of a directory, all members together: of a name that several have, the first one's. */
function* listing(m: Members, path: Path, first: Found): Asking<Entry[]> {
  const entries = new Map<string, Entry>()
  for (let k = first.member; k < m.lowers.length; k++) {
    const out = yield* attemptOn(k, 'readdir', canonical(path))
    if (out instanceof Failed) {
      if (k !== first.member && out.errno === 'ENOENT') continue
      // What is no directory here hides whatever is below.
      if (k !== first.member && isMiss(out)) break
      throw out
    }
    for (const entry of out) if (!entries.has(entry.name)) entries.set(entry.name, entry)
  }
  return [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A place for a new name. */
function* free(m: Members, req: { path: Path; dentry?: unknown }, directory: boolean): Asking<Path> {
  const { path, found, slash } = yield* bare(req)
  if (found !== undefined) throw EEXIST
  if (slash && !directory) throw ENOENT
  if (m.writable === -1) throw EROFS
  return path
}

export const unionNameOps = (m: Members): Pick<Lower['ops'], NameOp> => {
  const op = <O extends Op>(run: (req: Request<O>) => Steps<O>) => steps<O>(m.ask, run)
  return {
    resolve: op<'resolve'>((req) => namei(req.path, req.follow)),
    lookup: op<'lookup'>(function* (req) {
      return (yield* existing(req, false)).found.stats
    }),
    readlink: op<'readlink'>(function* (req) {
      const { path, found } = yield* existing(req, false)
      return yield* on(found.member, 'readlink', canonical(path))
    }),
    access: op<'access'>(function* (req) {
      const { path, found } = yield* existing(req, true)
      // A directory takes new names, wherever it is.
      const writes = (req.mask & W_OK) !== 0 && (m.writable === -1 || !isDir(found))
      if (writes && found.member !== m.writable) return EROFS
      return yield* on(found.member, 'access', { ...canonical(path), mask: req.mask })
    }),
    statfs: op<'statfs'>(function* (req) {
      const { path, found } = yield* existing(req, true)
      return yield* on(found.member, 'statfs', canonical(path))
    }),
    syncfs: op<'syncfs'>(function* (req) {
      const { path, found } = yield* existing(req, true)
      return yield* on(found.member, 'syncfs', canonical(path))
    }),
    opendir: op<'opendir'>(function* (req) {
      const { path, found } = yield* existing(req, true)
      if (!isDir(found)) return ENOTDIR
      return yield* on(found.member, 'opendir', canonical(path))
    }),
    readdir: op<'readdir'>(function* (req) {
      const { path, found } = yield* existing(req, true)
      return isDir(found) ? yield* listing(m, path, found) : ENOTDIR
    }),

    mkdir: op<'mkdir'>(function* (req) {
      const path = yield* free(m, req, true)
      return yield* change(m, 'mkdir', path, { ...canonical(path), mode: req.mode })
    }),
    mknod: op<'mknod'>(function* (req) {
      const path = yield* free(m, req, false)
      return yield* change(m, 'mknod', path, { ...canonical(path), mode: req.mode, rdev: req.rdev })
    }),
    symlink: op<'symlink'>(function* (req) {
      if (req.target === '') return ENOENT
      const path = yield* free(m, req, false)
      return yield* change(m, 'symlink', path, { ...canonical(path), target: req.target })
    }),

    unlink: op<'unlink'>(function* (req) {
      if (dots(req.path) !== undefined) {
        yield* existing(req, true)
        return EISDIR
      }
      const { path, found } = yield* named(req)
      if (found === undefined) return ENOENT
      if (isDir(found)) return EISDIR
      // What another member has would come to light.
      if (found.member !== m.writable || (yield* isElsewhere(m, path))) return EROFS
      return yield* on(m.writable, 'unlink', canonical(path))
    }),
    rmdir: op<'rmdir'>(function* (req) {
      const last = dots(req.path)
      if (last !== undefined) yield* existing(req, true)
      if (last !== undefined) return last === '.' ? EINVAL : last === '..' ? ENOTEMPTY : EBUSY
      const { path, found } = yield* named(req)
      if (found === undefined) return ENOENT
      if (!isDir(found)) return ENOTDIR
      if ((yield* listing(m, path, found)).length > 0) return ENOTEMPTY
      if (found.member !== m.writable || (yield* isElsewhere(m, path))) return EROFS
      return yield* on(m.writable, 'rmdir', canonical(path))
    }),

    link: op<'link'>(function* (req) {
      const from = yield* existing(req, false)
      const newPath = yield* free(m, { path: req.newPath, dentry: req.newDentry }, false)
      if (isDir(from.found)) return EPERM
      if (from.found.member !== m.writable) return EXDEV
      const { dentry } = canonical(newPath)
      return yield* change(m, 'link', newPath, { ...canonical(from.path), newPath, newDentry: dentry })
    }),
    rename: op<'rename'>((req) => rename(m, req)),

    watch: op<'watch'>(function* (req) {
      const { path } = yield* existing(req, true)
      const handles: WatchHandle[] = []
      const close = (): void => {
        for (const handle of handles) handle.close()
      }
      for (const k of m.lowers.keys()) {
        const out = yield* attemptOn(k, 'watch', { ...req, ...canonical(path) })
        if (!(out instanceof Failed)) handles.push(out)
        else if (!isMiss(out)) {
          close()
          return out
        }
      }
      return { close }
    }),
  }
}

function* rename(m: Members, req: Request<'rename'>): Asking<Reply<'rename'> | Failed> {
  const from = yield* bare(req)
  const to = yield* bare({ path: req.newPath, dentry: req.newDentry })
  if (dots(req.path) !== undefined || dots(req.newPath) !== undefined) return EBUSY
  if (from.found === undefined) return ENOENT
  const directory = isDir(from.found)
  const swap = req.flags === RENAME_EXCHANGE
  if (to.found !== undefined && req.flags === RENAME_NOREPLACE) return EEXIST
  if (to.found === undefined && swap) return ENOENT
  if (!directory && (from.slash || (to.slash && !swap))) return ENOTDIR
  if (from.path === to.path) return undefined
  if (to.path.startsWith(`${from.path}/`)) return EINVAL
  if (from.path.startsWith(`${to.path}/`)) return swap ? EINVAL : ENOTEMPTY
  if (from.found.member !== m.writable) return EROFS
  // A directory that other members have parts of cannot move as a whole; programs copy on EXDEV.
  if (yield* isElsewhere(m, from.path)) return directory ? EXDEV : EROFS
  if (to.found !== undefined) {
    if (!swap && !directory && isDir(to.found)) return EISDIR
    if (!swap && directory && !isDir(to.found)) return ENOTDIR
    if (!swap && directory && (yield* listing(m, to.path, to.found)).length > 0) return ENOTEMPTY
    if (to.found.member !== m.writable) return EROFS
    if (swap && (yield* isElsewhere(m, to.path))) return EXDEV
  }
  const { dentry } = canonical(to.path)
  const request = { ...canonical(from.path), newPath: to.path, newDentry: dentry, flags: req.flags }
  return yield* change(m, 'rename', to.path, request)
}
