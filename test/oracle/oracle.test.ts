// Some hundred random sequences; `npm run oracle` does as many as you like.
import test from 'ava'
import { check, LOWERS } from './check.js'

for (const name of LOWERS) {
  test.serial(`random sequences of calls on a stack over ${name} do what they do on node:fs`, async (t) => {
    const { runs, seed, counterExample } = await check(name, { runs: 60 })
    t.true(runs > 0)
    t.is(counterExample, undefined, `seed ${seed}\n${counterExample}`)
  })
}
