/** What a hook says. In ExtFUSE's words: RETURN, a negative RETURN, PASSTHRU, UPCALL. */
import type { Context } from './context.js'
import { type Errno, errnoCode, isErrno } from './errno.js'
import type { Op, Reply, Request } from './op.js'
import { SafeMap } from './primordials.js'

const { freeze } = Object

/** Go on towards the lower. */
export const NEXT: unique symbol = Symbol('plyfs.NEXT')
/** Go straight to the lower; only pinned layers are still asked. */
export const PASSTHROUGH: unique symbol = Symbol('plyfs.PASSTHROUGH')
/** The fast path does not know: run this extension's `around`. */
export const AROUND: unique symbol = Symbol('plyfs.AROUND')

/** Answered here. */
export class Replied<O extends Op> {
  constructor(readonly value: Reply<O>) {}
}
/** Refused here, or by whatever is below. */
export class Failed {
  private constructor(readonly errno: Errno) {}
  static readonly #kept = new SafeMap<Errno, Failed>()
  static #count = 0
  /** One object for each code, so that a known failure allocates nothing. */
  static of(errno: Errno): Failed {
    let failed = Failed.#kept.get(errno)
    if (failed === undefined) {
      failed = freeze(new Failed(errno))
      // Codes are few; a lower that makes them up must not grow this table.
      if (Failed.#count < 512) Failed.#kept.set(errno, failed)
      Failed.#count++
    }
    return failed
  }
}
/** Go on towards the lower with another request; above, the first one still stands. */
export class Forward<O extends Op> {
  constructor(readonly request: Request<O>) {}
}

/**
 * Ask one thing below first, and go by what that says: an `around` of one step, without a generator. Its subclass keeps
 * what it has to remember meanwhile.
 */
export abstract class Probe<O extends Op, Asked extends Op = Op> {
  constructor(
    readonly op: Asked,
    readonly request: Request<Asked>,
  ) {}
  /** The verdict on `req`, now that the answer has come. */
  abstract answered(out: Reply<Asked> | Failed, req: Request<O>, cx: Context): Verdict<O>
}

export type Verdict<O extends Op> =
  | typeof NEXT
  | typeof PASSTHROUGH
  | typeof AROUND
  | Replied<O>
  | Failed
  | Forward<O>
  | Probe<O>

/** Answer the request with `value`; nothing below is asked. */
export const reply = <O extends Op>(value: Reply<O>): Replied<O> => new Replied<O>(value)
/**
 * Refuse the request.
 * @param errno a code such as `'EACCES'`, or its number, positive or negative
 * @throws {TypeError} where this system knows no such errno
 */
export const fail = (errno: Errno | number): Failed => {
  const code = typeof errno === 'number' ? errnoCode(errno) : errno
  if (!isErrno(code)) throw new TypeError(`fail(${String(errno)}): this system knows no such errno`)
  return Failed.of(code)
}
/** Send another request of the same opcode on towards the lower in this one's place. */
export const forward = <O extends Op>(request: Request<O>): Forward<O> => new Forward<O>(request)
