/** Runs plans for callers that are called back. `done` may be called before `runAsync` returns: faces defer it. */
import type { Context } from '../context.js'
import { answered, type Exchange, notAVerdict, type Plan, type Step } from '../exchange.js'
import type { Call, Deadline } from '../extension.js'
import type { Done } from '../lower.js'
import type { Op, Reply, Request, Stats } from '../op.js'
import { append } from '../primordials.js'
import { makeStats } from '../stats.js'
import { AROUND, Failed, Forward, NEXT, PASSTHROUGH, Replied } from '../verdict.js'
import { Again, BAD_FD, isForeign, isStale, nested, REENTERED, type Replaced, unwind } from './unwind.js'

/** Perform one request, from the top. */
export const runAsync = <O extends Op>(x: Exchange, op: O, req: Request<O>, cx: Context, done: Done<O>): void => {
  if (x.refusesReentry && x.busy) done(null, REENTERED)
  else new Run(x, op, req, cx, 0, done as Done<Op>).start()
}

type Steps = Generator<Call<Op>, Reply<Op> | Failed, Reply<Op> | Failed>

/** One request on its way: what the sync driver keeps in local variables. */
class Run {
  readonly fromTop: boolean
  readonly #plan: Plan
  readonly #from: number
  #at: number
  #req: Request<Op>
  #replaced: Replaced | undefined
  #passedAt = -1

  constructor(
    readonly x: Exchange,
    op: Op,
    req: Request<Op>,
    readonly cx: Context,
    layer: number,
    readonly done: Done<Op>,
  ) {
    this.#plan = x.plans[op]
    this.fromTop = layer === 0
    this.#from = this.#at = layer === 0 ? 0 : (this.#plan.below[layer] as number)
    this.#req = req
  }

  start(): void {
    const { x } = this
    const plan = this.#plan
    const req = this.#req
    // Layers may ask about what they see pass.
    if (this.fromTop && plan.onFd && x.ownFilesOnly && (isForeign(plan, req) || isStale(plan, req))) {
      this.done(null, BAD_FD)
      return
    }
    if (plan.releases) x.released((req as Request<'release'>).fd)
    if (plan.writes) x.epoch++
    let out: Reply<Op> | Failed | typeof PENDING
    const wasBusy = x.busy
    x.busy = true
    try {
      out = this.#descend()
    } catch (bug) {
      x.busy = wasBusy
      this.#land(bug, undefined)
      return
    }
    x.busy = wasBusy
    if (out !== PENDING) this.#land(null, out)
  }

