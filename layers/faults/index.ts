/** faults: failures on demand, for tests. */
import * as t from 'io-ts'
import picomatch from 'picomatch'
import { ConfigError } from '../../lib/codec/error.js'
import {
  closed,
  decodeOptions,
  flag,
  milliseconds,
  positiveInteger,
  probability,
  wholeNumber,
} from '../../lib/codec/options.js'
import {
  AROUND,
  attempt,
  callOn,
  Delay,
  type Errno,
  type ExtensionMap,
  Failed,
  fail,
  forward,
  isErrno,
  isOp,
  type Layer,
  layer,
  NEXT,
  OPS,
  type Op,
  type Path,
  type Request,
  randomOf,
} from '../../lib/layer.js'
import { ERRNOS } from './errnos.js'
import { drawSeed, tellIfItFails } from './seed.js'

/** Milliseconds: always as many; evenly between two; or by the exponential distribution: mostly short, now and then long. */
export type Latency = number | { readonly min: number; readonly max: number } | { readonly mean: number }

/** When, and what. Conditions that are absent are met; a rule without an effect fails with an errno of the opcode's own. */
export interface FaultRule {
  /** Opcodes. Default: all. */
  readonly op?: Op | readonly Op[] | undefined
  /** A glob for the path, as in a sandbox's policy; of open files, the path that they were opened by. */
  readonly path?: string | undefined
  /** Only the nth request that meets `op` and `path`, from 1 on. */
  readonly nth?: number | undefined
  /** From 0 to 1; decided by the seed. */
  readonly probability?: number | undefined
  readonly errno?: Errno | undefined
  /** Reads and writes are cut short, to a length of at least 1 that the seed decides. */
  readonly short?: boolean | undefined
  /** Waits before going on: callers that wait are kept waiting, others called back later. */
  readonly latencyMs?: Latency | undefined
}
export interface FaultPlan {
  readonly rules?: readonly FaultRule[] | undefined
  /** The same seed and the same requests meet the same faults. Default: a random one. */
  readonly seed?: number | undefined
}
export interface Fault {
  readonly op: Op
  readonly path: Path
  /** The index of the rule. */
  readonly rule: number
  /** The errno, `'short'` or `'latency'`. */
  readonly effect: string
}
export interface Faults extends Layer {
  /** To repeat a run: print it where a test fails. */
  readonly seed: number
  /** What was done so far, first to last. */
  injected(): readonly Fault[]
  /** Starts again from the seed, with all counts at 0. */
  reset(): void
  /** `requests` that came by, and `injected` faults. */
  stats(): { requests: number; injected: number }
}

const latency = t.union(
  [milliseconds, closed({ min: milliseconds, max: milliseconds }, {}), closed({ mean: milliseconds }, {})],
  'milliseconds, { min, max } or { mean }',
)
const ruleCodec = closed(
  {},
  {
    op: t.union([t.string, t.readonlyArray(t.string)]),
    path: t.string,
    nth: positiveInteger,
    probability,
    errno: t.string,
    short: flag,
    latencyMs: latency,
  },
  'a rule',
)
const codec = closed({}, { rules: t.readonlyArray(ruleCodec), seed: wholeNumber }, "faults' plan")

const LITERAL_START = /^[^*?[\]{}()!+@|\\]*/
const LITERAL_END = /[^*?[\]{}()!+@|\\]*$/

/** Most paths differ from a glob in its literal beginning or end already, and many are the one that was asked last. */
const matcher = (glob: string): ((path: Path) => boolean) => {
  const start = (LITERAL_START.exec(glob)?.[0] ?? '').replace(/\/$/, '')
  const end = glob.startsWith('!') ? '' : (LITERAL_END.exec(glob)?.[0] ?? '')
  const endCode = end === '' ? -1 : end.charCodeAt(end.length - 1)
  const whole = picomatch(glob, { dot: true })
  let last = ''
  let matched = whole('')
  return (path) => {
    const code = path.charCodeAt(path.length - 1)
    // A slash at the end counts for nothing.
    if (endCode !== -1 && code !== endCode && code !== 47) return false
    if (start !== '' && !path.startsWith(start)) return false
    if (path === last) return matched
    last = path
    matched = whole(path)
    return matched
  }
}

const millisecondsOf = (latencyMs: Latency, random: () => number): number => {
  if (typeof latencyMs === 'number') return latencyMs
  if ('mean' in latencyMs) return -latencyMs.mean * Math.log(1 - random())
  return latencyMs.min + random() * (latencyMs.max - latencyMs.min)
}

interface Rule extends FaultRule {
  readonly index: number
  readonly matches: ((path: Path) => boolean) | undefined
  seen: number
}
interface Seen {
  readonly path?: Path
  readonly fd?: number | undefined
  readonly file?: { readonly path: Path } | undefined
  readonly length?: number
}

