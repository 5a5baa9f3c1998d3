import { runAsync } from '../driver/callback.js'
import { promisePlan } from '../driver/promise.js'
import { syncPlan } from '../driver/sync.js'
import type { RunPlan } from '../exchange.js'
import type { Op, Reply, Request } from '../op.js'
import { Failed } from '../verdict.js'
import { fsError } from './errors.js'
import { callbackOf, shownPath } from './validate.js'
import { contextOf, type View } from './view.js'

// biome-ignore lint/suspicious/noExplicitAny: node:fs's functions take anything and check it themselves
export type Fn = (...args: any[]) => any

/** A method of node:fs: its opcodes, and how each convention is had. A convention that node:fs lacks is absent. */
export interface Method {
  /** Every opcode that it may consist of: it is the lower's own only where nobody looks at any of these. */
  readonly ops: readonly Op[]
  readonly sync?: (v: View) => Fn
  readonly callback?: (v: View) => Fn
  readonly promise?: (v: View) => Fn
}

type Arg = unknown

/** A method that is one request. */
export interface Single<O extends Op> {
  readonly op: O
  /** Where flags decide the opcode (open): those it may be. */
  readonly ops?: readonly Op[]
  readonly choose?: (req: Request<O>) => Op
  readonly syscall: string
  /** How many arguments stand before the callback. */
  readonly arity: 1 | 2 | 3
  /** How many of those may be left out in front of a callback: the last one, or the last two. Default 0. */
  readonly optional?: 0 | 1 | 2
  /** Checks the arguments, in Node's order. Called in the caller's own turn. */
  readonly parse: (v: View, a: Arg, b: Arg, c: Arg) => Request<O>
  /** Where the callback convention has another order. */
  readonly parseCallback?: (v: View, a: Arg, b: Arg, c: Arg) => Request<O>
  /** When the callback itself is checked: before the other arguments (default), after them, or after `before` ran. */
  readonly callbackLast?: boolean
  readonly before?: (a: Arg, b: Arg, c: Arg) => void
  /** The value at the face; the reply itself where absent. */
  readonly value?: (reply: Reply<O>, req: Request<O>, a: Arg, b: Arg) => unknown
  /** A failure that is no Error here (`throwIfNoEntry`): the value in its place is undefined. Sync convention only. */
  readonly mends?: (failed: Failed, a: Arg, b: Arg) => boolean
  /** How many of the arguments are paths, for Errors. */
  readonly paths?: 0 | 1 | 2
}

const errorOf = (def: Single<Op>, failed: Failed, a: Arg, b: Arg): Error =>
  fsError(failed, def.syscall, def.paths === 0 ? undefined : shownPath(a), def.paths === 2 ? shownPath(b) : undefined)

export const single = <O extends Op>(def: Single<O>, conventions: { promise?: false } = {}): Method => {
  const any = def as unknown as Single<Op>
  const { choose, op, value, mends, arity, optional = 0 } = any
  const parseCallback = any.parseCallback ?? any.parse
  const callback = (v: View) => (one?: Arg, two?: Arg, three?: Arg, four?: Arg) => {
    let a = one
    let b = two
    let c = three
    let given: Arg = arity === 1 ? two : arity === 2 ? three : four
    // The first function where an option may be left out is the callback.
    if (optional > 0) {
      const first = arity - optional
      if (first <= 1 && typeof two === 'function') {
        given = two
        b = undefined
        c = undefined
      } else if (first <= 2 && arity > 2 && typeof three === 'function') {
        given = three
        c = undefined
      } else if (first === 0 && typeof one === 'function') {
        given = one
        a = undefined
      }
    }
    if (arity === 1) b = undefined
    if (arity === 2) c = undefined
    let req: Request<Op>
    let cb: (...args: unknown[]) => void
    if (any.callbackLast === true) {
      req = parseCallback(v, a, b, c)
      cb = callbackOf(given)
    } else {
      any.before?.(a, b, c)
      cb = callbackOf(given)
      req = parseCallback(v, a, b, c)
    }
    let deferred = true
    runAsync(v.x, choose === undefined ? op : choose(req), req, contextOf(v), (bug, out) => {
      if (bug !== null) later(deferred, cb, bug)
      else if (out instanceof Failed) later(deferred, cb, errorOf(any, out, a, b))
      else if (out === undefined && value === undefined) later(deferred, cb, null)
      else later(deferred, cb, null, value === undefined ? out : value(out, req, a, b))
    })
    deferred = false
  }
  const sync = (v: View) => {
    // Found once: every method is this function, and no cache of V8's would help it to find one of so many plans.
    let run: RunPlan | undefined
    return (a?: Arg, b?: Arg, c?: Arg) => {
      const req = any.parse(v, a, b, c)
      if (choose !== undefined) run = syncPlan(v.x, choose(req))
      else if (run === undefined) run = syncPlan(v.x, op)
      const out = run(req, contextOf(v))
      if (out instanceof Failed) {
        if (mends?.(out, a, b)) return undefined
        throw errorOf(any, out, a, b)
      }
      return value === undefined ? out : value(out, req, a, b)
    }
  }
  const ops = def.ops ?? [def.op]
  if (conventions.promise === false) return { ops, sync, callback }
  return {
    ops,
    sync,
    callback,
    promise: (v) => {
      const plan = v.x.plans[op]
      return async (a?: Arg, b?: Arg, c?: Arg) => {
        const req = any.parse(v, a, b, c)
        const pending = promisePlan(v.x, choose === undefined ? plan : v.x.plans[choose(req)], req, contextOf(v))
        const out = pending instanceof Promise ? await pending : pending
        if (out instanceof Failed) {
          // An Error shows who awaits, which is known only later.
          if (!(pending instanceof Promise)) await undefined
          throw errorOf(any, out, a, b)
        }
        return value === undefined ? out : value(out, req, a, b)
      }
    },
  }
}

/** Call back after the current turn, as node:fs does, and outside of any hook. */
export const later = (deferred: boolean, cb: Fn, ...args: unknown[]): void => {
  if (deferred) process.nextTick(cb, ...args)
  else cb(...args)
}

/** One request for a caller that is called back, always after the current turn, with `(error, reply)`. */
export const request = <O extends Op>(
  v: View,
  op: O,
  req: Request<O>,
  syscall: string,
  path: unknown,
  cb: (error: unknown, reply?: Reply<O>) => void,
): void => {
  let deferred = true
  runAsync(v.x, op, req, contextOf(v), (bug, out) => {
    if (bug !== null) later(deferred, cb, bug)
    else if (out instanceof Failed) later(deferred, cb, fsError(out, syscall, path))
    else later(deferred, cb, null, out)
  })
  deferred = false
}
