/** Directory listings: records one after the other, each padded to a multiple of 8, up to the size asked for. */
import { constants } from 'node:os'
import { encodePath } from '../path-bytes.js'
import { FUSE_NAME_MAX } from './abi.js'
import { encodeInPlace, putEntry } from './encode.js'
import { DIRENT, DIRENTPLUS, recordAlign } from './layout.js'
import type { Dirent, Direntplus, EntryOut, NameBytes, Readdir } from './reply.js'
import { REPLY, setU64, type Wire } from './wire.js'

const { EIO } = constants.errno
const SLASH = 0x2f

/** Writes a name's bytes at `at`, no further than `limit`: their count, or 0 where they do not fit. */
const putName = (bytes: Buffer, at: number, limit: number, name: NameBytes): number => {
  const raw = typeof name === 'string' ? encodePath(name) : name
  if (typeof raw === 'string') {
    // Measured only where it may not fit: three bytes a UTF-16 unit at most.
    if (at + raw.length * 3 > limit && at + Buffer.byteLength(raw) > limit) return 0
    return bytes.write(raw, at, limit - at, 'utf8')
  }
  if (at + raw.length > limit) return 0
  bytes.set(raw, at)
  return raw.length
}

/**
 * Appends a record after `at` (REPLY for the first), no further than `limit` (REPLY and the size asked for): the end
 * of it; 0 where it does not fit; -EIO for a name that the kernel would refuse, and the whole reply with it.
 */
export const putDirent = (
  out: Wire,
  at: number,
  limit: number,
  ino: number | bigint,
  off: number | bigint,
  type: number,
  name: NameBytes,
): number => {
  const { bytes, view } = out
  const room = Math.min(limit, bytes.length)
  const nameAt = at + DIRENT.SIZE
  if (name.length === 0 || name.length > FUSE_NAME_MAX) return -EIO
  if (nameAt >= room) return 0
  const namelen = putName(bytes, nameAt, room, name)
  if (namelen === 0) return 0
  if (namelen > FUSE_NAME_MAX) return -EIO
  for (let byte = nameAt; byte < nameAt + namelen; byte++) if (bytes[byte] === SLASH || bytes[byte] === 0) return -EIO
  const end = at + recordAlign(DIRENT.SIZE + namelen)
  if (end > room) return 0
  setU64(view, at + DIRENT.ino, ino)
  setU64(view, at + DIRENT.off, off)
  view.setUint32(at + DIRENT.namelen, namelen, true)
  view.setUint32(at + DIRENT.type, type, true)
  bytes.fill(0, nameAt + namelen, end)
  return end
}
/** The same with the entry before it, for READDIRPLUS. */
export const putDirentplus = (
  out: Wire,
  at: number,
  limit: number,
  entry: EntryOut,
  ino: number | bigint,
  off: number | bigint,
  type: number,
  name: NameBytes,
): number => {
  const end = putDirent(out, at + DIRENTPLUS.dirent, limit, ino, off, type, name)
  if (end > 0) putEntry(out.view, at, entry)
  return end
}

const fill = <D>(out: Wire, { size, entries }: Readdir<D>, put: (at: number, limit: number, entry: D) => number) => {
  const limit = REPLY + size
  let at = REPLY
  for (const entry of entries) {
    const end = put(at, limit, entry)
    if (end < 0) return -EIO
    if (end === 0) break
    at = end
  }
  return encodeInPlace(out, at - REPLY)
}
/** An empty reply is the end of the directory. */
export const encodeReaddir = (out: Wire, reply: Readdir<Dirent>): number =>
  fill(out, reply, (at, limit, { ino, off, type, name }) => putDirent(out, at, limit, ino, off, type, name))
export const encodeReaddirplus = (out: Wire, reply: Readdir<Direntplus>): number =>
  fill(out, reply, (at, limit, { entry, ino, off, type, name }) =>
    putDirentplus(out, at, limit, entry, ino, off, type, name),
  )
