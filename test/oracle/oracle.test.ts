// Some hundred random sequences; `npm run oracle` does as many as you like.
import { compileFunction } from 'node:vm'
import test from 'ava'
import { fc } from '../fc.js'
import { check, LOWERS } from './check.js'
import { scriptOf } from './script.js'
import { moves } from './steps.js'

for (const name of LOWERS) {
  test.serial(`random sequences of calls on a stack over ${name} do what they do on node:fs`, async (t) => {
    const { runs, seed, counterExample } = await check(name, { runs: 60 })
    t.true(runs > 0)
    t.is(counterExample, undefined, `seed ${seed}\n${counterExample}`)
  })
}

test('every sequence is a script', (t) => {
  for (const sequence of fc.sample(moves, 30)) {
    const body = scriptOf(sequence).replaceAll(/^import .*$/gm, '')
    t.notThrows(() => compileFunction(`return async () => {${body}}`), body)
  }
})