  #descend(): Reply<Op> | Failed | typeof PENDING {
    const plan = this.#plan
    for (; this.#at < plan.steps.length; this.#at++) {
      const step = plan.steps[this.#at] as Step
      if (this.#passedAt !== -1 && !step.pinned) continue
      const { ext } = step
      if (ext.request !== undefined) {
        const verdict = ext.request(this.#req as never, this.cx)
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
    let out: Reply<Op> | Failed | typeof PENDING = PENDING
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

  /** Drives a generator for as long as answers come at once, so that a long one does not deepen the JavaScript stack. */
  #advance(
    generator: Steps,
    index: number,
    cx: Context,
    first: Reply<Op> | Failed,
  ): Reply<Op> | Failed | typeof PENDING {
    let input = first
    for (;;) {
      let step: IteratorResult<Call<Op>, Reply<Op> | Failed>
      try {
        step = generator.next(input)
      } catch (thrown) {
        if (thrown instanceof Failed) return thrown
        throw thrown
      }
      if (step.done) return step.value
      let returned = false
      let failure: unknown = null
      let out: Reply<Op> | Failed | typeof PENDING = PENDING
      perform(this.x, step.value, cx, index + 1, (bug, reply) => {
        if (returned) this.#resume(generator, index, cx, bug, reply)
        else {
          failure = bug
          out = reply
        }
      })
      returned = true
      if (failure !== null) abandon(generator, failure)
      if (out === PENDING) return PENDING
      input = out
    }
  }

  #resume(generator: Steps, index: number, cx: Context, bug: unknown, reply: Reply<Op> | Failed): void {
    const { x } = this
    const wasBusy = x.busy
    x.busy = true
    let out: Reply<Op> | Failed | typeof PENDING = PENDING
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

  #land(bug: unknown, out: Reply<Op> | Failed): void {
    const { x } = this
    const plan = this.#plan
    if (plan.writes) x.epoch++
    if (bug !== null) {
      this.done(bug, undefined)
      return
    }
    if (plan.opens && typeof out === 'number')
      x.opened(out, this.#req as Request<'open'>, this.#at === plan.steps.length)
    let value: Reply<Op> | Failed | Again = out
    if (plan.hasUp && this.#at > this.#from) {
      if (plan.watched) answered.by = plan.steps[this.#at]?.layer
      const wasBusy = x.busy
      x.busy = true
      try {
        value = unwind(plan, this.#from, this.#at, out, this.#req, this.#replaced, this.#passedAt, this.cx)
      } catch (thrown) {
        x.busy = wasBusy
        this.done(thrown, undefined)
        return
      }
      x.busy = wasBusy
    }
    if (value instanceof Again) this.#again(value)
    else this.done(null, value)
  }

  #again({ at, req }: Again): void {
    const { ext, index } = this.#plan.steps[at] as Step
    this.#at = at
    this.#req = req
    const { x } = this
    const wasBusy = x.busy
    x.busy = true
    let out: Reply<Op> | Failed | typeof PENDING = PENDING
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

/** One request of an around: by itself, or as one of those that share a flight. */
const perform = (x: Exchange, call: Call<Op>, cx: Context, layer: number, done: Done<Op>): void => {
  const { op, request, share, on } = call
  if (call.deadline !== undefined) {
    performWithin(x, call, call.deadline, cx, layer, done)
    return
  }
  if (on !== undefined) {
    on.async(op, request, done, cx)
    return
  }
  if (share === undefined) {
    new Run(x, op, request, cx, layer, done).start()
    return
  }
  const waiting = x.flights.get(share)
  if (waiting !== undefined) {
    append(waiting, done)
    return
  }
  const others: Done<Op>[] = []
  x.flights.set(share, others)
  new Run(x, op, request, cx, layer, (bug, out) => {
    x.flights.delete(share)
    done(bug, out)
    // Each gets an answer of its own: nothing that is handed out is shared.
    for (let k = 0; k < others.length; k++) {
      const other = others[k] as Done<Op>
      other(bug, op === 'lookup' || op === 'getattr' ? copied(out as Stats | Failed) : out)
    }
  }).start()
}
/** The first of two answers: the one from below, or the deadline's. */
const performWithin = (
  x: Exchange,
  { op, request }: Call<Op>,
  deadline: Deadline,
  cx: Context,
  layer: number,
  done: Done<Op>,
): void => {
  let isOver = false
  const sent = deadline.detached(op, request)
  const timer = setTimeout(() => {
    isOver = true
    done(null, deadline.failed)
  }, deadline.ms)
  new Run(x, op, sent, cx, layer, (bug, out) => {
    if (!isOver) {
      clearTimeout(timer)
      if (bug === null) deadline.met(op, request, sent, out)
      done(bug, out)
      return
    }
    // Nobody is left to be told of a bug: it surfaces as itself.
    if (bug !== null) throw bug
    const rest = deadline.missed(op, out)
    if (rest !== undefined) new Run(x, rest.op, rest.request, cx, layer, dropped).start()
  }).start()
}
const dropped = (bug: unknown): void => {
  if (bug !== null) throw bug
}
const copied = (out: Stats | Failed): Stats | Failed =>
  out instanceof Failed || out === undefined ? out : makeStats(out)

/** Lets the generator's `finally` run, then throws the bug: it may not be swallowed by accident. */
const abandon = (generator: Steps, bug: unknown): never => {
  generator.throw(bug)
  throw bug
}
