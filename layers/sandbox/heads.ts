/**
 * Patterns found by their heads: of many, a path has to be shown only to those whose head it is at or beneath, and to those
 * whose head is beneath it. A tree of characters, whose edges are the runs that no two heads tell apart.
 */
import { append, uncurryThis } from '../../lib/layer.js'

const charCodeAt = uncurryThis(String.prototype.charCodeAt)
const SLASH = 47
const Words = Int32Array
const Units = Uint16Array

interface Node {
  /** The units that stand between the node above and this one; at the top, none. */
  readonly run: Uint16Array
  /** The patterns whose head ends here. */
  readonly here: number[]
  /** Those, and all beneath. */
  readonly all: number[]
  readonly next: Node[]
}
const node = (run: Uint16Array): Node => ({ run, here: [], all: [], next: [] })
/** `length` units of `text`, from `from` on. */
const runOf = (text: string, from: number, length: number): Uint16Array => {
  const run = new Units(length)
  for (let k = 0; k < length; k++) run[k] = charCodeAt(text, from + k)
  return run
}
const part = (of: Uint16Array, from: number, length: number): Uint16Array => {
  const run = new Units(length)
  for (let k = 0; k < length; k++) run[k] = of[from + k] as number
  return run
}

const indexOf = (next: readonly Node[], first: number): number => {
  for (let k = 0; k < next.length; k++) if ((next[k] as Node).run[0] === first) return k
  return -1
}
const nextOf = ({ next }: Node, first: number): Node | undefined => {
  const k = indexOf(next, first)
  return k === -1 ? undefined : next[k]
}
/** How far `run` agrees with what stands in `text` at `at`. */
const agreement = (text: string, at: number, run: Uint16Array): number => {
  const left = text.length - at
  const end = left < run.length ? left : run.length
  let k = 0
  while (k < end && charCodeAt(text, at + k) === run[k]) k++
  return k
}

/** A node in the place of `found`, which comes `same` units further down. */
const forked = ({ run, here, all, next }: Node, same: number): Node => {
  const fork = node(part(run, 0, same))
  for (let k = 0; k < all.length; k++) append(fork.all, all[k] as number)
  append(fork.next, { run: part(run, same, run.length - same), here, all, next })
  return fork
}

export class Heads {
  readonly #top = node(new Units(0))
  /** What `meet` found: of each pattern, `2 * place`, and 1 where the path is at or beneath its head; ascending. */
  readonly met: Int32Array
  #count = 0

  /** @param heads of the patterns, by their places; `''` and `/` are above everything */
  constructor(heads: readonly string[]) {
    for (let k = 0; k < heads.length; k++) this.#add(heads[k] === '/' ? '' : (heads[k] as string), k)
    this.met = new Words(heads.length)
  }

  #add(head: string, place: number): void {
    let at = this.#top
    append(at.all, place)
    for (let from = 0; from < head.length; ) {
      const k = indexOf(at.next, charCodeAt(head, from))
      const found = k === -1 ? node(runOf(head, from, head.length - from)) : (at.next[k] as Node)
      if (k === -1) append(at.next, found)
      const same = agreement(head, from, found.run)
      if (same < found.run.length) at.next[k] = forked(found, same)
      at = same < found.run.length ? (at.next[k] as Node) : found
      append(at.all, place)
      from += same
    }
    append(at.here, place)
  }

  /** Looks for those that may have something to say about `path`: how many, in `met`. */
  meet(path: string): number {
    this.#count = 0
    let at = this.#top
    this.#take(at.here, 1)
    if (path === '/' || path === '') {
      for (let k = 0; k < at.next.length; k++) this.#take((at.next[k] as Node).all, 0)
      return this.#sort()
    }
    const { length } = path
    for (let from = 0; from < length; ) {
      const found = nextOf(at, charCodeAt(path, from))
      if (found === undefined) return this.#sort()
      const { run } = found
      const same = agreement(path, from, run)
      from += same
      if (same < run.length) {
        if (from === length && run[same] === SLASH) this.#take(found.all, 0)
        return this.#sort()
      }
      at = found
      if (from === length || charCodeAt(path, from) === SLASH) this.#take(at.here, 1)
    }
    const beneath = nextOf(at, SLASH)
    if (beneath !== undefined) this.#take(beneath.all, 0)
    return this.#sort()
  }

  #take(places: readonly number[], isHere: 0 | 1): void {
    for (let k = 0; k < places.length; k++) this.met[this.#count++] = 2 * (places[k] as number) + isHere
  }
  /** They come in a few runs, each of them in order. */
  #sort(): number {
    const { met } = this
    const count = this.#count
    for (let k = 1; k < count; k++) {
      const one = met[k] as number
      let at = k
      while (at > 0 && (met[at - 1] as number) > one) {
        met[at] = met[at - 1] as number
        at--
      }
      met[at] = one
    }
    return count
  }
}
