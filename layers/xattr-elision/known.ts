/** What is known of a file's extended attributes. */
import type { Request, Stats } from '../../lib/layer.js'

export type Target = Pick<Request<'listxattr'>, 'path' | 'dentry' | 'fd' | 'file' | 'follow'>

/** Answers that last: there is no such name, or there are none at all here. */
export const isAbsence = (errno: string): boolean =>
  errno === 'ENODATA' || errno === 'ENOTSUP' || errno === 'EOPNOTSUPP'
/** Namespaces whose names listxattr(2) shows to whoever may read them (xattr(7)). Others may have names that it hides. */
export const LISTED = /^(?:user|trusted|security|system\.posix_acl)(?=[._])/
/** Set by the kernel itself, when a file is written. */
const BY_KERNEL = /^security\.(?:ima|evm)$/
export const MOST_NAMES = 64

/** What is known of one inode. */
export class Known {
  changed = 0
  busy = 0
  until = 0
  /** No longer in the table, where another may stand for the same inode. */
  gone = false
  /** The whole list. */
  list: readonly string[] | undefined = undefined
  /** Names that were asked for by name. */
  names = new Map<string, boolean>()
  /** The caller may read `user.` names; as of this count of changes to permissions. */
  readable = -1
  constructor(
    readonly dev: number,
    readonly birthtimeMs: number,
  ) {}
  /** Whether the file has `name`; undefined: not known. `readable`: the caller would be told. */
  has(name: string, readable: boolean, now: number): boolean | undefined {
    if (!readable || now >= this.until || BY_KERNEL.test(name)) return undefined
    const asked = this.names.get(name)
    if (asked !== undefined || this.list === undefined) return asked
    return LISTED.test(name) ? this.list.includes(name) : undefined
  }
  /** Of lists only the empty one lasts: what is in one may leave it by a write, as a capability does. */
  hasNone(now: number): boolean {
    return now < this.until && this.list?.length === 0
  }
  forget(stamp: number): void {
    this.changed = stamp
    this.list = undefined
    this.names.clear()
    this.readable = -1
  }
}

export const keyOf = ({ dev, ino }: Stats): string => `${dev}:${ino}`
export const namespaceOf = (name: string): string => name.slice(0, name.indexOf('.') + 1)
