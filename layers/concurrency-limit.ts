/** concurrencyLimit: no more than so many requests at a time. */
import { closed, decodeOptions, positiveInteger } from '../lib/codec/options.js'
import {
  attempt,
  callOn,
  type ExtensionMap,
  type Layer,
  layer,
  NO_CAPABILITIES,
  OPS,
  type Op,
  type OtherFs,
  type Reply,
  type Request,
} from '../lib/layer.js'

export interface ConcurrencyLimitOptions {
  /** Requests that are under way below at the same time. Default 64. */
  readonly max?: number | undefined
}
export interface ConcurrencyLimit extends Layer {
  /** `active` now, `waiting` now, and the most that were `active` at a time: `peak`. */
  stats(): { active: number; waiting: number; peak: number }
}

const codec = closed({}, { max: positiveInteger }, "concurrencyLimit's options")

/** Callers that wait pass: what they would wait for cannot go on until they return. */
class Semaphore implements OtherFs {
  readonly name = 'semaphore'
  readonly capabilities = NO_CAPABILITIES
  readonly asSelf = this
  readonly waiting: (() => void)[] = []
  active = 0
  peak = 0
  constructor(readonly max: number) {}

  sync<O extends Op>(): Reply<O> {
    this.enter()
    return undefined as Reply<O>
  }
  async<O extends Op>(_op: O, _req: Request<O>, done: (bug: unknown, out: Reply<O>) => void): void {
    if (this.active >= this.max) {
      this.waiting.push(() => done(null, undefined as Reply<O>))
      return
    }
    this.enter()
    done(null, undefined as Reply<O>)
  }
  enter(): void {
    this.active++
    if (this.active > this.peak) this.peak = this.active
  }
  leave(): void {
    // The place is handed over, in a turn of its own: a thousand that waited must not deepen the stack a thousandfold.
    const next = this.waiting.shift()
    if (next === undefined) this.active--
    else queueMicrotask(next)
  }
}

/**
 * Lets at most `max` requests of callers that do not wait go on at a time; the others queue, first come, first served. Over a
 * remote lower it keeps the connection alive, over a local one the thread pool free. Open files are not counted, only
 * requests: for EMFILE, put `retry()` above.
 * @throws {ConfigError} for a `max` that is no whole number from 1 on, and for unknown options
 */
export const concurrencyLimit = (options?: ConcurrencyLimitOptions): ConcurrencyLimit => {
  const { max = 64 } = decodeOptions('concurrencyLimit', codec, options)
  const semaphore = new Semaphore(max)
  const extensions: { [O in Op]?: object } = {}
  for (const op of OPS) {
    extensions[op] = {
      *around(req: Request<Op>) {
        yield* callOn(semaphore, 'syncfs', { path: '/' })
        try {
          return yield* attempt(op as Op, req)
        } finally {
          semaphore.leave()
        }
      },
    }
  }
  const stats = () => ({ active: semaphore.active, waiting: semaphore.waiting.length, peak: semaphore.peak })
  const made = layer('concurrencyLimit', extensions as ExtensionMap, { stateful: true, consents: 'watches', stats })
  return { ...made, stats }
}
