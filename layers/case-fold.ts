/** caseFold: names are found in either case, and keep their own. */
import { LRUCache } from 'lru-cache'
import { closed, decodeOptions, flag, positiveInteger } from '../lib/codec/options.js'
import {
  AROUND,
  type Around,
  type Asking,
  attempt,
  Call,
  dentryOf,
  type ExtensionMap,
  Failed,
  type Layer,
  type LookUp,
  layer,
  NEXT,
  type OnPaths,
  OP,
  OPS,
  type Op,
  type OpInfo,
  type Path,
  type Request,
  type Stats,
  type Walked,
  type WalkMode,
  walkMode,
  walkPath,
} from '../lib/layer.js'

export interface CaseFoldOptions {
  /** Names that differ in their Unicode normal form only are the same too, as on APFS. Default false. */
  readonly normalize?: boolean | undefined
  /** Directories whose listings are kept. Default 1024. */
  readonly maxDirectories?: number | undefined
}
export interface CaseFold extends Layer {
  /** `folded`: names that were found by another spelling; `listed`: directories that were read for it. */
  stats(): { folded: number; listed: number }
}

interface Listing {
  /** What the directory's attributes were. */
  stamp: string
  readonly names: Map<string, string>
}

const codec = closed({}, { normalize: flag, maxDirectories: positiveInteger }, "caseFold's options")
const RENAME_EXCHANGE = 2
const CHANGING = new Set<Op>(['create', 'mkdir', 'mknod', 'symlink', 'unlink', 'rmdir', 'link', 'rename'])
const at: LookUp = {
  lookup: (path) => new Call('lookup', { path }),
  readlink: (path) => new Call('readlink', { path }),
}
const dirOf = (path: Path): Path => path.slice(0, path.lastIndexOf('/')) || '/'
const nameOf = (path: Path): string => path.slice(path.lastIndexOf('/') + 1)
const join = (dir: Path, name: string): Path => (dir === '/' ? `/${name}` : `${dir}/${name}`)
const stampOf = ({ dev, ino, mtimeMs, ctimeMs }: Stats): string => `${dev}:${ino}:${mtimeMs}:${ctimeMs}`

/**
 * Names as most macOS and Windows disks take them: `README` finds `readme`, making it opens what is there, and listings show
 * names as they were made. For tests of what a program does there. What is spelled as it is costs no listing; a name that is
 * not there costs its directory's, which is kept for as long as the directory's times stay.
 * @throws {ConfigError} for ill-typed and unknown options
 */
