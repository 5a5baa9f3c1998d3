/** subdir: a directory of what is below, as the root. */

import { ConfigError, describeValue } from '../lib/codec/error.js'
import {
  AROUND,
  type Around,
  attempt,
  type Call,
  type Context,
  type ExtensionMap,
  Failed,
  fail,
  forward,
  type Layer,
  layer,
  NEXT,
  O_EXCL,
  O_NOFOLLOW,
  OP,
  OPS,
  type Op,
  type OpInfo,
  PATH_MAX,
  type Path,
  type Peek,
  type Reply,
  type Request,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  type Site,
} from '../lib/layer.js'

const EEXIST = fail('EEXIST')
const ENOENT = fail('ENOENT')
const ENOTDIR = fail('ENOTDIR')
const EISDIR = fail('EISDIR')
/** A name, no dots, and slashes after it. */
const SLASHED = /(?:^|\/)(?!\.{1,2}\/)[^/]+\/+$/
const MAX_LINKS = 40

export interface Subdir extends Layer {
  /** The directory, as below. */
  readonly base: Path
}

type OnPaths = {
  readonly path: Path
  readonly newPath?: Path
  readonly fd?: number | undefined
  readonly follow?: boolean
  readonly flags?: number
}
type Steps<T> = Generator<Call<Op>, T, Reply<Op> | Failed>
/** The last component: through a link, as the link, or as a mere name. */
type Mode = 'follow' | 'stay' | 'name'

interface Walked {
  readonly path: Path
  /** A slash that the caller put after it. */
  readonly slash: string
  /** Of a name that is `.` or `..`: the path with it, for the lower to refuse as it does. */
  readonly dots: Path | undefined
}
const ROOT: Walked = { path: '/', slash: '', dots: undefined }
/** What the kernel says to the root; EEXIST to whoever makes it. */
const refusals: { readonly [O in Op]?: Failed } = {
  rmdir: fail('EBUSY'),
  rename: fail('EBUSY'),
  unlink: fail('EISDIR'),
  link: fail('EPERM'),
}

const NAMES = new Set<Op>(['mkdir', 'mknod', 'symlink', 'unlink', 'rmdir', 'rename', 'link'])

const modeOf = (op: Op, req: { readonly follow?: boolean; readonly flags?: number }): Mode => {
  const { follow }: OpInfo = OP[op]
  if (NAMES.has(op)) return 'name'
  if (follow === 'flag') return req.follow === true ? 'follow' : 'stay'
  if (follow === 'open') {
    const flags = req.flags ?? 0
    return (flags & O_NOFOLLOW) !== 0 || (op === 'create' && (flags & O_EXCL) !== 0) ? 'stay' : 'follow'
  }
  return follow === 'always' ? 'follow' : 'stay'
}

/**
 * What is below `path` is all that there is, as after chroot(2): `/` is that directory, `..` above it stays there, and
 * absolute targets of symbolic links start there. Links are read, and followed, here: below, no path has a link in it. It
 * is made for programs that mean no harm; against others that change the tree at the same time, use `rooted(dir)`.
 * @param path an absolute path of what is below; it must not contain `.`, `..` or doubled slashes
 * @throws {ConfigError} for any other
 */
