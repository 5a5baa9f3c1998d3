/**
 * Whose files a request makes. Files that the kernel serves belong to whoever the serving thread says it is: for the time
 * of one request it takes on the caller's ids, groups included. Others (memory) ask the request's context.
 */
import { readFileSync } from 'node:fs'
import type { Caller } from '../context.js'
import type { Native } from '../native/index.js'
import { FUSE_EXT_GROUPS } from './abi.js'
import type { RequestWire } from './wire.js'

export class CallerIds {
  readonly #own: readonly number[]
  #groups = false

  /** @param sys the serving thread's own; it must be root, and stay the only one that uses it */
  constructor(readonly sys: Native) {
    const groups = sys.getgroups()
    this.#own = typeof groups === 'number' ? [] : groups
  }

  /** Nothing for root. */
  assume(wire: RequestWire): void {
    const { uid, gid } = wire
    if (uid === 0) {
      if (gid !== 0) this.sys.setfsgid(gid)
      return
    }
    const groups = sentGroups(wire) ?? groupsOf(wire.pid)
    this.#groups = groups !== undefined && this.sys.setgroups(groups) === 0
    this.sys.setfsgid(gid)
    // Last: it drops the rights that the others need.
    this.sys.setfsuid(uid)
  }

  resume(wire: RequestWire): void {
    const { uid, gid } = wire
    if (uid !== 0) this.sys.setfsuid(0)
    if (gid !== 0) this.sys.setfsgid(0)
    if (this.#groups) {
      this.sys.setgroups(this.#own)
      this.#groups = false
    }
  }
}

/** As layers and lowers see who asks through a mount. */
export class MountCaller implements Caller {
  /**
   * @param checked the kernel has judged already: with `default_permissions` it does, by the groups that it knows. To judge
   *   again with those that can be found out here could only refuse what is allowed.
   */
  constructor(
    readonly uid: number,
    readonly gid: number,
    readonly pid: number,
    readonly checked: boolean,
  ) {}
  /** Asked each time: a process may give groups up. */
  get groups(): readonly number[] | undefined {
    return this.uid === 0 || this.checked ? undefined : groupsOf(this.pid)
  }
}

/** fuse_ext_header {u32 size, u32 type} with fuse_supp_groups {u32 nr_groups, u32 groups[]}: where FUSE_CREATE_SUPP_GROUP is on. */
const sentGroups = (wire: RequestWire): number[] | undefined => {
  for (let at = wire.dataEnd; at + 12 <= wire.end; ) {
    const size = wire.view.getUint32(at, true)
    if (size < 8) return undefined
    if (wire.view.getUint32(at + 4, true) === FUSE_EXT_GROUPS) {
      const count = wire.view.getUint32(at + 8, true)
      if (count === 0 || at + 12 + count * 4 > wire.end) return undefined
      return Array.from({ length: count }, (_, k) => wire.view.getUint32(at + 12 + k * 4, true))
    }
    at += (size + 7) & ~7
  }
  return undefined
}

/** A process's supplementary groups; undefined where it is gone, or of another pid namespace. */
const groupsOf = (pid: number): number[] | undefined => {
  if (pid === 0) return undefined
  try {
    const line = /^Groups:\t?(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    return line?.split(' ').filter(Boolean).map(Number)
  } catch {
    return undefined
  }
}
