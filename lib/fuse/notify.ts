/**
 * Notifications: messages to the kernel that answer nothing (`unique` is 0). Each answers its length, or -EIO. Writing
 * one fails with ENOENT where the kernel did not know what it was about: that is success.
 */
import { constants } from 'node:os'
import { encodePath } from '../path-bytes.js'
import { FUSE_NAME_MAX, NOTIFY } from './abi.js'
import {
  NOTIFY_DELETE_OUT,
  NOTIFY_INVAL_ENTRY_OUT,
  NOTIFY_INVAL_INODE_OUT,
  NOTIFY_STORE_OUT,
  OUT_HEADER,
} from './layout.js'
import type { NameBytes } from './reply.js'
import { REPLY, setU64, type Wire } from './wire.js'

const { EIO } = constants.errno

const finish = (out: Wire, code: number, body: number): number => {
  const length = REPLY + body
  if (length > out.bytes.length) return -EIO
  out.view.setUint32(OUT_HEADER.len, length, true)
  out.view.setInt32(OUT_HEADER.error, code, true)
  setU64(out.view, OUT_HEADER.unique, 0)
  return length
}
/** Appends a name and its NUL after a structure: the name's length, or -EIO. */
const putName = (out: Wire, at: number, name: NameBytes): number => {
  const raw = typeof name === 'string' ? encodePath(name) : name
  const bytes = typeof raw === 'string' ? Buffer.from(raw, 'utf8') : raw
  if (bytes.length === 0 || bytes.length > FUSE_NAME_MAX || at + bytes.length >= out.bytes.length) return -EIO
  out.bytes.set(bytes, at)
  out.bytes[at + bytes.length] = 0
  return bytes.length
}

/** Drops an inode's attributes, and its pages from `off` on for `len` bytes (0: all); a negative `off` keeps the pages. */
export const encodeInvalInode = (out: Wire, ino: number, off: number | bigint, len: number | bigint): number => {
  const length = finish(out, NOTIFY.FUSE_NOTIFY_INVAL_INODE, NOTIFY_INVAL_INODE_OUT.SIZE)
  if (length < 0) return length
  setU64(out.view, REPLY + NOTIFY_INVAL_INODE_OUT.ino, ino)
  setU64(out.view, REPLY + NOTIFY_INVAL_INODE_OUT.off, off)
  setU64(out.view, REPLY + NOTIFY_INVAL_INODE_OUT.len, len)
  return length
}
/**
 * Drops a name in a directory. `flags`: 0 or FUSE_EXPIRE_ONLY. It takes the directory's lock: never from the thread
 * that owes a reply there.
 */
export const encodeInvalEntry = (out: Wire, parent: number, name: NameBytes, flags: number): number => {
  const namelen = putName(out, REPLY + NOTIFY_INVAL_ENTRY_OUT.SIZE, name)
  if (namelen < 0) return namelen
  setU64(out.view, REPLY + NOTIFY_INVAL_ENTRY_OUT.parent, parent)
  out.view.setUint32(REPLY + NOTIFY_INVAL_ENTRY_OUT.namelen, namelen, true)
  out.view.setUint32(REPLY + NOTIFY_INVAL_ENTRY_OUT.flags, flags, true)
  return finish(out, NOTIFY.FUSE_NOTIFY_INVAL_ENTRY, NOTIFY_INVAL_ENTRY_OUT.SIZE + namelen + 1)
}
/** The same where `child` is gone for good: watchers of it are told. Takes the directory's lock as well. */
export const encodeDelete = (out: Wire, parent: number, child: number, name: NameBytes): number => {
  const namelen = putName(out, REPLY + NOTIFY_DELETE_OUT.SIZE, name)
  if (namelen < 0) return namelen
  setU64(out.view, REPLY + NOTIFY_DELETE_OUT.parent, parent)
  setU64(out.view, REPLY + NOTIFY_DELETE_OUT.child, child)
  out.view.setUint32(REPLY + NOTIFY_DELETE_OUT.namelen, namelen, true)
  out.view.setUint32(REPLY + NOTIFY_DELETE_OUT.padding, 0, true)
  return finish(out, NOTIFY.FUSE_NOTIFY_DELETE, NOTIFY_DELETE_OUT.SIZE + namelen + 1)
}
/** What a file begins with: `size` bytes of it are in their place already, after the structure. */
export const encodeStore = (out: Wire, ino: number, size: number): number => {
  setU64(out.view, REPLY + NOTIFY_STORE_OUT.nodeid, ino)
  setU64(out.view, REPLY + NOTIFY_STORE_OUT.offset, 0)
  out.view.setUint32(REPLY + NOTIFY_STORE_OUT.size, size, true)
  out.view.setUint32(REPLY + NOTIFY_STORE_OUT.padding, 0, true)
  return finish(out, NOTIFY.FUSE_NOTIFY_STORE, NOTIFY_STORE_OUT.SIZE + size)
}
/** Every name is looked up anew before it is used again. Linux 6.16; EINVAL before. */
export const encodeIncEpoch = (out: Wire): number => finish(out, NOTIFY.FUSE_NOTIFY_INC_EPOCH, 0)