export const caseFold = (options?: CaseFoldOptions): CaseFold => {
  const { normalize = false, maxDirectories = 1024 } = decodeOptions('caseFold', codec, options)
  // Twice: what has several small letters for one capital (ς and σ) meets in the capital.
  const fold = (name: string): string => (normalize ? name.normalize('NFC') : name).toUpperCase().toLowerCase()
  const listings = new LRUCache<Path, Listing>({ max: maxDirectories })
  let folded = 0
  let listed = 0
  /** Begun or ended through here. */
  let changes = 0

  function* listing(dir: Path): Asking<Listing | undefined> {
    const stats = yield* attempt('getattr', { path: dir, follow: false, precise: false })
    if (stats instanceof Failed) return undefined
    const stamp = stampOf(stats)
    const kept = listings.get(dir)
    if (kept?.stamp === stamp) return kept
    const before = changes
    const entries = yield* attempt('readdir', { path: dir })
    if (entries instanceof Failed) return undefined
    listed++
    const names = new Map<string, string>()
    // Of two that differ in case only, made behind our back, the first.
    for (const { name } of entries) if (!names.has(fold(name))) names.set(fold(name), name)
    const made = { stamp, names }
    if (changes === before) listings.set(dir, made)
    return made
  }
  function* otherwise(dir: Path, name: string): Asking<string | undefined> {
    const other = (yield* listing(dir))?.names.get(fold(name))
    if (other === undefined || other === name) return undefined
    folded++
    return other
  }
  const folding: LookUp = { ...at, otherwise }

  /** Where a path leads, by the names that are there. */
  function* find(path: Path, mode: WalkMode): Asking<Walked | Failed> {
    const where = yield* walkPath(path, mode, folding)
    if (where instanceof Failed || where.last !== 'name' || where.stats !== undefined || !where.exists) return where
    // The walk left the last name alone.
    const stats = yield* attempt('lookup', { path: where.path })
    if (!(stats instanceof Failed) || stats.errno !== 'ENOENT') return where
    const dir = dirOf(where.path)
    const other = yield* otherwise(dir, nameOf(where.path))
    return other === undefined ? { ...where, exists: false } : { ...where, path: join(dir, other) }
  }
  /** What to send down of it; `.`, `..` and `/` are the lower's to refuse. */
  const sent = ({ path, slash, last, dir }: Walked, mode: WalkMode): Path =>
    mode === 'name' && dir !== undefined && last !== '/' && last !== 'name' ? join(dir, last) : path + slash

  /** A listing that we changed ourselves is still good. */
  function* changed(path: Path, there: boolean): Asking<void> {
    changes++
    const dir = dirOf(path)
    const kept = listings.get(dir)
    if (kept === undefined) return
    const stats = yield* attempt('getattr', { path: dir, follow: false, precise: false })
    if (stats instanceof Failed) {
      listings.delete(dir)
      return
    }
    const key = fold(nameOf(path))
    if (there) kept.names.set(key, nameOf(path))
    else kept.names.delete(key)
    kept.stamp = stampOf(stats)
  }
  function* onPath(op: Op, req: OnPaths): Around<Op> {
    const mode = walkMode(op, req)
    const where = yield* find(req.path, mode)
    if (where instanceof Failed) return where
    if (req.newPath !== undefined) return yield* onTwo(op as 'link' | 'rename', req as Request<'rename'>, where)
    const changing = CHANGING.has(op)
    if (changing) changes++
    const out = yield* attempt(op, { ...req, path: sent(where, mode), dentry: undefined } as unknown as Request<Op>)
    if (changing && !(out instanceof Failed)) yield* changed(where.path, op !== 'unlink' && op !== 'rmdir')
    return out
  }
  function* onTwo(op: 'link' | 'rename', req: Request<'rename'>, where: Walked): Around<Op> {
    const to = yield* find(req.newPath, 'name')
    if (to instanceof Failed) return where.exists || op === 'rename' ? to : Failed.of('ENOENT')
    const spelled = to.last === 'name' ? join(dirOf(to.path), lastName(req.newPath)) : to.path
    const path = sent(where, op === 'rename' ? 'name' : 'look')
    const same = op === 'rename' && where.path === to.path && to.last === 'name'
    const newPath = same ? spelled + to.slash : sent(to, 'name')
    changes++
    const out = yield* attempt(op, { ...req, path, newPath, dentry: undefined, newDentry: undefined })
    if (out instanceof Failed) return out
    if (op === 'rename' && (req.flags & RENAME_EXCHANGE) === 0) {
      if (where.path !== to.path) yield* changed(where.path, false)
      // What is replaced gives its place away, and not its name.
      if (!same && to.exists && spelled !== to.path) {
        const renamed = yield* attempt('rename', { path: to.path, newPath: spelled, flags: 0 })
        if (renamed instanceof Failed) return renamed
      }
    }
    yield* changed(spelled, true)
    return out
  }
  function* resolve(req: Request<'resolve'>): Around<'resolve'> {
    const where = yield* walkPath(req.path, req.follow ? 'follow' : 'look', folding)
    return where instanceof Failed ? where : dentryOf(where)
  }
  const extensions: { [O in Op]?: object } = {}
  for (const op of OPS) {
    if ((OP[op] as OpInfo).paths.length === 0) continue
    extensions[op] = {
      request: ({ fd }: OnPaths) => (fd === undefined ? AROUND : NEXT),
      around: (req: OnPaths) => onPath(op, req),
    }
  }
  extensions.resolve = { around: resolve }
  const stats = () => ({ folded, listed })
  return { ...layer('caseFold', extensions as ExtensionMap, { stateful: true, stats }), stats }
}

/** The last name of a path, as it is spelled. */
const lastName = (path: Path): string => nameOf(path.replace(/\/+$/, ''))
