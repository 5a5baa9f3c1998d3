/**
 * Replies, written into memory that is used again. Each encoder writes all but `unique` (see replyTo in wire.ts) and
 * answers the length of the message in bytes, or -EIO where it does not fit or cannot be said.
 */
import { constants } from 'node:os'
import { encodePath } from '../path-bytes.js'
import { INIT_FLAGS } from './abi.js'
import * as L from './layout.js'
import type {
  Attr,
  AttrOut,
  EntryOut,
  InitOut,
  IoctlOut,
  Kstatfs,
  NameBytes,
  OpenOut,
  ReplyTable,
  StatxOut,
} from './reply.js'
import type { FileLock } from './request.js'
import { REPLY, setU64, type Wire } from './wire.js'

const { EIO } = constants.errno

/** The header of a reply with `body` bytes after it: the length of the whole. */
const finish = (out: Wire, body: number): number => {
  const length = REPLY + body
  if (length > out.bytes.length) return -EIO
  out.view.setUint32(L.OUT_HEADER.len, length, true)
  out.view.setInt32(L.OUT_HEADER.error, 0, true)
  return length
}

/** `errno` may have either sign. The kernel takes no number from 512 on: those become EIO. */
export const encodeError = (out: Wire, errno: number): number => {
  const number = Math.abs(errno)
  finish(out, 0)
  out.view.setInt32(L.OUT_HEADER.error, number > 0 && number < 512 ? -number : -EIO, true)
  return REPLY
}
/** Success, with nothing to say. */
export const encodeEmpty = (out: Wire): number => finish(out, 0)
/** Success, with `length` bytes that were read right into the message, from REPLY on. */
export const encodeInPlace = (out: Wire, length: number): number => finish(out, length)
export const encodeBytes = (out: Wire, data: NameBytes): number => {
  const bytes = typeof data === 'string' ? encodePath(data) : data
  if (typeof bytes === 'string') {
    const room = out.bytes.length - REPLY
    if (bytes.length * 3 > room && Buffer.byteLength(bytes) > room) return -EIO
    return finish(out, out.bytes.write(bytes, REPLY, 'utf8'))
  }
  const length = finish(out, bytes.length)
  if (length > 0) out.bytes.set(bytes, REPLY)
  return length
}

/** Seconds as the kernel has them: an u64 and nanoseconds. More than 136 years is for ever. */
const putValid = (view: DataView, at: number, nsecAt: number, valid: number): void => {
  const seconds = valid > 0 ? Math.min(Math.floor(valid), 0xffffffff) : 0
  setU64(view, at, seconds)
  view.setUint32(nsecAt, valid > 0 && seconds < 0xffffffff ? Math.floor((valid - seconds) * 1e9) : 0, true)
}

const putAttr = (view: DataView, at: number, attr: Attr): void => {
  setU64(view, at + L.ATTR.ino, attr.ino)
  setU64(view, at + L.ATTR.size, attr.size)
  setU64(view, at + L.ATTR.blocks, attr.blocks)
  setU64(view, at + L.ATTR.atime, attr.atime)
  setU64(view, at + L.ATTR.mtime, attr.mtime)
  setU64(view, at + L.ATTR.ctime, attr.ctime)
  view.setUint32(at + L.ATTR.atimensec, attr.atimensec, true)
  view.setUint32(at + L.ATTR.mtimensec, attr.mtimensec, true)
  view.setUint32(at + L.ATTR.ctimensec, attr.ctimensec, true)
  view.setUint32(at + L.ATTR.mode, attr.mode, true)
  view.setUint32(at + L.ATTR.nlink, attr.nlink, true)
  view.setUint32(at + L.ATTR.uid, attr.uid, true)
  view.setUint32(at + L.ATTR.gid, attr.gid, true)
  view.setUint32(at + L.ATTR.rdev, attr.rdev, true)
  view.setUint32(at + L.ATTR.blksize, attr.blksize, true)
  view.setUint32(at + L.ATTR.flags, attr.flags, true)
}
/** fuse_entry_out at `at`: for LOOKUP and its kin, and in a direntplus. */
export const putEntry = (view: DataView, at: number, entry: EntryOut): void => {
  setU64(view, at + L.ENTRY_OUT.nodeid, entry.nodeid)
  setU64(view, at + L.ENTRY_OUT.generation, entry.generation)
  putValid(view, at + L.ENTRY_OUT.entry_valid, at + L.ENTRY_OUT.entry_valid_nsec, entry.entry_valid)
  putValid(view, at + L.ENTRY_OUT.attr_valid, at + L.ENTRY_OUT.attr_valid_nsec, entry.attr_valid)
  putAttr(view, at + L.ENTRY_OUT.attr, entry.attr)
}
const putOpen = (view: DataView, at: number, open: OpenOut): void => {
  setU64(view, at + L.OPEN_OUT.fh, open.fh)
  view.setUint32(at + L.OPEN_OUT.open_flags, open.open_flags, true)
  view.setInt32(at + L.OPEN_OUT.backing_id, open.backing_id, true)
}

