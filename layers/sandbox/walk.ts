/**
 * Path resolution that asks nothing about a name before the policy lets it: namei with a guard at every step. What lies
 * outside is answered before it is looked up, so that names that exist there and names that do not are answered alike.
 */
import {
  attempt,
  type Call,
  type Caller,
  type Dentry,
  Failed,
  hardened,
  type OnPath,
  type Op,
  PATH_MAX,
  type Path,
  type Reply,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  type Stats,
  uncurryThis,
} from '../../lib/layer.js'
import { ALL, LEADS, type Ruleset } from './decide.js'

/** What is done with a symbolic link in the last component. */
export const FOLLOW = 0
/** Not followed, unless a slash comes after it. */
export const STAY = 1
/** The name itself is meant, as when it is made or removed: a slash after it is the lower's business. */
export const NAME = 2
export type Mode = typeof FOLLOW | typeof STAY | typeof NAME

/** One request's question to the policy. */
export interface Question {
  readonly op: Op
  readonly caller: Caller
  readonly path: Path
  readonly rules: Ruleset
  /** Actions that must all be allowed. */
  readonly all: number
  /** Actions of which one must be allowed; 0: none. */
  readonly any: number
  /** A directory that may lead to something allowed will do. */
  readonly leads: boolean
  readonly mode: Mode
  /** Look at what is there, even where the decision does not hang on it. */
  readonly look: boolean
}

/** Where a request may go. */
export interface Place {
  readonly dentry: Dentry
  /** The path to send down: the dentry's, with what the caller put after it (a slash). */
  readonly path: Path
  /** What is there, where it was looked at. */
  readonly stats: Stats | undefined
  readonly isDirectory: boolean
}

export interface Warden {
  /** The lower refuses links that a request with a dentry meets. */
  readonly enforced: boolean
  /** Any link in the path refuses it. */
  readonly noLinks: boolean
  /** The errno of a refusal, recorded and counted. `resolved` is where it was refused. */
  refuse(q: Question, resolved: Path): Failed
}

/** Linux's MAXSYMLINKS. */
const MAX_LINKS = 40

// The engine's own: patched prototypes must not make a path out of another one between the check and the use.
const charCodeAt = uncurryThis(String.prototype.charCodeAt)
const indexOf = uncurryThis(String.prototype.indexOf as (this: string, what: string, from?: number) => number)
const lastIndexOf = uncurryThis(String.prototype.lastIndexOf as (this: string, what: string, from?: number) => number)
const slice = uncurryThis(String.prototype.slice as (this: string, from: number, to?: number) => string)
const SLASH = 47
const DOT = 46

const skipSlashes = (path: string, from: number): number => {
  let at = from
  while (at < path.length && charCodeAt(path, at) === SLASH) at++
  return at
}
const endOfName = (path: string, from: number): number => {
  const at = indexOf(path, '/', from)
  return at === -1 ? path.length : at
}
export const parentOf = (path: string): string => slice(path, 0, path === '' ? 0 : lastIndexOf(path, '/'))

/** Whether it has more bytes than PATH_MAX; a surrogate pair's four may be counted as three. */
const tooLong = (path: string): boolean => {
  if (path.length > PATH_MAX) return true
  if (path.length * 3 <= PATH_MAX) return false
  let bytes = 0
  for (let k = 0; k < path.length; k++) {
    const unit = charCodeAt(path, k)
    if (unit < 0x80 || (unit >= 0xdc80 && unit <= 0xdcff)) bytes += 1
    else if (unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff)) bytes += 2
    else bytes += 3
  }
  return bytes > PATH_MAX
}

/** Whether the policy allows what `q` asks for, on a path with these actions. */
export const satisfies = (q: Question, mask: number, isDirectory: boolean): boolean => {
  if ((mask & q.all) === q.all && (q.any === 0 || (mask & q.any) !== 0)) return true
  return q.leads && isDirectory && (mask & LEADS) !== 0
}

export const place = (
  path: Path,
  exists: boolean,
  isLink: boolean,
  stats: Stats | undefined,
  suffix: string,
): Place => ({
  dentry: { path, exists, isLink, security: undefined },
  path: suffix === '' ? path : path + suffix,
  stats,
  isDirectory: stats === undefined ? false : (stats.mode & S_IFMT) === S_IFDIR,
})

/**
 * A question about a canonical path: no link is in it, and the lower is to see to it that it stays so. It says itself that
 * it is about no open file.
 */
export const about = (path: Path): OnPath => ({
  path,
  dentry: { path, exists: true, isLink: false, security: undefined },
  fd: undefined,
  file: undefined,
})

