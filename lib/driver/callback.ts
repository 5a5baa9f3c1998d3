/** Runs plans for callers that are called back. `done` may be called before `runAsync` returns: faces defer it. */
import type { Context } from '../context.js'
import { answered, type Exchange, notAVerdict, type Plan, type Step } from '../exchange.js'
import type { Call } from '../extension.js'
import type { Done } from '../lower.js'
import type { Op, Reply, Request } from '../op.js'
import { AROUND, Failed, Forward, NEXT, PASSTHROUGH, Probe, Replied, type Verdict } from '../verdict.js'
import { performCall } from './call.js'
import { begin, LEFT, left } from './head.js'
import { Again, nested, type Replaced, UNHEARD, unwind } from './unwind.js'

/** Perform one request, from the top. */
export const runAsync = <O extends Op>(x: Exchange, op: O, req: Request<O>, cx: Context, done: Done<O>): void => {
  const plan = x.plans[op]
  let out: Out | typeof LEFT
  try {
    out = begin(x, plan, req, cx)
  } catch (bug) {
    done(bug, undefined)
    return
  }
  if (out === LEFT) goOn(x, plan, req, cx, done as Done<Op>)
  else done(null, out as Reply<O> | Failed)
}

type Out = Reply<Op> | Failed

/** The rest of a request that was left just now. */
export const goOn = (x: Exchange, plan: Plan, req: Request<Op>, cx: Context, done: Done<Op>): void => {
  const { at, heard, again } = left
  left.heard = UNHEARD
  left.again = undefined
  const run = new Run(x, plan, req, cx, 0, done)
  if (again === undefined) run.from(at, heard)
  else run.again(again)
}

/** Perform a layer's request from the layer with index `layer` on down. Layers may ask about what they see pass. */
const descend = <O extends Op>(
  x: Exchange,
  op: O,
  req: Request<O>,
  cx: Context,
  layer: number,
  done: Done<O>,
): void => {
  const plan: Plan = x.plans[op]
  if (plan.releases) x.released((req as Request<'release'>).fd)
  if (plan.writes) x.epoch++
  const from = plan.below[layer] as number
  new Run(x, plan, req, cx, from, done as Done<Op>).from(from, UNHEARD)
}

type Steps = Generator<Call<Op>, Out, Out>

/** One request on its way: what the sync driver keeps in local variables. */
class Run {
  #at: number
  #req: Request<Op>
  #replaced: Replaced | undefined
  #passedAt = -1

  constructor(
    readonly x: Exchange,
    readonly plan: Plan,
    req: Request<Op>,
    readonly cx: Context,
    readonly top: number,
    readonly done: Done<Op>,
  ) {
    this.#at = top
    this.#req = req
  }

  /**
   * Go on at step `at`.
   * @param heard what that step's request hook has said already, or UNHEARD
   */
  from(at: number, heard: Verdict<Op> | typeof UNHEARD): void {
    const { x } = this
    this.#at = at
    let out: Out | typeof PENDING
    const wasBusy = x.busy
    x.busy = true
    try {
      out = this.#descend(heard)
    } catch (bug) {
      x.busy = wasBusy
      this.#land(bug, undefined)
      return
    }
    x.busy = wasBusy
    if (out !== PENDING) this.#land(null, out)
  }

