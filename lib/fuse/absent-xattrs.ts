/**
 * Extended attributes that a file was found not to have. The kernel asks for `security.capability` before writes and
 * changes of owners, ls for labels and ACLs each time: the same few names, of every file.
 */
import { constants } from 'node:os'
import type { Inode } from './inode-table.js'
import type { RequestWire } from './wire.js'

const { ENODATA, EOPNOTSUPP } = constants.errno

const CAPABILITY = 'security.capability'
/** Two bits of `Inode.absent` each: ENODATA, EOPNOTSUPP. */
const NAMES = [CAPABILITY, 'security.selinux', 'system.posix_acl_access', 'system.posix_acl_default']
/** Which of them a request asks for, or -1. No two are of one length; to decode the name would cost more than all the rest. */
const indexOf = ({ bytes, nameStart, nameEnd }: RequestWire): number => {
  for (let k = 0; k < NAMES.length; k++) {
    const name = NAMES[k] as string
    if (name.length !== nameEnd - nameStart) continue
    for (let at = 0; at < name.length; at++) if (bytes[nameStart + at] !== name.charCodeAt(at)) return -1
    return k
  }
  return -1
}

export class AbsentXattrs {
  /** How absence is told on the device where it was last. */
  #dev = -1
  #errno = 0

  /** @param ttlMs how long what others set may go unnoticed */
  constructor(readonly ttlMs: number) {}

  /** The errno that tells that `inode` has none of the name that `wire` asks for, or 0 where that is not known. */
  of(inode: Inode, wire: RequestWire): number {
    if (inode.absent === 0) return 0
    const at = indexOf(wire)
    const bits = at === -1 ? 0 : (inode.absent >> (2 * at)) & 3
    if (bits === 0 || performance.now() >= inode.absentUntil) return 0
    return bits === 1 ? ENODATA : EOPNOTSUPP
  }

  /** The lower has answered so. */
  note(inode: Inode, name: string, errno: number): void {
    const at = NAMES.indexOf(name)
    if (at === -1 || (errno !== ENODATA && errno !== EOPNOTSUPP)) return
    const now = performance.now()
    if (now >= inode.absentUntil) {
      inode.absent = 0
      inode.absentUntil = now + this.ttlMs
    }
    inode.absent |= (errno === ENODATA ? 1 : 2) << (2 * at)
    if (name !== CAPABILITY) return
    this.#dev = inode.dev
    this.#errno = errno
  }

  /** It has just been made: what it was not given it does not have, and nobody gives capabilities so. */
  made(inode: Inode): void {
    if (inode.dev === this.#dev) this.note(inode, CAPABILITY, this.#errno)
  }

  /** They have been changed, or may have been. */
  forget(inode: Inode): void {
    inode.absent = 0
  }
}
