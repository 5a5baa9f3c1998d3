/** Builds an exchange out of a lower and layers, and refuses what would be unsafe. */
import type { Monoid } from 'fp-ts/lib/Monoid.js'
import { Exchange, type Reach } from './exchange.js'
import type { Layer } from './extension.js'
import type { Lower } from './lower.js'

/** Carried by every stack's object, whichever copy of the package made it. */
export const STACK: unique symbol = Symbol.for('plyfs.stack') as never

/** What `Symbol.for('plyfs.stack')` leads to. */
export interface StackMark {
  /** How many stacks stand on each other, this one included; a bare lower has 0. */
  readonly depth: number
  /** The smallest `max` of the stackDepth layers in it. */
  readonly maxDepth: number
  /** The names of its layers, top first. */
  readonly layers: readonly string[]
}

/** A stack that may not be built: what is wrong with it, and what to do. */
export class StackError extends Error {
  override readonly name = 'StackError'
  constructor(
    readonly code: 'ERR_PLYFS_ORDER' | 'ERR_PLYFS_ATTACHED' | 'ERR_PLYFS_LAYER' | 'ELOOP',
    message: string,
  ) {
    super(message)
  }
}

/** Several layers as one. A stack takes it apart again: it costs nothing. */
interface Composite extends Layer {
  readonly parts: readonly Layer[]
}
const isComposite = (layer: Layer): layer is Composite => 'parts' in layer
const partsOf = (layer: Layer): readonly Layer[] => (isComposite(layer) ? layer.parts : [layer])
const composite = (parts: readonly Layer[]): Layer => {
  const only = parts[0]
  if (parts.length === 1 && only !== undefined) return only
  const whole: Composite = { name: parts.map(({ name }) => name).join(' > '), extensions: {}, parts }
  return whole
}

/** Layers under composition: `concat(a, b)` is a above b, `empty` changes nothing. */
export const layerMonoid: Monoid<Layer> = {
  empty: composite([]),
  concat: (above, below) => composite([...partsOf(above), ...partsOf(below)]),
}

/** What is under a stack: a bare lower, or another stack, which is taken apart. */
export interface Base {
  readonly lower: Lower
  readonly layers: readonly Layer[]
  readonly depth: number
  readonly maxDepth: number
  /** Names of the layers below that cannot be taken apart: those of another copy of the package. */
  readonly beneath: readonly string[]
  /** The stack that `layers` are taken from. */
  readonly inner?: Exchange | undefined
}

const attached = new WeakSet<Layer>()

/**
 * @throws {StackError} ERR_PLYFS_LAYER for what is no layer, ERR_PLYFS_ORDER for a layer that answers above a guard,
 *   ERR_PLYFS_ATTACHED for a stateful layer that has a stack, ELOOP for too deep a stack
 */
export const compose = (
  base: Base,
  layers: readonly Layer[],
  reach?: Reach,
): { exchange: Exchange; mark: StackMark } => {
  if (!Array.isArray(layers)) throw new StackError('ERR_PLYFS_LAYER', 'layers: expected an array, top layer first')
  for (const [k, layer] of layers.entries()) {
    if (layer === null || typeof layer !== 'object' || typeof layer.extensions !== 'object') {
      throw new StackError(
        'ERR_PLYFS_LAYER',
        `layers[${k}]: expected a layer, as layer() and plyfs/layers make them, found ${describe(layer)}`,
      )
    }
  }
  const own = layers.flatMap(partsOf)
  const all = [...own, ...base.layers]
  const depth = base.depth + 1
  refuseOrder(all)
  const maxDepth = refuseDepth(all, depth, base)
  refuseAttached(own)
  const exchange = new Exchange(all, base.lower, depth, base.inner)
  for (const layer of own) if (layer.stateful === true || layer.attach !== undefined) attached.add(layer)
  exchange.attach(own, reach)
  const mark = Object.freeze({
    depth,
    maxDepth,
    layers: Object.freeze([...all.map(({ name }) => name), ...base.beneath]),
    [Symbol.toPrimitive]: () => depth,
  })
  return { exchange, mark }
}

const describe = (value: unknown): string =>
  value === null ? 'null' : typeof value === 'function' ? 'a function (call it first?)' : typeof value

const refuseOrder = (layers: readonly Layer[]): void => {
  for (const [k, above] of layers.entries()) {
    if (above.answers !== true) continue
    const guard = layers.slice(k + 1).find((below) => below.pinned === true)
    if (guard !== undefined) {
      throw new StackError(
        'ERR_PLYFS_ORDER',
        `'${above.name}' stands above '${guard.name}' and may answer what '${guard.name}' would refuse; ` +
          `put '${guard.name}' above '${above.name}'`,
      )
    }
  }
}

const refuseDepth = (layers: readonly Layer[], depth: number, base: Base): number => {
  let max = base.maxDepth
  let limiter = 'a stackDepth layer below'
  for (const layer of layers) {
    if (layer.maxDepth !== undefined && layer.maxDepth <= max) {
      max = layer.maxDepth
      limiter = `'${layer.name}'`
    }
  }
  if (depth <= max) return max
  const names = [...layers.map(({ name }) => name), ...base.beneath]
  throw new StackError(
    'ELOOP',
    `ELOOP: ${depth} stacks on each other, ${limiter} allows ${max} (layers, top first: ${names.join(', ')}); ` +
      'stack fewer, or raise max',
  )
}

const refuseAttached = (layers: readonly Layer[]): void => {
  const seen = new Set<Layer>()
  for (const layer of layers) {
    const keeps = layer.stateful === true || layer.attach !== undefined
    if (!keeps) continue
    if (attached.has(layer) || seen.has(layer)) {
      throw new StackError(
        'ERR_PLYFS_ATTACHED',
        `'${layer.name}' keeps state and belongs to a stack already; make another one for this stack`,
      )
    }
    seen.add(layer)
  }
}
