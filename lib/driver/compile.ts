/**
 * Plans as functions of their own, as eBPF programs are: every hook has its own call site, and so its own inline cache.
 *
 * The text is made of the plan's shape alone (numbers and fixed words; no name, path or option gets into it). Whatever
 * is rare (another request in its place, PASSTHROUGH, an `around`, a failure that an `error` hook wants) leaves for the
 * interpreter in the middle, so that there is one meaning and not two.
 */
import type { Exchange, Plan, RunPlan } from '../exchange.js'
import { Failed, NEXT, Replied } from '../verdict.js'
import { BAD_FD, REENTERED, type unwind } from './unwind.js'

/** What the text leaves for: the interpreter, which imports this file. */
interface Interpreter {
  readonly resume: unknown
  readonly unwind: typeof unwind
  readonly UNHEARD: symbol
}

/** @returns undefined where code may not be generated from strings (`--disallow-code-generation-from-strings`) */
export const compilePlan = (x: Exchange, plan: Plan, interpreter: Interpreter): RunPlan | undefined => {
  const { steps } = plan
  const { resume, unwind: rest, UNHEARD } = interpreter
  const body = [
    ...(x.refusesReentry ? ['if (x.busy) return REENTERED', 'x.busy = true', 'try {'] : []),
    ...(plan.onFd && x.ownFilesOnly ? ['if (req.fd !== undefined && req.file === undefined) return BAD_FD'] : []),
    ...(plan.onTwo && x.ownFilesOnly ? ['if (req.fileOut === undefined) return BAD_FD'] : []),
    ...(plan.releases ? ['x.released(req.fd)'] : []),
    ...(plan.writes ? ['x.epoch++'] : []),
    'let v, out',
  ]
  let bottom = 'out = lower.sync(req, cx)'
  let depth = steps.length
  for (const [k, { ext }] of steps.entries()) {
    if (ext.request === undefined && ext.around !== undefined) {
      bottom = `return resume(x, plan, 0, ${k}, req, cx, UNHEARD)`
      depth = k
      break
    }
    if (ext.request === undefined) continue
    body.push(`v = h${k}.request(req, cx)`)
    body.push('if (v !== NEXT) {')
    body.push(`if (v instanceof Replied) { out = v.value; ${rise(plan, k)} }`)
    body.push(`if (v instanceof Failed) { out = v; ${rise(plan, k)} }`)
    body.push(`return resume(x, plan, 0, ${k}, req, cx, v)`)
    body.push('}')
  }
  body.push(bottom)
  if (depth === steps.length) body.push(rise(plan, steps.length))
  if (x.refusesReentry) body.push('} finally { x.busy = false }')

  const hooks = steps.map((_, k) => `h${k} = steps[${k}].ext`)
  const head = ['lower = plan.lower', 'steps = plan.steps', ...hooks].join(', ')
  const names = ['x', 'plan', 'NEXT', 'Replied', 'Failed', 'REENTERED', 'BAD_FD', 'resume', 'unwind', 'UNHEARD']
  const text = `'use strict'; const ${head}\nreturn function run(req, cx) {\n${body.join('\n')}\n}`
  try {
    const make = new Function(...names, text) as (...args: unknown[]) => RunPlan
    return make(x, plan, NEXT, Replied, Failed, REENTERED, BAD_FD, resume, rest, UNHEARD)
  } catch (thrown) {
    if (thrown instanceof EvalError) return undefined
    throw thrown
  }
}

/** The way up from just above step `at`. */
const rise = ({ steps, opens, writes }: Plan, at: number): string => {
  const lines: string[] = []
  if (opens) lines.push(`if (typeof out === 'number') x.opened(out, req, ${at === steps.length})`)
  if (writes) lines.push('x.epoch++')
  const above = steps.slice(0, at)
  if (above.some(({ ext }) => ext.error !== undefined)) {
    lines.push(`if (out instanceof Failed) return unwind(plan, 0, ${at}, out, req, undefined, -1, cx)`)
  } else if (above.some(({ ext }) => ext.reply !== undefined)) {
    lines.push('if (out instanceof Failed) return out')
  }
  for (let k = at - 1; k >= 0; k--) if (steps[k]?.ext.reply !== undefined) lines.push(`out = h${k}.reply(out, req, cx)`)
  return `${lines.join('; ')}; return out`
}
