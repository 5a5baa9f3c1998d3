/** mountPoints: other filesystems at directories of this one. */
import { Buffer } from 'node:buffer'
import { ConfigError, describeValue } from '../lib/codec/error.js'
import {
  AROUND,
  type Around,
  type Asking,
  attempt,
  attemptOn,
  Call,
  dentryOf,
  type ExtensionMap,
  Failed,
  fail,
  type Layer,
  type LookUp,
  layer,
  NEXT,
  notAName,
  type OnPaths,
  OP,
  OPS,
  type Op,
  type OpInfo,
  type OtherFs,
  type Path,
  type Reply,
  type Request,
  S_IFDIR,
  S_IFMT,
  type Site,
  VIRTUAL_FD,
  virtualFd,
  type Walked,
  walkMode,
  walkPath,
} from '../lib/layer.js'

const ENOENT = fail('ENOENT')
const ENOTDIR = fail('ENOTDIR')
const EISDIR = fail('EISDIR')
const EEXIST = fail('EEXIST')
const EINVAL = fail('EINVAL')
const EBUSY = fail('EBUSY')
const EXDEV = fail('EXDEV')
const CHUNK = 1 << 20
const DIRECTORY = 2
const RENAME_NOREPLACE = 1

export interface MountPoints extends Layer {
  /** The mount points, longest first. */
  readonly points: readonly Path[]
  /** `crossed`: requests that were answered by a filesystem that is mounted. */
  stats(): { crossed: number }
}

const OPENING = new Set<Op>(['open', 'create', 'tmpfile'])
/** What the kernel says to whoever makes or takes away a mount point. */
const TAKEN: { readonly [O in Op]?: Failed } = { rmdir: EBUSY, unlink: EISDIR }
const isDir = (stats: { readonly mode: number }): boolean => (stats.mode & S_IFMT) === S_IFDIR
const parentOf = (path: Path): Path => path.slice(0, path.lastIndexOf('/')) || '/'

/**
 * `mountPoints({ '/data': other })`: what is at `/data` and beneath is `other`, from its root. The longest point wins.
 * Symbolic links lead across, absolute ones from the root of the whole; `..` of a mounted root is the directory that the
 * point is in. Renaming and linking across is EXDEV, taking a point away EBUSY. Listings show the points, whether or not
 * the lower has such a directory; the directory that a point is in must be there.
 * @param mounts by absolute path; each an object shaped like node:fs
 * @throws {ConfigError} for other paths, and what is no filesystem
 */