export const subdir = (path: string): Subdir => {
  const parts = typeof path === 'string' ? path.split('/') : []
  const bad = parts[0] !== '' || parts.slice(1, -1).includes('') || parts.includes('.') || parts.includes('..')
  if (typeof path !== 'string' || !path.startsWith('/') || bad || path.includes('\0')) {
    throw new ConfigError('subdir', "an absolute path without '.', '..' and '//'", describeValue(path))
  }
  const base = path.replace(/\/$/, '')

  /** Where a path leads, as the layers below name it. */
  function* walk(given: Path, mode: Mode): Steps<Walked | Failed> {
    if (given === '') return ENOENT
    if (given.length > PATH_MAX) return fail('ENAMETOOLONG')
    const todo = given.split('/').reverse()
    const stack: string[] = []
    let links = 0
    let dots = ''
    let before = ''
    while (todo.length > 0) {
      const name = todo.pop() as string
      if (name === '') continue
      if (name === '.' || name === '..') {
        dots = name
        before = `${base}/${[...stack, name].join('/')}`
        if (name === '..' && stack.pop() === undefined) before = `${base}/.`
        continue
      }
      dots = ''
      const here = `${base}/${[...stack, name].join('/')}`
      const last = todo.every((rest) => rest === '')
      const slash = last && todo.length > 0 ? '/' : ''
      if (last && (mode === 'name' || (mode === 'stay' && slash === ''))) {
        return { path: here, slash, dots: undefined }
      }
      const stats = yield* attempt('lookup', { path: here })
      if (stats instanceof Failed) {
        return stats.errno === 'ENOENT' && last ? { path: here, slash, dots: undefined } : stats
      }
      const type = stats.mode & S_IFMT
      if (type === S_IFLNK) {
        if (++links > MAX_LINKS) return fail('ELOOP')
        const target = yield* attempt('readlink', { path: here })
        if (target instanceof Failed) return target
        if (target === '') return ENOENT
        if (target.startsWith('/')) stack.length = 0
        const more = target.split('/')
        for (let k = more.length - 1; k >= 0; k--) todo.push(more[k] as string)
        continue
      }
      if (todo.length > 0 && type !== S_IFDIR) return ENOTDIR
      if (last) return { path: here, slash, dots: undefined }
      stack.push(name)
    }
    const at = stack.length === 0 ? base || '/' : `${base}/${stack.join('/')}`
    if (mode !== 'name') return { path: at, slash: '', dots: undefined }
    return dots === '' ? ROOT : { path: at, slash: '', dots: before }
  }
  /** The path to send down; below, it has no link in it. */
  function* place(op: Op, path: Path, mode: Mode): Steps<Path | Failed> {
    const where = yield* walk(path, mode)
    if (where instanceof Failed) return where
    if (where === ROOT) return refusals[op] ?? EEXIST
    return where.dots === undefined ? where.path + where.slash : where.dots
  }
  function* inside(op: Op, req: OnPaths): Around<Op> {
    // open(2) with O_CREAT takes no name with a slash at its end, whatever is there.
    if (op === 'create' && SLASHED.test(req.path)) {
      const named = yield* place(op, req.path.replace(/\/+$/, ''), 'name')
      return named instanceof Failed ? named : EISDIR
    }
    const path = yield* place(op, req.path, modeOf(op, req))
    if (path instanceof Failed) return path
    if (req.newPath === undefined)
      return yield* attempt(op, { ...req, path, dentry: undefined } as unknown as Request<Op>)
    if (op === 'link') {
      // What is linked is looked at before the new name is.
      const there = yield* attempt('lookup', { path })
      if (there instanceof Failed) return there
    }
    const newPath = yield* place(op === 'link' ? 'mkdir' : op, req.newPath, 'name')
    if (newPath instanceof Failed) return newPath
    const both = { ...req, path, newPath, dentry: undefined, newDentry: undefined }
    return yield* attempt(op, both as unknown as Request<Op>)
  }
  /** Where a path leads, as the layers above name it. */
  function* resolve(req: Request<'resolve'>): Around<'resolve'> {
    const where = yield* walk(req.path, req.follow ? 'follow' : 'stay')
    if (where instanceof Failed) return where
    const stats = yield* attempt('lookup', { path: where.path })
    if (stats instanceof Failed && stats.errno !== 'ENOENT') return stats
    const exists = !(stats instanceof Failed)
    const type = exists ? stats.mode & S_IFMT : 0
    if (where.slash !== '' && exists && type !== S_IFDIR) return ENOTDIR
    return { path: where.path.slice(base.length), exists, isLink: type === S_IFLNK, security: undefined }
  }
  let peek: Peek<'resolve'> | undefined
  /** Where a cache below knows the path, and that no link is in it, it only gets its prefix. */
  const known = (req: OnPaths, follow: boolean, cx: Context): typeof AROUND | ReturnType<typeof forward> => {
    const path = base + req.path
    const dentry = peek?.({ path, follow }, cx)
    if (dentry === undefined || dentry instanceof Failed || !dentry.exists || dentry.isLink || dentry.path !== path) {
      return AROUND
    }
    return forward({ ...req, path, dentry: undefined } as never)
  }
  const extensions: { [O in Op]?: object } = {}
  for (const op of OPS) {
    const { paths }: OpInfo = OP[op]
    if (paths.length === 0) continue
    if (op === 'resolve') {
      extensions.resolve = { around: resolve }
      continue
    }
    extensions[op] = {
      request: (req: OnPaths, cx: Context) => {
        if (req.fd !== undefined) return NEXT
        const mode = req.newPath === undefined ? modeOf(op, req) : 'name'
        return mode === 'name' ? AROUND : known(req, mode === 'follow', cx)
      },
      around: (req: OnPaths) => inside(op, req),
    }
  }
  const attach = (given: Site): void => {
    peek = given.peeker('resolve')
  }
  return { ...layer('subdir', extensions as ExtensionMap, { attach }), base: base || '/' }
}
