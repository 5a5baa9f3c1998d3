/** What an `around` asks below, for callers that are called back: alone, shared with others that ask the same, or for so long. */
import type { Context } from '../context.js'
import type { Exchange } from '../exchange.js'
import type { Call, Deadline } from '../extension.js'
import type { Done } from '../lower.js'
import type { Op, Request, Stats } from '../op.js'
import { append } from '../primordials.js'
import { makeStats } from '../stats.js'
import { Failed } from '../verdict.js'

/** Performs a request from the layer with index `layer` on down. */
type Descend = (x: Exchange, op: Op, req: Request<Op>, cx: Context, layer: number, done: Done<Op>) => void

/** One request of an around: by itself, or as one of those that share a flight. */
export const performCall = (
  x: Exchange,
  call: Call<Op>,
  cx: Context,
  layer: number,
  done: Done<Op>,
  descend: Descend,
): void => {
  const { op, request, share, on } = call
  if (call.deadline !== undefined) {
    performWithin(x, call, call.deadline, cx, layer, done, descend)
    return
  }
  if (on !== undefined) {
    on.async(op, request, done, cx)
    return
  }
  if (share === undefined) {
    descend(x, op, request, cx, layer, done)
    return
  }
  const waiting = x.flights.get(share)
  if (waiting !== undefined) {
    append(waiting, done)
    return
  }
  const others: Done<Op>[] = []
  x.flights.set(share, others)
  descend(x, op, request, cx, layer, (bug, out) => {
    x.flights.delete(share)
    done(bug, out)
    // Each gets an answer of its own: nothing that is handed out is shared.
    for (let k = 0; k < others.length; k++) {
      const other = others[k] as Done<Op>
      other(bug, op === 'lookup' || op === 'getattr' ? copied(out as Stats | Failed) : out)
    }
  })
}
/** The first of two answers: the one from below, or the deadline's. */
const performWithin = (
  x: Exchange,
  { op, request }: Call<Op>,
  deadline: Deadline,
  cx: Context,
  layer: number,
  done: Done<Op>,
  descend: Descend,
): void => {
  let isOver = false
  const sent = deadline.detached(op, request)
  const timer = setTimeout(() => {
    isOver = true
    done(null, deadline.failed)
  }, deadline.ms)
  descend(x, op, sent, cx, layer, (bug, out) => {
    if (!isOver) {
      clearTimeout(timer)
      if (bug === null) deadline.met(op, request, sent, out)
      done(bug, out)
      return
    }
    // Nobody is left to be told of a bug: it surfaces as itself.
    if (bug !== null) throw bug
    const rest = deadline.missed(op, out)
    if (rest !== undefined) descend(x, rest.op, rest.request, cx, layer, dropped)
  })
}
const dropped = (bug: unknown): void => {
  if (bug !== null) throw bug
}
const copied = (out: Stats | Failed): Stats | Failed =>
  out instanceof Failed || out === undefined ? out : makeStats(out)
