/** Open files: how many there are, and by how much they grow. */
import {
  type Around,
  type Asking,
  attempt,
  call,
  type ExtensionMap,
  Failed,
  hardened,
  O_ACCMODE,
  O_CREAT,
  O_EXCL,
  type Request,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from '../../lib/layer.js'
import type { Account, Counted } from './account.js'

const EDQUOT = Failed.of('EDQUOT')
const EISDIR = Failed.of('EISDIR')
const EMFILE = Failed.of('EMFILE')
const ENOTSUP = Failed.of('ENOTSUP')
const O_APPEND = 0o2000
const FALLOC_PUNCH_HOLE = 2

type Opening = 'open' | 'create' | 'tmpfile'

export const keyOf = ({ dev, ino }: { readonly dev: number; readonly ino: number }): string => `${dev}:${ino}`

const lookAt = (fd: number): Request<'getattr'> => ({ path: '', fd, follow: true, precise: false })

export const fileHooks = (account: Account, counts: boolean, isTooDeep: (path: string) => boolean): ExtensionMap => {
  /** Opens below, and keeps an account of what may be written. */
  function* opened<O extends Opening>(op: O, req: Request<O>): Around<O> {
    if (!account.has('handles', 1)) return EMFILE
    // Taken at once: others may come before the answer.
    account.handles++
    let fd: number | undefined
    try {
      const out = yield* attempt(op, req)
      if (out instanceof Failed) return out
      if (counts) {
        const failed = yield* note(out as number, req.flags)
        if (failed !== undefined) {
          yield* attempt('release', { fd: out as number })
          return failed
        }
      }
      fd = out as number
      return out
    } finally {
      if (fd === undefined) account.handles--
      else handles.add(fd)
    }
  }
  hardened(opened)
  const handles = new Set<number>()

  /** A file that cannot be looked at cannot be counted. */
  function* note(fd: number, flags: number): Asking<Failed | undefined> {
    const stats = yield* attempt('getattr', { path: '', fd, follow: true, precise: false })
    if (stats instanceof Failed) return stats
    if ((stats.mode & S_IFMT) !== S_IFREG) return undefined
    const file = account.of(keyOf(stats), stats.size)
    file.opens++
    // Removed before it was known here.
    if (stats.nlink === 0) file.gone = true
    account.open.set(fd, { file, offset: 0, appends: (flags & O_APPEND) !== 0 })
    if (file.size !== stats.size) yield* settle(file, lookAt(fd))
    return undefined
  }
  hardened(note)

  function* isDirectory(fd: number): Asking<boolean> {
    const stats = yield* attempt('getattr', lookAt(fd))
    return !(stats instanceof Failed) && (stats.mode & S_IFMT) === S_IFDIR
  }
  hardened(isDirectory)
  function* closed(req: Request<'release'>): Around<'release'> {
    const out = yield* attempt('release', req)
    if (handles.delete(req.fd)) account.handles--
    account.closed(req.fd)
    return out
  }
  hardened(closed)

  /** What is there is opened; what is not takes a name. */
  function* created(req: Request<'create'>): Around<'create'> {
    const { flags } = req
    // No file has such a name: the lower refuses it, whatever is there.
    if (/\/\.{0,2}$/.test(req.path)) return yield* opened('create', req)
    const existing = { ...req, flags: flags & ~O_CREAT }
    if ((flags & O_EXCL) === 0) {
      const out = yield* opened('open', existing)
      if (typeof out === 'number' && (flags & O_ACCMODE) === 0 && (yield* isDirectory(out))) {
        yield* closed({ fd: out })
        return EISDIR
      }
      if (!(out instanceof Failed) || out.errno !== 'ENOENT') return out
    }
    if (!account.has('files', 1) || isTooDeep(req.path)) return EDQUOT
    account.files++
    const out = yield* opened('create', { ...req, flags: flags | O_EXCL })
    if (!(out instanceof Failed)) return out
    account.files--
    if (out.errno !== 'EEXIST' || (flags & O_EXCL) !== 0) return out
    // Made meanwhile by somebody else, or a link that leads to a name yet to be made.
    const other = yield* opened('open', existing)
    if (!(other instanceof Failed) || other.errno !== 'ENOENT') return other
    account.files++
    const again = yield* opened('create', req)
    if (again instanceof Failed) account.files--
    return again
  }
  hardened(created)

  /** Asks how long a file is, unless requests on their way are still to say. */
  function* settle(file: Counted, req: Request<'getattr'>): Asking<void> {
    for (;;) {
      if (file.flights > 0) {
        file.stirred = true
        return
      }
      const { version } = file
      const stats = yield* attempt('getattr', req)
      if (stats instanceof Failed) return
      if (file.version !== version) continue
      account.found(file, stats.size)
      return
    }
  }
  hardened(settle)

  /** Performs what makes a file as long as `end`, if there is room; `look` is how its size is asked for. */
  function* growing<T>(
    file: Counted | undefined,
    end: number,
    look: Request<'getattr'>,
    perform: () => Asking<T | Failed>,
    reached: (out: T) => number,
  ): Asking<T | Failed> {
    if (file === undefined) return yield* perform()
    if (!account.has('bytes', end - file.size)) return EDQUOT
    account.takeOff(file, end)
    const out = yield* perform()
    if (account.land(file, !(out instanceof Failed) && reached(out) >= end)) yield* settle(file, look)
    return out
  }
  hardened(growing)

  return {
    open: {
      *around(req) {
        return yield* opened('open', req)
      },
    },
    create: {
      *around(req) {
        return yield* created(req)
      },
    },
    tmpfile: {
      *around(req) {
        return yield* opened('tmpfile', req)
      },
    },
    release: {
      *around(req) {
        return yield* closed(req)
      },
    },
    ...(counts
      ? ({
          read: {
            reply(length, { fd, position }) {
              const target = account.open.get(fd)
              if (target !== undefined && position === null) target.offset += length
              return length
            },
          },
          write: {
            *around(req) {
              const target = account.open.get(req.fd)
              const { position, length } = req
              const own = target !== undefined && position === null
              const start =
                target === undefined
                  ? 0
                  : target.appends
                    ? target.file.size
                    : position === null
                      ? target.offset
                      : position
              // Moved at once: the next write may come before the answer.
              if (own) target.offset = start + length
              const out = yield* growing<number>(
                target?.file,
                start + length,
                lookAt(req.fd),
                () => attempt('write', req),
                (written) => start + written,
              )
              if (own && target.offset === start + length) target.offset = start + (out instanceof Failed ? 0 : out)
              return out
            },
          },
          fallocate: {
            *around(req) {
              if ((req.mode & FALLOC_PUNCH_HOLE) !== 0) return yield* attempt('fallocate', req)
              // What is kept beyond the end would not be seen in the size.
              if (req.mode !== 0) return ENOTSUP
              const end = req.offset + req.length
              return yield* growing<void>(
                account.open.get(req.fd)?.file,
                end,
                lookAt(req.fd),
                () => attempt('fallocate', req),
                () => end,
              )
            },
          },
          copy_file_range: {
            *around(req) {
              return yield* growing<number>(
                account.open.get(req.fdOut)?.file,
                req.offsetOut + req.length,
                lookAt(req.fdOut),
                () => attempt('copy_file_range', req),
                (copied) => req.offsetOut + copied,
              )
            },
          },
          setattr: {
            *around(req) {
              const { size } = req.set
              if (size === undefined) return yield* attempt('setattr', req)
              const { path, dentry, fd, file: known, follow } = req
              const look: Request<'getattr'> = { path, dentry, fd, file: known, follow, precise: false }
              const stats = yield* call('getattr', look)
              const file = account.of(keyOf(stats), stats.size)
              if (file.size !== stats.size) yield* settle(file, look)
              // What is cut off is given back when it is.
              const out = yield* growing<void>(
                file,
                size,
                look,
                () => attempt('setattr', req),
                () => (size < file.size ? -1 : size),
              )
              account.drop(file)
              return out
            },
          },
        } satisfies ExtensionMap)
      : {}),
  } satisfies ExtensionMap
}