  #descend(given: Verdict<Op> | typeof UNHEARD): Out | typeof PENDING {
    const { plan } = this
    let heard = given
    for (; this.#at < plan.steps.length; this.#at++) {
      const step = plan.steps[this.#at] as Step
      if (this.#passedAt !== -1 && !step.pinned) continue
      const { ext } = step
      if (ext.request !== undefined) {
        let verdict = heard === UNHEARD ? ext.request(this.#req as never, this.cx) : heard
        heard = UNHEARD
        while (verdict instanceof Probe) {
          const out = this.#probe(verdict, step.index)
          if (out === PENDING) return PENDING
          verdict = verdict.answered(out, this.#req, this.cx)
        }
        if (verdict === NEXT) continue
        if (verdict === PASSTHROUGH) {
          if (this.#passedAt === -1) this.#passedAt = this.#at
          continue
        }
        if (verdict instanceof Replied) return verdict.value
        if (verdict instanceof Failed) return verdict
        if (verdict instanceof Forward) {
          this.#replaced = { at: this.#at, req: this.#req, before: this.#replaced }
          this.#req = verdict.request
          continue
        }
        if (verdict !== AROUND || ext.around === undefined) throw notAVerdict(step, plan.op, 'request', verdict)
      }
      if (ext.around === undefined) continue
      return this.#advance(ext.around(this.#req as never, this.cx), step.index, nested(this.cx), undefined)
    }
    let returned = false
    let out: Out | typeof PENDING = PENDING
    plan.lower.async(
      this.#req,
      (bug, reply) => {
        if (returned) this.#land(bug, reply)
        else if (bug !== null) throw bug
        else out = reply
      },
      this.cx,
    )
    returned = true
    return out
  }

  #probe(probe: Probe<Op>, index: number): Out | typeof PENDING {
    const { x } = this
    const { op, request } = probe
    let returned = false
    let out: Out | typeof PENDING = PENDING
    const done: Done<Op> = (bug, reply) => {
      if (returned) this.#probed(probe, bug, reply)
      else if (bug !== null) throw bug
      else out = reply
    }
    const plan: Plan = x.plans[op]
    // Most are: what only asks by name, and nobody below looks at.
    if (plan.below[index + 1] === plan.steps.length && !plan.onFd && !plan.opens && !plan.writes) {
      plan.lower.async(request, done, nested(this.cx))
    } else descend(x, op, request, nested(this.cx), index + 1, done)
    returned = true
    return out
  }
  #probed(probe: Probe<Op>, bug: unknown, out: Out): void {
    if (bug !== null) {
      this.#land(bug, undefined)
      return
    }
    const { x } = this
    const wasBusy = x.busy
    x.busy = true
    let verdict: Verdict<Op>
    try {
      verdict = probe.answered(out, this.#req, this.cx)
    } catch (thrown) {
      x.busy = wasBusy
      this.#land(thrown, undefined)
      return
    }
    x.busy = wasBusy
    this.from(this.#at, verdict)
  }

  /** Drives a generator for as long as answers come at once, so that a long one does not deepen the JavaScript stack. */
  #advance(generator: Steps, index: number, cx: Context, first: Out): Out | typeof PENDING {
    let input = first
    for (;;) {
      let step: IteratorResult<Call<Op>, Out>
      try {
        step = generator.next(input)
      } catch (thrown) {
        if (thrown instanceof Failed) return thrown
        throw thrown
      }
      if (step.done) return step.value
      let returned = false
      let failure: unknown = null
      let out: Out | typeof PENDING = PENDING
      const done: Done<Op> = (bug, reply) => {
        if (returned) this.#resume(generator, index, cx, bug, reply)
        else {
          failure = bug
          out = reply
        }
      }
      performCall(this.x, step.value, cx, index + 1, done, descend)
      returned = true
      if (failure !== null) abandon(generator, failure)
      if (out === PENDING) return PENDING
      input = out
    }
  }

  #resume(generator: Steps, index: number, cx: Context, bug: unknown, reply: Out): void {
    const { x } = this
    const wasBusy = x.busy
    x.busy = true
    let out: Out | typeof PENDING = PENDING
    let failure: unknown = null
    try {
      if (bug !== null) abandon(generator, bug)
      out = this.#advance(generator, index, cx, reply)
    } catch (thrown) {
      failure = thrown
    }
    x.busy = wasBusy
    if (failure !== null) this.#land(failure, undefined)
    else if (out !== PENDING) this.#land(null, out)
  }

  #land(bug: unknown, out: Out): void {
    const { x, plan } = this
    if (plan.writes) x.epoch++
    if (bug !== null) {
      this.done(bug, undefined)
      return
    }
    if (plan.opens && typeof out === 'number')
      x.opened(out, this.#req as Request<'open'>, this.#at === plan.steps.length)
    let value: Out | Again = out
    if (plan.hasUp && this.#at > this.top) {
      if (plan.watched) answered.by = plan.steps[this.#at]?.layer
      const wasBusy = x.busy
      x.busy = true
      try {
        value = unwind(plan, this.top, this.#at, out, this.#req, this.#replaced, this.#passedAt, this.cx, UNHEARD)
      } catch (thrown) {
        x.busy = wasBusy
        this.done(thrown, undefined)
        return
      }
      x.busy = wasBusy
    }
    if (value instanceof Again) this.again(value)
    else this.done(null, value)
  }

  /** Run the `around` of a step whose guess did not come off. */
  again({ at, req }: Again): void {
    const { ext, index } = this.plan.steps[at] as Step
    this.#at = at
    this.#req = req
    const { x } = this
    const wasBusy = x.busy
    x.busy = true
    let out: Out | typeof PENDING = PENDING
    let failure: unknown = null
    try {
      const generator = (ext.around as NonNullable<typeof ext.around>)(req as never, this.cx)
      out = this.#advance(generator, index, nested(this.cx), undefined)
    } catch (thrown) {
      failure = thrown
    }
    x.busy = wasBusy
    if (failure !== null) this.#land(failure, undefined)
    else if (out !== PENDING) this.#land(null, out)
  }
}

const PENDING: unique symbol = Symbol('pending')

/** Lets the generator's `finally` run, then throws the bug: it may not be swallowed by accident. */
const abandon = (generator: Steps, bug: unknown): never => {
  generator.throw(bug)
  throw bug
}
