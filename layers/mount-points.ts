/** mountPoints: other filesystems at directories of this one. */
import { Buffer } from 'node:buffer'
import { ConfigError, describeValue } from '../lib/codec/error.js'
import {
  AROUND,
  type Around,
  attempt,
  attemptOn,
  type Call,
  type ExtensionMap,
  Failed,
  fail,
  type Layer,
  layer,
  NEXT,
  O_EXCL,
  O_NOFOLLOW,
  OP,
  OPS,
  type Op,
  type OpInfo,
  type OtherFs,
  PATH_MAX,
  type Path,
  type Reply,
  type Request,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  type Site,
  VIRTUAL_FD,
  virtualFd,
} from '../lib/layer.js'

const ENOENT = fail('ENOENT')
const ENOTDIR = fail('ENOTDIR')
const EISDIR = fail('EISDIR')
/** A name, no dots, and slashes after it. */
const SLASHED = /(?:^|\/)(?!\.{1,2}\/)[^/]+\/+$/
const EXDEV = fail('EXDEV')
const MAX_LINKS = 40
const CHUNK = 1 << 20
const DIRECTORY = 2

export interface MountPoints extends Layer {
  /** The mount points, longest first. */
  readonly points: readonly Path[]
  /** `crossed`: requests that were answered by a filesystem that is mounted. */
  stats(): { crossed: number }
}

interface OnPaths {
  readonly path: Path
  readonly newPath?: Path
  readonly fd?: number | undefined
  readonly follow?: boolean
  readonly flags?: number
}
type Steps<T> = Generator<Call<Op>, T, Reply<Op> | Failed>
interface Where {
  /** In the whole tree, without links. */
  readonly path: Path
  readonly slash: string
}

const NAMES = new Set<Op>(['mkdir', 'mknod', 'symlink', 'unlink', 'rmdir', 'rename', 'link'])
const OPENING = new Set<Op>(['open', 'create', 'tmpfile'])

const follows = (op: Op, req: OnPaths): 'follow' | 'stay' | 'name' => {
  const { follow }: OpInfo = OP[op]
  if (NAMES.has(op)) return 'name'
  if (follow === 'flag') return req.follow === true ? 'follow' : 'stay'
  if (follow === 'open') {
    const flags = req.flags ?? 0
    return (flags & O_NOFOLLOW) !== 0 || (op === 'create' && (flags & O_EXCL) !== 0) ? 'stay' : 'follow'
  }
  return follow === 'always' ? 'follow' : 'stay'
}

