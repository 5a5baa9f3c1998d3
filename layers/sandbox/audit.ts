/** What a sandbox decided: a bounded ring of decisions, and a callback that cannot hurt. */
import { callable, closed, oneOf, wholeNumber } from '../../lib/codec/options.js'
import type { Caller, Op, Path } from '../../lib/layer.js'
import { actionsOf, type Ruleset } from './decide.js'
import type { Action } from './policy.js'

/** One decision. */
export class Decision {
  readonly #rules: Ruleset
  readonly #needs: number
  constructor(
    /** Counts up from 1 in each sandbox. */
    readonly serial: number,
    readonly caller: Caller,
    readonly op: Op,
    /** The path as it was asked for. */
    readonly asked: Path,
    /** The canonical path that the rules were matched with: of a refusal, as far as resolution went. */
    readonly resolved: Path,
    readonly verdict: 'allow' | 'deny',
    needs: number,
    rules: Ruleset,
  ) {
    this.#needs = needs
    this.#rules = rules
  }
  /** The actions that it took. */
  get actions(): Action[] {
    return actionsOf(this.#needs)
  }
  /** For each of `actions` the rule that decided it: its index in the policy, -1 for `root`, undefined for the default. */
  get rules(): (number | undefined)[] {
    return this.actions.map((_action, k) => this.#rules.ruleFor(this.resolved, nthBit(this.#needs, k)))
  }
}

/** The n-th of the bits that are set. */
const nthBit = (mask: number, n: number): number => {
  let left = mask
  for (let k = 0; k < n; k++) left &= left - 1
  return left & -left
}

export interface AuditOptions {
  /** Called with each decision that is recorded, within the request: what it throws is counted, and forgotten. */
  readonly audit?: ((decision: Decision) => void) | undefined
  /** What is recorded. Default `'refused'`. */
  readonly record?: 'refused' | 'all' | undefined
  /** How many decisions are kept for `decisions()`. Default 256. */
  readonly recordSize?: number | undefined
}

export const auditCodec = closed(
  {},
  { audit: callable<(decision: Decision) => void>(), record: oneOf('refused', 'all'), recordSize: wholeNumber },
  "a sandbox's second argument",
)

export class Audit {
  /** Whether decisions to allow are recorded too. */
  readonly all: boolean
  /** How often the callback threw. */
  errors = 0
  readonly #size: number
  readonly #ring: Decision[] = []
  readonly #callback: ((decision: Decision) => void) | undefined
  #serial = 0

  constructor({ audit, record = 'refused', recordSize = 256 }: AuditOptions) {
    this.all = record === 'all'
    this.#size = recordSize
    this.#callback = audit
  }

  record(
    caller: Caller,
    op: Op,
    asked: Path,
    resolved: Path,
    verdict: 'allow' | 'deny',
    needs: number,
    rules: Ruleset,
  ) {
    const decision = new Decision(++this.#serial, caller, op, asked, resolved, verdict, needs, rules)
    if (this.#size > 0) this.#ring[(decision.serial - 1) % this.#size] = decision
    if (this.#callback === undefined) return
    try {
      this.#callback(decision)
    } catch {
      this.errors++
    }
  }

  /** What was recorded lately, oldest first. */
  decisions(): Decision[] {
    const at = this.#size === 0 ? 0 : this.#serial % this.#size
    return this.#serial <= this.#size ? this.#ring.slice() : [...this.#ring.slice(at), ...this.#ring.slice(0, at)]
  }
}
