/** One file, read, written, cut and mapped at random: as fsx does. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import { FIVE, inMount, sh } from './support.js'

const hasPython = spawnSync('python3', ['--version']).status === 0
const OPERATIONS = 700
const sources: readonly (readonly [string, Parameters<typeof inMount>[1]])[] = [
  ['memory', () => ({ lower: { memory: {} } })],
  ['rooted', ({ back }) => ({ lower: { rooted: back } })],
  ['rooted, five layers', ({ back }) => ({ lower: { rooted: back }, layers: FIVE })],
]
for (const [seed, [name, source]] of sources.entries()) {
  const title = `${name}: ${OPERATIONS} operations at random`
  if (hasPython) {
    inMount(title, source, async (t, _mounted, { mnt }) => {
      const script = join(import.meta.dirname, 'fsx.py')
      t.is(await sh(`python3 ${script} ${mnt}/file ${OPERATIONS} ${seed}`), `ok ${OPERATIONS}\n`)
    })
  } else test.skip(`${title} (no python3)`, () => {})
}
