/** One area in a process of its own, so that no scenario runs on what another has taught the compiler. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AreaName, areas } from './areas.js'
import { FULL, measure, SMOKE } from './measure.js'

const [name, kind] = process.argv.slice(2) as [AreaName, 'smoke' | 'full']
const smoke = kind === 'smoke'
const root = realpathSync(mkdtempSync(join(tmpdir(), 'plyfs-bench-')))
try {
  for await (const work of areas[name]({ dir: join(root, name), smoke })) {
    process.send?.(await measure(work, work.effort ?? (smoke ? SMOKE : FULL)))
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
process.disconnect?.()
