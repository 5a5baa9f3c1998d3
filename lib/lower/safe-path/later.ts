/**
 * What may take long, in libuv's pool: on a held directory's own path and a name that is not followed there.
 *
 * Not so where a guard has judged a canonical path (there is a dentry): until the pool comes to it, who was let do something
 * in a directory may move that to where other rules hold, and put other files into it. Names are then made and removed at
 * once; a file to be opened is held at once, and that very file is opened in the pool.
 */
import type { Dentry } from '../../file.js'
import type { Done, Lower, LowerOp } from '../../lower.js'
import { S_IFDIR, S_IFMT } from '../../namei.js'
import type { Op, Reply, Request } from '../../op.js'
import { encodePath } from '../../path-bytes.js'
import { Failed } from '../../verdict.js'
import { failureOf } from '../node-fs/failure.js'
import { originalFs as fs } from '../original-fs.js'
import type { Held } from './calls.js'
import { entriesLater } from './entries.js'
import { isLast, isPlain, lastOf } from './names.js'
import { O_PATH, O_TMPFILE } from './node-calls.js'
import type { Picker, Resolver, Seeker } from './resolver.js'

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW } = fs.constants
const EEXIST = Failed.of('EEXIST')
const EISDIR = Failed.of('EISDIR')
const ELOOP = Failed.of('ELOOP')
const ENOENT = Failed.of('ENOENT')
const TRIES = 64

type PoolOp = 'open' | 'create' | 'unlink' | 'rmdir' | 'rename' | 'readdir'
type Sync = { readonly [O in PoolOp]: (req: Request<O>) => Reply<O> | Failed }

/** Ends a request with a callback's arguments. */
const land = <O extends Op>(done: Done<O>, error: unknown, value: Reply<O>): void => {
  let out: Reply<O> | Failed = value
  if (error !== null && error !== undefined) {
    try {
      out = failureOf(error)
    } catch (bug) {
      done(bug, value)
      return
    }
  }
  done(null, out)
}

