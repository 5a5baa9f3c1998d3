/** Globs over canonical paths, compiled once. Policies hang on them: nothing here trusts what a program may patch. */
import picomatch from 'picomatch'
import { uncurryThis } from '../../lib/layer.js'

/** The engine's own `exec`: a patched `RegExp.prototype` decides nothing. */
const exec = uncurryThis(RegExp.prototype.exec as (this: RegExp, text: string) => unknown)
const startsWith = uncurryThis(String.prototype.startsWith as (this: string, head: string) => boolean)
const endsWith = uncurryThis(String.prototype.endsWith as (this: string, tail: string) => boolean)
const charCodeAt = uncurryThis(String.prototype.charCodeAt)
const lastIndexOf = uncurryThis(String.prototype.lastIndexOf as (this: string, part: string, from?: number) => number)
const slice = uncurryThis(String.prototype.slice as (this: string, from: number, to: number) => string)
const SLASH = 47

// `s`: a name may hold a line feed, which picomatch's `.` would not match.
const OPTIONS = { dot: true, nonegate: true, flags: 's' } as const

const beneath = (path: string, directory: string): boolean => {
  const { length } = directory
  return directory === '/' || (length < path.length && path[length] === '/' && startsWith(path, directory))
}

/** What a policy's rule says about a path. */
export abstract class Pattern {
  /** @param head the directory that all it matches is at or beneath, as far as its names are literal; '' where that is any */
  constructor(readonly head: string) {
    this.#from = head === '/' ? head : `${head}/`
    this.#to = head === '/' ? '0' : `${head}0`
  }
  /** Every path beneath the head, and no other, is between these: `0` comes after `/`. `startsWith` takes 3 ns a character. */
  readonly #from: string
  readonly #to: string

  matches(path: string): boolean {
    return this.#isOfHead(path) && this.matchesHere(path)
  }
  /** Whether it may match something beneath `path`. */
  leads(path: string): boolean {
    return this.#isOfHead(path) ? this.leadsHere(path) : path === '/' || beneath(this.head, path)
  }
  /** Whether it matches everything beneath `path`. */
  covers(path: string): boolean {
    return this.#isOfHead(path) && this.coversHere(path)
  }
  #isOfHead(path: string): boolean {
    return this.head === '' || path === this.head || (this.#from <= path && path < this.#to)
  }

  /** The same of what is at or beneath the head, for those who know that it is. */
  abstract matchesHere(path: string): boolean
  abstract leadsHere(path: string): boolean
  abstract coversHere(path: string): boolean
  /** Whether it only looks at names, not at where they are: what it matches beneath a directory moves with it. */
  abstract readonly floating: boolean
}

/** A directory, literally, and perhaps everything beneath it. */
export class Tree extends Pattern {
  readonly floating = false
  constructor(
    directory: string,
    readonly whole: boolean,
  ) {
    super(directory)
  }
  matchesHere(path: string): boolean {
    return this.whole || path === this.head
  }
  leadsHere(): boolean {
    return this.whole
  }
  coversHere(): boolean {
    return this.whole
  }
}

class Glob extends Pattern {
  readonly floating: boolean
  readonly #whole: RegExp
  // Directories on the way to a match: of /a/*/b, those are /a and /a/*.
  readonly #above: RegExp[] = []
  /** Beneath these, anything may be on the way. */
  #anywhere: RegExp | undefined
  readonly #open: boolean
  /** What stands before a final `/**`, which matches that too: picomatch thinks so of some patterns only. */
  readonly #base: RegExp | undefined
  /**
   * Before more, picomatch takes `!(a)` for a name that does not begin with `a`, and at the end for one that is not `a`: what is
   * beneath a match of the base is then a match that no expression tells.
   */
  readonly #negates: boolean
  /** The last name, where that is literal; else ''. */
  readonly #name: string

