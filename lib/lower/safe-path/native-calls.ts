/** The calls as system calls on descriptors: no path of /proc is walked but where the kernel has no other way. */

import { constants } from 'node:os'
import { errnoCode } from '../../errno.js'
import { S_IFLNK, S_IFMT } from '../../namei.js'
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  descriptors,
  type Native,
  native,
  UTIME_OMIT,
} from '../../native/index.js'
import type { Attributes, StatFs } from '../../op.js'
import { Failed } from '../../verdict.js'
import { failureOf } from '../node-fs/failure.js'
import { givenTime } from '../node-fs/mappings.js'
import { originalFs as fs } from '../original-fs.js'
import { cutOff } from '../uv-times.js'
import type { Calls, Held } from './calls.js'
import { isLast, isPlain } from './names.js'
import { nodeCalls, O_PATH } from './node-calls.js'
import { type Raw, raw } from './raw.js'

const { O_DIRECTORY, O_NOFOLLOW } = fs.constants
const {
  EBADF: EBADF_NUMBER,
  EINTR: EINTR_NUMBER,
  EINVAL: EINVAL_NUMBER,
  ENOSYS: ENOSYS_NUMBER,
  ENOENT: ENOENT_NUMBER,
} = constants.errno

const EINVAL = Failed.of('EINVAL')
const EOPNOTSUPP = Failed.of('ENOTSUP')

/** The failure that a negative errno is. */
export const failed = (result: number): Failed => Failed.of(errnoCode(result) ?? 'EIO')
const ended = (result: number): Failed | undefined => (result < 0 ? failed(result) : undefined)
const valued = (result: number): number | Failed => (result < 0 ? failed(result) : result)

/** undefined where there are no system calls to make; `nodeCalls` does without. */
export const nativeCalls = (): { calls: Calls; raw: Raw } | undefined => {
  const fast = raw()
  const all = native()
  if (fast === undefined || all === undefined) return undefined
  return { calls: make(fast, all), raw: fast }
}

const make = (fast: Raw, all: Native): Calls => {
  const plain = nodeCalls(false)
  const { at } = plain
  const StatFs = statFsClass()
  const pair = (name: string, newName: string): boolean => isPlain(name) && isLast(newName)

  // Linux 6.6, and then chmod of a link is refused by the kernel itself.
  const hasFchmodat2 = all.fchmodat(-1, '', 0, AT_EMPTY_PATH) === -EBADF_NUMBER

  const setattr = (held: Held, set: Attributes): Failed | undefined => {
    // All or nothing: what a link cannot be given is found out before anything else is changed.
    const isAlone = hasFchmodat2 && set.uid === undefined && set.gid === undefined
    if ((set.mode !== undefined && !isAlone) || set.size !== undefined) {
      const seen = fast.statx(held, '')
      if (seen < 0) return failed(seen)
      const isLink = (fast.mode() & S_IFMT) === S_IFLNK
      if (isLink) return set.mode !== undefined ? EOPNOTSUPP : EINVAL
    }
    if (set.size !== undefined) {
      const cut = plain.setattr(held, { size: set.size })
      if (cut !== undefined) return cut
    }
    return change(held, '', set, AT_EMPTY_PATH)
  }
  /** All but the size, of a name (AT_SYMLINK_NOFOLLOW; see `setsAt`) or of what is held (AT_EMPTY_PATH). */
  const change = (dir: Held, name: string, set: Attributes, flags: number): Failed | undefined => {
    if (set.uid !== undefined || set.gid !== undefined) {
      const owned = all.fchownat(dir, name, set.uid ?? -1, set.gid ?? -1, flags)
      if (owned < 0) return failed(owned)
    }
    if (set.mode !== undefined) {
      const changed = all.fchmodat(dir, name, set.mode & 0o7777, flags)
      if (changed < 0) return failed(changed)
    }
    return hasTimes(set) ? setTimes(dir, name, set, flags) : undefined
  }
  const setTimes = (dir: Held, name: string, set: Attributes, flags: number): Failed | undefined => {
    const { atime, mtime, atimeNs, mtimeNs } = set
    const isPair = atimeNs === undefined && mtimeNs === undefined && atime !== undefined && mtime !== undefined
    if (isPair && !isOrdinary(set)) {
      // What that means is for node:fs to say.
      try {
        fs.utimesSync(at(dir), givenTime(atime), givenTime(mtime))
        return undefined
      } catch (thrown) {
        return failureOf(thrown)
      }
    }
    const [a, aNs] = isPair ? cutOff(atime) : timespec(atime, atimeNs)
    const [m, mNs] = isPair ? cutOff(mtime) : timespec(mtime, mtimeNs)
    const done = all.utimensat(dir, name, a, aNs, m, mNs, flags)
    // Before Linux 5.11.
    if (done === -EINVAL_NUMBER && name === '') return ended(all.utimensat(AT_FDCWD, at(dir), a, aNs, m, mNs, 0))
    return ended(done)
  }

  return {
    ...plain,
    native: true,
    release: (held) => {
      fast.close(held)
    },
    close: (fd) => {
      if (descriptors.areListed) return plain.close(fd)
      const result = fast.close(fd)
      // Linux has closed it all the same.
      return result === -EINTR_NUMBER ? undefined : ended(result)
    },
    enter: (dir, name) =>
      isPlain(name) ? valued(fast.openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)) : EINVAL,
    hold: (dir, name) => (isPlain(name) ? valued(fast.openat(dir, name, O_PATH | O_NOFOLLOW, 0)) : EINVAL),
    lstat: (dir, name, precise) => {
      if (!isPlain(name)) return EINVAL
      const result = fast.statx(dir, name)
      return result < 0 ? failed(result) : fast.stats(precise)
    },
    readlink: (dir, name) => {
      if (name !== '' && !isPlain(name)) return EINVAL
      const length = fast.readlinkat(dir, name)
      if (length >= 0) return fast.target(length)
      // With an empty path, ENOENT says that what is held is no link.
      return name === '' && length === -ENOENT_NUMBER ? EINVAL : failed(length)
    },
    open: (dir, name, flags, mode) =>
      isPlain(name) ? valued(fast.openat(dir, name, flags | O_NOFOLLOW, mode)) : EINVAL,
    link: (dir, name, newDir, newName) =>
      pair(name, newName) ? ended(all.linkat(dir, name, newDir, newName, 0)) : EINVAL,
    linkFd: (fd, newDir, newName) => (isPlain(newName) ? ended(all.linkfd(fd, newDir, newName)) : EINVAL),
    mkdir: (dir, name, mode) => (isLast(name) ? ended(all.mkdirat(dir, name, mode)) : EINVAL),
    rmdir: (dir, name) => (isLast(name) ? ended(all.unlinkat(dir, name, AT_REMOVEDIR)) : EINVAL),
    unlink: (dir, name) => (isLast(name) ? ended(all.unlinkat(dir, name, 0)) : EINVAL),
    symlink: (target, dir, name) => (isLast(name) ? ended(all.symlinkat(target, dir, name)) : EINVAL),
    mknod: (dir, name, mode, rdev) => (isLast(name) ? ended(all.mknodat(dir, name, mode, rdev)) : EINVAL),
    rename: (dir, name, newDir, newName, flags) =>
      isLast(name) && isLast(newName) ? ended(all.renameat2(dir, name, newDir, newName, flags)) : EINVAL,
    stat: (held, precise) => {
      const result = fast.statx(held, '')
      return result < 0 ? failed(result) : fast.stats(precise)
    },
    access: (held, mask) => {
      const result = fast.access(held, '', mask)
      // Before Linux 5.8.
      return result === -ENOSYS_NUMBER || result === -EINVAL_NUMBER ? plain.access(held, mask) : ended(result)
    },
    statfs: (held) => {
      if (StatFs === undefined) return plain.statfs(held)
      const result = fast.fstatfs(held)
      if (result < 0) return failed(result)
      const word = fast.statfs
      return new StatFs(word(0), word(1), word(2), word(3), word(4), word(5), word(6))
    },
    setattr,
    setsAt: (set, follow) => {
      const { mode, uid, gid, size } = set
      const owns = uid !== undefined || gid !== undefined
      if (size !== undefined) return false
      // Of a link, the kernel itself refuses a mode.
      if (mode !== undefined) return hasFchmodat2 && !owns && !hasTimes(set)
      return !follow && (!hasTimes(set) || (!owns && isOrdinary(set)))
    },
    setattrAt: (dir, name, set) => (isPlain(name) ? change(dir, name, set, AT_SYMLINK_NOFOLLOW) : EINVAL),
    getxattrAt: hasGetxattrat(all)
      ? (dir, name, attribute) => (isPlain(name) ? answered(all.getxattrat(dir, name, attribute)) : EINVAL)
      : undefined,
    getxattr: (held, name) => answered(all.getxattr(at(held), name)),
    setxattr: (held, name, value, flags) => ended(all.setxattr(at(held), name, value, flags)),
    listxattr: (held) => answered(all.listxattr(at(held))),
    removexattr: (held, name) => ended(all.removexattr(at(held), name)),
  }
}

