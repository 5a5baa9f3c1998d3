/** Requests on attributes. */
import { constants } from 'node:os'
import { O_ACCMODE } from '../../flags.js'
import type { Attributes, Stats } from '../../op.js'
import { accessOf, onPath } from '../../request.js'
import { makeStats } from '../../stats.js'
import { Failed } from '../../verdict.js'
import {
  FATTR_ATIME,
  FATTR_ATIME_NOW,
  FATTR_FH,
  FATTR_GID,
  FATTR_KILL_SUIDGID,
  FATTR_MODE,
  FATTR_MTIME,
  FATTR_MTIME_NOW,
  FATTR_SIZE,
  FATTR_UID,
  FUSE_GETATTR_FH,
} from '../abi.js'
import { putStatxTime } from '../attr.js'
import { encodeEmpty, encodeInPlace, encodeStatfs } from '../encode.js'
import type { Handle } from '../handles.js'
import type { Inode } from '../inode-table.js'
import { ACCESS_IN, ATTR_OUT, GETATTR_IN, SETATTR_IN, STATX, STATX_IN, STATX_OUT } from '../layout.js'
import { refused, type Session, type Target } from '../session.js'
import { REPLY, type RequestWire, setU64, U64_MAX } from '../wire.js'

const { ESTALE, EFBIG } = constants.errno
const S_ISUID = 0o4000
const S_ISGID = 0o2000
const S_IXGRP = 0o010
const S_IFMT = 0o170000
const S_IFREG = 0o100000
const S_IFDIR = 0o040000

/** By the open file that the request names, if it does; else by one of the caller's, by name, or by any open file. */
const targetOf = (s: Session, inode: Inode, byFh: boolean, fh: number, writes: boolean): Target | undefined => {
  if (byFh) {
    const handle = s.handles.get(fh)
    if (handle !== undefined && handle.fd !== -1) return s.opened(handle)
  }
  return ownFile(s, inode, writes) ?? s.target(inode)
}

/**
 * What the caller has opened under the file's present name: what may be done by that name may be done to it, and takes one
 * system call where the name takes three. To write, since a layer may keep what is only read elsewhere than what is written;
 * or, to look at it, what the kernel itself reads from.
 */
const ownFile = (s: Session, inode: Inode, writes: boolean): Target | undefined => {
  const { handles } = inode
  if (handles === undefined || s.x.lower.capabilities.kernelFiles !== true) return undefined
  const path = s.table.pathOf(inode)
  if (path === undefined) return undefined
  const { uid, gid } = s.cx.caller
  for (let k = 0; k < handles.length; k++) {
    const handle = handles[k] as Handle
    if (handle.uid !== uid || handle.gid !== gid) continue
    if ((handle.flags & O_ACCMODE) === 0 && (writes || handle.io !== 'passed')) continue
    if (handle.fd !== -1 && handle.file?.path === path) return s.opened(handle)
  }
  return undefined
}

/** Asked by name and gone: whoever has it open can still ask; others look its name up anew. */
const statsOf = (s: Session, inode: Inode, target: Target): Stats | Failed | undefined => {
  const stats = s.stats(target)
  if (!(stats instanceof Failed) || stats.errno !== 'ENOENT' || target.fd !== undefined) return stats
  const handle = inode.handles?.find(({ fd }) => fd !== -1)
  return handle === undefined ? undefined : s.stats({ path: '', fd: handle.fd, file: handle.file })
}

const attributesOf = (s: Session, w: RequestWire, flags: number, fh: number): Stats | number => {
  const inode = s.table.get(w.nodeid)
  if (inode === undefined) return -ESTALE
  const target = targetOf(s, inode, (flags & FUSE_GETATTR_FH) !== 0, fh, false)
  if (target === undefined) return inode.type === S_IFDIR ? removed(inode) : -ESTALE
  if (target.fd === undefined) approach(s, inode)
  const stats = statsOf(s, inode, target)
  if (stats === undefined) return -ESTALE
  return stats instanceof Failed ? refused(stats) : stats
}

/**
 * A directory is asked about before what is in it, unless others beside it are as well; files one after the other, or by
 * several programs in turns.
 */
