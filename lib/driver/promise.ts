/** Runs plans for callers that await. */
import type { Context } from '../context.js'
import type { Exchange } from '../exchange.js'
import type { Op, Reply, Request } from '../op.js'
import type { Failed } from '../verdict.js'
import { runAsync } from './callback.js'

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
  let landed = false
  let value: Reply<O> | Failed
  let failure: unknown = null
  let settle: ((bug: unknown, out: Reply<O> | Failed) => void) | undefined
  runAsync(x, op, req, cx, (bug, out) => {
    if (settle !== undefined) settle(bug, out)
    else {
      landed = true
      failure = bug
      value = out
    }
  })
  if (landed) {
    if (failure !== null) throw failure
    return value!
  }
  return new Promise((resolve, reject) => {
    settle = (bug, out) => (bug === null ? resolve(out) : reject(bug))
  })
}
