// Paths taken apart: once over is as good as each question asked by itself.
import test from 'ava'
import { isPlain, lastOf, parentOf, partsOf } from '../../lib/lower/safe-path/names.js'
import { fc } from '../fc.js'

const path = fc
  .array(fc.constantFrom('/', '/', '.', 'a', 'é', '\0', '..', 'name'), { maxLength: 9 })
  .map((s) => s.join(''))

test('a path taken apart is what is asked of it otherwise', (t) => {
  let plain = 0
  fc.assert(
    fc.property(path, (of) => {
      const parts = partsOf(of)
      const name = lastOf(of)
      if (parts.isPlain) plain++
      t.deepEqual(parts, { path: of, name, above: parentOf(of), isPlain: isPlain(name) })
    }),
    { numRuns: 5000 },
  )
  t.true(plain > 500, `${plain}`)
})
