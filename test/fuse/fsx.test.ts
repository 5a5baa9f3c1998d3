/** One file, read, written, cut and mapped at random: as fsx does. */
import { join } from 'node:path'
import { inMount, python, SOURCES, sh } from './support.js'

const OPERATIONS = 700
for (const [seed, name] of (['memory', 'rooted', 'rooted, five layers'] as const).entries()) {
  inMount(
    `${name}: ${OPERATIONS} operations at random`,
    SOURCES[name],
    async (t, _mounted, { mnt }) => {
      const script = join(import.meta.dirname, 'fsx.py')
      t.is(await sh(`${python()} ${script} ${mnt}/file ${OPERATIONS} ${seed}`), `ok ${OPERATIONS}\n`)
    },
    {},
    'python3',
  )
}
