/** Open files: only those that this lower opened are served. Any other number is EBADF, whatever the process has there. */
import type { Lower, LowerOp } from '../../lower.js'
import type { FdOp, Op, Request } from '../../op.js'
import { Failed } from '../../verdict.js'

const EBADF = Failed.of('EBADF')

/** The numbers of the files that are open. Bytes, not a Set: a replaced prototype has no say in them. */
class Own {
  #open = new Uint8Array(1024)

  has(fd: number): boolean {
    return this.#open[fd] === 1
  }
  add(fd: number): void {
    if (fd >= this.#open.length) {
      const more = new Uint8Array(2 ** Math.ceil(Math.log2(fd + 1)))
      const old = this.#open
      for (let at = 0; at < old.length; at++) more[at] = old[at] as number
      this.#open = more
    }
    this.#open[fd] = 1
  }
  delete(fd: number): void {
    this.#open[fd] = 0
  }
}

type OpeningOp = 'open' | 'create' | 'tmpfile'
type Either = 'getattr' | 'setattr' | 'getxattr' | 'setxattr' | 'listxattr' | 'removexattr'
type OnlyFd = Exclude<FdOp, Either | 'link'>

/**
 * @param paths opcodes on paths
 * @param files what serves an open file, of the same process
 */
export const ownFiles = (
  paths: Pick<Lower['ops'], OpeningOp | Either | 'link'>,
  files: Pick<Lower['ops'], FdOp>,
): Pick<Lower['ops'], OpeningOp | FdOp> => {
  const own = new Own()

  const opening = <O extends OpeningOp>(op: O): LowerOp<O> => {
    const inner = paths[op] as LowerOp<OpeningOp>
    const noted: LowerOp<OpeningOp> = {
      sync(req, cx) {
        const fd = inner.sync(req, cx)
        if (typeof fd === 'number') own.add(fd)
        return fd
      },
      async(req, done, cx) {
        inner.async(
          req,
          (bug, fd) => {
            if (typeof fd === 'number' && bug === null) own.add(fd)
            done(bug, fd)
          },
          cx,
        )
      },
    }
    return noted as unknown as LowerOp<O>
  }

  const onFd = <O extends Exclude<OnlyFd, 'release' | 'copy_file_range'>>(op: O): LowerOp<O> => {
    const inner = files[op] as LowerOp<Op>
    const guarded: LowerOp<Op> = {
      sync: (req, cx) => (own.has((req as Request<'read'>).fd) ? inner.sync(req, cx) : EBADF),
      async(req, done, cx) {
        if (own.has((req as Request<'read'>).fd)) inner.async(req, done, cx)
        else done(null, EBADF)
      },
    }
    return guarded as unknown as LowerOp<O>
  }

  const onEither = <O extends Either>(op: O): LowerOp<O> => {
    const byPath = paths[op] as LowerOp<Op>
    const byFd = files[op] as LowerOp<Op>
    const guarded: LowerOp<Op> = {
      sync(req, cx) {
        const { fd } = req as Request<'getattr'>
        if (fd === undefined) return byPath.sync(req, cx)
        return own.has(fd) ? byFd.sync(req, cx) : EBADF
      },
      async(req, done, cx) {
        const { fd } = req as Request<'getattr'>
        if (fd === undefined) byPath.async(req, done, cx)
        else if (own.has(fd)) byFd.async(req, done, cx)
        else done(null, EBADF)
      },
    }
    return guarded as unknown as LowerOp<O>
  }

  return {
    open: opening('open'),
    create: opening('create'),
    tmpfile: opening('tmpfile'),
    read: onFd('read'),
    write: onFd('write'),
    fsync: onFd('fsync'),
    fallocate: onFd('fallocate'),
    lseek: onFd('lseek'),
    release: {
      sync(req, cx) {
        if (!own.has(req.fd)) return EBADF
        // Before it is closed: from then on the number may be another file's.
        own.delete(req.fd)
        return files.release.sync(req, cx)
      },
      async(req, done, cx) {
        if (!own.has(req.fd)) {
          done(null, EBADF)
          return
        }
        own.delete(req.fd)
        files.release.async(req, done, cx)
      },
    },
    copy_file_range: {
      sync: (req, cx) => (own.has(req.fd) && own.has(req.fdOut) ? files.copy_file_range.sync(req, cx) : EBADF),
      async(req, done, cx) {
        if (own.has(req.fd) && own.has(req.fdOut)) files.copy_file_range.async(req, done, cx)
        else done(null, EBADF)
      },
    },
    link: {
      sync: (req, cx) => (req.fd === undefined || own.has(req.fd) ? paths.link.sync(req, cx) : EBADF),
      async(req, done, cx) {
        if (req.fd === undefined || own.has(req.fd)) paths.link.async(req, done, cx)
        else done(null, EBADF)
      },
    },
    getattr: onEither('getattr'),
    setattr: onEither('setattr'),
    getxattr: onEither('getxattr'),
    setxattr: onEither('setxattr'),
    listxattr: onEither('listxattr'),
    removexattr: onEither('removexattr'),
  }
}