/** Where `q.path` leads and whether it may be used so: a Place, or why not. */
export function* walk(q: Question, warden: Warden): Generator<Call<Op>, Place | Failed, Reply<Op> | Failed> {
  if (q.path === '') return Failed.of('ENOENT')
  if (tooLong(q.path)) return Failed.of('ENAMETOOLONG')
  let rest: string = q.path
  let at = 0
  let current = ''
  let links = 0
  let dots = false
  for (;;) {
    at = skipSlashes(rest, at)
    if (at >= rest.length) break
    const end = endOfName(rest, at)
    const name = slice(rest, at, end)
    at = end
    if (name === '.' || name === '..') {
      dots = true
      if (name === '..') current = parentOf(current)
      continue
    }
    dots = false
    const here: Path = `${current}/${name}`
    const last = skipSlashes(rest, end) === rest.length
    const slashed = end < rest.length
    const mask = q.rules.judge(here)
    const suffix = last && slashed ? '/' : ''

    if (last && (q.mode === NAME || (q.mode === STAY && !slashed))) {
      const maybe = satisfies(q, mask, true)
      if (!maybe) return warden.refuse(q, here)
      const surely = satisfies(q, mask, false)
      if (surely && !q.look && !warden.noLinks) return place(here, true, false, undefined, suffix)
      const out = yield* attempt('lookup', about(here))
      if (out instanceof Failed) {
        if (!surely) return warden.refuse(q, here)
        return out.errno === 'ENOENT' ? place(here, false, false, undefined, suffix) : out
      }
      const isLink = (out.mode & S_IFMT) === S_IFLNK
      if (isLink && warden.noLinks) return warden.refuse(q, here)
      if (!satisfies(q, mask, (out.mode & S_IFMT) === S_IFDIR)) return warden.refuse(q, here)
      return place(here, true, isLink, out, suffix)
    }

    if (mask === 0) return warden.refuse(q, here)
    const out = yield* attempt('lookup', about(here))
    if (out instanceof Failed) {
      if (!last) return blocked(q, warden, mask, here, slice(rest, end), out)
      if (!satisfies(q, mask, false)) return warden.refuse(q, here)
      return out.errno === 'ENOENT' ? place(here, false, false, undefined, suffix) : out
    }
    const type = out.mode & S_IFMT
    if (type === S_IFLNK) {
      if (warden.noLinks) return warden.refuse(q, here)
      if (++links > MAX_LINKS) return Failed.of('ELOOP')
      const target = yield* attempt('readlink', about(here))
      if (target instanceof Failed) {
        if (target.errno !== 'EINVAL') return target
        // It is none any more.
        at = end - name.length
        continue
      }
      if (target === '') return Failed.of('ENOENT')
      if (charCodeAt(target, 0) === SLASH) current = ''
      rest = target + slice(rest, end)
      at = 0
      continue
    }
    if (last) {
      if (!satisfies(q, mask, type === S_IFDIR)) return warden.refuse(q, here)
      // No file can be made by a name with a slash after it, whatever is there.
      if (slashed && type !== S_IFDIR) return Failed.of(q.op === 'create' ? 'EISDIR' : 'ENOTDIR')
      return place(here, true, false, out, suffix)
    }
    if (type !== S_IFDIR) return blocked(q, warden, mask, here, slice(rest, end), Failed.of('ENOTDIR'))
    current = here
  }
  // It ends in a directory that was passed already: the root, or by way of `.` or `..`.
  const path = current === '' ? '/' : current
  if (!satisfies(q, q.rules.judge(path), true)) return warden.refuse(q, path)
  const made = place(path, true, false, undefined, q.mode === NAME && dots ? '/.' : '')
  return { ...made, isDirectory: true }
}
hardened(walk)

/**
 * The way ends at `here`, which is missing or no directory. Where nothing is allowed on that name itself, which of the two
 * it is stays hidden: the answer depends only on what the policy says of the path that was asked for.
 */
const blocked = (q: Question, warden: Warden, mask: number, here: Path, rest: string, why: Failed): Failed => {
  if ((mask & ALL) !== 0) return why
  const path = lexically(here, rest, q.rules)
  return path !== undefined && satisfies(q, q.rules.judge(path), false) ? Failed.of('ENOENT') : warden.refuse(q, here)
}

/** Where `rest` leads from `from` if no name on the way is a link; undefined where it leaves what may be seen. */
export const lexically = (from: Path, rest: string, rules: Ruleset): Path | undefined => {
  let current = from === '/' ? '' : from
  for (let at = skipSlashes(rest, 0); at < rest.length; at = skipSlashes(rest, at)) {
    const end = endOfName(rest, at)
    const name = slice(rest, at, end)
    at = end
    if (name === '.') continue
    if (name === '..') {
      current = parentOf(current)
      continue
    }
    current = `${current}/${name}`
    if (rules.judge(current) === 0) return undefined
  }
  return current === '' ? '/' : current
}

/** Whether a link's text, at `path`, names only what may be seen: the text is shown to whoever reads it. */
export const isContained = (path: Path, target: string, rules: Ruleset): boolean => {
  const from = charCodeAt(target, 0) === SLASH ? '' : parentOf(path)
  // A name beside the link, as most are, is seldom asked about again.
  const isName = target !== '' && charCodeAt(target, 0) !== DOT && indexOf(target, '/') === -1
  if (isName) return rules.judgeOnce(`${from}/${target}`) !== 0
  return lexically(from === '' ? '/' : from, target, rules) !== undefined
}
