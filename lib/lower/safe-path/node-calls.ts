/** The calls by node:fs, through /proc/self/fd: a path there leads to the very file that the descriptor holds. */
import type { Buffer } from 'node:buffer'
import type { Attributes, Entry, Stats } from '../../op.js'
import { decodePath, encodePath } from '../../path-bytes.js'
import { indexOf } from '../../primordials.js'
import { fromPrecise } from '../../stats.js'
import { Failed } from '../../verdict.js'
import { failureOf } from '../node-fs/failure.js'
import { givenTime } from '../node-fs/mappings.js'
import { originalFs as fs } from '../original-fs.js'
import type { Calls, Held } from './calls.js'
import { entriesOf } from './entries.js'
import { isLast, isPlain } from './names.js'

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDWR } = fs.constants
/** asm-generic/fcntl.h: the same on every processor that Node runs on. */
export const O_PATH = 0o10000000
export const O_TMPFILE = 0o20000000 | O_DIRECTORY

const EINVAL = Failed.of('EINVAL')
const ENOTDIR = Failed.of('ENOTDIR')
const ENOTSUP = Failed.of('ENOTSUP')
const ENOSYS = Failed.of('ENOSYS')

const NO_THROW = { throwIfNoEntry: false } as const
const PRECISELY = { throwIfNoEntry: false, bigint: true } as const
const ENOENT = Failed.of('ENOENT')

/** Runs one of node:fs's functions; what it throws becomes a value, so that no path of ours is seen. */
const tried = <T>(run: () => T): T | Failed => {
  try {
    return run()
  } catch (thrown) {
    return failureOf(thrown)
  }
}
const done = (run: () => void): Failed | undefined => {
  try {
    run()
    return undefined
  } catch (thrown) {
    return failureOf(thrown)
  }
}
type Named = string | Buffer
/** A plain name behind a directory's own path. */
const join = (base: string, name: string): Named => encodePath(`${base}/${name}`)

const lstatOf = (path: Named, precise: boolean): Stats | Failed =>
  tried(() => {
    if (precise) {
      const stats = fs.lstatSync(path, PRECISELY)
      return stats === undefined ? ENOENT : fromPrecise(stats)
    }
    return fs.lstatSync(path, NO_THROW) ?? ENOENT
  })

const textOf = (link: Named): string => {
  const text = fs.readlinkSync(link)
  return indexOf(text, '\ufffd') === -1 ? text : decodePath(fs.readlinkSync(link, 'buffer'))
}

/** How files are held: the only difference between what is safe and what is not. */
interface Holding {
  readonly pins: boolean
  root(path: Named): Held | Failed
  enter(path: Named): Held | Failed
  hold(path: Named): Held | Failed
  release(held: Held): void
  at(held: Held): string
  stat(held: Held, precise: boolean): Stats | Failed
}

const byDescriptor: Holding = {
  pins: true,
  root: (path) => tried(() => fs.openSync(path, O_PATH | O_DIRECTORY)),
  enter: (path) => tried(() => fs.openSync(path, O_PATH | O_DIRECTORY | O_NOFOLLOW)),
  hold: (path) => tried(() => fs.openSync(path, O_PATH | O_NOFOLLOW)),
  release: (held) => fs.closeSync(held),
  at: (held) => `/proc/self/fd/${held}`,
  stat: (held, precise) =>
    tried(() => (precise ? fromPrecise(fs.fstatSync(held, { bigint: true })) : fs.fstatSync(held))),
}

/** Names looked at and then used: whoever changes the tree in between wins. */
const byName = (): Holding => {
  const paths = new Map<Held, string>()
  let next = 0
  const keep = (path: Named): Held => {
    paths.set(++next, typeof path === 'string' ? path : decodePath(path))
    return next
  }
  const enter = (path: Named): Held | Failed => {
    const stats = lstatOf(path, false)
    return stats instanceof Failed ? stats : stats.isDirectory() ? keep(path) : ENOTDIR
  }
  return {
    pins: false,
    root: (path) => tried(() => enter(encodePath(fs.realpathSync.native(path)))),
    enter,
    hold: (path) => {
      const stats = lstatOf(path, false)
      return stats instanceof Failed ? stats : keep(path)
    },
    release: (held) => {
      paths.delete(held)
    },
    at: (held) => paths.get(held) ?? '',
    stat: (held, precise) => lstatOf(encodePath(paths.get(held) ?? ''), precise),
  }
}

