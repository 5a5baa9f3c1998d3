/**
 * Every opcode on a path, over a resolver: a directory is held, and the call acts on a name in it that the kernel does not
 * follow; or the file itself is held, and the call acts on that.
 *
 * Callers that are called back: paths are resolved, and metadata is read and set, before `async` returns; what may take
 * long (open, readdir, unlink, rmdir, rename) is done in libuv's pool, on what was resolved; of what a guard has judged, only
 * what cannot be led elsewhere by then (see later.ts).
 */

import type { Dentry } from '../../file.js'
import type { Done, Lower, LowerOp } from '../../lower.js'
import { PATH_MAX, S_IFDIR, S_IFMT } from '../../namei.js'
import { native } from '../../native/index.js'
import type { Named, Op, PathOp, Reply, Request } from '../../op.js'
import { Failed } from '../../verdict.js'
import { originalFs as fs } from '../original-fs.js'
import type { Held } from './calls.js'
import { later } from './later.js'
import { partsOf } from './names.js'
import { failed } from './native-calls.js'
import type { Picker } from './resolver.js'

const { O_RDONLY, O_DIRECTORY, O_NONBLOCK } = fs.constants
const EBUSY = Failed.of('EBUSY')
const EEXIST = Failed.of('EEXIST')
const EINVAL = Failed.of('EINVAL')
const EISDIR = Failed.of('EISDIR')
const ENOENT = Failed.of('ENOENT')
const ENOSYS = Failed.of('ENOSYS')
const ENOTDIR = Failed.of('ENOTDIR')
const ENOTSUP = Failed.of('ENOTSUP')
const EPERM = Failed.of('EPERM')

/** Those that are not only about a path: `watch` needs more than a resolver. */
export type ResolvedOp = Exclude<PathOp, 'watch'>
export type PathOps = { readonly [O in ResolvedOp]: Lower['ops'][O] }
type Sync = { readonly [O in ResolvedOp]: (req: Request<O>) => Reply<O> | Failed }

const at = <O extends Op>(sync: (req: Request<O>) => Reply<O> | Failed): LowerOp<O> => ({
  sync,
  async: (req: Request<O>, done: Done<O>) => {
    let out: Reply<O> | Failed
    try {
      out = sync(req)
    } catch (bug) {
      done(bug, EINVAL)
      return
    }
    done(null, out)
  },
})

/**
 * With `fd` in a request, its `path` is not looked at: whoever serves descriptors takes it before.
 * @param pool for what is done later, in directories that nobody else lets go of
 */
export const pathOps = (pick: Picker, pool = pick): PathOps => {
  const { calls } = pick(undefined)
  const sync = syncOps(pick)
  const slow = later(pool, sync)
  const ops: { -readonly [O in ResolvedOp]?: LowerOp<Op> } = {}
  for (const op of Object.keys(sync) as ResolvedOp[]) ops[op] = at(sync[op] as (req: Request<Op>) => Reply<Op>)
  return { ...(ops as unknown as PathOps), ...(calls.pins ? slow : {}) }
}

