/** subdir: a directory of what is below, as the root. */

import { ConfigError, describeValue } from '../lib/codec/error.js'
import {
  AROUND,
  type Around,
  type Asking,
  attempt,
  Call,
  type Context,
  dentryOf,
  type ExtensionMap,
  Failed,
  fail,
  forward,
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
  type Path,
  type Peek,
  type Request,
  type Site,
  type WalkMode,
  walkMode,
  walkPath,
} from '../lib/layer.js'

const ENOENT = fail('ENOENT')

export interface Subdir extends Layer {
  /** The directory, as below. */
  readonly base: Path
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

  const below = (path: Path): Path => (path === '/' ? base || '/' : base + path)
  const at: LookUp = {
    lookup: (path) => new Call('lookup', { path: base + path }),
    readlink: (path) => new Call('readlink', { path: base + path }),
  }
  /** The path to send down; below, it has no link in it. */
  function* place(op: Op, path: Path, mode: WalkMode): Asking<Path | Failed> {
    const where = yield* walkPath(path, mode, at)
    if (where instanceof Failed) return where
    if (mode === 'name') {
      const refused = notAName(op, where)
      if (refused !== undefined) return refused
    }
    return mode === 'look' && !where.exists ? ENOENT : below(where.path) + where.slash
  }
  function* inside(op: Op, req: OnPaths): Around<Op> {
    const path = yield* place(op, req.path, walkMode(op, req))
    if (path instanceof Failed) return path
    if (req.newPath === undefined)
      return yield* attempt(op, { ...req, path, dentry: undefined } as unknown as Request<Op>)
    const newPath = yield* place(op, req.newPath, 'name')
    if (newPath instanceof Failed) return newPath
    const both = { ...req, path, newPath, dentry: undefined, newDentry: undefined }
    return yield* attempt(op, both as unknown as Request<Op>)
  }
  /** Where a path leads, as the layers above name it. */
  function* resolve(req: Request<'resolve'>): Around<'resolve'> {
    const where = yield* walkPath(req.path, req.follow ? 'follow' : 'look', at)
    return where instanceof Failed ? where : dentryOf(where)
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
        const mode = req.newPath === undefined ? walkMode(op, req) : 'name'
        return mode === 'name' ? AROUND : known(req, mode === 'follow' || mode === 'create', cx)
      },
      around: (req: OnPaths) => inside(op, req),
    }
  }
  const attach = (given: Site): void => {
    peek = given.peeker('resolve')
  }
  return { ...layer('subdir', extensions as ExtensionMap, { attach }), base: base || '/' }
}
