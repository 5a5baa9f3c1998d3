/** Runs plans for callers that await. */
import type { Context } from '../context.js'
import type { Exchange } from '../exchange.js'
import type { Op, Reply, Request } from '../op.js'
import type { Failed } from '../verdict.js'
import { begin, goOn, LEFT } from './callback.js'

/**
 * Perform one request, from the top. Where the fast path answered, the value itself comes back, and no promise is made.
 * The Error is made by whoever awaits this, so that its stack shows the caller.
 */
export const runPromise = <O extends Op>(
  x: Exchange,
  op: O,
  req: Request<O>,
  cx: Context,
): Reply<O> | Failed | Promise<Reply<O> | Failed> => {
  const plan = x.plans[op]
  const out = begin(x, plan, req, cx)
  if (out !== LEFT) return out as Reply<O> | Failed
  let landed = false
  let value: Reply<O> | Failed
  let failure: unknown = null
  let settle: ((bug: unknown, reply: Reply<O> | Failed) => void) | undefined
  goOn(x, plan, req, cx, (bug, reply) => {
    if (settle !== undefined) settle(bug, reply as Reply<O> | Failed)
    else {
      landed = true
      failure = bug
      value = reply as Reply<O> | Failed
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
