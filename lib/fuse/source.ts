/** Makes the stack that is to be mounted, in the thread that serves it. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { stackFromConfig, stackFromFile } from '../config.js'
import type { Exchange } from '../exchange.js'
import { exchangeOf } from '../face/node-fs.js'
import type { Knobs } from './offload.js'

/** A stack file's path, a parsed stack file, or the URL of a module whose default export is a stack. */
export type Source = string | URL | { readonly lower?: unknown; readonly layers?: unknown }

/** Whether a source is a module's URL, and not a stack file's path. */
export const isModule = (source: string): boolean => /^(file|data):/.test(source)

/** A stack file's contents, and where its paths start; what is wrong with it is said when the stack is built. */
export const readConfig = (path: string): { config: StackFile; base: string } => {
  const base = dirname(resolve(path))
  try {
    return { config: JSON.parse(readFileSync(path, 'utf8')) as StackFile, base }
  } catch {
    return { config: {}, base }
  }
}

export interface Built {
  /** As the source has it: what the plan is made for. */
  readonly whole: Exchange
  /** The stack that serves, once it is known what the kernel does. */
  serving(knobs: Knobs): Exchange
}

/** @throws {Error} that says what is wrong with the source */
export const exchangeFrom = async (source: Source, base: string): Promise<Built> => {
  if (source instanceof URL || (typeof source === 'string' && isModule(source))) {
    const { default: fs } = (await import(String(source))) as { default?: unknown }
    const whole = typeof fs === 'object' && fs !== null ? exchangeOf(fs) : undefined
    if (whole === undefined) throw new Error(`${source}: expected a default export that stack() made`)
    // Whoever else has it relies on every layer.
    return { whole, serving: () => whole }
  }
  const whole = made(typeof source === 'string' ? stackFromFile(source) : stackFromConfig(source, { base }))
  const { config, base: from } = typeof source === 'string' ? readConfig(source) : { config: source, base }
  return {
    whole,
    serving(knobs) {
      const layers = ((config.layers ?? []) as readonly object[]).filter((layer) => !isTaken(layer, knobs))
      if (layers.length === whole.layers.length || knobs.attrTtl < 1) return whole
      return made(stackFromConfig({ ...config, layers }, { base: from }))
    },
  }
}
type StackFile = Exclude<Source, string | URL>

const made = (built: ReturnType<typeof stackFromConfig>): Exchange => {
  if (isLeft(built)) throw new Error(built.left.message)
  return exchangeOf(built.right) as Exchange
}

/** Layers whose answers the kernel keeps: what still comes up is what they would have had to ask below. */
const isTaken = (layer: object, knobs: Knobs): boolean =>
  ('metadataCache' in layer && knobs.attrTtl > 0) || ('xattrElision' in layer && knobs.posixAcl)

/** As it can be sent to another thread. */
export const portable = (source: Source): Exclude<Source, URL> => (source instanceof URL ? source.href : source)
