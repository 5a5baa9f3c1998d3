/**
 * `npm run oracle -- [--seconds N] [--seed S] [--lower host|memory|all]`: random sequences of calls on node:fs and on
 * stacks with a hook on every opcode. What differs is shrunk and printed as a script; the exit status is then 1.
 */
import { parseArgs } from 'node:util'
import { check, LOWERS, type LowerName } from './check.js'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    seed: { type: 'string' },
    lower: { type: 'string', default: 'all' },
  },
})
const seconds = Number(values.seconds)
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed)
const names = LOWERS.filter((name) => values.lower === 'all' || values.lower === name)
if (names.length === 0 || !(seconds > 0) || Number.isNaN(seed)) {
  console.error('usage: npm run oracle -- [--seconds N] [--seed S] [--lower host|memory|all]')
  process.exit(2)
}
for (const name of names as LowerName[]) {
  const budgetMs = (seconds * 1000) / names.length
  const verdict = await check(name, { runs: Number.MAX_SAFE_INTEGER, seed, budgetMs })
  console.log(`${name}: ${verdict.runs} sequences, seed ${verdict.seed}`)
  if (verdict.counterExample === undefined) continue
  console.log(verdict.counterExample)
  process.exitCode = 1
}
