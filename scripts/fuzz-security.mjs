// Runs the hostile suites over and over: `npm run fuzz:security -- SECONDS` (default 60). Ends at the first failure.
import { spawnSync } from 'node:child_process'

const seconds = Number(process.argv[2] ?? 60)
if (!Number.isFinite(seconds) || seconds <= 0) {
  console.error('usage: npm run fuzz:security -- SECONDS')
  process.exit(2)
}
const until = Date.now() + seconds * 1000
const env = { ...process.env, PLYFS_HOSTILE: 'all', PLYFS_RACE_MS: '5000' }
let rounds = 0
do {
  const { status } = spawnSync('npx', ['ava', '--timeout=10m', 'test/security/*.test.ts'], { stdio: 'inherit', env })
  rounds++
  if (status !== 0) process.exit(1)
} while (Date.now() < until)
console.log(`${rounds} rounds, nothing got through`)
