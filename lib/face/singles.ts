/** The methods of node:fs that are one request each. */

import { originalFs } from '../lower/original-fs.js'
import type { Request, StatFs, Stats } from '../op.js'
import { accessOf, getattrOf, linkOf, onPath, openOf, renameOf, setattrOf, symlinkOf } from '../request.js'
import { toBigIntStats } from '../stats.js'
import { arrange, closeArguments, openArguments, symlinkArguments } from './arguments.js'
import { encodeName, encodingOf, fsyncOn, getattrOn, isCreate, onFile, setattrOn } from './fields.js'
import { type Method, single } from './method.js'
import {
  bindingModeOf,
  checkSymlinkType,
  flagsOf,
  givenPath,
  idOf,
  integerOf,
  modeOf,
  optionsOf,
  pathOf,
  timeOf,
} from './validate.js'

/** What Node's Errors call readlink's path: it changed between versions. */
const READLINK_PATH = ((): string => {
  try {
    originalFs.readlinkSync(undefined as never)
  } catch (error) {
    if ((error as Error).message.includes('"oldPath"')) return 'oldPath'
  }
  return 'path'
})()

interface StatOptions {
  readonly bigint?: boolean
  readonly throwIfNoEntry?: boolean
}
// Whatever is given is asked for the field, as Node does: null throws a TypeError of its own.
const wantsBigint = (options: unknown): boolean => options !== undefined && (options as StatOptions).bigint === true

const toStats = (stats: Stats, req: Request<'getattr'>): unknown => (req.precise ? toBigIntStats(stats) : stats)

const stat = (syscall: 'stat' | 'lstat'): Method =>
  single({
    op: 'getattr',
    syscall,
    arity: 2,
    optional: 1,
    parse: (_v, path, options) => getattrOf(pathOf(path), syscall === 'stat', wantsBigint(options)),
    value: toStats,
    mends: (failed, _path, options) =>
      failed.errno === 'ENOENT' && (options as StatOptions | undefined)?.throwIfNoEntry === false,
  })

const chmod = (syscall: string, follow: boolean): Method =>
  single({
    op: 'setattr',
    syscall,
    arity: 2,
    callbackLast: true,
    parse: (_v, path, mode) => setattrOf(pathOf(path), follow, { mode: modeOf(mode, 'mode') }),
  })
const chown = (syscall: string, follow: boolean): Method =>
  single({
    op: 'setattr',
    syscall,
    arity: 3,
    parse: (_v, path, uid, gid) => setattrOf(pathOf(path), follow, { uid: idOf(uid, 'uid'), gid: idOf(gid, 'gid') }),
  })
const utimes = (syscall: string, follow: boolean): Method =>
  single({
    op: 'setattr',
    syscall,
    arity: 3,
    parse: (_v, path, atime, mtime) => setattrOf(pathOf(path), follow, { atime: timeOf(atime), mtime: timeOf(mtime) }),
  })

const onFdOnly = { promise: false } as const
const fsync = (datasync: boolean): Method =>
  single(
    {
      op: 'fsync',
      syscall: datasync ? 'fdatasync' : 'fsync',
      arity: 1,
      paths: 0,
      parse: (v, fd) => fsyncOn(v, fd, datasync),
    },
    onFdOnly,
  )

const statfsValue = (reply: StatFs, options: unknown): unknown => {
  if (!wantsBigint(options)) return reply
  const out = Object.create(Object.getPrototypeOf(reply)) as Record<string, unknown>
  for (const [key, value] of Object.entries(reply)) out[key] = BigInt(value as number)
  return out
}

const ids = (uid: unknown, gid: unknown) => ({ uid: idOf(uid, 'uid'), gid: idOf(gid, 'gid') })
const times = (atime: unknown, mtime: unknown) => ({ atime: timeOf(atime, 'atime'), mtime: timeOf(mtime, 'mtime') })
const sizeOf = (len: unknown): number =>
  Math.max(0, integerOf(len === undefined ? 0 : len, 'len', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER))

const readlink = (name: string) =>
  single({
    op: 'readlink',
    syscall: 'readlink',
    arity: 2,
    optional: 1,
    parse: (_v, path, options) => {
      optionsOf(options)
      return onPath(pathOf(path, name))
    },
    value: (target, _req, _path, options) => encodeName(target, encodingOf(options)),
  })

