/** glob (Node 22 and later): patterns walked component by component over the stack's own listings. */

import { Dirent } from 'node:fs'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import picomatch from 'picomatch'
import type { Entry, Op, Reply } from '../op.js'
import { onPath } from '../request.js'
import { Failed } from '../verdict.js'
import { invalidArgType } from './codes.js'
import { type Ask, driveAsync, drivePromise, driveSync, ending, type Steps, tryAsk } from './compound.js'
import type { Method } from './method.js'
import { callbackOf, givenPath, objectOf, pathOf } from './validate.js'
import type { View } from './view.js'

const OPS: readonly Op[] = ['lookup', 'readdir']
const FILE = 1
const DIRECTORY = 2
const LINK = 3
const S_IFMT = 0o170000
const S_IFDIR = 0o040000
const S_IFLNK = 0o120000

const MakeDirent = Dirent as unknown as new (name: string, type: number, path: string) => Dirent

type Exclude = (nameOrDirent: string | Dirent) => boolean

interface Options {
  readonly cwd: string
  readonly withFileTypes: boolean
  readonly exclude: Exclude | undefined
  /** Matches what `exclude` patterns exclude, by absolute path. */
  readonly excluded: ((path: string) => boolean) | undefined
}

const optionsOf = (given: unknown = {}): Options => {
  const { cwd, withFileTypes, exclude } = objectOf(given, 'options') as Record<string, unknown>
  const root = cwd === undefined || cwd === null ? '.' : givenPath(cwd, 'options.cwd')
  let excluded: Options['excluded']
  if (Array.isArray(exclude)) {
    for (const [k, pattern] of exclude.entries()) {
      if (typeof pattern !== 'string') throw invalidArgType(`options.exclude[${k}]`, 'of type string', pattern)
    }
    const matchers = exclude.map((pattern: string) => picomatch(resolve(root, pattern), { dot: true }))
    excluded = (path) => matchers.some((matches) => matches(path))
  } else if (exclude !== undefined && exclude !== null && typeof exclude !== 'function') {
    throw invalidArgType('options.exclude', 'of type function or string[]', exclude)
  }
  return {
    cwd: root,
    withFileTypes: Boolean(withFileTypes),
    exclude: typeof exclude === 'function' ? (exclude as Exclude) : undefined,
    excluded,
  }
}

const patternsOf = (given: unknown): readonly string[] => {
  const list = Array.isArray(given) ? given : [given]
  for (const pattern of list) if (typeof pattern !== 'string') throw invalidArgType('patterns', 'of type string', given)
  return (list as string[]).flatMap(expand)
}

/** `{a/b,c}/d` as `a/b/d`, `c/d`: a brace may hold slashes, and components are matched one by one. */
const expand = (pattern: string): string[] => {
  for (let open = pattern.indexOf('{'); open !== -1; open = pattern.indexOf('{', open + 1)) {
    if (pattern[open - 1] === '\\') continue
    const commas: number[] = []
    let depth = 0
    for (let at = open; at < pattern.length; at++) {
      const char = pattern[at]
      if (char === '\\') at++
      else if (char === '{') depth++
      else if (char === ',' && depth === 1) commas.push(at)
      else if (char === '}' && --depth === 0) {
        if (commas.length === 0) break
        const cuts = [open, ...commas, at]
        const before = pattern.slice(0, open)
        const after = pattern.slice(at + 1)
        return cuts.slice(1).flatMap((end, k) => expand(before + pattern.slice((cuts[k] as number) + 1, end) + after))
      }
    }
  }
  return [pattern]
}

type Part = string | typeof GLOBSTAR | ((name: string) => boolean)
const GLOBSTAR = Symbol('**')

const partsOf = (pattern: string): Part[] =>
  pattern.split('/').map((part, k, all) => {
    if (part === '**') return GLOBSTAR
    if (part === '' && k > 0 && k < all.length - 1) return '.'
    if (!picomatch.scan(part).isGlob && !/[*?[\]{}()!+@\\]/.test(part)) return part
    const matches = picomatch(part)
    // A hidden name is only meant by a pattern that begins with a dot.
    return (name: string) => (part.startsWith('.') || !name.startsWith('.')) && matches(name)
  })

type Walk<T> = Generator<Ask<Op>, T, Reply<Op> | Failed>

class Walker {
  readonly found = new Map<string, number>()
  readonly #listings = new Map<string, readonly Entry[]>()

