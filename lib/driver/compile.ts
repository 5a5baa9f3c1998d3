/**
 * Plans as functions of their own, as eBPF programs are: every hook has its own call site, and so its own inline cache.
 *
 * The text is made of the plan's shape alone (numbers and fixed words; no name, path or option gets into it). Whatever
 * is rare (another request in its place, PASSTHROUGH, an `around`, a failure that an `error` hook wants) leaves for the
 * interpreter in the middle, so that there is one meaning and not two.
 */
import type { Exchange, Plan, RunPlan, Step } from '../exchange.js'
import { Failed, NEXT, Replied } from '../verdict.js'
import { BAD_FD, REENTERED } from './unwind.js'

/** What the text leaves for: a driver, which imports this file. */
export interface Exits {
  readonly resume: unknown
  readonly rise: unknown
  readonly answered: { by: unknown }
  readonly UNHEARD: symbol
}

/**
 * @param whole whether the lower is asked too: else the text leaves in front of it
 * @returns undefined where code may not be generated from strings (`--disallow-code-generation-from-strings`)
 */
export const compilePlan = (x: Exchange, plan: Plan, exits: Exits, whole: boolean): RunPlan | undefined => {
  const { steps } = plan
  const { resume, rise: unwind, UNHEARD, answered } = exits
  let body = ''
  if (x.refusesReentry) body += 'if (x.busy) return REENTERED\nx.busy = true\ntry {\n'
  if (plan.onFd && x.ownFilesOnly)
    body += 'if (req.fd !== undefined && (req.file === undefined || req.file.closed)) return BAD_FD\n'
  if (plan.onTwo && x.ownFilesOnly) body += 'if (req.fileOut === undefined || req.fileOut.closed) return BAD_FD\n'
  if (plan.releases) body += 'x.released(req.fd)\n'
  if (plan.writes) body += 'x.epoch++\n'
  body += 'let v, out\n'
  let depth = steps.length
  for (let k = 0; k < steps.length; k++) {
    const { ext } = steps[k] as Step
    if (ext.request === undefined && ext.around !== undefined) {
      depth = k
      break
    }
    if (ext.request === undefined) continue
    const up = rise(plan, k)
    body += `v = h${k}.request(req, cx)
if (v !== NEXT) {
if (v instanceof Replied) { out = v.value; ${up} }
if (v instanceof Failed) { out = v; ${up} }
return resume(x, plan, 0, ${k}, req, cx, v)
}
`
  }
  if (whole && depth === steps.length) body += `out = lower.sync(req, cx)\n${rise(plan, depth)}`
  else body += `return resume(x, plan, 0, ${depth}, req, cx, UNHEARD)\n`
  if (x.refusesReentry) body += '\n} finally { x.busy = false }'

  let head = 'lower = plan.lower, steps = plan.steps'
  for (let k = 0; k < steps.length; k++) head += `, h${k} = steps[${k}].ext`
  const text = `'use strict'; const ${head}\nreturn function run(req, cx) {\n${body}\n}`
  try {
    const make = new Compiled(NAMES, text) as (...args: unknown[]) => RunPlan
    return make(x, plan, NEXT, Replied, Failed, REENTERED, BAD_FD, resume, unwind, UNHEARD, answered)
  } catch (thrown) {
    if (thrown instanceof EvalError) return undefined
    throw thrown
  }
}
// Plans are compiled when they are first run: nothing here may be what somebody has replaced by then.
const Compiled = Function
const NAMES = 'x, plan, NEXT, Replied, Failed, REENTERED, BAD_FD, resume, unwind, UNHEARD, answered'

/** Whether anybody above step `at` looks at what comes up. */
const isHeard = (steps: readonly Step[], at: number): boolean => {
  for (let k = at - 1; k >= 0; k--) {
    const { reply, error } = (steps[k] as Step).ext
    if (reply !== undefined || error !== undefined) return true
  }
  return false
}

/** The way up from just above step `at`. */
const rise = ({ steps, opens, writes, watched }: Plan, at: number): string => {
  let text = ''
  if (opens) text += `if (typeof out === 'number') x.opened(out, req, ${at === steps.length}); `
  if (writes) text += 'x.epoch++; '
  if (watched && at > 0) text += `answered.by = ${at === steps.length ? 'undefined' : `steps[${at}].layer`}; `
  let errors = ''
  let replies = ''
  for (let k = at - 1; k >= 0; k--) {
    const { ext } = steps[k] as Step
    // Most let it pass.
    if (ext.error !== undefined) {
      errors += `v = h${k}.error(out.errno, req, cx); if (v !== NEXT) return unwind(x, plan, 0, ${k + 1}, out, req, undefined, -1, cx, v); `
    }
    if (ext.reply === undefined) continue
    replies += `out = h${k}.reply(out, req, cx); `
    // It may have been refused.
    if (isHeard(steps, k)) {
      replies += `if (out instanceof Failed) return unwind(x, plan, 0, ${k}, out, req, undefined, -1, cx, UNHEARD); `
    }
  }
  if (errors !== '') text += `if (out instanceof Failed) { ${errors}return out } `
  else if (replies !== '') text += 'if (out instanceof Failed) return out; '
  return `${text}${replies}return out`
}
