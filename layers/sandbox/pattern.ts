/** Globs over canonical paths, compiled once. Policies hang on them: nothing here trusts what a program may patch. */
import picomatch from 'picomatch'

/** The engine's own `exec`: a patched `RegExp.prototype` decides nothing. */
const exec = Function.prototype.call.bind(RegExp.prototype.exec) as (re: RegExp, text: string) => unknown
const startsWith = Function.prototype.call.bind(String.prototype.startsWith) as (text: string, head: string) => boolean
const endsWith = Function.prototype.call.bind(String.prototype.endsWith) as (text: string, tail: string) => boolean

// `s`: a name may hold a line feed, which picomatch's `.` would not match.
const OPTIONS = { dot: true, nonegate: true, flags: 's' } as const

/** What a policy's rule says about a path. */
export interface Pattern {
  matches(path: string): boolean
  /** Whether it may match something beneath `path`. */
  leads(path: string): boolean
  /** Whether it matches everything beneath `path`. */
  covers(path: string): boolean
  /** Whether it only looks at names, not at where they are: what it matches beneath a directory moves with it. */
  readonly floating: boolean
}

const beneath = (path: string, directory: string): boolean =>
  directory === '/' || (startsWith(path, directory) && path[directory.length] === '/')

/** A directory, literally, and perhaps everything beneath it. */
export class Tree implements Pattern {
  readonly floating = false
  constructor(
    readonly directory: string,
    readonly whole: boolean,
  ) {}
  matches(path: string): boolean {
    return path === this.directory || (this.whole && beneath(path, this.directory))
  }
  leads(path: string): boolean {
    return path !== this.directory ? beneath(this.directory, path) || this.covers(path) : this.whole
  }
  covers(path: string): boolean {
    return this.whole && (path === this.directory || beneath(path, this.directory))
  }
}

class Glob implements Pattern {
  readonly floating: boolean
  readonly #whole: RegExp
  // Directories on the way to a match: of /a/*/b, those are /a and /a/*.
  readonly #above: RegExp[] = []
  /** Beneath these, anything may be on the way. */
  #anywhere: RegExp | undefined
  readonly #open: boolean
  /** The directory that everything it matches is beneath, as far as names are literal; '' where that is any. */
  readonly #head: string
  /** What stands before a final `/**`, which matches that too: picomatch thinks so of some patterns only. */
  readonly #base: RegExp | undefined

  constructor(glob: string) {
    this.#whole = picomatch.makeRe(glob, OPTIONS)
    this.#open = endsWith(glob, '/**') || glob === '**'
    const base = glob.slice(0, -3)
    if (this.#open && base !== '') this.#base = picomatch.makeRe(base, OPTIONS)
    const segments = segmentsOf(glob)
    const [first, name, last = '**', ...rest] = segments
    this.floating = first === '**' && name !== undefined && !crosses(name) && last === '**' && rest.length === 0
    let literal = 0
    while (literal < segments.length - 1 && plain(segments[literal] as string)) literal++
    this.#head = segments.slice(0, literal).join('/')
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
  matches(path: string): boolean {
    // Most paths are elsewhere, and an expression takes ten times as long to say so.
    if (this.#head !== '' && path !== this.#head && !beneath(path, this.#head)) return false
    return exec(this.#whole, path) !== null || (this.#base !== undefined && exec(this.#base, path) !== null)
  }
  leads(path: string): boolean {
    if (path === '/') return true
    const head = this.#head
    if (head !== '' && path !== head && !beneath(path, head) && !beneath(head, path)) return false
    for (let k = 0; k < this.#above.length; k++) if (exec(this.#above[k] as RegExp, path) !== null) return true
    return this.#anywhere !== undefined && exec(this.#anywhere, path) !== null
  }
  covers(path: string): boolean {
    return this.#open && this.matches(path)
  }
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