  constructor(glob: string) {
    const segments = segmentsOf(glob)
    let literal = 0
    while (literal < segments.length - 1 && plain(segments[literal] as string)) literal++
    super(segments.slice(0, literal).join('/'))
    this.#whole = picomatch.makeRe(glob, OPTIONS)
    this.#open = endsWith(glob, '/**') || glob === '**'
    const base = glob.slice(0, -3)
    if (this.#open && base !== '') this.#base = picomatch.makeRe(base, OPTIONS)
    this.#negates = this.#base !== undefined && base.includes('!(')
    const [first, name, last = '**', ...rest] = segments
    this.floating = first === '**' && name !== undefined && !crosses(name) && last === '**' && rest.length === 0
    const end = segments[segments.length - 1] as string
    this.#name = plain(end) ? end : ''
    for (let k = 0; k < segments.length; k++) {
      const segment = segments[k] as string
      const sofar = segments.slice(0, k).join('/')
      if (sofar !== '') this.#above.push(picomatch.makeRe(sofar, OPTIONS))
      if (crosses(segment)) {
        this.#anywhere = picomatch.makeRe(`${sofar}/**`, OPTIONS)
        break
      }
    }
  }
  matchesHere(path: string): boolean {
    // Most paths end in another name, and an expression takes ten times as long to say so.
    if (this.#name !== '' && !ends(path, this.#name)) return false
    if (exec(this.#whole, path) !== null || (this.#base !== undefined && exec(this.#base, path) !== null)) return true
    return this.#negates && this.#isBeneathBase(path)
  }
  #isBeneathBase(path: string): boolean {
    for (let at = lastIndexOf(path, '/'); at > 0; at = lastIndexOf(path, '/', at - 1)) {
      if (exec(this.#base as RegExp, slice(path, 0, at)) !== null) return true
    }
    return false
  }
  leadsHere(path: string): boolean {
    if (path === '/') return true
    for (let k = 0; k < this.#above.length; k++) if (exec(this.#above[k] as RegExp, path) !== null) return true
    return this.#anywhere !== undefined && exec(this.#anywhere, path) !== null
  }
  coversHere(path: string): boolean {
    // The root has no name that could be another than the one that is negated.
    return this.#open && this.matchesHere(path) && !(this.#negates && path === '/')
  }
}

/** Whether `path` ends in `name`, or with a slash, which an expression may let be. */
const ends = (path: string, name: string): boolean => {
  let at = path.length
  if (charCodeAt(path, at - 1) === SLASH) return true
  for (let k = name.length; k > 0; ) if (charCodeAt(path, --at) !== charCodeAt(name, --k)) return false
  return true
}

/** Whether a part of a glob may match more than one name: `**`, a `/` in braces, and what extglobs negate. */
const crosses = (segment: string): boolean => segment.includes('**') || segment.includes('/') || segment.includes('(')

/** The parts of a glob between the slashes that stand outside of brackets of any kind. */
const segmentsOf = (glob: string): string[] => {
  const out: string[] = []
  let depth = 0
  let from = 0
  for (let at = 0; at < glob.length; at++) {
    const char = glob[at] as string
    if (char === '\\') at++
    else if ('{(['.includes(char)) depth++
    else if ('})]'.includes(char)) depth = Math.max(0, depth - 1)
    else if (char === '/' && depth === 0) {
      out.push(glob.slice(from, at))
      from = at + 1
    }
  }
  out.push(glob.slice(from))
  return out
}

const plain = (glob: string): boolean => !/[*?[\]{}()!+@|\\]/.test(glob)

/** @throws {SyntaxError} for a glob that no expression can be made of */
export const patternOf = (glob: string): Pattern => {
  const trimmed = glob.length > 1 && endsWith(glob, '/') ? glob.slice(0, -1) : glob
  if (plain(trimmed)) return new Tree(trimmed, false)
  const tree = trimmed.slice(0, -3)
  if (endsWith(trimmed, '/**') && plain(tree)) return new Tree(tree === '' ? '/' : tree, true)
  return new Glob(trimmed)
}
