// Runs the hostile suites over and over: `npm run fuzz:security -- SECONDS` (default 60). Ends at the first failure.
// Each round has a random seed of its own, and says it: `PLYFS_SEED=… npx ava …` repeats it.
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'

const seconds = Number(process.argv[2] ?? 60)
if (!Number.isFinite(seconds) || seconds <= 0) {
  console.error('usage: npm run fuzz:security -- SECONDS')
  process.exit(2)
}
const files = ['test/security/*.test.ts', 'test/layers/sandbox-laws.test.ts', 'test/layers/quota-random.test.ts']
const until = Date.now() + seconds * 1000
let rounds = 0
do {
  const seed = String(randomInt(2 ** 31))
  console.log(`round ${rounds + 1}: PLYFS_SEED=${seed}`)
  const env = { ...process.env, PLYFS_HOSTILE: 'all', PLYFS_RACE_MS: '5000', PLYFS_SEED: seed }
  const { status } = spawnSync('npx', ['ava', '--timeout=10m', ...files], { stdio: 'inherit', env })
  rounds++
  if (status !== 0) process.exit(1)
} while (Date.now() < until)
console.log(`${rounds} rounds, nothing got through`)
