/** stackDepth: how many stacks may stand on each other. */
import { closed, decodeOptions, positiveInteger } from '../lib/codec/options.js'
import { type Layer, layer } from '../lib/layer.js'

export interface StackDepthOptions {
  /** The most stacks that may stand on each other, this one included. Default 8. */
  readonly max?: number | undefined
}
export interface StackDepth extends Layer {
  /** `max`. */
  stats(): Record<string, number>
}

const codec = closed({}, { max: positiveInteger }, "stackDepth's options")

/**
 * Refuses, when a stack is built, that more than `max` of them stand on each other: ELOOP, naming the layers. Stacks that
 * other copies of the package made count as well. While the stack runs, a hook that calls it again is refused with ELOOP.
 * No request pays for it: it has no hooks. Only over a lower that is not plyfs's own (memfs, another copy's stack, a Proxy)
 * do the stack's methods stand before the lower's functions, so that one which leads back to the stack is ELOOP too.
 * @throws {ConfigError} for a `max` that is no whole number from 1 on, and for unknown options
 */
export const stackDepth = (options?: StackDepthOptions): StackDepth => {
  const { max = 8 } = decodeOptions('stackDepth', codec, options)
  const stats = () => ({ max })
  return { ...layer('stackDepth', {}, { maxDepth: max, stats, offload: { maxStackDepth: max } }), stats }
}
