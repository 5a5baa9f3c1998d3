/** What must hold, as data. Ratios are against the first contender of the same work, in the same round. */
import type { Result } from './measure.js'
import { EACH_WORKS, PATH_WORKS } from './path-loops.js'

interface On {
  /** `area/what`. */
  readonly work: string
  readonly what: string
  readonly bound: number
}
/** A contender's median ratio, at most `bound`. */
interface RatioTarget extends On {
  readonly kind: 'ratio'
  readonly contender: string
}
/**
 * Nanoseconds that a contender takes more than the baseline for one operation, at most `bound`. Of CPU time: unlike a ratio, a
 * difference of wall times is twice as great where something else has half of the processor.
 */
interface ExtraTarget extends On {
  readonly kind: 'extra'
  readonly contender: string
}
/** A counted fact: at most (`atMost`) or at least (`atLeast`) `bound`. No clock is involved. */
interface FactTarget extends On {
  readonly kind: 'atMost' | 'atLeast'
  readonly fact: string
}
export type Target = RatioTarget | ExtraTarget | FactTarget

const ratio = (work: string, contender: string, bound: number, what: string): Target => ({
  kind: 'ratio',
  work,
  contender,
  bound,
  what,
})
const FIVE = 'plyfs, five layers'
const OVERLAY = 'plyfs, overlay'
const HOOKED = 'plyfs, all hooked'
/** What "1.00 of the lower" may read on a machine that does other things too. */
const NOISE = 1.03

const within = (fact: string): Target => ({
  kind: 'atMost',
  work: 'bound/memory',
  fact,
  bound: 1,
  what: `1,000,000 look-ups: ${fact}`,
})

