/** What is wrong with a configuration: an option, a policy, a stack file. */
import { inspect } from 'node:util'

/** Says which field is wrong, what was expected there, and what was found. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'ERR_PLYFS_CONFIG'
  constructor(
    /** The path of the field, such as `sandbox.rules[0].allow`. */
    readonly field: string,
    readonly expected: string,
    /** What was found there, as people read it. */
    readonly found: string,
  ) {
    super(`${field}: expected ${expected}, found ${found}`)
  }
}

const SHOWN = 80

/** A value as an error shows it: short, on one line, without running anything of it. */
export const describeValue = (value: unknown): string => {
  if (value === undefined) return 'nothing'
  if (typeof value === 'function') return 'a function'
  const text = inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY, customInspect: false, getters: false })
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}
