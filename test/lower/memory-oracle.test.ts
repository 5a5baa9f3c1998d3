import { isDeepStrictEqual } from 'node:util'
import test from 'ava'
import { memory, union } from '../../lib/lower/index.js'
import { type Convention, nodeFs, place, runner, type Step, singleSteps } from './oracle.js'

const shown = ([method, ...args]: Step): string => `${method}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`

test('every single call ends as on Linux', async (t) => {
  const first = memory()
  const lowers = { memory: memory(), union: union([first, memory()], { write: first }) }
  const { dir, clean } = place(lowers.memory)
  t.teardown(clean)
  lowers.union.mkdirSync(dir, { recursive: true })
  const runs = Object.entries(lowers).map(([name, fs]) => [name, runner(fs, dir)] as const)
  const real = runner(nodeFs as never, dir)
  const conventions: Convention[] = ['sync', 'callback', 'promise']
  const wrong: unknown[] = []
  let k = 0
  for (const step of singleSteps) {
    const expected = await real(step, 'sync')
    // In turn, so that each convention meets a part of the table.
    const convention = conventions[k++ % 3] as Convention
    for (const [name, run] of runs) {
      const found = await run(step, convention)
      if (!isDeepStrictEqual(found, expected)) {
        wrong.push({ call: `${name} ${convention} ${shown(step)}`, found, expected })
      }
    }
  }
  t.deepEqual(wrong.slice(0, 5), [], `${wrong.length} differ`)
})