/**
 * Fails requests by rule: the first rule that is met decides. For what no rule names, nothing is done.
 *
 * `faults({ seed: 7, rules: [{ op: 'write', path: '/db/**', nth: 3, errno: 'ENOSPC' }] })`
 * @throws {ConfigError} for an ill-typed plan, an unknown opcode, or an errno that this system does not know
 */
export const faults = (plan?: FaultPlan): Faults => {
  const { rules: given = [], seed: chosen } = decodeOptions('faults', codec, plan)
  const seed = chosen ?? drawSeed()
  let random = randomOf(seed)
  let requests = 0
  let log: Fault[] = []
  const byOp = new Map<Op, Rule[]>()
  const rules = given.map((rule, index): Rule => {
    const field = `faults.rules[${index}]`
    const ops = rule.op === undefined ? OPS : typeof rule.op === 'string' ? [rule.op] : rule.op
    for (const op of ops) if (!isOp(op)) throw new ConfigError(`${field}.op`, `one of ${OPS.join(', ')}`, `'${op}'`)
    if (rule.errno !== undefined && !isErrno(rule.errno)) {
      throw new ConfigError(`${field}.errno`, 'an errno that this system knows', `'${rule.errno}'`)
    }
    const matches = rule.path === undefined ? undefined : matcher(rule.path)
    const made: Rule = { ...(rule as FaultRule), index, matches, seen: 0 }
    for (const op of ops as readonly Op[]) byOp.set(op, [...(byOp.get(op) ?? []), made])
    return made
  })

  const decide = (list: readonly Rule[], req: Seen): Rule | undefined => {
    requests++
    const path = req.fd === undefined ? (req.path ?? '') : (req.file?.path ?? '')
    for (const rule of list) {
      if (rule.matches !== undefined && !rule.matches(path)) continue
      rule.seen++
      if (rule.nth !== undefined && rule.seen !== rule.nth) continue
      if (rule.probability !== undefined && random() >= rule.probability) continue
      return rule
    }
    return undefined
  }
  const note = (op: Op, req: Seen, { index }: Rule, effect: string): void => {
    if (chosen === undefined && log.length === 0) tellIfItFails()
    log.push({ op, path: req.fd === undefined ? (req.path ?? '') : (req.file?.path ?? ''), rule: index, effect })
  }
  /** Rules whose wait is still to come. */
  const waits = new WeakMap<object, Rule>()
  const extensions: { [O in Op]?: object } = {}
  for (const [op, list] of byOp) {
    const isData = op === 'read' || op === 'write'
    /** The only rule's paths. */
    const only = list.length === 1 ? list[0]?.matches : undefined
    extensions[op] = {
      request: (req: Seen) => {
        if (only !== undefined && !only(req.fd === undefined ? (req.path ?? '') : (req.file?.path ?? ''))) {
          requests++
          return NEXT
        }
        const rule = decide(list, req)
        if (rule === undefined) return NEXT
        // A descriptor is gone even where close(2) fails.
        if (rule.latencyMs !== undefined || op === 'release') {
          waits.set(req, rule)
          return AROUND
        }
        return effect(req, rule)
      },
      *around(req: Seen) {
        const rule = waits.get(req) as Rule
        if (rule.latencyMs !== undefined) {
          note(op, req, rule, 'latency')
          yield* callOn(new Delay(millisecondsOf(rule.latencyMs, random)), 'syncfs', { path: '/' })
          if (rule.errno === undefined && rule.short !== true) return yield* attempt(op, req as unknown as Request<Op>)
        }
        if (op === 'release') yield* attempt(op, req as Request<'release'>)
        const verdict = effect(req, rule)
        if (verdict instanceof Failed) return verdict
        const changed = verdict === NEXT ? (req as unknown as Request<Op>) : verdict.request
        return yield* attempt(op as Op, changed)
      },
    }
    const effect = (req: Seen, rule: Rule) => {
      if (rule.short === true && isData && (req.length ?? 0) > 1) {
        note(op, req, rule, 'short')
        const length = 1 + Math.floor(random() * ((req.length as number) - 1))
        return forward<Op>({ ...req, length } as unknown as Request<Op>)
      }
      // A single byte cannot be cut.
      if (rule.short === true && rule.errno === undefined) return NEXT
      const own = ERRNOS[op]
      const errno = rule.errno ?? (own[Math.floor(random() * own.length)] as Errno)
      note(op, req, rule, errno)
      return fail(errno)
    }
  }
  const stats = () => ({ requests, injected: log.length })
  const reset = (): void => {
    random = randomOf(seed)
    requests = 0
    log = []
    for (const rule of rules) rule.seen = 0
  }
  const made = layer('faults', extensions as ExtensionMap, { stateful: true, stats })
  return { ...made, seed, stats, reset, injected: () => [...log] }
}
