/** How many requests were made lately in directories that are not held: as good as known, for less than a map costs. */
import type { Path } from '../../op.js'
import { append, charCodeAt } from '../../primordials.js'

/** Directories that are counted at most, a power of two. */
const COUNTED = 256
/** Who goes through more directories than these in turn does not come back to one soon enough for it to be held till then. */
const LATELY = COUNTED
/** Units at its end that tell a path from others. */
const NAMING = 8

/** A directory that is not held. */
export interface Counted {
  path: Path
  /** Requests that were made in it. */
  seen: number
  /** Which one of all was the last of them. */
  at: number
}

/**
 * Where a path is counted: of two with the same place, only the last is. A map would have the whole of each path hashed, and
 * most are of directories where nothing else is asked for.
 */
const placeOf = (path: Path): number => {
  const { length } = path
  let sum = length
  for (let at = length > NAMING ? length - NAMING : 0; at < length; at++) sum = (sum * 31 + charCodeAt(path, at)) | 0
  return sum & (COUNTED - 1)
}

export class Counts {
  readonly #places: (Counted | undefined)[] = []
  #requests = 0

  constructor() {
    for (let k = 0; k < COUNTED; k++) append(this.#places, undefined)
  }

  /** One more request in `path`; undefined for the first of those that count. */
  count(path: Path): Counted | undefined {
    const at = ++this.#requests
    const place = placeOf(path)
    const counted = this.#places[place]
    if (counted === undefined) {
      this.#places[place] = { path, seen: 1, at }
      return undefined
    }
    if (counted.path !== path) {
      counted.path = path
      counted.seen = 1
      counted.at = at
      return undefined
    }
    // One that cannot be held (less than 0) stays so for as long.
    if (at - counted.at > LATELY && counted.seen > 0) counted.seen = 0
    counted.seen++
    counted.at = at
    return counted
  }
}
