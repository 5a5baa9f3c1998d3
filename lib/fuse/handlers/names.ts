/** Requests on names in a directory. Each handler answers the reply's length, a negative errno, or 0 for no reply. */
import { constants as fs } from 'node:fs'
import { constants } from 'node:os'
import type { Request, Stats } from '../../op.js'
import { linkOf, lookupOf, mkdirOf, mknodOf, onPath, openOf, renameOf, symlinkOf } from '../../request.js'
import { Failed } from '../../verdict.js'
import { forgetCount, forgetNlookup, forgetNodeid } from '../args.js'
import { encodeBytes, encodeEmpty, encodeInPlace } from '../encode.js'
import type { Inode } from '../inode-table.js'
import { ENTRY_OUT, FORGET_IN, LINK_IN, MKDIR_IN, MKNOD_IN, RENAME_IN, RENAME2_IN } from '../layout.js'
import { refused, type Session } from '../session.js'
import { REPLY, type RequestWire } from '../wire.js'

const { ELOOP, ENOENT, EINVAL, ESTALE } = constants.errno
const { O_RDONLY, O_RDWR, O_NOFOLLOW } = fs
const S_IFREG = 0o100000
/** linux/fs.h */
const RENAME_NOREPLACE = 1
const RENAME_EXCHANGE = 2

const lookupAt = (s: Session, path: string): Stats | Failed => s.ask('lookup', lookupOf(path))

export const lookup = (s: Session, w: RequestWire): number => {
  const dir = s.table.get(w.nodeid)
  if (dir === undefined) return -ESTALE
  const { name } = w
  if (name === '.' || name === '..') return lookupDots(s, dir, name)
  if (s.isOwn(dir, name)) return -ELOOP
  const path = s.table.pathIn(dir, name)
  if (path === undefined) return -ENOENT
  s.looked(dir)
  s.near.hold(dir)
  const stats = lookupAt(s, path)
  if (stats instanceof Failed) {
    if (stats.errno !== 'ENOENT') return refused(stats)
    s.table.drop(dir, name)
    if (s.knobs.negativeTtl === 0) return -ENOENT
    dir.missed?.push(name)
    s.putNoEntry(REPLY)
    return encodeInPlace(s.out, ENTRY_OUT.SIZE)
  }
  const inode = s.table.adopt(dir, name, stats, path)
  s.around?.looked(s, dir, inode)
  return s.replyEntry(inode, stats)
}

/** Only an NFS server asks so. */
const lookupDots = (s: Session, dir: Inode, name: string): number => {
  const inode = name === '.' ? dir : (dir.parent ?? s.table.root)
  const target = s.target(inode)
  if (target === undefined) return -ESTALE
  const stats = s.stats(target)
  return stats instanceof Failed ? refused(stats) : s.replyEntry(inode, stats)
}

export const forget = (s: Session, w: RequestWire): number => {
  s.table.forget(w.nodeid, w.u64(FORGET_IN.nlookup))
  return 0
}
export const batchForget = (s: Session, w: RequestWire): number => {
  const count = forgetCount(w)
  for (let k = 0; k < count; k++) s.table.forget(forgetNodeid(w, k), forgetNlookup(w, k))
  return 0
}

export const readlink = (s: Session, w: RequestWire): number => {
  const inode = s.table.get(w.nodeid)
  const path = inode === undefined ? undefined : s.table.pathOf(inode)
  if (path === undefined) return -ESTALE
  const target = s.ask('readlink', onPath(path))
  return target instanceof Failed ? refused(target) : encodeBytes(s.out, target)
}

/** What has just been made. */
const made = (s: Session, dir: Inode, name: string, path: string): number => {
  s.looked(dir)
  const stats = lookupAt(s, path)
  if (stats instanceof Failed) return refused(stats)
  return s.replyEntry(s.table.adopt(dir, name, stats, path), stats)
}
type Making = { [O in 'symlink' | 'mknod' | 'mkdir']: (path: string, w: RequestWire) => Request<O> }
const making: Making = {
  symlink: (path, w) => symlinkOf(path, w.name2),
  mknod: (path, w) => mknodOf(path, w.u32(MKNOD_IN.mode), w.u32(MKNOD_IN.rdev)),
  mkdir: (path, w) => mkdirOf(path, w.u32(MKDIR_IN.mode)),
}
const make =
  <O extends keyof Making>(op: O) =>
  (s: Session, w: RequestWire): number => {
    const dir = s.table.get(w.nodeid)
    if (dir === undefined) return -ESTALE
    const { name } = w
    const path = s.table.pathIn(dir, name)
    if (path === undefined) return -ENOENT
    s.near.hold(dir)
    const failed: unknown = s.askAsCaller(w, op, making[op](path, w) as Request<O>)
    return failed instanceof Failed ? refused(failed) : made(s, dir, name, path)
  }
