/** What may take long, in libuv's pool: on a held directory's own path and a name that is not followed there. */
import type { Done, Lower, LowerOp } from '../../lower.js'
import type { Op, Reply, Request } from '../../op.js'
import { encodePath } from '../../path-bytes.js'
import { Failed } from '../../verdict.js'
import { failureOf } from '../node-fs/failure.js'
import { originalFs as fs } from '../original-fs.js'
import type { Held } from './calls.js'
import { entriesLater } from './entries.js'
import { isLast, isPlain, lastOf } from './names.js'
import { O_PATH } from './node-calls.js'
import type { Picker, Resolver, Seeker } from './resolver.js'

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW } = fs.constants
const ELOOP = Failed.of('ELOOP')
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

  const removing = <O extends 'unlink' | 'rmdir'>(op: O): LowerOp<O> => ({
    sync: sync[op] as LowerOp<O>['sync'],
    async(req, done) {
      const { path, dentry } = req as Request<'unlink'>
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
      const name = lastOf(path)
      const resolver = pick(req.dentry)
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
        if (flags !== 0 || !isLast(name) || !isLast(newName)) {
          done(null, sync.rename(req))
          return
        }
        const from = pick(req.dentry)
        const to = pick(req.newDentry)
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