const approach = (s: Session, inode: Inode): void => {
  const isDir = inode.type === S_IFDIR
  const dir = isDir ? inode : inode.parent
  if (dir === undefined || dir === s.table.root) return
  const isBeside = isDir && dir.parent !== undefined && s.near.holds(dir.parent)
  if ((isDir && !isBeside) || dir === s.askedIn) s.near.hold(dir)
  s.askedIn = dir
}

/** A directory that is gone, and still somebody's current one: the kernel wants to know who may search it. */
const removed = ({ dev, ino, mode, uid, gid }: Inode): Stats => {
  const now = Date.now()
  const times = { atimeMs: now, mtimeMs: now, ctimeMs: now, birthtimeMs: now }
  return makeStats({ dev, ino, mode, uid, gid, nlink: 0, size: 0, blocks: 0, blksize: 4096, rdev: 0, ...times })
}

export const getattr = (s: Session, w: RequestWire): number => {
  const stats = attributesOf(s, w, w.u32(GETATTR_IN.getattr_flags), w.u64(GETATTR_IN.fh))
  if (typeof stats === 'number') return stats
  const inode = s.table.get(w.nodeid) as Inode
  // Nothing but its time of access can be another: it was listed.
  if (inode.type === S_IFDIR && inode.ctimeMs === stats.ctimeMs) s.around?.stale(s, inode.parent)
  return s.replyAttr(inode, stats)
}

const nsOf = (w: RequestWire, at: number, nsecAt: number): bigint =>
  BigInt(w.i64(at)) * 1_000_000_000n + BigInt(w.u32(nsecAt))
/** The time as the kernel stamps files; its caller asked for the present. */
const now = (s: Session): bigint => s.native?.coarseTime() ?? BigInt(Date.now()) * 1_000_000n

/** Without the bits that do not survive a change by somebody else; undefined where there are none. */
export const withoutSetId = ({ mode }: Stats): number | undefined => {
  if ((mode & S_IFMT) !== S_IFREG) return undefined
  const drop = (mode & S_ISUID) | ((mode & S_IXGRP) === 0 ? 0 : mode & S_ISGID)
  return drop === 0 ? undefined : mode & 0o7777 & ~drop
}

const SETS = FATTR_MODE | FATTR_UID | FATTR_GID | FATTR_SIZE | FATTR_ATIME | FATTR_MTIME

type Draft = { -readonly [K in keyof Attributes]: Attributes[K] }

export const setattr = (s: Session, w: RequestWire): number => {
  const inode = s.table.get(w.nodeid)
  if (inode === undefined) return -ESTALE
  const valid = w.u32(SETATTR_IN.valid)
  let target = targetOf(s, inode, (valid & FATTR_FH) !== 0, w.u64(SETATTR_IN.fh), true)
  if (target === undefined) return -ESTALE
  const set: Draft = {}
  if ((valid & FATTR_MODE) !== 0) set.mode = w.u32(SETATTR_IN.mode) & 0o7777
  if ((valid & FATTR_UID) !== 0) set.uid = w.u32(SETATTR_IN.uid)
  if ((valid & FATTR_GID) !== 0) set.gid = w.u32(SETATTR_IN.gid)
  if ((valid & FATTR_SIZE) !== 0) {
    const size = w.u64(SETATTR_IN.size)
    if (size === U64_MAX) return -EFBIG
    set.size = size
    target = writable(s, inode, target)
  }
  if ((valid & FATTR_ATIME) !== 0) {
    set.atimeNs = (valid & FATTR_ATIME_NOW) !== 0 ? now(s) : nsOf(w, SETATTR_IN.atime, SETATTR_IN.atimensec)
  }
  if ((valid & FATTR_MTIME) !== 0) {
    set.mtimeNs = (valid & FATTR_MTIME_NOW) !== 0 ? now(s) : nsOf(w, SETATTR_IN.mtime, SETATTR_IN.mtimensec)
  }
  const isKilled = s.chownKills && (valid & (FATTR_UID | FATTR_GID)) !== 0
  if ((valid & FATTR_KILL_SUIDGID) !== 0 && set.mode === undefined && !isKilled) {
    const stats = s.stats(target)
    const mode = stats instanceof Failed ? undefined : withoutSetId(stats)
    if (mode !== undefined) set.mode = mode
  }
  // chown(-1, -1) says nothing at all, and yet is a change: its time is kept, and set-id bits go.
  if ((valid & SETS) === 0) set.uid = set.gid = -1
  const { path, fd, file } = target
  const failed = s.ask('setattr', { path, fd, file, dentry: undefined, follow: false, set })
  if (failed instanceof Failed) return failed.errno === 'ENOENT' ? -ESTALE : refused(failed)
  const stats = statsOf(s, inode, target)
  if (stats === undefined) return -ESTALE
  if (stats instanceof Failed) return refused(stats)
  // This change was no other's.
  inode.ctimeMs = stats.ctimeMs
  return s.replyAttr(inode, stats)
}

