/** The property: a stack does what node:fs does. */
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { type ExtensionMap, layer, NEXT, OPS } from '../../lib/layer.js'
import { host, memory } from '../../lib/lower/index.js'
import { stack } from '../../lib/plyfs.js'
import { fc } from '../fc.js'
import { scriptOf } from './script.js'
import { compare, type Difference, Side } from './side.js'
import { moves } from './steps.js'
import type { Move } from './terms.js'

export const LOWERS = ['host', 'memory'] as const
export type LowerName = (typeof LOWERS)[number]

const hooked = () =>
  layer('everything', Object.fromEntries(OPS.map((op) => [op, { request: () => NEXT }])) as ExtensionMap)

/** A fresh directory of the host, in one of its own: links lead up. */
export const place = (): string => {
  const root = `${nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-oracle-')))}/w`
  nodeFs.mkdirSync(root)
  return root
}

/** A stack with a hook on every opcode. */
export const sideOf = (name: LowerName): Side => {
  if (name === 'host') return new Side(stack(host(), [hooked()]), place())
  const fs = stack(memory(), [hooked()])
  fs.mkdirSync('/plyfs/oracle', { recursive: true })
  // realpath('') is where the process is.
  fs.mkdirSync(process.cwd(), { recursive: true })
  return new Side(fs, '/plyfs/oracle')
}

const differenceOn = async (name: LowerName, sequence: readonly Move[]): Promise<Difference | undefined> => {
  const expected = new Side(nodeFs, place())
  const found = sideOf(name)
  try {
    return await compare(sequence, expected, found)
  } finally {
    await expected.end()
    await found.end()
  }
}

export interface Effort {
  readonly runs: number
  readonly seed?: number | undefined
  /** Ends early when so many milliseconds have passed. */
  readonly budgetMs?: number | undefined
}
export interface Verdict {
  readonly runs: number
  readonly seed: number
  /** The shortest sequence that differs, as a script, with what it gave; undefined: none was found. */
  readonly counterExample: string | undefined
}

export const check = async (name: LowerName, { runs, seed, budgetMs }: Effort): Promise<Verdict> => {
  const property = fc.asyncProperty(moves, async (sequence) => (await differenceOn(name, sequence)) === undefined)
  const details = await fc.check(property, {
    numRuns: runs,
    ...(seed === undefined ? {} : { seed }),
    ...(budgetMs === undefined ? {} : { interruptAfterTimeLimit: budgetMs, markInterruptAsFailure: false }),
  })
  let counterExample: string | undefined
  if (details.failed && details.counterexample !== null) {
    const [sequence] = details.counterexample
    const difference = await differenceOn(name, sequence)
    counterExample = `${scriptOf(sequence)}\n${shown(difference, details.errorInstance)}`
  }
  return { runs: details.numRuns, seed: details.seed, counterExample }
}

const shown = (difference: Difference | undefined, thrown: unknown): string => {
  if (difference === undefined) return `// does not differ every time ${String(thrown ?? '')}`
  const text = (value: unknown): string => inspect(value, { depth: 6, maxStringLength: 200 }).replaceAll(/^/gm, '//   ')
  const { at, found, expected } = difference
  return `// step ${at + 1}: found\n${text(found)}\n// expected\n${text(expected)}`
}
