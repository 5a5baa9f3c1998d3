/** Calling the functions of an object shaped like node:fs, whichever of the three conventions it has. */
import type { Done, LowerOp } from '../../lower.js'
import type { Op, Reply, Request } from '../../op.js'
import { apply } from '../../primordials.js'
import { Failed } from '../../verdict.js'
import { failureOf } from './failure.js'

/** Anything shaped like node:fs. Functions that it lacks make their opcode answer ENOSYS. */
export type NodeFsLike = object

export type Fn = (...args: readonly unknown[]) => unknown
export type AnyFs = Record<string, Fn | undefined>
export type Back = (error: unknown, value?: unknown) => void

const ENOSYS = Failed.of('ENOSYS')

/** One call: a function's name without its `Sync`, and its arguments. `from` turns its value into the reply. */
export interface Mapped {
  readonly fn: string
  readonly args: readonly unknown[]
  readonly from?: (value: unknown) => unknown
}
/** What an opcode becomes: a call, several one after the other (the last one replies), or a failure. */
export type Mapping<O extends Op> = (req: Request<O>) => Mapped | readonly Mapped[] | Failed

/** Ends a request with what a function called back; a bug goes up as a bug. */
export const land = <O extends Op>(
  done: Done<O>,
  error: unknown,
  value: unknown,
  from: ((value: unknown) => unknown) | undefined,
): void => {
  let out: Reply<O> | Failed
  try {
    out = (
      error !== null && error !== undefined ? failureOf(error) : from === undefined ? value : from(value)
    ) as Reply<O>
  } catch (bug) {
    done(bug, undefined as never)
    return
  }
  done(null, out)
}

/** Calls an asynchronous function whose callback comes last: it is called back once, also where the function throws. */
export const start = (fs: AnyFs, method: Fn, args: readonly unknown[], back: Back): void => {
  let called = false
  try {
    apply(method, fs, [
      ...args,
      (error: unknown, value: unknown) => {
        called = true
        back(error, value)
      },
    ])
  } catch (thrown) {
    // What our own continuation threw is not the function's failure.
    if (called) throw thrown
    back(thrown)
  }
}

/** `fn` by callback; else by promise; else by its synchronous form, later. */
export const callAsync = (fs: AnyFs, fn: string, args: readonly unknown[], back: Back): void => {
  const method = fs[fn]
  if (typeof method === 'function') {
    start(fs, method, args, back)
    return
  }
  const promises = fs.promises as unknown as AnyFs | undefined
  const promised = promises?.[fn]
  if (typeof promised === 'function') {
    // Out of the promise, so that nothing that is thrown further up rejects it.
    const settle = (error: unknown, value?: unknown) => setImmediate(back, error, value)
    Promise.resolve()
      .then(() => apply(promised, promises, args))
      .then(
        (value) => settle(null, value),
        (error: unknown) => settle(error),
      )
    return
  }
  const sync = fs[`${fn}Sync`]
  setImmediate(() => {
    if (typeof sync !== 'function') {
      back({ code: 'ENOSYS' })
      return
    }
    let value: unknown
    try {
      value = apply(sync, fs, args)
    } catch (thrown) {
      back(thrown)
      return
    }
    back(null, value)
  })
}

/** An opcode as its mapping says. */
export const mapped = <O extends Op>(fs: AnyFs, mapping: Mapping<O>): LowerOp<O> => {
  const one = ({ fn, args, from }: Mapped): Reply<O> | Failed => {
    const method = fs[`${fn}Sync`]
    if (typeof method !== 'function') return ENOSYS
    try {
      const value = apply(method, fs, args)
      return (from === undefined ? value : from(value)) as Reply<O> | Failed
    } catch (thrown) {
      return failureOf(thrown)
    }
  }
  return {
    sync(req) {
      const calls = mapping(req)
      if (calls instanceof Failed) return calls
      if (!isList(calls)) return one(calls)
      let out: Reply<O> | Failed = undefined as never
      for (const each of calls) {
        out = one(each)
        if (out instanceof Failed) return out
      }
      return out
    },
    async(req, done) {
      const calls = mapping(req)
      if (calls instanceof Failed) {
        done(null, calls)
        return
      }
      const all = isList(calls) ? calls : [calls]
      const next = (k: number, last: Reply<O> | Failed): void => {
        const each = all[k]
        if (each === undefined) {
          done(null, last)
          return
        }
        callAsync(fs, each.fn, each.args, (error, value) =>
          land<O>(
            (bug, out) => (bug !== null || out instanceof Failed ? done(bug, out) : next(k + 1, out)),
            error,
            value,
            each.from,
          ),
        )
      }
      next(0, undefined as never)
    },
  }
}
const isList = (calls: Mapped | readonly Mapped[]): calls is readonly Mapped[] => Array.isArray(calls)