/** @param sync what to do where it cannot take long, because it is refused at once */
export const later = (pick: Picker, sync: Sync): Pick<Lower['ops'], PoolOp> => {
  const { calls } = pick(undefined)
  const pathOf = (dir: Held, name: string): string | Buffer => encodePath(`${calls.at(dir)}/${name}`)

  /** Holds what is at a name that may go: a large file takes long to end, and is to do so in the pool. */
  const outlived = (
    path: string,
    dentry: Dentry | undefined,
    act: () => Reply<'unlink'> | Failed,
    done: Done<Op>,
  ): void => {
    const last = isPlain(lastOf(path)) ? pick(dentry).hold(path, false) : ENOENT
    const out = act()
    if (last instanceof Failed) done(null, out)
    else fs.close(last, () => done(null, out))
  }

  const removing = <O extends 'unlink' | 'rmdir'>(op: O): LowerOp<O> => ({
    sync: sync[op] as LowerOp<O>['sync'],
    async(req, done) {
      const { path, dentry } = req as Request<'unlink'>
      if (dentry !== undefined) {
        const remove = (): Reply<O> | Failed => (sync[op] as LowerOp<O>['sync'])(req)
        if (op === 'unlink') outlived(path, dentry, remove, done as Done<Op>)
        else done(null, remove())
        return
      }
      const name = lastOf(path)
      const resolver = pick(dentry)
      const dir = isLast(name) ? resolver.parent(path) : undefined
      if (dir === undefined) done(null, (sync[op] as LowerOp<O>['sync'])(req))
      else if (dir instanceof Failed) done(null, dir)
      else {
        fs[op](pathOf(dir, name), (error) => {
          resolver.release(dir)
          land(done as Done<Op>, error, undefined)
        })
      }
    },
  })

  /** Tries to open at a place; goes on through the link that it finds there. */
  const seek = (walk: Seeker, flags: number, mode: number, tries: number, done: Done<'open'>): void => {
    const follow = (flags & O_NOFOLLOW) === 0 && (flags & (O_CREAT | O_EXCL)) !== (O_CREAT | O_EXCL)
    const wanted = walk.wantsDirectory ? flags | O_DIRECTORY : flags
    fs.open(pathOf(walk.dir, walk.name), wanted | O_NOFOLLOW, mode, (error, fd) => {
      const link =
        error !== null &&
        (follow || walk.wantsDirectory) &&
        (error.code === 'ELOOP' || (error.code === 'ENOTDIR' && (wanted & O_DIRECTORY) !== 0))
      if (!link) {
        walk.release()
        land<'open'>((bug, out) => done(bug, out instanceof Failed ? walk.say(out) : out), error, fd)
        return
      }
      const moved = walk.through()
      if (moved === undefined || moved.errno === 'EINVAL') {
        if (moved !== undefined && error.code === 'ENOTDIR') {
          walk.release()
          land(done, error, fd)
        } else if (tries > 0) stand(walk, flags, mode, tries - 1, done)
        else {
          walk.release()
          done(null, ELOOP)
        }
      } else {
        walk.release()
        done(null, moved)
      }
    })
  }
  /** Where nothing can block, or what stands there is no name: as for callers that wait. */
  const stand = (walk: Seeker, flags: number, mode: number, tries: number, done: Done<'open'>): void => {
    const creates = (flags & O_CREAT) !== 0
    if (isPlain(walk.name) && !(walk.wantsDirectory && creates)) {
      seek(walk, flags, mode, tries, done)
      return
    }
    const fd = walk.name === '' && !creates ? calls.reopen(walk.dir, flags) : Failed.of(opensNothing(walk, flags))
    walk.release()
    done(null, fd)
  }
  const opening: LowerOp<'open'> = {
    sync: sync.open,
    async(req, done) {
      const { path, flags, mode } = req
      if ((flags & O_PATH) !== 0) {
        done(null, sync.open(req))
        return
      }
      if (req.dentry !== undefined) {
        judged(req, done)
        return
      }
      const name = lastOf(path)
      const resolver = pick(undefined)
      if (isPlain(name)) {
        const dir = resolver.parent(path)
        if (dir instanceof Failed) {
          done(null, dir)
          return
        }
        fs.open(pathOf(dir, name), flags | O_NOFOLLOW, mode, (error, fd) => {
          resolver.release(dir)
          if (error?.code === 'ELOOP' || error?.code === 'ENOTDIR') fromScratch(resolver, path, flags, mode, done)
          else land(done, error, fd)
        })
        return
      }
      fromScratch(resolver, path, flags, mode, done)
    },
  }
  /** Opens what is at the path now. Only of a file that is there may it take long: a FIFO waits for the other end. */
  const judged = (req: Request<'open'>, done: Done<'open'>): void => {
    const { path, dentry, flags } = req
    const creates = (flags & O_CREAT) !== 0
    const isNew = creates && (flags & O_EXCL) !== 0
    if (isNew || (flags & O_TMPFILE) === O_TMPFILE || !isPlain(lastOf(path))) {
      done(null, sync.open(req))
      return
    }
    const resolver = pick(dentry)
    for (let tries = 0; tries < TRIES; tries++) {
      const held = resolver.hold(path, false)
      if (!(held instanceof Failed)) {
        reopened(resolver, held, flags, done)
        return
      }
      const out = creates && held === ENOENT ? sync.open({ ...req, flags: flags | O_EXCL }) : held
      if (out !== EEXIST) {
        done(null, out)
        return
      }
    }
    done(null, ELOOP)
  }
  const reopened = (resolver: Resolver, held: Held, flags: number, done: Done<'open'>): void => {
    // Without O_CREAT, a directory could be opened.
    if ((flags & O_CREAT) !== 0 && isDirectory(held)) {
      resolver.release(held)
      done(null, EISDIR)
      return
    }
    fs.open(calls.at(held), flags & ~(O_CREAT | O_NOFOLLOW), (error, fd) => {
      resolver.release(held)
      land(done, error, fd)
    })
  }
  const isDirectory = (held: Held): boolean => {
    const stats = calls.stat(held, false)
    return !(stats instanceof Failed) && (stats.mode & S_IFMT) === S_IFDIR
  }
  const fromScratch = (resolver: Resolver, path: string, flags: number, mode: number, done: Done<'open'>): void => {
    const walk = resolver.place(path)
    if (walk instanceof Failed) done(null, walk)
    else stand(walk, flags, mode, TRIES, done)
  }

  return {
    open: opening,
    create: opening as unknown as LowerOp<'create'>,
    unlink: removing('unlink'),
    rmdir: removing('rmdir'),
    rename: {
      sync: sync.rename,
      async(req, done) {
        const { path, newPath, flags } = req
        const name = lastOf(path)
        const newName = lastOf(newPath)
        if (req.dentry !== undefined || req.newDentry !== undefined) {
          outlived(newPath, req.newDentry, () => sync.rename(req), done as Done<Op>)
          return
        }
        if (flags !== 0 || !isLast(name) || !isLast(newName)) {
          done(null, sync.rename(req))
          return
        }
        const from = pick(undefined)
        const to = from
        const dir = from.parent(path)
        if (dir instanceof Failed) {
          done(null, dir)
          return
        }
        const newDir = to.parent(newPath)
        if (newDir instanceof Failed) {
          from.release(dir)
          done(null, newDir)
          return
        }
        fs.rename(pathOf(dir, name), pathOf(newDir, newName), (error) => {
          from.release(dir)
          to.release(newDir)
          land(done, error, undefined)
        })
      },
    },
    readdir: {
      sync: sync.readdir,
      async(req, done) {
        const resolver = pick(req.dentry)
        const dir = resolver.hold(req.path, true)
        if (dir instanceof Failed) {
          done(null, dir)
          return
        }
        entriesLater(calls.at(dir), (error, entries) => {
          resolver.release(dir)
          land<'readdir'>(done, error, entries)
        })
      },
    },
  }
}

/** What makes a file refuses `/`, `.` and `..` as what is there; a slash after a name, whatever is there. */
const opensNothing = ({ name }: Seeker, flags: number): string =>
  !isPlain(name) && (flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL) ? 'EEXIST' : 'EISDIR'
