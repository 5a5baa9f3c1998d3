/** Runs plans for callers that wait. */
import type { Context } from '../context.js'
import { answered, type Exchange, notAVerdict, type Plan, type RunPlan, type Step } from '../exchange.js'
import type { Call } from '../extension.js'
import type { Op, Reply, Request } from '../op.js'
import { AROUND, Failed, Forward, NEXT, PASSTHROUGH, Probe, Replied, type Verdict } from '../verdict.js'
import { compilePlan } from './compile.js'
import {
  Again,
  BAD_FD,
  isForeign,
  isStale,
  nested,
  ownFile,
  REENTERED,
  type Replaced,
  UNHEARD,
  unwind,
} from './unwind.js'

type Out = Reply<Op> | Failed

/** Perform one request, from the top. Exceptions are bugs: of a layer, or of a lower that throws what is no errno. */
export const runSync = <O extends Op>(x: Exchange, op: O, req: Request<O>, cx: Context): Reply<O> | Failed =>
  syncPlan(x, op)(req, cx) as Reply<O> | Failed

/** The plan of `op` as a function, for callers that keep it: compiled where code may be generated, else interpreted. */
export const syncPlan = (x: Exchange, op: Op): RunPlan => {
  const plan = x.plans[op]
  plan.run ??= compilePlan(x, plan, { resume, rise, UNHEARD, answered }, true) ?? interpretPlan(x, plan)
  return plan.run
}

/** The plan run by the loop alone. */
export const interpretPlan =
  (x: Exchange, plan: Plan): RunPlan =>
  (req, cx) => {
    if (!x.refusesReentry) return descend(x, plan, req, cx, 0)
    if (x.busy) return REENTERED
    x.busy = true
    try {
      return descend(x, plan, req, cx, 0)
    } finally {
      x.busy = false
    }
  }

/** Perform a request from the layer with index `layer` on down. */
const descend = (x: Exchange, plan: Plan, given: Request<Op>, cx: Context, layer: number): Out => {
  let req = given
  if (plan.onFd && x.ownFilesOnly) {
    if (layer === 0 && isStale(plan, req)) return BAD_FD
    if (isForeign(plan, req)) {
      const known = layer === 0 ? undefined : ownFile(x, plan, req)
      if (known === undefined) return BAD_FD
      req = known
    }
  }
  if (plan.releases) x.released((req as Request<'release'>).fd)
  if (plan.writes) x.epoch++
  const from = layer === 0 ? 0 : (plan.below[layer] as number)
  return resume(x, plan, from, from, req, cx, UNHEARD)
}

/**
 * Go on at step `start`.
 * @param heard what that step's request hook has said already, or UNHEARD
 */
const resume = (
  x: Exchange,
  plan: Plan,
  from: number,
  start: number,
  first: Request<Op>,
  cx: Context,
  heard: Verdict<Op> | typeof UNHEARD,
): Out => {
  const { steps, op } = plan
  let req = first
  let verdict = heard
  let out: Out | undefined
  let replaced: Replaced | undefined
  let passedAt = -1
  let isAnswered = false
  let at = start
  for (; at < steps.length; at++) {
    const step = steps[at] as Step
    if (passedAt !== -1 && !step.pinned) continue
    const { ext } = step
    if (ext.request !== undefined) {
      let said = verdict === UNHEARD ? ext.request(req as never, cx) : verdict
      verdict = UNHEARD
      while (said instanceof Probe) {
        const answer = descend(x, x.plans[said.op], said.request, nested(cx), step.index + 1)
        said = said.answered(answer, req, cx)
      }
      if (said === NEXT) continue
      if (said === PASSTHROUGH) {
        if (passedAt === -1) passedAt = at
        continue
      }
      if (said instanceof Replied || said instanceof Failed) {
        out = said instanceof Failed ? said : said.value
        isAnswered = true
        break
      }
      if (said instanceof Forward) {
        replaced = { at, req, before: replaced }
        req = said.request
        continue
      }
      if (said !== AROUND || ext.around === undefined) throw notAVerdict(step, op, 'request', said)
    }
    if (ext.around === undefined) continue
    out = runAround(x, ext.around(req as never, cx), step.index, cx)
    isAnswered = true
    break
  }
  if (!isAnswered) out = plan.lower.sync(req, cx)
  if (plan.opens && typeof out === 'number') x.opened(out, req as Request<'open'>, !isAnswered)
  if (plan.writes) x.epoch++
  if (!plan.hasUp || at === from) return out as Out
  if (plan.watched) answered.by = isAnswered ? (steps[at] as Step).layer : undefined
  return rise(x, plan, from, at, out as Out, req, replaced, passedAt, cx, UNHEARD)
}

/** The way up from just above step `at`. */
const rise = (
  x: Exchange,
  plan: Plan,
  from: number,
  at: number,
  out: Out,
  req: Request<Op>,
  replaced: Replaced | undefined,
  passedAt: number,
  cx: Context,
  heard: Verdict<Op> | typeof UNHEARD,
): Out => {
  let value = unwind(plan, from, at, out, req, replaced, passedAt, cx, heard)
  while (value instanceof Again) {
    const { at: again, req: seen } = value
    const { ext, index } = plan.steps[again] as Step
    const made = runAround(x, (ext.around as NonNullable<typeof ext.around>)(seen as never, cx), index, cx)
    if (plan.opens && typeof made === 'number') x.opened(made, seen as Request<'open'>, false)
    if (plan.watched) answered.by = (plan.steps[again] as Step).layer
    value = unwind(plan, from, again, made, seen, replaced, passedAt, cx, UNHEARD)
  }
  return value
}

const runAround = (x: Exchange, generator: Generator<Call<Op>, Out, Out>, index: number, cx: Context): Out => {
  const inner = nested(cx)
  let input: Out = undefined
  try {
    for (;;) {
      const step = generator.next(input)
      if (step.done) return step.value
      try {
        const { op, request, on } = step.value
        input = on === undefined ? descend(x, x.plans[op], request, inner, index + 1) : on.sync(op, request, inner)
      } catch (bug) {
        // The generator's own `finally` must run, and may not swallow a bug by accident.
        generator.throw(bug)
        throw bug
      }
    }
  } catch (thrown) {
    if (thrown instanceof Failed) return thrown
    throw thrown
  }
}