/** An encoder of `size` bytes. */
const fixed =
  <R>(size: number, put: (view: DataView, reply: R) => void) =>
  (out: Wire, reply: R): number => {
    const length = finish(out, size)
    if (length > 0) put(out.view, reply)
    return length
  }

export const encodeEntry = fixed<EntryOut>(L.ENTRY_OUT.SIZE, (view, entry) => putEntry(view, REPLY, entry))
export const encodeAttr = fixed<AttrOut>(L.ATTR_OUT.SIZE, (view, { attr_valid, attr }) => {
  putValid(view, REPLY + L.ATTR_OUT.attr_valid, REPLY + L.ATTR_OUT.attr_valid_nsec, attr_valid)
  view.setUint32(REPLY + L.ATTR_OUT.dummy, 0, true)
  putAttr(view, REPLY + L.ATTR_OUT.attr, attr)
})
export const encodeOpen = fixed<OpenOut>(L.OPEN_OUT.SIZE, (view, open) => putOpen(view, REPLY, open))
export const encodeCreate = fixed<EntryOut & OpenOut>(L.ENTRY_OUT.SIZE + L.OPEN_OUT.SIZE, (view, created) => {
  putEntry(view, REPLY, created)
  putOpen(view, REPLY + L.ENTRY_OUT.SIZE, created)
})
/** A u32 and four bytes of padding: the bytes written, the size of an attribute, the events of a poll. */
export const encodeU32 = fixed<number>(L.WRITE_OUT.SIZE, (view, value) => {
  view.setUint32(REPLY, value, true)
  view.setUint32(REPLY + 4, 0, true)
})
export const encodeU64 = fixed<number | bigint>(L.LSEEK_OUT.SIZE, (view, value) => setU64(view, REPLY, value))
export const encodeXattr = (out: Wire, reply: ReplyTable['getxattr']): number =>
  typeof reply === 'number' ? encodeU32(out, reply) : encodeBytes(out, reply)

