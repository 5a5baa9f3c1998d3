/** requestCount: how many requests of each opcode reach this place in the stack. */
import { closed, decodeOptions } from '../lib/codec/options.js'
import { type ExtensionMap, type Layer, layer, NEXT, OPS, type Op } from '../lib/layer.js'

export type Counts = { readonly [O in Op]?: number }

export interface RequestCount extends Layer {
  /** The opcodes that were seen since the last `reset`, and how often. */
  counts(): Counts
  reset(): void
  /** The same as `counts`. */
  stats(): Record<string, number>
}

/**
 * Counts requests on their way down, whatever becomes of them. It only watches: files above it are still passed through,
 * and what goes straight to the lower is not counted.
 * @throws {ConfigError} for any option: it has none
 */
export const requestCount = (options?: Readonly<Record<string, never>>): RequestCount => {
  decodeOptions('requestCount', closed({}, {}, 'no options'), options)
  const seen: number[] = OPS.map(() => 0)
  const extensions: Partial<Record<Op, object>> = {}
  OPS.forEach((op, k) => {
    extensions[op] = {
      request: () => {
        ;(seen[k] as number)++
        return NEXT
      },
    }
  })
  const counts = (): Record<string, number> => {
    const out: Record<string, number> = {}
    OPS.forEach((op, k) => {
      const count = seen[k] as number
      if (count > 0) out[op] = count
    })
    return out
  }
  const made = layer('requestCount', extensions as ExtensionMap, {
    consents: 'watches',
    stateful: true,
    stats: counts,
    // What the kernel answers by itself does not reach this place either.
    offload: {},
  })
  return { ...made, counts, stats: counts, reset: () => void seen.fill(0) }
}
