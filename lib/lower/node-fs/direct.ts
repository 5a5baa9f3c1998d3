/** The opcodes that are asked most, as direct calls: no list of arguments, no description of a call. */
import type { Done, Lower, LowerOp } from '../../lower.js'
import type { Op, Reply, Request } from '../../op.js'
import { encodePath } from '../../path-bytes.js'
import { bound } from '../../primordials.js'
import { Failed } from '../../verdict.js'
import type { AnyFs, Fn } from './calls.js'
import { failureOf } from './failure.js'
import { toPrecise, toStats } from './replies.js'

type Ops = { [O in Op]?: LowerOp<O> }

const PRECISE = { bigint: true }
const QUIET = { throwIfNoEntry: false }
const QUIET_PRECISE = { throwIfNoEntry: false, bigint: true }
const LOUD = undefined

const ENOENT = Failed.of('ENOENT')
const ENOTDIR = Failed.of('ENOTDIR')

/**
 * Why a quiet stat found nothing. Newer Nodes are quiet about ENOTDIR too: then the nearest ancestor that is there says
 * which it is.
 */
const absence = (fs: AnyFs, path: string): Failed => {
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
    const above = fs.statSync?.(encodePath(path.slice(0, at)), QUIET) as { isDirectory(): boolean } | undefined
    if (above !== undefined) return above.isDirectory() ? ENOENT : ENOTDIR
  }
  return ENOENT
}
const hidesENOTDIR = (fs: AnyFs): boolean => {
  try {
    return fs.statSync?.(`${process.execPath}/x`, QUIET) === undefined
  } catch {
    return false
  }
}

/** Ends a request with a callback's arguments. */
const back =
  <O extends Op>(done: Done<O>) =>
  (error: unknown, value: unknown): void => {
    if (error === null || error === undefined) {
      done(null, value as Reply<O>)
      return
    }
    let failed: Failed
    try {
      failed = failureOf(error)
    } catch (bug) {
      done(bug, undefined as never)
      return
    }
    done(null, failed)
  }

/**
 * @param plain the same opcodes as their mappings say
 * @param quiet whether `throwIfNoEntry: false` may be trusted: a missing file then costs no Error
 */
export const directOps = (
  fs: AnyFs,
  plain: Pick<Lower['ops'], 'getattr' | 'lookup'>,
  quiet: boolean,
  asks: boolean,
): Ops => {
  const ops: Ops = {}
  const own = (name: string): Fn | undefined => {
    const fn = fs[name]
    return typeof fn === 'function' ? bound(fn, fs) : undefined
  }
  const [statSync, lstatSync, fstatSync] = [own('statSync'), own('lstatSync'), own('fstatSync')]
  const [openSync, closeSync, readSync, writeSync] = [
    own('openSync'),
    own('closeSync'),
    own('readSync'),
    own('writeSync'),
  ]
  const [read, write, open, close] = [own('read'), own('write'), own('open'), own('close')]
  const rounded = quiet ? QUIET : LOUD
  const precise = quiet ? QUIET_PRECISE : PRECISE
  const explains = quiet && asks && hidesENOTDIR(fs)

  if (has(statSync) && has(lstatSync) && has(fstatSync)) {
    ops.getattr = {
      sync(req) {
        try {
          if (req.fd !== undefined) {
            return req.precise ? toPrecise(fstatSync(req.fd, PRECISE)) : toStats(fstatSync(req.fd))
          }
          const stat = req.follow ? statSync : lstatSync
          const path = encodePath(req.path)
          const stats = stat(path, req.precise ? precise : rounded)
          if (stats === undefined && explains) return absence(fs, req.path)
          return req.precise ? toPrecise(stats) : toStats(stats)
        } catch (thrown) {
          return failureOf(thrown)
        }
      },
      async: plain.getattr.async,
    }
    ops.lookup = {
      sync(req) {
        try {
          const path = encodePath(req.path)
          const stats = lstatSync(path, req.precise === true ? precise : rounded)
          if (stats === undefined && explains) return absence(fs, req.path)
          return req.precise === true ? toPrecise(stats) : toStats(stats)
        } catch (thrown) {
          return failureOf(thrown)
        }
      },
      async: plain.lookup.async,
    }
  }
  if (has(openSync) && has(open)) {
    const opening: LowerOp<'open'> = {
      sync(req) {
        try {
          return openSync(encodePath(req.path), req.flags, req.mode) as number
        } catch (thrown) {
          return failureOf(thrown)
        }
      },
      async(req, done) {
        open(encodePath(req.path), req.flags, req.mode, back(done))
      },
    }
    ops.open = opening
    ops.create = opening as unknown as LowerOp<'create'>
  }
  if (has(closeSync) && has(close)) {
    ops.release = {
      sync(req) {
        try {
          closeSync(req.fd)
          return undefined
        } catch (thrown) {
          return failureOf(thrown)
        }
      },
      async(req, done) {
        close(req.fd, back(done))
      },
    }
  }
  if (has(readSync) && has(read)) {
    ops.read = {
      sync({ fd, buffer, offset, length, position }) {
        try {
          return readSync(fd, buffer, offset, length, position) as number
        } catch (thrown) {
          return failureOf(thrown)
        }
      },
      async({ fd, buffer, offset, length, position }, done) {
        read(fd, buffer, offset, length, position, back(done))
      },
    }
  }
  if (has(writeSync) && has(write)) {
    ops.write = {
      sync({ fd, buffer, offset, length, position }: Request<'write'>) {
        try {
          return writeSync(fd, buffer, offset, length, position) as number
        } catch (thrown) {
          return failureOf(thrown)
        }
      },
      async({ fd, buffer, offset, length, position }, done) {
        write(fd, buffer, offset, length, position, back(done))
      },
    }
  }
  return ops
}

const has = (fn: Fn | undefined): fn is Fn => typeof fn === 'function'