export const encodeStatfs = fixed<Kstatfs>(L.KSTATFS.SIZE, (view, st) => {
  setU64(view, REPLY + L.KSTATFS.blocks, st.blocks)
  setU64(view, REPLY + L.KSTATFS.bfree, st.bfree)
  setU64(view, REPLY + L.KSTATFS.bavail, st.bavail)
  setU64(view, REPLY + L.KSTATFS.files, st.files)
  setU64(view, REPLY + L.KSTATFS.ffree, st.ffree)
  view.setUint32(REPLY + L.KSTATFS.bsize, st.bsize, true)
  view.setUint32(REPLY + L.KSTATFS.namelen, st.namelen, true)
  view.setUint32(REPLY + L.KSTATFS.frsize, st.frsize, true)
  for (let at = L.KSTATFS.padding; at < L.KSTATFS.SIZE; at += 4) view.setUint32(REPLY + at, 0, true)
})
export const encodeInit = fixed<InitOut>(L.INIT_OUT.SIZE, (view, init) => {
  const high = init.flags >> 32n
  const flags = high === 0n ? init.flags : init.flags | INIT_FLAGS.FUSE_INIT_EXT
  view.setUint32(REPLY + L.INIT_OUT.major, init.major, true)
  view.setUint32(REPLY + L.INIT_OUT.minor, init.minor, true)
  view.setUint32(REPLY + L.INIT_OUT.max_readahead, init.max_readahead, true)
  view.setUint32(REPLY + L.INIT_OUT.flags, Number(flags & 0xffffffffn), true)
  view.setUint16(REPLY + L.INIT_OUT.max_background, init.max_background, true)
  view.setUint16(REPLY + L.INIT_OUT.congestion_threshold, init.congestion_threshold, true)
  view.setUint32(REPLY + L.INIT_OUT.max_write, init.max_write, true)
  view.setUint32(REPLY + L.INIT_OUT.time_gran, init.time_gran, true)
  view.setUint16(REPLY + L.INIT_OUT.max_pages, init.max_pages, true)
  view.setUint16(REPLY + L.INIT_OUT.map_alignment, init.map_alignment, true)
  view.setUint32(REPLY + L.INIT_OUT.flags2, Number(high), true)
  view.setUint32(REPLY + L.INIT_OUT.max_stack_depth, init.max_stack_depth, true)
  view.setUint16(REPLY + L.INIT_OUT.request_timeout, init.request_timeout, true)
  for (let at = L.INIT_OUT.unused; at < L.INIT_OUT.SIZE; at += 2) view.setUint16(REPLY + at, 0, true)
})
export const encodeLk = fixed<FileLock>(L.LK_OUT.SIZE, (view, lock) => {
  view.setBigUint64(REPLY + L.FILE_LOCK.start, lock.start, true)
  view.setBigUint64(REPLY + L.FILE_LOCK.end, lock.end, true)
  view.setUint32(REPLY + L.FILE_LOCK.type, lock.type, true)
  view.setUint32(REPLY + L.FILE_LOCK.pid, lock.pid, true)
})
export const encodeIoctl = (out: Wire, reply: IoctlOut): number => {
  const length = finish(out, L.IOCTL_OUT.SIZE + reply.data.length)
  if (length < 0) return length
  out.view.setInt32(REPLY + L.IOCTL_OUT.result, reply.result, true)
  out.view.setUint32(REPLY + L.IOCTL_OUT.flags, reply.flags, true)
  out.view.setUint32(REPLY + L.IOCTL_OUT.in_iovs, reply.in_iovs, true)
  out.view.setUint32(REPLY + L.IOCTL_OUT.out_iovs, reply.out_iovs, true)
  out.bytes.set(reply.data, REPLY + L.IOCTL_OUT.SIZE)
  return length
}

const putSxTime = (view: DataView, at: number, seconds: number | bigint, nanoseconds: number): void => {
  setU64(view, at + L.SX_TIME.tv_sec, seconds)
  view.setUint32(at + L.SX_TIME.tv_nsec, nanoseconds, true)
}
export const encodeStatx = fixed<StatxOut>(L.STATX_OUT.SIZE, (view, { attr_valid, stat }) => {
  new Uint8Array(view.buffer, view.byteOffset + REPLY, L.STATX_OUT.SIZE).fill(0)
  putValid(view, REPLY + L.STATX_OUT.attr_valid, REPLY + L.STATX_OUT.attr_valid_nsec, attr_valid)
  const at = REPLY + L.STATX_OUT.stat
  view.setUint32(at + L.STATX.mask, stat.mask, true)
  view.setUint32(at + L.STATX.blksize, stat.blksize, true)
  setU64(view, at + L.STATX.attributes, stat.attributes)
  view.setUint32(at + L.STATX.nlink, stat.nlink, true)
  view.setUint32(at + L.STATX.uid, stat.uid, true)
  view.setUint32(at + L.STATX.gid, stat.gid, true)
  view.setUint16(at + L.STATX.mode, stat.mode, true)
  setU64(view, at + L.STATX.ino, stat.ino)
  setU64(view, at + L.STATX.size, stat.size)
  setU64(view, at + L.STATX.blocks, stat.blocks)
  setU64(view, at + L.STATX.attributes_mask, stat.attributes_mask)
  putSxTime(view, at + L.STATX.atime, stat.atime, stat.atimensec)
  putSxTime(view, at + L.STATX.btime, stat.btime, stat.btimensec)
  putSxTime(view, at + L.STATX.ctime, stat.ctime, stat.ctimensec)
  putSxTime(view, at + L.STATX.mtime, stat.mtime, stat.mtimensec)
  view.setUint32(at + L.STATX.rdev_major, stat.rdev_major, true)
  view.setUint32(at + L.STATX.rdev_minor, stat.rdev_minor, true)
  view.setUint32(at + L.STATX.dev_major, stat.dev_major, true)
  view.setUint32(at + L.STATX.dev_minor, stat.dev_minor, true)
})