/** Since Linux 6.13: whether it says what getxattr(2) says, which a filter of system calls may not let it. */
const hasGetxattrat = (all: Native): boolean =>
  all.getxattrat(AT_FDCWD, '.', 'user.none') === all.getxattr('.', 'user.none')

const answered = <T>(result: T | number): T | Failed => (typeof result === 'number' ? failed(result) : result)

type StatFsClass = new (...words: number[]) => StatFs
/** Node's own, which it does not export; undefined where it has other fields than statfs(2) begins with. */
const statFsClass = (): StatFsClass | undefined => {
  const Class = fs.statfsSync('/').constructor as StatFsClass
  const made = Object.entries(new Class(0, 1, 2, 3, 4, 5, 6))
  const names = ['type', 'bsize', 'blocks', 'bfree', 'bavail', 'files', 'ffree']
  const same = made.length === names.length && made.every(([name, value], k) => name === names[k] && value === k)
  return same ? Class : undefined
}

const hasTimes = ({ atime, mtime, atimeNs, mtimeNs }: Attributes): boolean =>
  atime !== undefined || mtime !== undefined || atimeNs !== undefined || mtimeNs !== undefined
/** Its seconds are far within an i64: no infinity, no NaN. */
const isOrdinary = ({ atime = 0, mtime = 0 }: Attributes): boolean =>
  atime > -MAX_SECONDS && atime < MAX_SECONDS && mtime > -MAX_SECONDS && mtime < MAX_SECONDS
const MAX_SECONDS = 2 ** 40

/** Seconds and nanoseconds. */
const timespec = (seconds: number | undefined, ns: bigint | undefined): [number, number] => {
  if (ns !== undefined) {
    const whole = BigInt.asIntN(64, ns) / 1_000_000_000n - (ns < 0n && ns % 1_000_000_000n !== 0n ? 1n : 0n)
    return [Number(whole), Number(ns - whole * 1_000_000_000n)]
  }
  if (seconds === undefined) return [0, UTIME_OMIT]
  const whole = Math.floor(seconds)
  return [whole, Math.min(999_999_999, Math.floor((seconds - whole) * 1e9))]
}
