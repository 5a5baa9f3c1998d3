/**
 * The time, in milliseconds, that does not jump when the system's clock is set.
 *
 * Reading a clock costs more than all the rest of a hit. So a clock that was read `RUN` times in one turn of the event
 * loop, less than a millisecond apart each time, is in a tight loop of hits: from there on one reading serves `SERVES`
 * requests, until the turn ends or a reading comes late. Anything slower, anything asynchronous, and the first `RUN`
 * hits of a turn read the clock each time. What may be late is thus bounded: `SERVES - 1` answers, each time that a
 * program leaves such a loop and computes for long before it asks again, without returning to the event loop.
 */
const RUN = 64
const SERVES = 8
const NEAR_MS = 1

export class Clock {
  /** The last reading, in whole milliseconds: V8 keeps a field with a fraction as an object of its own. */
  at = Math.floor(performance.now())
  #exact = performance.now()
  #left = 0
  #run = 0
  #resets = false
  readonly #reset = (): void => {
    this.#left = 0
    this.#run = 0
    this.#resets = false
  }

  now(): number {
    if (this.#left > 0) {
      this.#left--
      return this.at
    }
    return this.read()
  }

  /** The time as it is now; what is kept is dated by this. */
  read(): number {
    const at = performance.now()
    if (at - this.#exact >= NEAR_MS) {
      this.#run = 0
      this.#left = 0
    } else if (++this.#run >= RUN) {
      this.#left = SERVES - 1
      if (!this.#resets) {
        this.#resets = true
        setImmediate(this.#reset).unref()
      }
    }
    this.#exact = at
    this.at = Math.floor(at)
    return this.at
  }
}
