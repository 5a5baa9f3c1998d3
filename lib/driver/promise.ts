/** Runs plans for callers that await. */
import type { Context } from '../context.js'
import type { Exchange, Plan } from '../exchange.js'
import type { Op, Reply, Request } from '../op.js'
import type { Failed } from '../verdict.js'
import { goOn } from './callback.js'
import { begin, LEFT } from './head.js'

type Out = Reply<Op> | Failed

/** Perform one request, from the top. */
export const runPromise = <O extends Op>(
  x: Exchange,
  op: O,
  req: Request<O>,
  cx: Context,
): Reply<O> | Failed | Promise<Reply<O> | Failed> =>
  promisePlan(x, x.plans[op], req, cx) as Reply<O> | Failed | Promise<Reply<O> | Failed>

/**
 * The same, for callers that keep the plan. Where the fast path answered, the value itself comes back, and no promise is made.
 * The Error is made by whoever awaits this, so that its stack shows the caller.
 */
export const promisePlan = (x: Exchange, plan: Plan, req: Request<Op>, cx: Context): Out | Promise<Out> => {
  const out = begin(x, plan, req, cx)
  if (out !== LEFT) return out
  let landed = false
  let value: Out
  let failure: unknown = null
  let settle: ((bug: unknown, reply: Out) => void) | undefined
  goOn(x, plan, req, cx, (bug, reply) => {
    if (settle !== undefined) settle(bug, reply)
    else {
      landed = true
      failure = bug
      value = reply
    }
  })
  if (landed) {
    if (failure !== null) throw failure
    return value!
  }
  return new Promise((resolve, reject) => {
    settle = (bug, reply) => (bug === null ? resolve(reply) : reject(bug))
  })
}
