/**
 * Whose rights the calling thread's system calls have. The raw calls act on this thread only, where libc's setgroups
 * acts on all: a thread that serves many users takes on theirs one request at a time, and must serve synchronously.
 */
import { constants } from 'node:os'
import type { Arena } from './arena.js'
import type { Sys } from './sys.js'

const { EINVAL } = constants.errno

/** setgroups(2): linux/limits.h allows 65536; what fits the block of memory is plenty. */
const NGROUPS = 1024

/** linux/sched.h: a current directory, root and umask of its own; mounts of its own. */
export const CLONE_FS = 0x200
export const CLONE_NEWNS = 0x20000

export interface Cred {
  /**
   * setfsuid(2), thread: the id that was in force before, never an error; ask again (with -1, which is refused) to see
   * whether it took. Leaving 0 drops the capabilities that pass over file permissions, going back to 0 restores them.
   */
  setfsuid(uid: number): number
  setfsgid(gid: number): number
  /** setgroups(2), this thread only: 0, EPERM without CAP_SETGID, EINVAL for too many. */
  setgroups(groups: readonly number[]): number
  /** getgroups(2), this thread's. */
  getgroups(): number[] | number
  /** unshare(2), this thread: 0. `flags`: CLONE_*. EPERM without CAP_SYS_ADMIN for namespaces. */
  unshare(flags: number): number
  /** umask(2): the mask that was in force before. Of the whole process. */
  umask(mask: number): number
}

/** How often this thread's rights, or what it sees of the filesystem, were changed here. One a thread. */
export const rights = { changes: 0 }

export const makeCred = (sys: Sys, arena: Arena): Cred => {
  const { view, struct } = arena
  const changing = (call: (id: number) => number) => (id: number) => {
    rights.changes++
    return call(id)
  }
  const setgroups = sys.of2('setgroups')
  const getgroups = sys.of2('getgroups')
  return {
    setfsuid: changing(sys.of1('setfsuid')),
    setfsgid: changing(sys.of1('setfsgid')),
    setgroups: (groups) => {
      rights.changes++
      if (groups.length > NGROUPS) return -EINVAL
      groups.forEach((gid, index) => {
        view.setUint32(struct.at + index * 4, gid, true)
      })
      return setgroups(groups.length, struct.address)
    },
    getgroups: () => {
      const count = getgroups(NGROUPS, struct.address)
      if (count < 0) return count
      return Array.from({ length: count }, (_, index) => view.getUint32(struct.at + index * 4, true))
    },
    unshare: changing(sys.of1('unshare')),
    umask: sys.of1('umask'),
  }
}
