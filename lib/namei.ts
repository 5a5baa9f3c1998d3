/**
 * Path resolution, component by component, as the kernel's namei does it. Written once, as a generator; what is looked up,
 * and where, is for the caller to say.
 */
import { type Around, Call } from './extension.js'
import type { Dentry } from './file.js'
import { O_EXCL, O_NOFOLLOW } from './flags.js'
import { OP, type Op, type OpInfo, type Path, type Reply, type Stats } from './op.js'
import { charCodeAt, hardened, indexOf, lastIndexOf, slice } from './primordials.js'
import { Failed } from './verdict.js'

/** Linux's MAXSYMLINKS. */
const MAX_LINKS = 40
/** Linux's PATH_MAX without the NUL, in bytes. */
export const PATH_MAX = 4095

export const S_IFMT = 0o170000
export const S_IFLNK = 0o120000
export const S_IFDIR = 0o040000
export const S_IFREG = 0o100000

/**
 * What is done with the last component. `follow`: a link is followed. `look`: it is not, but what is there is looked up.
 * `stay`: neither, unless a slash comes after it. `name`: the name itself is meant, whatever comes after it. `create`,
 * `createStay`: as `follow` and `stay`, for open(2) with O_CREAT: a slash after the name is EISDIR, whatever is there.
 */
export type WalkMode = 'follow' | 'look' | 'stay' | 'name' | 'create' | 'createStay'

/** Whose first path is a name to make or to take away. */
const NAMES = new Set<Op>(['mkdir', 'mknod', 'symlink', 'unlink', 'rmdir', 'rename'])
const FOLLOWS: { readonly [O in Op]?: WalkMode } = Object.fromEntries(
  Object.entries(OP).map(([op, { follow }]: [string, OpInfo]) => [op, follow === 'always' ? 'follow' : 'stay']),
)

/** How the kernel takes the last component of an opcode's first path. */
export const walkMode = (op: Op, req: { readonly follow?: boolean; readonly flags?: number }): WalkMode => {
  if (NAMES.has(op)) return 'name'
  // link(2) looks its first name up before it looks at the second.
  if (op === 'link') return 'look'
  if (op === 'open' || op === 'create') {
    const flags = req.flags ?? 0
    if (op === 'open') return (flags & O_NOFOLLOW) === 0 ? 'follow' : 'stay'
    return (flags & (O_NOFOLLOW | O_EXCL)) === 0 ? 'create' : 'createStay'
  }
  return req.follow === true ? 'follow' : (FOLLOWS[op] as WalkMode)
}

/** The requests that a walk makes, on canonical paths. */
export interface LookUp {
  lookup(path: Path): Call<'lookup'>
  readlink(path: Path): Call<'readlink'>
  /** What a name that is missing is called in `dir`, if it is there by another spelling. */
  otherwise?(dir: Path, name: string): Generator<Call<Op>, string | undefined, Reply<Op> | Failed>
}

/** Where a walk ended. */
export interface Walked {
  /** From the walk's root on: absolute, and no `.`, `..`, doubled slash, or link but perhaps in its last component. */
  readonly path: Path
  /** A slash that came after it. */
  readonly slash: '' | '/'
  /** What the last component was, in the kernel's terms LAST_NORM, LAST_DOT, LAST_DOTDOT and LAST_ROOT. */
  readonly last: 'name' | '.' | '..' | '/'
  /** The directory that `.` and `..` were said in; undefined for a name. */
  readonly dir?: Path
  /** False where it was looked up and is missing. */
  readonly exists: boolean
  /** What is there, where it was looked up last. */
  readonly stats: Stats | undefined
}

const ENOENT = Failed.of('ENOENT')
const ENOTDIR = Failed.of('ENOTDIR')
const EISDIR = Failed.of('EISDIR')

/**
 * Where `path` leads. The last component may be missing.
 * Fails with ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG (and EISDIR where a name is created) as open(2) does, and with what the
 * look-ups fail with.
 */
