/** A generator over requests, run in both conventions: what takes several requests is written once. */
import type { Context } from '../context.js'
import type { Call } from '../extension.js'
import type { Done, LowerOp } from '../lower.js'
import type { Op, Reply, Request } from '../op.js'
import { hardened } from '../primordials.js'
import { Failed } from '../verdict.js'

/** As an `around`: it may `yield*` a `call`, which gives the reply or throws a `Failed`, or an `attempt`. */
export type Steps<O extends Op> = Generator<Call<Op>, Reply<O> | Failed, Reply<Op> | Failed>

export type Ask = (call: Call<Op>) => LowerOp<Op>

/** An opcode that is several requests. `ask` says who performs each. */
export const steps = <O extends Op>(ask: Ask, run: (req: Request<O>) => Steps<O>): LowerOp<O> => {
  hardened(run)
  return {
    sync(req, cx) {
      const generator = run(req)
      let input: Reply<Op> | Failed = undefined as never
      try {
        for (;;) {
          const step = generator.next(input)
          if (step.done) return step.value
          input = ask(step.value).sync(step.value.request, cx)
        }
      } catch (thrown) {
        if (thrown instanceof Failed) return thrown
        throw thrown
      }
    },
    async: (req, done, cx) => advance(ask, run(req), undefined, done as Done<Op>, cx),
  }
}

const advance = (
  ask: Ask,
  generator: Steps<Op>,
  first: Reply<Op> | Failed,
  done: Done<Op>,
  cx: Context | undefined,
): void => {
  let input = first
  // A loop, so that answers that come at once do not deepen the JavaScript stack.
  for (;;) {
    let step: IteratorResult<Call<Op>, Reply<Op> | Failed>
    try {
      step = generator.next(input)
    } catch (thrown) {
      if (thrown instanceof Failed) done(null, thrown)
      else done(thrown, undefined)
      return
    }
    if (step.done) {
      done(null, step.value)
      return
    }
    const { value } = step
    let returned = false
    let landed = false
    let failure: unknown = null
    ask(value).async(
      value.request,
      (bug, out) => {
        if (returned) {
          if (bug !== null) done(bug, undefined)
          else advance(ask, generator, out, done, cx)
          return
        }
        landed = true
        failure = bug
        input = out
      },
      cx,
    )
    returned = true
    if (!landed) return
    if (failure !== null) {
      done(failure, undefined)
      return
    }
  }
}