export const targets: readonly Target[] = [
  {
    kind: 'atMost',
    work: 'direct/node',
    fact: 'methods that are not the own',
    bound: 0,
    what: 'stack(nodeFs, []) is node:fs, function by function',
  },
  {
    kind: 'atLeast',
    work: 'direct/node',
    fact: 'statSync is the own where hooked elsewhere',
    bound: 1,
    what: 'a method whose opcodes nobody hooks is the own',
  },
  ratio('direct/node', 'plyfs, no layers', NOISE, 'no layers cost nothing'),
  ratio('direct/memfs', 'plyfs, no layers', NOISE, 'no layers cost nothing over an object bound once'),
  ratio('metadata/host/stat-same', FIVE, 0.3, 'statSync hit, same string, over host'),
  ratio('metadata/host/stat-fresh', FIVE, 0.45, 'statSync hit, string built afresh, over host'),
  ratio('metadata/host/exists-missing', FIVE, 0.15, 'existsSync known-missing, over host'),
  ratio('metadata/host/promises-stat', FIVE, 0.1, 'promises.stat hit, over host'),
  ratio('metadata/memory/stat-same', FIVE, 0.15, 'statSync hit, same string, over memory'),
  ratio('metadata/memory/stat-fresh', FIVE, 0.3, 'statSync hit, string built afresh, over memory'),
  ratio('metadata/memory/exists-missing', FIVE, 0.15, 'existsSync known-missing, over memory'),
  ratio('storm/sync', `${FIVE}, once seen`, 0.25, 'metadata storm, sync'),
  ratio('storm/promises', `${FIVE}, once seen`, 0.08, 'metadata storm, promises'),
  {
    kind: 'atLeast',
    work: 'storm/sync',
    fact: 'attribute requests removed once seen, %',
    bound: 99,
    what: 'metadata storm: attribute requests that do not reach the lower',
  },
  {
    kind: 'atLeast',
    work: 'storm/sync',
    fact: 'xattr requests removed once seen, %',
    bound: 100,
    what: 'metadata storm: xattr requests that do not reach the lower',
  },
  ratio('io/read', FIVE, 1.1, 'readSync 4 KiB, passed through'),
  ratio('io/read-memory', FIVE, 1.1, 'readSync 4 KiB, passed through, in memory'),
  ratio('io/read-file', HOOKED, 1.3, 'readFileSync 1 KiB, hooked and desugared'),
  ratio('io/promises-read-file', HOOKED, 1, 'promises.readFile 1 KiB, hooked and desugared'),
  ratio('io/read-stream', HOOKED, 1.1, 'createReadStream 8 MiB, hooked'),
  ratio('io/write-stream', HOOKED, 1.1, 'createWriteStream 8 MiB, hooked'),
  ratio('walk/readdir', HOOKED, 1.2, 'readdirSync with types, 100 entries'),
  ratio('walk/recursive', HOOKED, 1.2, 'readdirSync recursive, 10,000 files'),
  ratio('walk/stats', HOOKED, 1.2, 'a walk with lstat, 10,000 files'),
  ratio('layers/host', '8 layers idle', NOISE, '8 layers that do nothing on an opcode cost nothing on it'),
  {
    kind: 'extra',
    work: 'layers/sync',
    contender: '8 layers NEXT',
    bound: 150,
    what: '8 layers that say NEXT, together, ns',
  },
  ...['layers/quiet', 'layers/quiet-access'].flatMap((work) =>
    [
      'trace, nobody listens',
      'faults, another opcode',
      'faults, another path',
      'faults, another suffix',
      'readOnly',
    ].map(
      (contender): Target => ({
        kind: 'extra',
        work,
        contender,
        bound: 60,
        what: `${contender}: what a request costs, ns`,
      }),
    ),
  ),
  ratio('git/memory-status', 'plyfs, five layers, cold', 1, 'statusMatrix over memory, cold stack'),
  ratio('git/host-status', 'plyfs, five layers, cold', 1, 'statusMatrix over host, cold stack'),
  ratio('git/memory-log', 'plyfs, five layers, warm', 1, 'git log over memory'),
  ratio('git/host-log', 'plyfs, five layers, warm', 1, 'git log over host'),
  {
    kind: 'atMost',
    work: 'git/memory-status',
    fact: 'requests that reach the lower',
    bound: 373,
    what: 'statusMatrix: requests that reach the lower',
  },
  {
    kind: 'atLeast',
    work: 'modules/plain',
    fact: 'first run: removed, %',
    bound: 75,
    what: 'negative look-ups removed on the first run',
  },
  {
    kind: 'atLeast',
    work: 'modules/plain',
    fact: 'second run: removed, %',
    bound: 99,
    what: 'negative look-ups removed on the second run',
  },
  ...['entries at most, of their bound', 'bytes at most, as estimated, of their bound'].map(within),
  within('heap at the end, measured, of the bound in bytes'),
  ratio('create-delete/host', 'plyfs, caches', 1.1, 'create and delete, sync'),
  ratio('create-delete/host-promises', 'plyfs, caches', 1.1, 'create and delete, promises'),
  ratio('sandbox/stat', 'plyfs, sandbox', 1.6, 'sandboxed stat, parent seen lately'),
  ratio('sandbox/open', 'plyfs, sandbox', 1.6, 'sandboxed open, parent seen lately'),
  ratio('sandbox/stat', 'plyfs, sandbox over a warm cache', 1.1, 'sandboxed stat over a warm cache'),
  ...PATH_WORKS.map((work) => ratio(`sandbox/${work}`, 'plyfs, sandbox', 1.6, `sandboxed ${work}, parent seen lately`)),
  ratio('sandbox/audit', 'plyfs, audited sandbox', 1.1, 'audited stat, of a sandboxed one'),
  ...EACH_WORKS.map((work) =>
    ratio(`sandbox/${work}-unseen`, 'plyfs, sandbox', 3, `sandboxed ${work}, parent not seen`),
  ),
  ratio('sandbox/read', 'plyfs, sandbox', 1.05, 'sandboxed read, passed through'),
  ratio('sandbox/write', 'plyfs, sandbox', 1.05, 'sandboxed write, passed through'),
  ratio('overlay/stat', OVERLAY, 1.3, 'overlay: stat of untouched files, warm cache below'),
  ratio('overlay/read-file', OVERLAY, 1.3, 'overlay: readFile of untouched files, warm cache below'),
  ratio('overlay/first-write', OVERLAY, 1.5, 'overlay: first write of a 1 MiB file, of a copy'),
  ratio('overlay/readdir', OVERLAY, 2.5, 'overlay: readdir of 2 x 1,000 names, of one of them'),
]

export interface Judged {
  readonly target: Target
  readonly value: number
  readonly ok: boolean
}

/** The targets that these results speak of; a smoke run's sizes are not the targets' own. */
export const judge = (results: readonly Result[]): Judged[] =>
  targets.flatMap((target) => {
    const result = results.find(({ name }) => name === target.work)
    const value = result && measured(target, result)
    if (value === undefined) return []
    return [{ target, value, ok: target.kind === 'atLeast' ? value >= target.bound : value <= target.bound }]
  })

const measured = (target: Target, { timings, facts }: Result): number | undefined => {
  if ('fact' in target) return facts[target.fact]
  const timing = timings.find(({ name }) => name === target.contender)
  if (target.kind === 'ratio') return timing?.ratio.median
  const base = timings[0]
  return timing && base && timing.cpuNs - base.cpuNs
}
