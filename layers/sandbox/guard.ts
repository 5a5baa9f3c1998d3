/** The guard: one extension for every opcode that carries a path, and for what an open file must not do. */
import {
  AROUND,
  type Around,
  attempt,
  type Context,
  type Extension,
  Failed,
  type Guard,
  NEXT,
  O_ACCMODE,
  type OpenFile,
  type PathOp,
  R_OK,
  type Request,
  W_OK,
  X_OK,
} from '../../lib/layer.js'
import { ALL, CREATE, DELETE, EXEC, LIST, READ, STAT, WRITE } from './decide.js'
import { link, rename } from './moves.js'
import { create, open } from './opens.js'
import { annotate, at } from './send.js'
import { find } from './straight.js'
import { FOLLOW, isContained, type Mode, NAME, STAY, walk } from './walk.js'
import { isOnFd, type Warden } from './warden.js'
import { watch } from './watch.js'

interface Needs<O extends PathOp> {
  readonly all: number
  readonly any?: number
  readonly leads?: boolean
  readonly mode: (req: Request<O>) => Mode
}

type Named = { readonly path: string; readonly fd?: number | undefined; readonly file?: OpenFile | undefined }

/** The extension for an opcode that needs the same actions whatever its other fields say. */
const simple = <O extends PathOp>(w: Warden, op: O, needs: Needs<O>): Extension<O> => {
  const { all, any = 0, leads = false, mode } = needs
  const changes = (all & WRITE) !== 0
  return {
    request(req, cx) {
      const { path, file } = req as Named
      if (isOnFd(req)) {
        if (changes && !isWritable(file)) return w.refuseAt(op, cx.caller, path, path, all)
        return NEXT
      }
      const dentry = w.glance(path, mode(req) === FOLLOW, cx)
      if (dentry === undefined) return w.byText<O>(req, path, cx, all, any)
      const mask = w.decider.for(cx.caller).judgeDentry(dentry)
      if ((mask & all) !== all || (any !== 0 && (mask & any) === 0)) {
        return leads ? AROUND : w.refuseAt(op, cx.caller, path, path, all | any)
      }
      w.fast++
      w.allow(op, cx.caller, path, path, all | any)
      return annotate<O>(req, dentry)
    },
    ...w.afterText<O>(op),
    *around(req, cx) {
      const { path } = req as Named
      const found = yield* w.findAfter(w.question(op, cx, path, mode(req), all, any, leads), all)
      if (found instanceof Failed) return found
      w.allow(op, cx.caller, (req as Named).path, found.dentry.path, all | any)
      return yield* attempt(op, at<O>(req, found))
    },
  }
}

/** Whether what was granted when the file was opened includes changing it. */
const isWritable = (file: OpenFile | undefined): boolean =>
  file !== undefined && !file.closed && (file.flags & O_ACCMODE) !== 0

const NOT_THERE = Failed.of('ENOENT')

const follow = (): Mode => FOLLOW
const stay = (): Mode => STAY
const name = (): Mode => NAME
const flag = (req: { readonly follow: boolean }): Mode => (req.follow ? FOLLOW : STAY)

/** Attributes: what most requests are about. Without a dentry at hand, the walk's own last look is the answer. */
const getattr = (w: Warden): Extension<'getattr'> => ({
  request(req, cx) {
    if (isOnFd(req)) return NEXT
    const dentry = w.glance(req.path, req.follow, cx)
    if (dentry === undefined) return w.byText<'getattr'>(req, req.path, cx, STAT, 0)
    if ((w.decider.for(cx.caller).judgeDentry(dentry) & STAT) === 0) {
      return w.refuseAt('getattr', cx.caller, req.path, req.path, STAT)
    }
    w.fast++
    w.allow('getattr', cx.caller, req.path, req.path, STAT)
    return annotate<'getattr'>(req, dentry)
  },
  ...w.afterText('getattr'),
  *around(req, cx) {
    const { path } = req
    const found = yield* walk(w.question('getattr', cx, path, flag(req), STAT), w)
    if (found instanceof Failed) return found
    w.allow('getattr', cx.caller, req.path, found.dentry.path, STAT)
    if (!found.dentry.exists) return NOT_THERE
    if (found.stats !== undefined && !req.precise) return found.stats
    return yield* attempt('getattr', { ...at<'getattr'>(req, found), follow: false })
  },
})

