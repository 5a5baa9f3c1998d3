/** Methods that are several requests: written once, as generators, and driven for each calling convention. */
import type { Context } from '../context.js'
import { runAsync } from '../driver/callback.js'
import { runPromise } from '../driver/promise.js'
import { runSync } from '../driver/sync.js'
import type { Op, Reply, Request } from '../op.js'
import { Failed } from '../verdict.js'
import { fsError } from './errors.js'
import { type Fn, later } from './method.js'
import { contextOf, type View } from './view.js'

/** One request of a compound method, and what an Error of it says. `yield*` it: gives the reply, or throws the Error. */
export class Ask<O extends Op> {
  constructor(
    readonly op: O,
    readonly request: Request<O>,
    readonly syscall: string,
    readonly path?: unknown,
    readonly dest?: unknown,
  ) {}
  error(failed: Failed): Error {
    return fsError(failed, this.syscall, this.path, this.dest)
  }
  *[Symbol.iterator](): Generator<Ask<Op>, Reply<O>, Reply<Op> | Failed> {
    const out = yield this as unknown as Ask<Op>
    if (out instanceof Failed) throw this.error(out)
    return out as Reply<O>
  }
}
export const ask = <O extends Op>(
  op: O,
  request: Request<O>,
  syscall: string,
  path?: unknown,
  dest?: unknown,
): Ask<O> => new Ask(op, request, syscall, path, dest)
/** As `ask`, but a failure comes back as a value. */
export function* tryAsk<O extends Op>(
  op: O,
  request: Request<O>,
): Generator<Ask<Op>, Reply<O> | Failed, Reply<Op> | Failed> {
  return (yield new Ask(op, request, '') as unknown as Ask<Op>) as Reply<O> | Failed
}
/** Wait so many milliseconds: a timer for those who can, `Atomics.wait` for sync callers. */
export class Pause {
  constructor(readonly ms: number) {}
}

/** Wait for a promise of the caller's own: an asynchronous filter, the next piece of an iterable. Never for sync callers. */
export class Await {
  constructor(readonly promise: PromiseLike<unknown>) {}
}

export type Steps<T> = Generator<Ask<Op> | Pause | Await, T, Reply<Op> | Failed>

const sleeper = new Int32Array(new SharedArrayBuffer(4))

/** Run a compound for a caller that waits. */
export const driveSync = <T>(v: View, steps: Steps<T>): T => {
  const cx: Context = contextOf(v)
  let step = steps.next()
  while (!step.done) {
    let input: Reply<Op> | Failed = undefined
    try {
      if (step.value instanceof Await) throw new TypeError('a sync method cannot await')
      if (step.value instanceof Pause) Atomics.wait(sleeper, 0, 0, step.value.ms)
      else input = runSync(v.x, step.value.op, step.value.request, cx)
    } catch (bug) {
      // Lets the compound close what it opened.
      step = steps.throw(bug)
      continue
    }
    step = steps.next(input)
  }
  return step.value
}

/**
 * Run a compound for a caller that is called back, always after the current turn.
 * @throws what the compound throws before its first request
 */
export const driveAsync = <T>(v: View, steps: Steps<T>, cb: (error: unknown, value?: T) => void): void => {
  const cx: Context = contextOf(v)
  let deferred = true
  const end = (error: unknown, value?: T): void => later(deferred, cb, error, value)
  const advance = (bugAtFirst: unknown, first: Reply<Op> | Failed, begun: boolean): void => {
    let bug = bugAtFirst
    let input = first
    let starting = !begun
    for (;;) {
      let step: IteratorResult<Ask<Op> | Pause | Await, T>
      try {
        step = bug === null ? steps.next(input) : steps.throw(bug)
      } catch (thrown) {
        // Wrong arguments are thrown at once; what the filesystem says is called back.
        if (starting && (thrown as NodeJS.ErrnoException).syscall === undefined) throw thrown
        end(thrown)
        return
      }
      starting = false
      bug = null
      input = undefined
      if (step.done) {
        end(null, step.value)
        return
      }
      if (step.value instanceof Pause) {
        setTimeout(() => advance(null, undefined, true), step.value.ms)
        return
      }
      if (step.value instanceof Await) {
        // What the caller's callback throws must not end as a rejection of this promise.
        step.value.promise.then(
          (value) => process.nextTick(advance, null, value as Reply<Op>, true),
          (thrown) => process.nextTick(advance, thrown, undefined, true),
        )
        return
      }
      let returned = false
      let landed = false
      runAsync(v.x, step.value.op, step.value.request, cx, (failure, out) => {
        if (returned) {
          advance(failure, out, true)
          return
        }
        landed = true
        bug = failure
        input = out
      })
      returned = true
      if (!landed) return
    }
  }
  advance(null, undefined, false)
  deferred = false
}

/** Run a compound for a caller that awaits; an Error's stack shows them. */
export const drivePromise = async <T>(v: View, steps: Steps<T>): Promise<T> => {
  const cx: Context = contextOf(v)
  let step = steps.next()
  while (!step.done) {
    let input: Reply<Op> | Failed = undefined
    try {
      if (step.value instanceof Pause) {
        const { ms } = step.value
        await new Promise((resolve) => setTimeout(resolve, ms))
      } else if (step.value instanceof Await) {
        input = (await step.value.promise) as Reply<Op>
      } else {
        const pending = runPromise(v.x, step.value.op, step.value.request, cx)
        input = pending instanceof Promise ? await pending : pending
        // As in method.ts: the Error shows who awaits.
        if (input instanceof Failed && !(pending instanceof Promise)) await undefined
      }
    } catch (bug) {
      step = steps.throw(bug)
      continue
    }
    step = steps.next(input)
  }
  return step.value
}

/** A callback's arguments out of a compound's end: nothing but the null where there is no value. */
export const ending =
  (cb: Fn) =>
  (error: unknown, value?: unknown): void => {
    if (error !== null) cb(error)
    else if (value === undefined) cb(null)
    else cb(null, value)
  }