export const mountPoints = (mounts: Readonly<Record<string, object>>): MountPoints => {
  const given = new Map<Path, object>()
  if (mounts === null || typeof mounts !== 'object') {
    throw new ConfigError('mountPoints', 'filesystems by their paths', describeValue(mounts))
  }
  for (const [point, fs] of Object.entries(mounts)) {
    const field = `mountPoints[${JSON.stringify(point)}]`
    if (!/^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/.test(point)) {
      throw new ConfigError(field, "an absolute path other than '/', without '.', '..' and '//'", `'${point}'`)
    }
    if (fs === null || typeof fs !== 'object') {
      throw new ConfigError(field, 'an object shaped like node:fs', describeValue(fs))
    }
    given.set(point, fs)
  }
  const points = [...given.keys()].sort((a, b) => b.length - a.length)
  const reached = new Map<Path, OtherFs>()
  const opens = new Map<number, { readonly on: OtherFs; readonly fd: number }>()
  let crossed = 0

  const pointOf = (path: Path): Path | undefined => {
    for (const point of points) {
      if (path.startsWith(point) && (path.length === point.length || path.charCodeAt(point.length) === 47)) return point
    }
    return undefined
  }
  /** One request where its path is: `path` is without links. */
  function* ask<O extends Op>(op: O, path: Path, req: Request<O>, slash = ''): Asking<Reply<O> | Failed> {
    const point = pointOf(path)
    if (point === undefined) return yield* attempt(op, { ...req, path: path + slash, dentry: undefined })
    crossed++
    const there = (path.slice(point.length) || '/') + slash
    return yield* attemptOn(reached.get(point) as OtherFs, op, { ...req, path: there, dentry: undefined })
  }

  /** A walk's request, where its path is. */
  const asked = <O extends 'lookup' | 'readlink'>(op: O, path: Path): Call<O> => {
    const point = pointOf(path)
    if (point === undefined) return new Call<O>(op, { path } as Request<O>)
    crossed++
    const there = path.slice(point.length) || '/'
    return new Call<O>(op, { path: there } as Request<O>, undefined, reached.get(point))
  }
  const at: LookUp = { lookup: (path) => asked('lookup', path), readlink: (path) => asked('readlink', path) }
  const opened = (path: Path, out: Reply<Op> | Failed): Reply<Op> | Failed => {
    const point = pointOf(path)
    if (point === undefined || typeof out !== 'number') return out
    const fd = virtualFd()
    opens.set(fd, { on: reached.get(point) as OtherFs, fd: out })
    return fd
  }
  function* onPath(op: Op, req: OnPaths): Around<Op> {
    const mode = walkMode(op, req)
    const where = yield* walkPath(req.path, mode, at)
    if (where instanceof Failed) return where
    if (req.newPath !== undefined) return yield* onTwo(op as 'link' | 'rename', req as Request<'rename'>, where)
    if (mode === 'name') {
      const refused = notAName(op, where) ?? (reached.has(where.path) ? (TAKEN[op] ?? EEXIST) : undefined)
      if (refused !== undefined) return refused
    }
    const out = yield* ask(op, where.path, req as unknown as Request<Op>, where.slash)
    return OPENING.has(op) ? opened(where.path, out) : out
  }
  /** Checks in the kernel's order: do_linkat() and do_renameat2() in fs/namei.c. */
  function* onTwo(op: 'link' | 'rename', req: Request<'rename'>, where: Walked): Around<Op> {
    if (op === 'link' && !where.exists) return ENOENT
    const to = yield* walkPath(req.newPath, 'name', at)
    if (to instanceof Failed) return to
    const point = pointOf(parentOf(to.path))
    if (op === 'link') {
      const refused = notAName(op, to) ?? (reached.has(to.path) ? EEXIST : undefined)
      if (refused !== undefined) return refused
      if (pointOf(where.path) !== point) {
        const there = yield* ask('lookup', to.path, { path: to.path })
        if (!(there instanceof Failed)) return EEXIST
        return there.errno === 'ENOENT' && to.slash === '' ? EXDEV : there
      }
    } else {
      if (pointOf(where.dir ?? parentOf(where.path)) !== pointOf(to.dir ?? parentOf(to.path))) return EXDEV
      if (where.last !== 'name') return EBUSY
      if (to.last !== 'name') return (req.flags & RENAME_NOREPLACE) === 0 ? EBUSY : EEXIST
      const isPoint = reached.has(where.path) || reached.has(to.path)
      // Points are paths: a directory with one beneath does not move.
      if (isPoint || points.some((each) => each.startsWith(`${where.path}/`))) return yield* unmovable(req, where, to)
    }
    const newPath = (point === undefined ? to.path : to.path.slice(point.length)) + to.slash
    return yield* ask(op, where.path, { ...req, newPath, newDentry: undefined }, where.slash)
  }
  /** A rename that would move or replace a mount point, or carry one away: what is wrong with it beside that comes first. */
  function* unmovable(req: Request<'rename'>, where: Walked, to: Walked): Around<Op> {
    const old = yield* ask('lookup', where.path, { path: where.path })
    if (old instanceof Failed) return old
    if (!isDir(old) && where.slash + to.slash !== '') return ENOTDIR
    if (to.path.startsWith(`${where.path}/`)) return EINVAL
    const there = yield* ask('lookup', to.path, { path: to.path })
    if (there instanceof Failed) return there.errno === 'ENOENT' ? EBUSY : there
    if ((req.flags & RENAME_NOREPLACE) !== 0) return EEXIST
    if (to.path === where.path) return undefined
    if (isDir(old) !== isDir(there)) return isDir(old) ? ENOTDIR : EISDIR
    return EBUSY
  }
  function* readdir(req: Request<'readdir'>): Around<'readdir'> {
    const where = yield* walkPath(req.path, 'follow', at)
    if (where instanceof Failed) return where
    const entries = yield* ask('readdir', where.path, req, where.slash)
    if (entries instanceof Failed) return entries
    const dir = where.path === '/' ? '/' : `${where.path}/`
    const names = points.flatMap((point) => {
      const name = point.slice(dir.length)
      return point.startsWith(dir) && name !== '' && !name.includes('/') ? [name] : []
    })
    if (names.length === 0) return entries
    const others = entries.filter(({ name }) => !names.includes(name))
    return [...others, ...names.map((name) => ({ name, type: DIRECTORY }))]
  }
  function* resolve(req: Request<'resolve'>): Around<'resolve'> {
    const where = yield* walkPath(req.path, req.follow ? 'follow' : 'look', at)
    return where instanceof Failed ? where : dentryOf(where)
  }
  const isOurs = (fd: number | undefined): boolean => fd !== undefined && fd >= VIRTUAL_FD && opens.has(fd)
  function* onFd(op: Op, req: { readonly fd?: number | undefined }): Around<Op> {
    const fd = req.fd as number
    const open = opens.get(fd)
    if (open === undefined) return fail('EBADF')
    if (op === 'release') opens.delete(fd)
    return yield* attemptOn(open.on, op, { ...req, fd: open.fd, file: undefined } as unknown as Request<Op>)
  }
  /** Between two filesystems, bytes are read and written. */
  function* copy(req: Request<'copy_file_range'>): Around<'copy_file_range'> {
    const from = opens.get(req.fd)
    const to = opens.get(req.fdOut)
    if (from !== undefined && from.on === to?.on) {
      const fds = { fd: from.fd, file: undefined, fdOut: to.fd, fileOut: undefined }
      return yield* attemptOn(from.on, 'copy_file_range', { ...req, ...fds })
    }
    const buffer = Buffer.allocUnsafe(Math.min(req.length, CHUNK))
    const part = { buffer, offset: 0, length: buffer.length, position: req.offset }
    const length =
      from === undefined
        ? yield* attempt('read', { fd: req.fd, file: req.file, ...part })
        : yield* attemptOn(from.on, 'read', { fd: from.fd, ...part })
    if (length instanceof Failed || length === 0) return length
    const rest = { buffer, offset: 0, length, position: req.offsetOut }
    if (to !== undefined) return yield* attemptOn(to.on, 'write', { fd: to.fd, ...rest })
    return yield* attempt('write', { fd: req.fdOut, file: req.fileOut, ...rest })
  }

  const extensions: { [O in Op]?: object } = {}
  for (const op of OPS) {
    const { paths, fds }: OpInfo = OP[op]
    const path = { around: (req: OnPaths) => onPath(op, req) }
    const fd = {
      request: (req: OnPaths) => (isOurs(req.fd) ? AROUND : NEXT),
      around: (req: OnPaths) => onFd(op, req),
    }
    if (paths.length > 0 && fds.length > 0) {
      extensions[op] = {
        request: (req: OnPaths) => (req.fd === undefined || isOurs(req.fd) ? AROUND : NEXT),
        around: (req: OnPaths) => (req.fd === undefined ? onPath(op, req) : onFd(op, req)),
      }
    } else extensions[op] = paths.length > 0 ? path : fd
  }
  // Where the new name is, nobody knows how to make it of an open file.
  extensions.link = {
    *around(req: Request<'link'>) {
      return req.fd === undefined ? yield* onPath('link', req as OnPaths) : EXDEV
    },
  }
  extensions.readdir = { around: readdir }
  extensions.resolve = { around: resolve }
  extensions.copy_file_range = {
    request: ({ fd, fdOut }: Request<'copy_file_range'>) => (isOurs(fd) || isOurs(fdOut) ? AROUND : NEXT),
    around: copy,
  }
  const stats = () => ({ crossed })
  const made = layer('mountPoints', extensions as ExtensionMap, {
    stateful: true,
    stats,
    consents: ({ fd }) => !isOurs(fd),
    attach(site: Site) {
      for (const [point, fs] of given) reached.set(point, site.reach(fs))
    },
  })
  return { ...made, stats, points }
}
