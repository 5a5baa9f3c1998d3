/** What the scenarios have in common: directories with files, the stack under test, and how many requests passed. */
import { join } from 'node:path'
import type { Layer } from 'plyfs'
import {
  metadataCache,
  passthrough,
  type RequestCount,
  requestCount,
  sandbox,
  stackDepth,
  xattrElision,
} from 'plyfs/layers'
import type { Work } from './measure.js'
import type { Fs } from './peers.js'

export interface Site {
  /** An empty directory of the scenario's own. */
  readonly dir: string
  /** Small rounds: whether it runs, not how fast. */
  readonly smoke: boolean
}
/** One file of scenarios: makes what it needs, yields each piece of work to be measured, and cleans up. */
export type Area = (site: Site) => AsyncGenerator<Work, void, void>

/** The five layers, as the README shows them. */
export const fiveLayers = (root: string): Layer[] => [
  stackDepth(),
  sandbox({ root }),
  passthrough(),
  xattrElision({ ttlMs: 60_000 }),
  metadataCache({ ttlMs: 60_000 }),
]

export const fileName = (k: number): string => `file-${k}.txt`

/** `files` files `file-0.txt` … of `bytes` bytes in `dir`, which is made. */
export const fill = (fs: Fs, dir: string, files: number, bytes = 16): string[] => {
  fs.mkdirSync(dir, { recursive: true })
  const content = Buffer.alloc(bytes, 'x')
  const paths: string[] = []
  for (let k = 0; k < files; k++) {
    const path = join(dir, fileName(k))
    fs.writeFileSync(path, content)
    paths.push(path)
  }
  return paths
}

/** The five layers between two counters. */
export const counted = (layers: readonly Layer[]) => {
  const above = requestCount()
  const below = requestCount()
  return { above, below, layers: [above, ...layers, below] }
}

export const total = (counts: Readonly<Record<string, number>>, ops?: readonly string[]): number =>
  Object.entries(counts).reduce((sum, [op, n]) => (ops === undefined || ops.includes(op) ? sum + n : sum), 0)

/** Requests that the lower got: reads and writes of passed files go down past the lower counter, so the upper one tells. */
export const reachedLower = (above: RequestCount, below: RequestCount): number => {
  const [up, down] = [above.counts(), below.counts()]
  const passed = (op: 'read' | 'write'): number => (up[op] ?? 0) - (down[op] ?? 0)
  return total(down) + passed('read') + passed('write')
}