  constructor(
    readonly v: View,
    readonly options: Options,
  ) {}

  #absolute(path: string): string {
    return pathOf(isAbsolute(path) ? path : join(this.options.cwd, path === '' ? '.' : path))
  }

  *#list(path: string): Walk<readonly Entry[]> {
    let listing = this.#listings.get(path)
    if (listing === undefined) {
      const out = yield* tryAsk('readdir', onPath(this.#absolute(path)))
      listing = out instanceof Failed ? [] : out
      this.#listings.set(path, listing)
    }
    return listing
  }

  /** The UV_DIRENT type of what is there; -1: nothing. */
  *#type(path: string): Walk<number> {
    const out = yield* tryAsk('lookup', onPath(this.#absolute(path)))
    if (out instanceof Failed) return -1
    const format = out.mode & S_IFMT
    return format === S_IFDIR ? DIRECTORY : format === S_IFLNK ? LINK : FILE
  }

  #emit(path: string, type: number): void {
    const shown = path === '' ? '.' : path
    if (this.options.excluded?.(this.#absolute(shown))) return
    if (!this.found.has(shown)) this.found.set(shown, type)
  }

  #skips(parent: string, { name, type }: Entry): boolean {
    const { exclude, withFileTypes, cwd, excluded } = this.options
    if (excluded?.(this.#absolute(join(parent, name)))) return true
    return exclude?.(withFileTypes ? new MakeDirent(name, type, join(cwd, parent)) : name) === true
  }

  /** Everything beneath `path` that parts[at] and its successors match. */
  *walk(path: string, parts: readonly Part[], at: number): Walk<void> {
    const part = parts[at] as Part
    const last = at === parts.length - 1
    if (typeof part === 'string') {
      if (part === '' && at === 0) {
        yield* this.walk('/', parts, 1)
        return
      }
      const here = part === '' ? path : join(path, part)
      if (!last) {
        yield* this.walk(here === '.' ? '' : here, parts, at + 1)
        return
      }
      const type = yield* this.#type(here)
      if (type !== -1 && (part !== '' || type === DIRECTORY)) this.#emit(here, type)
      return
    }
    if (part === GLOBSTAR) {
      if (last) {
        const type = yield* this.#type(path === '' ? '.' : path)
        if (type !== -1) this.#emit(path, type)
      } else yield* this.walk(path, parts, at + 1)
      for (const entry of yield* this.#list(path)) {
        // Neither into hidden directories nor through symbolic links.
        if (entry.name.startsWith('.') || this.#skips(path, entry)) continue
        const child = join(path, entry.name)
        if (entry.type === DIRECTORY) yield* this.walk(child, parts, at)
        else if (last) this.#emit(child, entry.type)
      }
      return
    }
    const wantsDirectory = parts[at + 1] === '' && at + 1 === parts.length - 1
    for (const entry of yield* this.#list(path)) {
      if (!part(entry.name) || this.#skips(path, entry)) continue
      const child = join(path, entry.name)
      if (last) this.#emit(child, entry.type)
      else if (wantsDirectory) {
        if (entry.type === DIRECTORY) this.#emit(child, entry.type)
      } else if (entry.type === DIRECTORY || entry.type === LINK) yield* this.walk(child, parts, at + 1)
    }
  }
}

function* find(v: View, pattern: unknown, given: unknown): Steps<(string | Dirent)[]> {
  const options = optionsOf(given)
  const walker = new Walker(v, options)
  for (const each of patternsOf(pattern)) yield* walker.walk('', partsOf(each), 0)
  const { found } = walker
  if (!options.withFileTypes) return [...found.keys()]
  return [...found].map(([path, type]) => {
    const full = isAbsolute(path) ? path : join(options.cwd, path)
    return new MakeDirent(basename(path), type, dirname(full))
  })
}

export const glob: Method = {
  ops: OPS,
  sync: (v) => (pattern: unknown, options?: unknown) => driveSync(v, find(v, pattern, options)),
  callback: (v) => (pattern: unknown, options?: unknown, callback?: unknown) => {
    const given = typeof options === 'function'
    const cb = callbackOf(given ? options : callback)
    driveAsync(v, find(v, pattern, given ? undefined : options), ending(cb))
  },
  promise: (v) =>
    async function* glob(pattern: unknown, options?: unknown) {
      yield* await drivePromise(v, find(v, pattern, options))
    },
}
