/** Requests on extended attributes. */
import { constants } from 'node:os'
import { encodePath } from '../../path-bytes.js'
import { Failed } from '../../verdict.js'
import { FUSE_SETXATTR_ACL_KILL_SGID } from '../abi.js'
import { encodeBytes, encodeEmpty, encodeU32 } from '../encode.js'
import { GETXATTR_IN, SETXATTR_IN } from '../layout.js'
import { refused, type Session, type Target } from '../session.js'
import type { RequestWire } from '../wire.js'

const { ENODATA, ENOSYS, ERANGE, ESTALE } = constants.errno

const S_ISGID = 0o2000
/** linux/xattr.h: XATTR_NAME_POSIX_ACL_ACCESS, _DEFAULT. */
const ACL = 'system.posix_acl_'

const targetOf = (s: Session, w: RequestWire): Target | undefined => {
  const inode = s.table.get(w.nodeid)
  return inode === undefined ? undefined : s.target(inode)
}
/** The same for a change of them. */
const changingOf = (s: Session, w: RequestWire): Target | undefined => {
  const inode = s.table.get(w.nodeid)
  if (inode === undefined) return undefined
  s.absentXattrs?.forget(inode)
  return s.target(inode)
}
/** A request of size 0 asks how much room the answer takes. */
const sized = (s: Session, size: number, answer: Uint8Array): number => {
  if (size === 0) return encodeU32(s.out, answer.length)
  return answer.length > size ? -ERANGE : encodeBytes(s.out, answer)
}

export const getxattr = (s: Session, w: RequestWire): number => {
  if (!s.knobs.xattrs) return -ENOSYS
  const inode = s.table.get(w.nodeid)
  if (inode === undefined) return -ESTALE
  const absent = s.absentXattrs?.of(inode, w) ?? 0
  if (absent !== 0) return -absent
  const { name } = w
  const target = s.target(inode)
  if (target === undefined) return -ESTALE
  const { path, fd, file } = target
  const value = s.ask('getxattr', { path, fd, file, dentry: undefined, follow: false, name })
  if (value instanceof Failed) {
    // To whoever minds ACLs, ENOTSUP would be a failure, and not the answer that there is none.
    const isAbsent = s.posixAcl && value.errno === 'ENOTSUP' && name.startsWith(ACL)
    const errno = isAbsent ? -ENODATA : refused(value)
    s.absentXattrs?.note(inode, name, -errno)
    return errno
  }
  return sized(s, w.u32(GETXATTR_IN.size), value)
}

export const listxattr = (s: Session, w: RequestWire): number => {
  if (!s.knobs.xattrs) return -ENOSYS
  const target = targetOf(s, w)
  if (target === undefined) return -ESTALE
  const { path, fd, file } = target
  const names = s.ask('listxattr', { path, fd, file, dentry: undefined, follow: false })
  if (names instanceof Failed) return refused(names)
  const list = encodePath(names.map((name) => `${name}\0`).join(''))
  return sized(s, w.u32(GETXATTR_IN.size), typeof list === 'string' ? Buffer.from(list, 'utf8') : list)
}

export const setxattr = (s: Session, w: RequestWire): number => {
  if (!s.knobs.xattrs) return -ENOSYS
  const target = changingOf(s, w)
  if (target === undefined) return -ESTALE
  const { path, fd, file } = target
  // The request's own bytes are used again; a layer may keep what it is given.
  const value = Buffer.from(w.data)
  const flags = w.u32(SETXATTR_IN.flags)
  const failed = s.ask('setxattr', { path, fd, file, dentry: undefined, follow: false, name: w.name, value, flags })
  if (failed instanceof Failed) return refused(failed)
  if (w.setxattr_ext && (w.u32(SETXATTR_IN.setxattr_flags) & FUSE_SETXATTR_ACL_KILL_SGID) !== 0) {
    const stats = s.stats(target)
    if (!(stats instanceof Failed) && (stats.mode & S_ISGID) !== 0) {
      const set = { mode: stats.mode & 0o7777 & ~S_ISGID }
      s.ask('setattr', { path, fd, file, dentry: undefined, follow: false, set })
    }
  }
  return encodeEmpty(s.out)
}

export const removexattr = (s: Session, w: RequestWire): number => {
  if (!s.knobs.xattrs) return -ENOSYS
  const target = changingOf(s, w)
  if (target === undefined) return -ESTALE
  const { path, fd, file } = target
  const failed = s.ask('removexattr', { path, fd, file, dentry: undefined, follow: false, name: w.name })
  return failed instanceof Failed ? refused(failed) : encodeEmpty(s.out)
}
