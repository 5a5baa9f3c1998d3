/** Opcodes that node:fs has no function for, made of those that it has. */
import type { FSWatcher } from 'node:fs'
import { attempt, call } from '../../extension.js'
import type { Lower, LowerOp } from '../../lower.js'
import { namei } from '../../namei.js'
import type { Op, Reply, Request } from '../../op.js'
import { encodePath } from '../../path-bytes.js'
import { apply } from '../../primordials.js'
import { Failed } from '../../verdict.js'
import { type Ask, type Steps, steps } from '../steps.js'
import type { AnyFs } from './calls.js'
import { failureOf } from './failure.js'
import { nameOf } from './replies.js'

const EINVAL = Failed.of('EINVAL')
const ENOSYS = Failed.of('ENOSYS')
const ENXIO = Failed.of('ENXIO')
const SEEK_DATA = 3
const SEEK_HOLE = 4
const S_IFMT = 0o170000
const S_IFLNK = 0o120000

/** As much at once: the caller asks again for the rest. */
const COPY_CHUNK = 1 << 20

export const composedOps = (fs: AnyFs, plain: Lower['ops']): Pick<Lower['ops'], ComposedOp> => {
  const ask: Ask = ({ op }) => plain[op] as LowerOp<Op>
  return {
    resolve: steps<'resolve'>(ask, (req) => namei(req.path, req.follow)),
    setattr: steps<'setattr'>(ask, (req) => setattr(req)),
    lseek: steps<'lseek'>(ask, lseek),
    copy_file_range: steps<'copy_file_range'>(ask, copy),
    watch: watchOp(fs),
  }
}
type ComposedOp = 'resolve' | 'setattr' | 'lseek' | 'copy_file_range' | 'watch'

/** Of a name that is not followed, node:fs sets owner and times only: size and mode go the other way if it is no link. */
function* setattr(req: Request<'setattr'>): Steps<'setattr'> {
  const { set } = req
  const noFollow = req.fd === undefined && !req.follow && (set.size !== undefined || set.mode !== undefined)
  if (noFollow) {
    const { mode } = yield* call('lookup', { path: req.path })
    if ((mode & S_IFMT) === S_IFLNK) return set.mode === undefined ? EINVAL : Failed.of('ENOTSUP')
  }
  const atime = set.atime ?? set.atimeNs
  const mtime = set.mtime ?? set.mtimeNs
  const follow = req.follow || noFollow
  if ((atime === undefined) === (mtime === undefined)) {
    return (yield* attempt('setattr', { ...req, follow })) as Reply<'setattr'> | Failed
  }
  // utimes() wants both.
  const { path, fd, file } = req
  const stats = yield* call('getattr', { path, fd, file, follow, precise: false })
  const other = atime === undefined ? { atime: stats.atimeMs / 1000 } : { mtime: stats.mtimeMs / 1000 }
  return (yield* attempt('setattr', { ...req, follow, set: { ...set, ...other } })) as Reply<'setattr'> | Failed
}

/** A file without holes, as lseek(2) allows any filesystem to say. */
function* lseek({ fd, offset, whence }: Request<'lseek'>): Steps<'lseek'> {
  if (whence !== SEEK_DATA && whence !== SEEK_HOLE) return EINVAL
  const { size } = yield* call('getattr', { path: '', fd, follow: true, precise: false })
  if (offset < 0 || offset >= size) return ENXIO
  return whence === SEEK_DATA ? offset : size
}

function* copy(req: Request<'copy_file_range'>): Steps<'copy_file_range'> {
  const buffer = Buffer.allocUnsafe(Math.min(req.length, COPY_CHUNK))
  const from = { fd: req.fd, buffer, offset: 0, length: buffer.length, position: req.offset }
  const length = yield* call('read', from)
  if (length === 0) return 0
  return yield* call('write', { fd: req.fdOut, buffer, offset: 0, length, position: req.offsetOut })
}

const watchOp = (fs: AnyFs): LowerOp<'watch'> => {
  const begin = (req: Request<'watch'>): Reply<'watch'> | Failed => {
    const { watch } = fs
    if (typeof watch !== 'function') return ENOSYS
    try {
      const options = { recursive: req.recursive, persistent: req.persistent, encoding: 'buffer' }
      const live = apply(watch, fs, [encodePath(req.path), options]) as FSWatcher
      live.on('change', (type, name: unknown) => {
        req.sink.change(type as 'rename' | 'change', name === null || name === undefined ? null : nameOf(name))
      })
      live.on('error', (error: NodeJS.ErrnoException) => req.sink.error(error.code ?? 'EIO'))
      return live
    } catch (thrown) {
      return failureOf(thrown)
    }
  }
  return { sync: begin, async: (req, done) => done(null, begin(req)) }
}
