/**
 * Requests on open directories. A listing is taken when reading begins, and is the same until it is read from the start:
 * kept with the open directory, or with its inode, where the kernel opens directories by itself.
 */
import { constants as fs } from 'node:fs'
import { constants } from 'node:os'
import { lookupOf, onPath, openOf } from '../../request.js'
import { Failed } from '../../verdict.js'
import { DT_DIR, dtOfMode, dtOfUv, FOPEN_CACHE_DIR, FOPEN_KEEP_CACHE, FUSE_FSYNC_FDATASYNC } from '../abi.js'
import { putDirent } from '../dirent.js'
import { encodeEmpty, encodeInPlace } from '../encode.js'
import type { Inode } from '../inode-table.js'
import { DIRENTPLUS, FSYNC_IN, OPEN_OUT, READ_IN, RELEASE_IN } from '../layout.js'
import { cookieOf, FIRST, indexAfter, type Listing, listed } from '../listing.js'
import { refused, type Session } from '../session.js'
import { REPLY, type RequestWire } from '../wire.js'

const { EBADF, EIO, ENOSYS, ESTALE } = constants.errno
/** What libfuse says where it does not know; 0 would hide the entry. */
const UNKNOWN_INO = 0xffffffff

export const opendir = (s: Session, w: RequestWire): number => {
  if (s.noOpendir) return -ENOSYS
  const inode = s.table.get(w.nodeid)
  const path = inode === undefined ? undefined : s.table.pathOf(inode)
  if (inode === undefined) return -ESTALE
  // Nobody looks: reading it says the same. One that is removed is there for who has it, and empty.
  if (path !== undefined && !s.x.isDirect('opendir')) {
    const failed = s.ask('opendir', onPath(path))
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

interface Holder {
  listing: Listing | undefined
}

/** The listing, or a negative errno. */
const listingOf = (s: Session, dir: Inode, holder: Holder, offset: number): Listing | number => {
  if (offset > 0 && holder.listing !== undefined) return holder.listing
  s.looked(dir)
  const path = s.table.pathOf(dir)
  // A directory that is removed while it is open is empty.
  const entries = path === undefined ? [] : s.ask('readdir', onPath(path))
  if (entries instanceof Failed && entries.errno !== 'ENOENT') return refused(entries)
  holder.listing = listed(entries instanceof Failed ? [] : entries, holder.listing)
  s.around?.begins(dir, holder.listing.entries.length)
  return holder.listing
}

const list =
  (plus: boolean) =>
  (s: Session, w: RequestWire): number => {
    const holder = s.noOpendir ? s.table.get(w.nodeid) : s.handles.get(w.u64(READ_IN.fh))
    if (holder === undefined) return s.noOpendir ? -ESTALE : -EBADF
    const dir = 'inode' in holder ? holder.inode : holder
    const offset = w.u64(READ_IN.offset)
    const listing = listingOf(s, dir, holder, offset)
    if (typeof listing === 'number') return listing
    if (s.around !== undefined) s.around.told = dir
    const above = plus ? s.table.pathOf(dir) : undefined
    const limit = Math.min(REPLY + w.u32(READ_IN.size), s.out.bytes.length)
    if (above === undefined) return fill(s, dir, listing, offset, limit, plus, undefined)
    const { lower } = s.x
    const isNear = s.near.hold(dir)
    if (!isNear) lower.listing?.(above)
    try {
      return fill(s, dir, listing, offset, limit, plus, above)
    } finally {
      if (!isNear) lower.listing?.(undefined)
    }
  }

/** @param above the directory's path, where its entries are looked up */
const fill = (
  s: Session,
  dir: Inode,
  listing: Listing,
  offset: number,
  limit: number,
  plus: boolean,
  above: string | undefined,
): number => {
  const { out } = s
  const { entries } = listing
  const skip = plus ? DIRENTPLUS.dirent : 0
  let at = REPLY
  // `.` and `..` come first: -2 and -1.
  for (let k = indexAfter(listing, offset); k < entries.length; k++) {
    const entry = entries[k]
    const cookie = k < 0 ? k + FIRST : cookieOf(listing, k)
    const name = entry?.name ?? (k === -2 ? '.' : '..')
    let ino = UNKNOWN_INO
    let type = DT_DIR
    if (entry === undefined) ino = (k === -2 ? dir : (dir.parent ?? dir)).ino || UNKNOWN_INO
    else {
      ino = dir.children?.get(name)?.ino || UNKNOWN_INO
      type = dtOfUv(entry.type)
    }
    const end = putDirent(out, at + skip, limit, ino, cookie, type, name)
    if (end < 0) return -EIO
    if (end === 0) break
    if (plus) {
      if (entry === undefined || above === undefined) out.bytes.fill(0, at, at + skip)
      else putPlus(s, dir, above, name, at, end, limit, cookie)
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
  const stats = s.isOwn(dir, name) ? OWN : s.ask('lookup', lookupOf(path))
  if (stats instanceof Failed) {
    s.out.bytes.fill(0, at, at + DIRENTPLUS.dirent)
    return
  }
  const inode = s.table.adopt(dir, name, stats, path)
  inode.toldBy = dir.ticket
  s.putEntry(at, inode, stats)
  putDirent(s.out, at + DIRENTPLUS.dirent, Math.max(end, limit), s.ino(inode, stats), next, dtOfMode(stats.mode), name)
}

export const readdir = list(false)
export const readdirplus = list(true)

/** A directory has to be opened for it. */
export const fsyncdir = (s: Session, w: RequestWire): number => {
  const inode = s.table.get(w.nodeid)
  const path = inode === undefined ? undefined : s.table.pathOf(inode)
  if (path === undefined) return encodeEmpty(s.out)
  const fd = s.ask('open', openOf(path, fs.O_RDONLY | fs.O_DIRECTORY, 0))
  if (fd instanceof Failed) return refused(fd)
  const file = s.x.files.get(fd)
  const datasync = (w.u32(FSYNC_IN.fsync_flags) & FUSE_FSYNC_FDATASYNC) !== 0
  const failed = s.ask('fsync', { fd, file, datasync })
  s.ask('release', { fd, file })
  return failed instanceof Failed ? refused(failed) : encodeEmpty(s.out)
}
