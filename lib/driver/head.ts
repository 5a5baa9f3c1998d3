/** The beginning of a request for callers that are called back: compiled, and as far as nothing has to be waited for. */
import type { Context } from '../context.js'
import { answered, type Exchange, type Plan, type RunPlan } from '../exchange.js'
import type { Op, Reply, Request } from '../op.js'
import type { Failed, Verdict } from '../verdict.js'
import { compilePlan } from './compile.js'
import { Again, BAD_FD, isForeign, isStale, REENTERED, type Replaced, UNHEARD, unwind } from './unwind.js'

type Out = Reply<Op> | Failed

/** There is something to be waited for: see `goOn`. */
export const LEFT: unique symbol = Symbol('plyfs.left')
/** Where the plan that was begun last was left. */
export const left: { at: number; heard: Verdict<Op> | typeof UNHEARD; again: Again | undefined } = {
  at: 0,
  heard: UNHEARD,
  again: undefined,
}
const leave = (
  _x: Exchange,
  _plan: Plan,
  _from: number,
  at: number,
  _req: Request<Op>,
  _cx: Context,
  heard: Verdict<Op> | typeof UNHEARD,
): typeof LEFT => {
  left.at = at
  left.heard = heard
  // Of a request that was left, and whose caller then came to the end of the stack: it is nothing to this one.
  left.again = undefined
  return LEFT
}
const rise = (
  _x: Exchange,
  plan: Plan,
  from: number,
  at: number,
  out: Out,
  req: Request<Op>,
  replaced: Replaced | undefined,
  passedAt: number,
  cx: Context,
  heard: Verdict<Op> | typeof UNHEARD,
): Out | typeof LEFT => {
  const value = unwind(plan, from, at, out, req, replaced, passedAt, cx, heard)
  if (!(value instanceof Again)) return value
  left.again = value
  return LEFT
}
const headOf = (x: Exchange, plan: Plan): RunPlan => {
  plan.head = compilePlan(x, plan, { resume: leave, rise, UNHEARD, answered }, false) ?? interpretHead(x, plan)
  return plan.head
}
/** The beginning of a plan by which all of it is left to the loop. */
export const interpretHead =
  (x: Exchange, plan: Plan): RunPlan =>
  (req, cx) => {
    if (x.refusesReentry && x.busy) return REENTERED
    if (plan.onFd && x.ownFilesOnly && (isForeign(plan, req) || isStale(plan, req))) return BAD_FD
    if (plan.releases) x.released((req as Request<'release'>).fd)
    if (plan.writes) x.epoch++
    return leave(x, plan, 0, 0, req, cx, UNHEARD) as never
  }

/** Perform a request as far as nothing has to be waited for. Where that is not all of it, `goOn` must come next. */
export const begin = (x: Exchange, plan: Plan, req: Request<Op>, cx: Context): Out | typeof LEFT => {
  const head = plan.head ?? headOf(x, plan)
  try {
    return head(req, cx)
  } catch (bug) {
    if (plan.writes) x.epoch++
    throw bug
  }
}