/** ftruncate(2) wants a file that is open for writing; a file without a name has only its open files. */
const writable = (s: Session, inode: Inode, target: Target): Target => {
  if (target.fd === undefined) return target
  const handle = inode.handles?.find((each) => each.fd !== -1 && (each.flags & O_ACCMODE) !== 0)
  if (handle !== undefined) return s.opened(handle)
  const { ghost } = inode
  if (ghost !== undefined && inode.ghostWritable) return { path: target.path, fd: ghost, file: s.x.files.get(ghost) }
  return target.path === '' ? target : { path: target.path, fd: undefined, file: undefined }
}

/** linux/stat.h: STATX_BASIC_STATS | STATX_BTIME. */
const STATX_MASK = 0xfff
const major = (dev: number): number => (dev >>> 8) & 0xfff
const minor = (dev: number): number => (dev & 0xff) | ((dev >>> 12) & 0xfff00)

export const statx = (s: Session, w: RequestWire): number => {
  const stats = attributesOf(s, w, w.u32(STATX_IN.getattr_flags), w.u64(STATX_IN.fh))
  if (typeof stats === 'number') return stats
  const inode = s.table.get(w.nodeid) as Inode
  // attr_valid and its nanoseconds are where fuse_attr_out has them.
  s.replyAttr(inode, stats)
  const { view, bytes } = s.out
  bytes.fill(0, REPLY + ATTR_OUT.dummy, REPLY + STATX_OUT.SIZE)
  const at = REPLY + STATX_OUT.stat
  view.setUint32(at + STATX.mask, STATX_MASK, true)
  view.setUint32(at + STATX.blksize, stats.blksize, true)
  view.setUint32(at + STATX.nlink, stats.nlink, true)
  view.setUint32(at + STATX.uid, stats.uid, true)
  view.setUint32(at + STATX.gid, stats.gid, true)
  view.setUint16(at + STATX.mode, stats.mode, true)
  setU64(view, at + STATX.ino, s.ino(inode, stats))
  setU64(view, at + STATX.size, stats.size)
  setU64(view, at + STATX.blocks, stats.blocks)
  putStatxTime(view, at + STATX.atime, stats, 'atime')
  putStatxTime(view, at + STATX.btime, stats, 'birthtime')
  putStatxTime(view, at + STATX.ctime, stats, 'ctime')
  putStatxTime(view, at + STATX.mtime, stats, 'mtime')
  view.setUint32(at + STATX.rdev_major, major(stats.rdev), true)
  view.setUint32(at + STATX.rdev_minor, minor(stats.rdev), true)
  return encodeInPlace(s.out, STATX_OUT.SIZE)
}

export const access = (s: Session, w: RequestWire): number => {
  const inode = s.table.get(w.nodeid)
  const path = inode === undefined ? undefined : s.table.pathOf(inode)
  if (path === undefined) return -ESTALE
  const failed = s.ask('access', accessOf(path, w.u32(ACCESS_IN.mask)))
  return failed instanceof Failed ? refused(failed) : encodeEmpty(s.out)
}

/** Linux's NAME_MAX; node:fs does not tell. */
const NAME_MAX = 255

export const statfs = (s: Session, w: RequestWire): number => {
  const inode = s.table.get(w.nodeid)
  const path = (inode === undefined ? undefined : s.table.pathOf(inode)) ?? '/'
  const st = s.ask('statfs', onPath(path))
  if (st instanceof Failed) return refused(st)
  const { blocks, bfree, bavail, files, ffree, bsize } = st
  return encodeStatfs(s.out, { blocks, bfree, bavail, files, ffree, bsize, namelen: NAME_MAX, frsize: bsize })
}

export const syncfs = (s: Session, _w: RequestWire): number => {
  const failed = s.ask('syncfs', onPath('/'))
  return failed instanceof Failed ? refused(failed) : encodeEmpty(s.out)
}