export const singles = {
  stat: stat('stat'),
  lstat: stat('lstat'),
  fstat: single(
    {
      op: 'getattr',
      syscall: 'fstat',
      arity: 2,
      optional: 1,
      paths: 0,
      parse: (v, fd, options) => {
        const precise = wantsBigint(options)
        return getattrOn(v, fd, precise)
      },
      value: toStats,
    },
    onFdOnly,
  ),
  access: single({
    op: 'access',
    syscall: 'access',
    arity: 2,
    optional: 1,
    before: (path) => pathOf(path),
    parse: (_v, path, mode) => accessOf(pathOf(path), bindingModeOf(mode, 7)),
  }),
  chmod: chmod('chmod', true),
  chown: chown('chown', true),
  lchown: chown('lchown', false),
  utimes: utimes('utime', true),
  lutimes: utimes('lutime', false),
  fchmod: single(
    {
      op: 'setattr',
      syscall: 'fchmod',
      arity: 2,
      paths: 0,
      before: (_fd, mode) => modeOf(mode, 'mode'),
      parse: (v, fd, mode) => {
        const set = { mode: modeOf(mode, 'mode') }
        return setattrOn(v, fd, set)
      },
    },
    onFdOnly,
  ),
  fchown: single(
    {
      op: 'setattr',
      syscall: 'fchown',
      arity: 3,
      paths: 0,
      before: (_fd, uid, gid) => ids(uid, gid),
      parse: (v, fd, uid, gid) => {
        const set = ids(uid, gid)
        return setattrOn(v, fd, set)
      },
    },
    onFdOnly,
  ),
  futimes: single(
    {
      op: 'setattr',
      syscall: 'futime',
      arity: 3,
      paths: 0,
      before: (_fd, atime, mtime) => times(atime, mtime),
      parse: (v, fd, atime, mtime) => {
        const set = times(atime, mtime)
        return setattrOn(v, fd, set)
      },
    },
    onFdOnly,
  ),
  ftruncate: single(
    {
      op: 'setattr',
      syscall: 'ftruncate',
      arity: 2,
      optional: 1,
      paths: 0,
      before: (_fd, len) => sizeOf(len),
      parse: (v, fd, len) => {
        const set = { size: sizeOf(len) }
        return setattrOn(v, fd, set)
      },
    },
    onFdOnly,
  ),
  // Promises call it so in every version.
  readlink: { ...readlink(READLINK_PATH), promise: readlink('oldPath').promise as NonNullable<Method['promise']> },
  symlink: arrange(
    single({
      op: 'symlink',
      syscall: 'symlink',
      arity: 3,
      optional: 1,
      paths: 2,
      // The third argument, a type, is for Windows.
      parse: (_v, target, path, type) => {
        const to = givenPath(target, 'target')
        if (to.includes('\0')) pathOf(to, 'target')
        const at = pathOf(path)
        checkSymlinkType(type)
        return symlinkOf(at, to)
      },
    }),
    symlinkArguments,
  ),
  unlink: single({ op: 'unlink', syscall: 'unlink', arity: 1, parse: (_v, path) => onPath(pathOf(path)) }),
  link: single({
    op: 'link',
    syscall: 'link',
    arity: 2,
    paths: 2,
    parse: (_v, from, to) => linkOf(pathOf(from, 'existingPath'), pathOf(to, 'newPath')),
  }),
  rename: single({
    op: 'rename',
    syscall: 'rename',
    arity: 2,
    paths: 2,
    parse: (_v, from, to) => renameOf(pathOf(from, 'oldPath'), pathOf(to, 'newPath')),
  }),
  statfs: single({
    op: 'statfs',
    syscall: 'statfs',
    arity: 2,
    optional: 1,
    parse: (_v, path, options) => {
      const at = pathOf(path)
      wantsBigint(options)
      return onPath(at)
    },
    value: (reply, _req, _path, options) => statfsValue(reply, options),
  }),
  open: arrange(
    single(
      {
        op: 'open',
        ops: ['open', 'create'],
        choose: (req) => (isCreate(req.flags) ? 'create' : 'open'),
        syscall: 'open',
        arity: 3,
        optional: 2,
        callbackLast: true,
        parse: (_v, path, flags, mode) => openOf(pathOf(path), flagsOf(flags), modeOf(mode, 'mode', 0o666)),
        parseCallback: (_v, path, flags, mode) => {
          const at = pathOf(path)
          const bits = modeOf(mode, 'mode', 0o666)
          return openOf(at, flagsOf(flags), bits)
        },
      },
      onFdOnly,
    ),
    openArguments,
  ),
  close: arrange(
    single({ op: 'release', syscall: 'close', arity: 1, paths: 0, parse: onFile }, onFdOnly),
    closeArguments,
  ),
  fsync: fsync(false),
  fdatasync: fsync(true),
} satisfies Record<string, Method>