/** @param unsafe hold nothing, go by names: for platforms without /proc/self/fd, where nothing better can be had */
export const nodeCalls = (unsafe: boolean): Calls => {
  const holding = unsafe ? byName() : byDescriptor
  const { at, release } = holding
  const on = <T>(dir: Held, name: string, run: (path: Named) => T): T | Failed => {
    if (!isPlain(name)) return EINVAL
    return tried(() => run(join(at(dir), name)))
  }
  const last = (dir: Held, name: string, run: (path: Named) => void): Failed | undefined => {
    if (!isLast(name)) return EINVAL
    return done(() => run(join(at(dir), name)))
  }
  const path = (held: Held): Named => encodePath(at(held))
  return {
    pins: holding.pins,
    native: false,
    holdHost: (host) => holding.root(encodePath(host)),
    release,
    at,
    close: (fd) => done(() => fs.closeSync(fd)),
    enter: (dir, name) => (isPlain(name) ? holding.enter(join(at(dir), name)) : EINVAL),
    hold: (dir, name) => (isPlain(name) ? holding.hold(join(at(dir), name)) : EINVAL),
    lstat: (dir, name, precise) => (isPlain(name) ? lstatOf(join(at(dir), name), precise) : EINVAL),
    readlink: (dir, name) => on(dir, name, textOf),
    open: (dir, name, flags, mode) => on(dir, name, (file) => fs.openSync(file, flags | O_NOFOLLOW, mode)),
    linkFd: () => ENOSYS,
    link: (dir, name, newDir, newName) =>
      isPlain(name) ? last(newDir, newName, (to) => fs.linkSync(join(at(dir), name), to)) : EINVAL,
    mkdir: (dir, name, mode) => last(dir, name, (to) => fs.mkdirSync(to, mode)),
    rmdir: (dir, name) => last(dir, name, (to) => fs.rmdirSync(to)),
    unlink: (dir, name) => last(dir, name, (to) => fs.unlinkSync(to)),
    symlink: (target, dir, name) => last(dir, name, (to) => fs.symlinkSync(encodePath(target), to)),
    mknod: () => ENOSYS,
    rename: (dir, name, newDir, newName, flags) => {
      if (flags !== 0 || !isLast(name)) return EINVAL
      return last(newDir, newName, (to) => fs.renameSync(join(at(dir), name), to))
    },
    stat: holding.stat,
    access: (held, mask) => done(() => fs.accessSync(path(held), mask)),
    setattr: (held, set) => done(() => setattr(path(held), set, holding, held)),
    reopen: (held, flags) => tried(() => fs.openSync(path(held), flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW))),
    tmpfile: (held, flags, mode) => tried(() => fs.openSync(path(held), (flags & ~O_CREAT) | O_TMPFILE, mode)),
    statfs: (held) => tried(() => fs.statfsSync(path(held))),
    readdir: (held): Entry[] | Failed => tried(() => entriesOf(path(held))),
    setsAt: ({ size, mode, uid, gid, atime, mtime, atimeNs, mtimeNs }, follow) => {
      if (follow || size !== undefined || mode !== undefined) return false
      if (atimeNs !== undefined || mtimeNs !== undefined) return false
      const owns = uid !== undefined || gid !== undefined
      return owns ? atime === undefined && mtime === undefined : atime !== undefined && mtime !== undefined
    },
    setattrAt: (dir, name, { uid = -1, gid = -1, atime, mtime }) =>
      on(dir, name, (file) => {
        if (atime === undefined || mtime === undefined) fs.lchownSync(file, uid, gid)
        else fs.lutimesSync(file, givenTime(atime), givenTime(mtime))
        return undefined
      }),
    getxattrAt: undefined,
    getxattr: () => ENOTSUP,
    setxattr: () => ENOTSUP,
    listxattr: () => ENOTSUP,
    removexattr: () => ENOTSUP,
  }
}

const setattr = (path: Named, set: Attributes, holding: Holding, held: Held): void => {
  const stats = holding.stat(held, true)
  if (stats instanceof Failed) throw thrownBy(stats)
  const isLink = stats.isSymbolicLink()
  // Linux has no modes on links, and none can be cut.
  if (isLink && set.mode !== undefined) throw thrownBy(ENOTSUP)
  if (isLink && set.size !== undefined) throw thrownBy(EINVAL)
  if (set.size !== undefined) {
    const fd = fs.openSync(path, O_RDWR)
    try {
      fs.ftruncateSync(fd, set.size)
    } finally {
      fs.closeSync(fd)
    }
  }
  if (set.uid !== undefined || set.gid !== undefined) {
    // By descriptor, chown reaches the link itself; by name it would follow.
    const chown = holding.pins ? fs.chownSync : fs.lchownSync
    chown(path, set.uid ?? -1, set.gid ?? -1)
  }
  if (set.mode !== undefined) fs.chmodSync(path, set.mode)
  if (set.atime !== undefined || set.mtime !== undefined) {
    const utimes = holding.pins ? fs.utimesSync : fs.lutimesSync
    utimes(path, givenTime(set.atime ?? stats.atimeMs / 1000), givenTime(set.mtime ?? stats.mtimeMs / 1000))
  }
}

/** `failureOf` turns it back. */
const thrownBy = (failed: Failed): Error => Object.assign(new Error(failed.errno), { code: failed.errno })