export const symlink = make('symlink')
export const mknod = make('mknod')
export const mkdir = make('mkdir')

interface Ghost {
  readonly fd: number
  readonly writable: boolean
}
/**
 * Holds what is about to lose its name. Who has looked it up and not opened it yet could only be told ESTALE, and the
 * kernel looks a name up anew but once; who has it open may open it once more, through /proc/self/fd, and to write.
 */
const openGhost = (s: Session, target: Inode, path: string): Ghost | undefined => {
  if (target.type !== S_IFREG || target.ghost !== undefined) return undefined
  const isOpen = target.handles !== undefined
  if (target.nlink > 1 && !isOpen) return undefined
  for (const access of isOpen ? [O_RDWR, O_RDONLY] : [O_RDONLY]) {
    const fd = s.ask('open', openOf(path, access | O_NOFOLLOW, 0))
    if (!(fd instanceof Failed)) return { fd, writable: access === O_RDWR }
  }
  return undefined
}
const dropGhost = (s: Session, ghost: Ghost | undefined): void => {
  if (ghost !== undefined) s.ask('release', { fd: ghost.fd, file: s.x.files.get(ghost.fd) })
}
const haunt = (target: Inode | undefined, ghost: Ghost | undefined): void => {
  if (target === undefined || ghost === undefined) return
  target.ghost = ghost.fd
  target.ghostWritable = ghost.writable
}

const remove =
  (op: 'unlink' | 'rmdir') =>
  (s: Session, w: RequestWire): number => {
    const dir = s.table.get(w.nodeid)
    if (dir === undefined) return -ESTALE
    const { name } = w
    const path = s.table.pathIn(dir, name)
    if (path === undefined) return -ENOENT
    const target = op === 'unlink' ? dir.children?.get(name) : undefined
    // Only of what is open: all others would pay for it.
    const ghost = target?.handles === undefined ? undefined : openGhost(s, target, path)
    // What it is held by must not be taken for what is made in its place.
    if (op === 'rmdir') s.near.leave()
    s.near.hold(dir)
    const failed = s.ask(op, onPath(path))
    if (failed instanceof Failed) {
      dropGhost(s, ghost)
      if (failed.errno === 'ENOENT') s.table.drop(dir, name)
      return refused(failed)
    }
    haunt(target, ghost)
    s.table.removed(dir, name)
    // Who empties it asks about each name once, and needs no listing of what is left.
    dir.asked = 0
    return encodeEmpty(s.out)
  }
export const unlink = remove('unlink')
export const rmdir = remove('rmdir')

const renaming = (s: Session, w: RequestWire, newDirId: number, flags: number): number => {
  const { table } = s
  const dir = table.get(w.nodeid)
  const newDir = table.get(newDirId)
  if (dir === undefined || newDir === undefined) return -ESTALE
  // RENAME_WHITEOUT is for whoever is stacked above, and no lower has it.
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0) return -EINVAL
  const { name, name2 } = w
  const path = table.pathIn(dir, name)
  const newPath = table.pathIn(newDir, name2)
  if (path === undefined || newPath === undefined) return -ENOENT
  s.near.leave()
  const target = newDir.children?.get(name2)
  const ghost = flags === 0 && target !== undefined ? openGhost(s, target, newPath) : undefined
  const failed = s.ask('rename', renameOf(path, newPath, flags))
  if (failed instanceof Failed) {
    dropGhost(s, ghost)
    return refused(failed)
  }
  haunt(target, ghost)
  if ((flags & RENAME_EXCHANGE) !== 0) table.exchange(dir, name, newDir, name2)
  else table.move(dir, name, newDir, name2)
  return encodeEmpty(s.out)
}
export const rename = (s: Session, w: RequestWire): number => renaming(s, w, w.u64(RENAME_IN.newdir), 0)
export const rename2 = (s: Session, w: RequestWire): number =>
  renaming(s, w, w.u64(RENAME2_IN.newdir), w.u32(RENAME2_IN.flags))

export const link = (s: Session, w: RequestWire): number => {
  const { table } = s
  const inode = table.get(w.u64(LINK_IN.oldnodeid))
  const dir = table.get(w.nodeid)
  if (inode === undefined || dir === undefined) return -ESTALE
  const { name } = w
  const newPath = table.pathIn(dir, name)
  if (newPath === undefined) return -ENOENT
  // The kernel asks it of a file without a name only where that was made so.
  const target = s.target(inode)
  if (target === undefined) return -ENOENT
  s.near.hold(dir)
  const failed = s.ask('link', linkOf(target.path, newPath, target.fd, target.file))
  if (failed instanceof Failed) return refused(failed)
  return made(s, dir, name, newPath)
}