const ACCESS_STRICT: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7].map(
  (mask) => (mask & R_OK ? READ | LIST : 0) | (mask & W_OK ? WRITE | CREATE | DELETE : 0) | (mask & X_OK ? EXEC : 0),
)

/** access(2) by what the policy calls these: for a directory, R_OK is to list it, W_OK to change what is in it. */
const access = (w: Warden): Extension<'access'> => {
  const needs = (mask: number, isDirectory: boolean): number =>
    isDirectory
      ? mask & R_OK
        ? LIST
        : 0
      : (mask & R_OK ? READ : 0) | (mask & W_OK ? WRITE : 0) | (mask & X_OK ? EXEC : 0)
  return {
    request(req, cx) {
      const dentry = w.glance(req.path, true, cx)
      if (dentry === undefined) return w.byText<'access'>(req, req.path, cx, ACCESS_STRICT[req.mask & 7] as number, ALL)
      const mask = w.decider.for(cx.caller).judgeDentry(dentry)
      if ((mask & ALL) === 0) return w.refuseAt('access', cx.caller, req.path, req.path, STAT)
      const strict = ACCESS_STRICT[req.mask & 7] as number
      // What it takes depends on whether it is a directory.
      if ((mask & strict) !== strict) return AROUND
      w.fast++
      w.allow('access', cx.caller, req.path, req.path, strict)
      return annotate<'access'>(req, dentry)
    },
    ...w.afterText('access'),
    *around(req, cx) {
      const { path } = req
      const q = w.question('access', cx, path, FOLLOW, 0, ALL)
      const found = yield* w.findAfter(q, ACCESS_STRICT[req.mask & 7] as number)
      if (found instanceof Failed) return found
      const { dentry, isDirectory } = found
      const allowed = q.rules.judge(dentry.path)
      const all = needs(req.mask, isDirectory)
      const changes = isDirectory && (req.mask & W_OK) !== 0 ? WRITE | CREATE | DELETE : 0
      if (dentry.exists && ((allowed & all) !== all || (changes !== 0 && (allowed & changes) === 0))) {
        return w.refuseAt('access', cx.caller, req.path, dentry.path, all | changes)
      }
      w.allow('access', cx.caller, req.path, dentry.path, all | changes)
      if (!dentry.exists) return NOT_THERE
      if (req.mask === 0 && found.stats !== undefined) return undefined
      return yield* attempt('access', at<'access'>(req, found))
    },
  }
}

const S_IFMT = 0o170000
const S_IFCHR = 0o020000
const S_IFBLK = 0o060000

/** A device node would be a door to whatever it stands for; a whiteout (0, 0) is none. */
const mknod = (w: Warden): Extension<'mknod'> => {
  const plain = simple(w, 'mknod', { all: CREATE, mode: name })
  return {
    request(req, cx) {
      const type = req.mode & S_IFMT
      if (type === S_IFBLK || (type === S_IFCHR && req.rdev !== 0)) {
        return w.refuseAt('mknod', cx.caller, req.path, req.path, CREATE)
      }
      return plain.request?.(req, cx) ?? AROUND
    },
    ...w.afterText('mknod'),
    *around(req, cx): Around<'mknod'> {
      if (plain.around !== undefined) return yield* plain.around(req, cx)
      return undefined
    },
  }
}

