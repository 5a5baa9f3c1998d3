/**
 * `npm run bench [-- --smoke] [--only NAME] [--json FILE]`
 *
 * Everything that must hold, measured: interleaved rounds, medians, ratios against the bare lower and against peers.
 * `--smoke` takes small rounds, so that CI knows that it runs; `--only` one area (`metadata`).
 * Results go to bench/results.json, or to FILE; a smoke run writes only where it is told to.
 */
import { fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { areas } from './areas.js'
import { machine } from './machine.js'
import type { Result } from './measure.js'
import { shown, verdicts } from './report.js'
import { judge } from './targets.js'

const { values: options } = parseArgs({
  options: { smoke: { type: 'boolean', default: false }, only: { type: 'string' }, json: { type: 'string' } },
})
const { smoke, only, json } = options

const runArea = (name: string): Promise<Result[]> =>
  new Promise((resolve, reject) => {
    const results: Result[] = []
    const child = fork(fileURLToPath(new URL('area.ts', import.meta.url)), [name, smoke ? 'smoke' : 'full'], {
      execArgv: [...process.execArgv, '--expose-gc'],
    })
    child.on('message', (message) => {
      const result = message as Result
      results.push(result)
      console.log(`${shown(result)}\n`)
    })
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (code === 0) resolve(results)
      else reject(new Error(`${name}: ended with ${signal ?? code}`))
    })
  })

const names = Object.keys(areas).filter((name) => only === undefined || only === name)
if (names.length === 0) {
  console.error(`--only ${only}: expected one of ${Object.keys(areas).join(', ')}`)
  process.exit(2)
}
const results: Result[] = []
for (const name of names) results.push(...(await runArea(name)))

const judged = judge(results)
console.log(verdicts(judged))
const missed = judged.filter(({ ok }) => !ok).length
console.log(`${judged.length - missed} targets ok, ${missed} missed`)
if (smoke) console.log('smoke: rounds and sizes are too small to judge by')

const file = json ?? (smoke || only !== undefined ? undefined : fileURLToPath(new URL('results.json', import.meta.url)))
if (file !== undefined) {
  const rows = judged.map(({ target, value, ok }) => ({ ...target, measured: value, ok }))
  writeFileSync(file, `${JSON.stringify({ machine: machine(), results, targets: rows }, null, 2)}\n`)
}