export function* walkPath(
  path: Path,
  mode: WalkMode,
  at: LookUp,
): Generator<Call<Op>, Walked | Failed, Reply<Op> | Failed> {
  if (path === '') return ENOENT
  if (path.length > PATH_MAX) return Failed.of('ENAMETOOLONG')
  const creates = mode === 'create' || mode === 'createStay'
  const looks = mode === 'follow' || mode === 'create' || mode === 'look'
  const stays = mode === 'stay' || mode === 'look' || mode === 'createStay'
  let rest = path
  let from = 0
  let current = ''
  let links = 0
  let end: Walked['last'] = '/'
  let dir = ''
  for (;;) {
    while (charCodeAt(rest, from) === 47) from++
    if (from >= rest.length) break
    let to = indexOf(rest, '/', from)
    if (to === -1) to = rest.length
    const name = slice(rest, from, to)
    from = to
    if (name === '.' || name === '..') {
      end = name
      dir = current
      if (name === '..') current = current === '' ? '' : slice(current, 0, lastIndexOf(current, '/'))
      continue
    }
    end = 'name'
    let here: Path = `${current}/${name}`
    while (charCodeAt(rest, from) === 47) from++
    const isLast = from === rest.length
    const slash = isLast && from > to ? '/' : ''
    if (isLast) {
      if (slash !== '' && creates) return EISDIR
      if (mode === 'name' || (!looks && slash === '')) {
        return { path: here, slash, last: 'name', exists: true, stats: undefined }
      }
    }
    let stats = (yield at.lookup(here) as unknown as Call<Op>) as Stats | Failed
    if (at.otherwise !== undefined && stats instanceof Failed && stats.errno === 'ENOENT') {
      const other = yield* at.otherwise(current || '/', name)
      if (other !== undefined) {
        here = `${current}/${other}`
        stats = (yield at.lookup(here) as unknown as Call<Op>) as Stats | Failed
      }
    }
    if (stats instanceof Failed) {
      if (stats.errno !== 'ENOENT' || !isLast) return stats
      return { path: here, slash, last: 'name', exists: false, stats: undefined }
    }
    const type = stats.mode & S_IFMT
    if (type === S_IFLNK && !(isLast && stays && slash === '')) {
      if (++links > MAX_LINKS) return Failed.of('ELOOP')
      const target = (yield at.readlink(here) as unknown as Call<Op>) as string | Failed
      if (target instanceof Failed) return target
      if (target === '') return ENOENT
      if (charCodeAt(target, 0) === 47) {
        current = ''
        end = '/'
      }
      rest = target + slice(rest, to)
      from = 0
      continue
    }
    if (type !== S_IFDIR && (!isLast || slash !== '')) return ENOTDIR
    if (isLast) return { path: here, slash, last: 'name', exists: true, stats }
    current = here
  }
  return { path: current || '/', slash: '', last: end, dir: dir || '/', exists: true, stats: undefined }
}

hardened(walkPath)

const NO_NAME: { readonly [O in Op]?: Failed } = {
  rmdir: Failed.of('EBUSY'),
  rename: Failed.of('EBUSY'),
  unlink: EISDIR,
}
const EEXIST = Failed.of('EEXIST')
const EINVAL = Failed.of('EINVAL')
const ENOTEMPTY = Failed.of('ENOTEMPTY')

/** What the kernel says, by the spelling alone, to whoever makes, moves or takes away `/`, `.` or `..`; undefined for a name. */
export const notAName = (op: Op, { last }: Walked): Failed | undefined => {
  if (last === 'name') return undefined
  if (op === 'rmdir' && last !== '/') return last === '.' ? EINVAL : ENOTEMPTY
  return NO_NAME[op] ?? EEXIST
}

/** What a walk found, for whoever asked where a path leads. */
export const dentryOf = ({ path, exists, stats }: Walked): Dentry => ({
  path,
  exists,
  isLink: stats !== undefined && (stats.mode & S_IFMT) === S_IFLNK,
  security: undefined,
})

const BELOW: LookUp = {
  lookup: (path) => new Call('lookup', { path }),
  readlink: (path) => new Call('readlink', { path }),
}

/**
 * Where `path` leads, asked of what is below by `lookup` and `readlink`. The last component may be missing.
 * A trailing slash follows a link and demands a directory.
 * Fails with ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG as open(2) does, and with what `lookup` fails with.
 */
export function* namei(path: Path, follow: boolean): Around<'resolve'> {
  const found = yield* walkPath(path, follow ? 'follow' : 'look', BELOW)
  return found instanceof Failed ? found : dentryOf(found)
}
hardened(namei)