/** What the kernel says to whoever takes a mount point away. */
const BUSY: { readonly [O in Op]?: Failed } = {
  rmdir: fail('EBUSY'),
  rename: fail('EBUSY'),
  unlink: fail('EISDIR'),
  link: fail('EPERM'),
}
const EEXIST = fail('EEXIST')

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
  function* ask<O extends Op>(op: O, path: Path, req: Request<O>, slash = ''): Steps<Reply<O> | Failed> {
    const point = pointOf(path)
    if (point === undefined) return yield* attempt(op, { ...req, path: path + slash, dentry: undefined })
    crossed++
    const there = (path.slice(point.length) || '/') + slash
    return yield* attemptOn(reached.get(point) as OtherFs, op, { ...req, path: there, dentry: undefined })
  }

  function* walk(path: Path, mode: 'follow' | 'stay' | 'name'): Steps<Where | Failed> {
    if (path === '') return ENOENT
    if (path.length > PATH_MAX) return fail('ENAMETOOLONG')
    const todo = path.split('/').reverse()
    const at: string[] = []
    let links = 0
    let dots = ''
    while (todo.length > 0) {
      const name = todo.pop() as string
      if (name === '') continue
      dots = name === '.' || name === '..' ? name : ''
      if (name === '.') continue
      if (name === '..') {
        at.pop()
        continue
      }
      const here = `/${[...at, name].join('/')}`
      const last = todo.every((rest) => rest === '')
      const slash = last && todo.length > 0 ? '/' : ''
      if (last && (mode === 'name' || (mode === 'stay' && slash === ''))) return { path: here, slash }
      const stats = yield* ask('lookup', here, { path: here })
      if (stats instanceof Failed) return stats.errno === 'ENOENT' && last ? { path: here, slash } : stats
      const type = stats.mode & S_IFMT
      if (type === S_IFLNK) {
        if (++links > MAX_LINKS) return fail('ELOOP')
        const target = yield* ask('readlink', here, { path: here })
        if (target instanceof Failed) return target
        if (target === '') return ENOENT
        if (target.startsWith('/')) at.length = 0
        const more = target.split('/')
        for (let k = more.length - 1; k >= 0; k--) todo.push(more[k] as string)
        continue
      }
      if (todo.length > 0 && type !== S_IFDIR) return ENOTDIR
      if (last) return { path: here, slash }
      at.push(name)
    }
    return { path: `/${at.join('/')}`, slash: mode === 'name' && dots !== '' ? '/.' : '' }
  }
  const opened = (path: Path, out: Reply<Op> | Failed): Reply<Op> | Failed => {
    const point = pointOf(path)
    if (point === undefined || typeof out !== 'number') return out
    const fd = virtualFd()
    opens.set(fd, { on: reached.get(point) as OtherFs, fd: out })
    return fd
  }
  function* onPath(op: Op, req: OnPaths): Around<Op> {
    // open(2) with O_CREAT takes no name with a slash at its end, whatever is there.
    if (op === 'create' && SLASHED.test(req.path)) {
      const named = yield* walk(req.path.replace(/\/+$/, ''), 'name')
      return named instanceof Failed ? named : EISDIR
    }
    const where = yield* walk(req.path, follows(op, req))
    if (where instanceof Failed) return where
    const taken = NAMES.has(op) && reached.has(where.path)
    if (taken) {
      // rmdir(2) refuses these by their spelling, before it looks.
      const last = /(?:^|\/)(\.{1,2})\/*$/.exec(req.path)?.[1]
      if (op === 'rmdir' && last !== undefined) return fail(last === '.' ? 'EINVAL' : 'ENOTEMPTY')
      return BUSY[op] ?? EEXIST
    }
    if (req.newPath === undefined) {
      const out = yield* ask(op, where.path, req as unknown as Request<Op>, where.slash)
      return OPENING.has(op) ? opened(where.path, out) : out
    }
    const to = yield* walk(req.newPath, 'name')
    if (to instanceof Failed) {
      // link(2) looks its first name up before the second one's directory.
      const old = op === 'link' ? yield* ask('lookup', where.path, { path: where.path }) : undefined
      return old instanceof Failed ? old : to
    }
    if (reached.has(to.path)) return op === 'link' ? EEXIST : fail('EBUSY')
    const point = pointOf(to.path)
    if (pointOf(where.path) !== point) return EXDEV
    // A directory with a mount beneath does not move.
    if (op === 'rename' && points.some((each) => each.startsWith(`${where.path}/`))) return fail('EBUSY')
    const newPath = (point === undefined ? to.path : to.path.slice(point.length)) + to.slash
    return yield* ask(op, where.path, { ...req, newPath, newDentry: undefined } as unknown as Request<Op>, where.slash)
  }
  function* readdir(req: Request<'readdir'>): Around<'readdir'> {
    const where = yield* walk(req.path, 'follow')
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
    const where = yield* walk(req.path, req.follow ? 'follow' : 'stay')
    if (where instanceof Failed) return where
    const { path } = where
    const stats = yield* ask('lookup', path, { path })
    if (stats instanceof Failed && stats.errno !== 'ENOENT') return stats
    const exists = !(stats instanceof Failed)
    const type = exists ? stats.mode & S_IFMT : 0
    if (where.slash === '/' && exists && type !== S_IFDIR) return ENOTDIR
    return { path, exists, isLink: type === S_IFLNK, security: undefined }
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