/** A link's text: shown where all that it names may be seen. */
const readlink = (w: Warden): Extension<'readlink'> => ({
  request: (req, cx) => w.byText<'readlink'>(req, req.path, cx, 0, READ | STAT),
  ...w.afterText('readlink'),
  reply(target, req, cx) {
    const { path } = req
    const rules = w.decider.for(cx.caller)
    const shown = rules.shows(path, target)
    if (shown || isContained(path, target, rules)) {
      if (!shown) rules.show(path, target)
      w.allow('readlink', cx.caller, path, path, READ | STAT)
      return target
    }
    w.fast--
    return w.refuseAt('readlink', cx.caller, path, path, READ | STAT)
  },
  *around(req, cx) {
    const q = w.question('readlink', cx, req.path, STAY, 0, READ | STAT)
    const found = yield* walk(q, w)
    if (found instanceof Failed) return found
    const target = yield* attempt('readlink', at<'readlink'>(req, found))
    if (target instanceof Failed) return target
    if (!isContained(found.dentry.path, target, q.rules)) return w.refuse(q, found.dentry.path)
    w.allow('readlink', cx.caller, req.path, found.dentry.path, READ | STAT)
    return target
  },
})

/** A listing; where refusals hide, without the names that would be refused. */
const readdir = (w: Warden): Extension<'readdir'> => {
  const plain = simple(w, 'readdir', { all: LIST, mode: follow })
  if (!w.hides) return plain
  return {
    *around(req, cx) {
      const q = w.question('readdir', cx, req.path, FOLLOW, LIST)
      const found = yield* find(q, w)
      if (found instanceof Failed) return found
      const entries = yield* attempt('readdir', at<'readdir'>(req, found))
      if (entries instanceof Failed) return entries
      w.allow('readdir', cx.caller, req.path, found.dentry.path, LIST)
      const from = found.dentry.path === '/' ? '' : found.dentry.path
      const shown: typeof entries = []
      for (let k = 0; k < entries.length; k++) {
        const entry = entries[k] as (typeof entries)[number]
        const mask = q.rules.judge(`${from}/${entry.name}`)
        // A directory may have to be passed on the way to what is allowed.
        if ((mask & ALL) !== 0 || (mask !== 0 && entry.type === UV_DIRENT_DIR)) shown[shown.length] = entry
      }
      return shown
    },
  }
}
const UV_DIRENT_DIR = 2

/** What an open file must not do: change what it was not opened to change. */
const byFd = (w: Warden, op: 'fallocate' | 'copy_file_range') => ({
  request(req: Request<'fallocate'> | Request<'copy_file_range'>, cx: Context) {
    const file = 'fileOut' in req ? req.fileOut : req.file
    const path = file?.path ?? ''
    return isWritable(file) ? NEXT : w.refuseAt(op, cx.caller, path, path, WRITE)
  },
})

export const guardOf = (w: Warden) =>
  ({
    // A name may be looked up where anything at all is allowed with it, or beneath it: a mount goes name by name.
    lookup: simple(w, 'lookup', { all: 0, any: ALL, leads: true, mode: stay }),
    resolve: simple(w, 'resolve', { all: 0, any: ALL, leads: true, mode: flag }),
    getattr: getattr(w),
    access: access(w),
    open: open(w),
    create: create(w),
    setattr: simple(w, 'setattr', { all: WRITE, mode: flag }),
    setxattr: simple(w, 'setxattr', { all: WRITE, mode: flag }),
    removexattr: simple(w, 'removexattr', { all: WRITE, mode: flag }),
    getxattr: simple(w, 'getxattr', { all: READ, mode: flag }),
    listxattr: simple(w, 'listxattr', { all: STAT, mode: flag }),
    statfs: simple(w, 'statfs', { all: STAT, mode: follow }),
    syncfs: simple(w, 'syncfs', { all: STAT, mode: follow }),
    opendir: simple(w, 'opendir', { all: LIST, mode: follow }),
    readdir: readdir(w),
    readlink: readlink(w),
    symlink: simple(w, 'symlink', { all: CREATE, mode: name }),
    mkdir: simple(w, 'mkdir', { all: CREATE, mode: name }),
    mknod: mknod(w),
    tmpfile: simple(w, 'tmpfile', { all: CREATE | WRITE, mode: follow }),
    unlink: simple(w, 'unlink', { all: DELETE, mode: name }),
    rmdir: simple(w, 'rmdir', { all: DELETE, mode: name }),
    link: link(w),
    rename: rename(w),
    watch: watch(w),
    fallocate: byFd(w, 'fallocate'),
    copy_file_range: byFd(w, 'copy_file_range'),
  }) satisfies Guard
