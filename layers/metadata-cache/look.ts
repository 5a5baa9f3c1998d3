/** One name that is not kept, asked about below: most of what a cache does not know, and so without a generator. */
import { AROUND, Failed, NEXT, Probe, Replied, type Reply, S_IFLNK, type Stats, type Verdict } from '../../lib/layer.js'
import { RAW } from './asking.js'
import { type Inode, NEGATIVE } from './entries.js'
import type { Cache } from './state.js'
import type { Spot } from './walk.js'

const NOENT = Failed.of('ENOENT')

/** For a request on the attributes of what is at `spot`. One question was asked, of one moment: nothing can have moved between. */
export class Look<O extends 'lookup' | 'getattr'> extends Probe<O, 'lookup' | 'getattr'> {
  readonly #stamp: number
  readonly #sent: number
  readonly #c: Cache
  readonly #dir: Inode
  readonly #part: string
  /** A link is another matter. */
  readonly #leads: boolean
  readonly #precise: boolean

  constructor(c: Cache, { path, inode, part }: Spot, leads: boolean, precise: boolean) {
    super(precise ? 'getattr' : 'lookup', c.walker.components.question(path, precise))
    this.#c = c
    this.#stamp = c.cache.stamp
    this.#sent = c.cache.clock.at
    this.#dir = inode
    this.#part = part
    this.#leads = leads
    this.#precise = precise
  }

  answered(out: Stats | Failed): Verdict<O> {
    const { walker, cache } = this.#c
    const step = walker.components.learn(this.#dir, this.#part, out, this.#stamp, this.#sent, this.#precise)
    if (step !== RAW && step.type === S_IFLNK && this.#leads) return AROUND
    this.#c.misses++
    if (step === RAW) return NEXT
    if (step.state === NEGATIVE) return NOENT
    cache.taken(out as Stats)
    return new Replied<O>(out as Reply<O>)
  }
}
