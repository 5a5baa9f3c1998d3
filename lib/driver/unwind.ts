/** The way up: what every driver does with a reply or a failure on its way to the top. */
import type { Context } from '../context.js'
import { type Exchange, notAVerdict, type Plan, type Step } from '../exchange.js'
import type { Op, Reply, Request } from '../op.js'
import { AROUND, Failed, NEXT, PASSTHROUGH, Replied, type Verdict } from '../verdict.js'

/** A request that step `at` replaced on the way down, the last one first. Links, not an array: those have setters. */
export interface Replaced {
  readonly at: number
  readonly req: Request<Op>
  readonly before: Replaced | undefined
}

/** On the way up, step `at` wants its `around` run on the request that it has seen, and what that gives taken on up. */
export class Again {
  constructor(
    readonly at: number,
    readonly req: Request<Op>,
  ) {}
}

/**
 * Take `out` from just above step `at` up to step `from`.
 * @param passedAt the step that said PASSTHROUGH: below it only pinned layers were asked; -1 means none did
 * @param heard what the `error` hook just above has said already, or UNHEARD
 */
export const unwind = (
  plan: Plan,
  from: number,
  at: number,
  out: Reply<Op> | Failed,
  req: Request<Op>,
  replaced: Replaced | undefined,
  passedAt: number,
  cx: Context,
  heard: Verdict<Op> | typeof UNHEARD,
): Reply<Op> | Failed | Again => {
  let value = out
  let said = heard
  let seen = req
  let last = replaced
  for (let k = at - 1; k >= from; k--) {
    const step = plan.steps[k] as Step
    for (; last !== undefined && last.at >= k; last = last.before) seen = last.req
    if (passedAt !== -1 && k > passedAt && !step.pinned) continue
    const { ext } = step
    if (value instanceof Failed) {
      if (ext.error === undefined) continue
      const verdict = said === UNHEARD ? ext.error(value.errno, seen, cx) : said
      said = UNHEARD
      if (verdict === NEXT || verdict === PASSTHROUGH) continue
      if (verdict instanceof Replied) value = verdict.value
      else if (verdict instanceof Failed) value = verdict
      else if (verdict === AROUND && ext.around !== undefined) return new Again(k, seen)
      else throw notAVerdict(step, plan.op, 'error', verdict)
    } else if (ext.reply !== undefined) {
      value = ext.reply(value as never, seen as never, cx)
    }
  }
  return value
}

/** A context for what an `around` asks below. */
export const nested = (cx: Context): Context => ({ caller: cx.caller, epoch: cx.epoch, depth: cx.depth + 1 })

/** The hook of the step to go on at has yet to be asked. */
export const UNHEARD: unique symbol = Symbol('plyfs.unheard')

export const REENTERED = Failed.of('ELOOP')
export const BAD_FD = Failed.of('EBADF')

/** Whether a request is about an open file that this stack did not open. */
export const isForeign = (plan: Plan, req: Request<Op>): boolean => {
  const { fd, file } = req as Request<'getattr'>
  if (fd !== undefined && file === undefined) return true
  return plan.onTwo && (req as Request<'copy_file_range'>).fileOut === undefined
}
/**
 * Whether it was closed since whoever sends this learned of it. The number may be another's by now. Not for what layers send:
 * they go on with a file that is being closed.
 */
export const isStale = (plan: Plan, req: Request<Op>): boolean =>
  (req as Request<'read'>).file?.closed === true ||
  (plan.onTwo && (req as Request<'copy_file_range'>).fileOut?.closed === true)

/** A layer's request on a file that it has opened below itself; undefined where the stack knows no such file. */
export const ownFile = <O extends Op>(x: Exchange, plan: Plan, req: Request<O>): Request<O> | undefined => {
  const { fd, fdOut } = req as Request<'copy_file_range'>
  const file = x.files.get(fd)
  const fileOut = plan.onTwo ? x.files.get(fdOut) : undefined
  if (file === undefined || (plan.onTwo && fileOut === undefined)) return undefined
  return plan.onTwo ? { ...req, file, fileOut } : { ...req, file }
}
