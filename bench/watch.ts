/** Layers that hook and do nothing, so that nothing takes the direct way. */
import { type ExtensionMap, type Layer, layer, NEXT, OPS, type Op } from 'plyfs'

/** A layer that says NEXT on every opcode, or on those named. */
export const watchEverything = (name: string, ops: readonly Op[] = OPS): Layer =>
  layer(name, Object.fromEntries(ops.map((op) => [op, { request: () => NEXT }])) as ExtensionMap, {
    consents: 'watches',
  })
