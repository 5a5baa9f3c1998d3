/** What links mean beneath a root, and what of their targets is told. */
import { LRUCache } from 'lru-cache'
import type { Path } from '../../op.js'
import { charCodeAt, indexOf, slice, startsWith } from '../../primordials.js'
import { Failed } from '../../verdict.js'
import type { LinkMeaning, LinkPolicy, Resolver } from '../safe-path/index.js'
import { parentOf } from '../safe-path/names.js'

const SLASH = 47

/** `path` beneath `base`, as a path from there; undefined where it is elsewhere. */
const within = (path: string, base: string): string | undefined => {
  if (base === '/') return path
  if (!startsWith(path, base)) return undefined
  if (path.length === base.length) return '/'
  return charCodeAt(path, base.length) === SLASH ? slice(path, base.length) : undefined
}

/**
 * @param bases the root's names on the host: an absolute target beneath one of them means the same file here, unless the
 *   whole name exists inside too
 * @param exists whether something is at a path inside
 */
export const linkPolicy = (bases: readonly string[], refused: Failed, exists: (path: Path) => boolean): LinkPolicy => ({
  absolute: (target): LinkMeaning => {
    for (const base of bases) {
      const inside = within(target, base)
      if (inside !== undefined && (inside === target || !exists(target))) return { path: inside, outward: false }
    }
    return { path: target, outward: true }
  },
  none: false,
  escape: refused,
})

/** Whether walking `target` from `depth` directories below the root goes above it, as far as its text says. */
const climbs = (target: string, depth: number): boolean => {
  if (indexOf(target, '..') === -1) return false
  let level = depth
  let from = 0
  while (from <= target.length) {
    let to = indexOf(target, '/', from)
    if (to === -1) to = target.length
    const name = slice(target, from, to)
    if (name === '..') {
      if (--level < 0) return true
    } else if (name !== '' && name !== '.') level++
    from = to + 1
  }
  return false
}

const depthOf = (path: Path): number => {
  let depth = 0
  if (path !== '/') for (let k = 0; k < path.length; k++) if (charCodeAt(path, k) === SLASH) depth++
  return depth
}

/** How many links whose targets look outward, made here, are remembered. */
const OWN_MAX = 4096

/** Decides which targets may be seen. */
export class Targets {
  /** Links that were made through this lower: whoever asked for them knows their targets. */
  readonly #own = new LRUCache<string, string>({ max: OWN_MAX })

  constructor(
    readonly resolver: Resolver,
    readonly policy: LinkPolicy,
  ) {}

  /** What readlink answers for the link `path` that has `target` in it. */
  shown(path: Path, target: string): string | Failed {
    const { resolver, policy } = this
    if (target === '') return target
    let there: string
    if (charCodeAt(target, 0) === SLASH) {
      const meaning = policy.absolute(target)
      if (meaning instanceof Failed) return meaning
      if (!meaning.outward) return meaning.path
      there = target
    } else {
      if (indexOf(target, '..') === -1) return target
      const above = resolver.resolve(parentOf(path) || '/', true)
      if (above instanceof Failed) return above
      if (!climbs(target, depthOf(above.path))) return target
      there = above.path === '/' ? `/${target}` : `${above.path}/${target}`
    }
    if (!(resolver.stat(there, true, false) instanceof Failed)) return target
    return this.#own.get(this.#key(path)) === target ? target : policy.escape
  }

  /** A link was made. */
  made(path: Path, target: string): void {
    if (charCodeAt(target, 0) === SLASH || indexOf(target, '..') !== -1) this.#own.set(this.#key(path), target)
  }

  #key(path: Path): string {
    const stats = this.resolver.stat(path, false, false)
    return stats instanceof Failed ? '' : `${stats.dev}:${stats.ino}`
  }
}
