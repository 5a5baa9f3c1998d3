/** Who reads and who writes a file: chunks are changed as a whole, so that a change is several requests below. */
import { fail, NO_CAPABILITIES, type OtherFs } from '../../lib/layer.js'

const EBUSY = fail('EBUSY')
type Done = (bug: unknown, out: never) => void

/**
 * Several readers or one writer, first come, first served. A caller that waits cannot be kept waiting for one that is called
 * back later: it gets EBUSY.
 */
export class FileLock {
  #readers = 0
  #writes = false
  readonly #waiting: Turn[] = []

  isFree(exclusive: boolean): boolean {
    return !this.#writes && !(exclusive && this.#readers > 0)
  }
  take(exclusive: boolean): void {
    if (exclusive) this.#writes = true
    else this.#readers++
  }
  enter(turn: Turn): void {
    if (this.#waiting.length === 0 && this.isFree(turn.exclusive)) {
      this.take(turn.exclusive)
      turn.begin()
    } else this.#waiting.push(turn)
  }
  leave(exclusive: boolean): void {
    if (exclusive) this.#writes = false
    else this.#readers--
    for (let next = this.#waiting[0]; next !== undefined && this.isFree(next.exclusive); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.take(next.exclusive)
      queueMicrotask(next.begin)
    }
  }
}

/** To wait for: `yield* callOn(new Turn(lock, true), 'syncfs', { path: '/' })`. */
export class Turn implements OtherFs {
  readonly name = 'lock'
  readonly capabilities = NO_CAPABILITIES
  readonly asSelf = this
  begin: () => void = () => undefined
  constructor(
    readonly lock: FileLock,
    readonly exclusive: boolean,
  ) {}
  sync(): never {
    if (!this.lock.isFree(this.exclusive)) return EBUSY as never
    this.lock.take(this.exclusive)
    return undefined as never
  }
  async(_op: unknown, _req: unknown, done: Done): void {
    this.begin = () => done(null, undefined as never)
    this.lock.enter(this)
  }
}
