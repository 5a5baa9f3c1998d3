/** Requests on open directories. A listing is taken when reading begins, and is the same until it is read from the start. */
import { constants as fs } from 'node:fs'
import { constants } from 'node:os'
import type { Entry } from '../../op.js'
import { Failed } from '../../verdict.js'
import { DT_DIR, dtOfMode, dtOfUv, FOPEN_CACHE_DIR, FOPEN_KEEP_CACHE, FUSE_FSYNC_FDATASYNC } from '../abi.js'
import { putDirent } from '../dirent.js'
import { encodeEmpty, encodeInPlace } from '../encode.js'
import type { Handle } from '../handles.js'
import type { Inode } from '../inode-table.js'
import { DIRENTPLUS, FSYNC_IN, OPEN_OUT, READ_IN, RELEASE_IN } from '../layout.js'
import { refused, type Session } from '../session.js'
import { REPLY, type RequestWire } from '../wire.js'

const { EBADF, EIO, ESTALE } = constants.errno
/** What libfuse says where it does not know; 0 would hide the entry. */
const UNKNOWN_INO = 0xffffffff

export const opendir = (s: Session, w: RequestWire): number => {
  const inode = s.table.get(w.nodeid)
  const path = inode === undefined ? undefined : s.table.pathOf(inode)
  if (inode === undefined) return -ESTALE
  // Nobody looks: reading it says the same. One that is removed is there for who has it, and empty.
  if (path !== undefined && !s.x.isDirect('opendir')) {
    const failed = s.ask('opendir', { path, dentry: undefined })
    if (failed instanceof Failed) return failed.errno === 'ENOENT' ? -ESTALE : refused(failed)
  }
  const handle = s.handles.open(inode, -1, 0, undefined)
  s.putOpen(REPLY, handle.fh, s.knobs.cacheDirectories ? FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE : 0, 0)
  return encodeInPlace(s.out, OPEN_OUT.SIZE)
}

export const releasedir = (s: Session, w: RequestWire): number => {
  const handle = s.handles.get(w.u64(RELEASE_IN.fh))
  if (handle === undefined) return -EBADF
  s.handles.close(handle)
  s.table.released(handle.inode)
  return encodeEmpty(s.out)
}

/** The listing, or a negative errno. */
const listing = (s: Session, handle: Handle, offset: number): readonly Entry[] | number => {
  if (offset > 0 && handle.entries !== undefined) return handle.entries
  s.looked(handle.inode)
  const path = s.table.pathOf(handle.inode)
  // A directory that is removed while it is open is empty.
  const entries = path === undefined ? [] : s.ask('readdir', { path, dentry: undefined })
  if (entries instanceof Failed) {
    if (entries.errno !== 'ENOENT') return refused(entries)
    handle.entries = []
  } else handle.entries = entries
  return handle.entries
}

/** `.` and `..` come first, at offsets 0 and 1. */
const DOTS = 2

const list =
  (plus: boolean) =>
  (s: Session, w: RequestWire): number => {
    const handle = s.handles.get(w.u64(READ_IN.fh))
    if (handle === undefined) return -EBADF
    const offset = w.u64(READ_IN.offset)
    const entries = listing(s, handle, offset)
    if (typeof entries === 'number') return entries
    const above = plus ? s.table.pathOf(handle.inode) : undefined
    const limit = Math.min(REPLY + w.u32(READ_IN.size), s.out.bytes.length)
    if (above === undefined) return fill(s, handle.inode, entries, offset, limit, plus, undefined)
    const { lower } = s.x
    lower.listing?.(above)
    try {
      return fill(s, handle.inode, entries, offset, limit, plus, above)
    } finally {
      lower.listing?.(undefined)
    }
  }

/** @param above the directory's path, where its entries are looked up */
const fill = (
  s: Session,
  dir: Inode,
  entries: readonly Entry[],
  offset: number,
  limit: number,
  plus: boolean,
  above: string | undefined,
): number => {
  const { out } = s
  const skip = plus ? DIRENTPLUS.dirent : 0
  let at = REPLY
  for (let k = offset; k < entries.length + DOTS; k++) {
    const entry = k < DOTS ? undefined : (entries[k - DOTS] as Entry)
    const name = entry?.name ?? (k === 0 ? '.' : '..')
    let ino = UNKNOWN_INO
    let type = DT_DIR
    if (entry === undefined) ino = (k === 0 ? dir : (dir.parent ?? dir)).ino || UNKNOWN_INO
    else {
      ino = dir.children?.get(name)?.ino || UNKNOWN_INO
      type = dtOfUv(entry.type)
    }
    const end = putDirent(out, at + skip, limit, ino, k + 1, type, name)
    if (end < 0) return -EIO
    if (end === 0) break
    if (plus) {
      if (entry === undefined || above === undefined) out.bytes.fill(0, at, at + skip)
      else putPlus(s, dir, above, name, at, end, limit, k + 1)
    }
    at = end
  }
  return encodeInPlace(out, at - REPLY)
}

/** The mount's own place. */
const OWN = Failed.of('ELOOP')

/** The entry before a record; nothing (which is not "no such name") where it cannot be had. */
const putPlus = (
  s: Session,
  dir: Inode,
  above: string,
  name: string,
  at: number,
  end: number,
  limit: number,
  next: number,
): void => {
  const path = above === '/' ? `/${name}` : `${above}/${name}`
  const stats = s.isOwn(dir, name) ? OWN : s.ask('lookup', { path, dentry: undefined, precise: true })
  if (stats instanceof Failed) {
    s.out.bytes.fill(0, at, at + DIRENTPLUS.dirent)
    return
  }
  const inode = s.table.adopt(dir, name, stats)
  s.putEntry(at, inode, stats)
  putDirent(s.out, at + DIRENTPLUS.dirent, Math.max(end, limit), s.ino(inode, stats), next, dtOfMode(stats.mode), name)
}

export const readdir = list(false)
export const readdirplus = list(true)

/** A directory has to be opened for it. */
export const fsyncdir = (s: Session, w: RequestWire): number => {
  const handle = s.handles.get(w.u64(FSYNC_IN.fh))
  const path = handle === undefined ? undefined : s.table.pathOf(handle.inode)
  if (path === undefined) return encodeEmpty(s.out)
  const fd = s.ask('open', { path, dentry: undefined, flags: fs.O_RDONLY | fs.O_DIRECTORY, mode: 0 })
  if (fd instanceof Failed) return refused(fd)
  const file = s.x.files.get(fd)
  const datasync = (w.u32(FSYNC_IN.fsync_flags) & FUSE_FSYNC_FDATASYNC) !== 0
  const failed = s.ask('fsync', { fd, file, datasync })
  s.ask('release', { fd, file })
  return failed instanceof Failed ? refused(failed) : encodeEmpty(s.out)
}