const syncOps = (pick: Picker): Sync => {
  const { calls } = pick(undefined)

  /** On what the path leads to. */
  const held = <T>({ path, dentry }: Named, follow: boolean, act: (held: Held) => T | Failed): T | Failed => {
    const resolver = pick(dentry)
    const file = resolver.hold(path, follow)
    if (file instanceof Failed) return file
    try {
      return act(file)
    } finally {
      resolver.release(file)
    }
  }
  /** The same of what is a directory, most likely. */
  const listed = <T>({ path, dentry }: Named, act: (held: Held) => T | Failed): T | Failed => {
    const resolver = pick(dentry)
    const file = resolver.directory?.(path) ?? resolver.hold(path, true)
    if (file instanceof Failed) return file
    try {
      return act(file)
    } finally {
      resolver.release(file)
    }
  }
  /** On the last name, in the directory that it is in. */
  const named = <T = undefined>(
    path: string,
    dentry: Dentry | undefined,
    ofRoot: Failed,
    act: (dir: Held, name: string) => T | Failed,
  ): T | Failed => {
    const resolver = pick(dentry)
    for (;;) {
      const dir = resolver.parent(path)
      if (dir instanceof Failed) return dir
      try {
        const { name } = partsOf(path)
        const out = name === '' ? ofRoot : act(dir, name)
        if (out !== ENOENT || resolver.isStale?.(dir) !== true) return out
      } finally {
        resolver.release(dir)
      }
    }
  }
  /** The same of two names. Those in one directory are in the same one, whatever its path leads to by now. */
  const bothNamed = (
    { path, newPath, dentry, newDentry }: Request<'link'> | Request<'rename'>,
    ofRoot: Failed,
    ofNewRoot: Failed,
    act: (dir: Held, name: string, newDir: Held, newName: string) => Failed | undefined,
  ): Failed | undefined => {
    const isPath = newPath !== '' && newPath.length <= PATH_MAX
    const isAlike = isPath && (dentry === undefined) === (newDentry === undefined)
    const isOne = isAlike && partsOf(path).above === partsOf(newPath).above
    return named(path, dentry, ofRoot, (dir, name) => {
      if (!isOne) return named(newPath, newDentry, ofNewRoot, (newDir, newName) => act(dir, name, newDir, newName))
      const newName = partsOf(newPath).name
      return newName === '' ? ofNewRoot : act(dir, name, dir, newName)
    })
  }
  const open = (req: Request<'open'>): number | Failed => pick(req.dentry).open(req.path, req.flags, req.mode)

  return {
    lookup: ({ path, dentry, precise }) => pick(dentry).stat(path, false, precise === true),
    getattr: ({ path, dentry, follow, precise }) => pick(dentry).stat(path, follow, precise),
    setattr: (req) => {
      const { path, dentry, follow, set } = req
      const setAt = (dir: Held, name: string): Failed | undefined => calls.setattrAt(dir, name, set)
      if (calls.setsAt(set, follow) && partsOf(path).isPlain) {
        const out = named(path, dentry, EPERM, setAt)
        if (!follow || out !== ENOTSUP) return out
      } else if (follow && calls.setsAt(set, false) && pick(dentry).onNoLink?.(path, setAt) === true) {
        // A link that came there at that moment has got what the caller may give to links of that name.
        return undefined
      }
      return held(req, follow, (file) => calls.setattr(file, set))
    },
    readlink: (req) => {
      const { path, dentry } = req
      // `.`, `..` and `x/` lead to directories, or to nothing.
      if (!partsOf(path).isPlain) return held(req, true, () => EINVAL)
      return named<string>(path, dentry, EINVAL, calls.readlink)
    },
    symlink: ({ path, dentry, target }) => named(path, dentry, EEXIST, (dir, name) => calls.symlink(target, dir, name)),
    mknod: ({ path, dentry, mode, rdev }) =>
      named(path, dentry, EEXIST, (dir, name) => calls.mknod(dir, name, mode, rdev)),
    mkdir: ({ path, dentry, mode }) => named(path, dentry, EEXIST, (dir, name) => calls.mkdir(dir, name, mode)),
    unlink: ({ path, dentry }) => named(path, dentry, EISDIR, (dir, name) => calls.unlink(dir, name)),
    rmdir: ({ path, dentry }) => named(path, dentry, EBUSY, (dir, name) => calls.rmdir(dir, name)),
    link: (req) => {
      const { fd, newPath, newDentry } = req
      if (fd !== undefined) {
        return named(newPath, newDentry, EEXIST, (newDir, newName) => calls.linkFd(fd, newDir, newName))
      }
      if (!partsOf(req.path).isPlain) {
        // link(2) looks a name with a slash at the end up through its link; what it finds is no file.
        return held(req, true, (file) => {
          const stats = calls.stat(file, false)
          return stats instanceof Failed ? stats : (stats.mode & S_IFMT) === S_IFDIR ? EPERM : ENOTDIR
        })
      }
      return bothNamed(req, EPERM, EEXIST, calls.link)
    },
    rename: (req) =>
      bothNamed(req, EBUSY, EBUSY, (dir, name, newDir, newName) => calls.rename(dir, name, newDir, newName, req.flags)),
    open,
    create: open,
    tmpfile: (req) => held(req, true, (dir) => calls.tmpfile(dir, req.flags, req.mode)),
    statfs: (req) => listed(req, calls.statfs),
    getxattr: (req) => {
      const { path, dentry, follow, name } = req
      const { getxattrAt } = calls
      if (getxattrAt !== undefined && !follow && partsOf(path).isPlain) {
        return named<Buffer>(path, dentry, EPERM, (dir, last) => getxattrAt(dir, last, name))
      }
      return held(req, follow, (file) => calls.getxattr(file, name))
    },
    setxattr: (req) => held(req, req.follow, (file) => calls.setxattr(file, req.name, req.value, req.flags)),
    listxattr: (req) => held(req, req.follow, (file) => calls.listxattr(file)),
    removexattr: (req) => held(req, req.follow, (file) => calls.removexattr(file, req.name)),
    opendir: ({ path, dentry }) => {
      const fd = pick(dentry).open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0)
      if (fd instanceof Failed) return fd
      fs.closeSync(fd)
      return undefined
    },
    readdir: (req) => listed(req, calls.readdir),
    access: ({ path, dentry, mask }) => pick(dentry).access(path, mask),
    syncfs: ({ path, dentry }) => {
      const system = native()
      if (system === undefined) return ENOSYS
      const fd = pick(dentry).open(path, O_RDONLY | O_NONBLOCK, 0)
      if (fd instanceof Failed) return fd
      const result = system.syncfs(fd)
      fs.closeSync(fd)
      return result < 0 ? failed(result) : undefined
    },
    resolve: ({ path, dentry, follow }) => pick(dentry).resolve(path, follow),
  }
}
