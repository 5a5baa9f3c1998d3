// The steps of .ci/run. A run of ava counts each of its tests; any other step counts as one.
import { spawn } from 'node:child_process'

const steps = [
  { run: 'npm ci && npm test', ava: true }, // the README's own command
  { run: 'npm run build' },
  { run: 'PLYFS_HOSTILE=all PLYFS_RUNS=3 npm run test:dist', ava: true }, // and every attack in every form, more of what is random
  { run: 'npm run test:newest', ava: true }, // the newest Node in the npm registry
  { run: 'npm run publint' },
  { run: 'npm run attw' },
  { run: 'npm run types:consumer' }, // TypeScript 5.9, 6.0 and 7.0, from the npm registry
  { run: 'npm run bench -- --smoke' },
  { run: 'npm run examples' },
]
const STEP_MINUTES = 20

let passed = 0
let failed = 0
let running
const report = []

/** Runs one command; resolves to its exit status and output. The output is shown as it comes. */
const execute = (command) =>
  new Promise((resolve) => {
    const out = []
    const child = spawn('bash', ['-c', `{ ${command}; } 2>&1`], {
      cwd: new URL('../', import.meta.url),
      env: { ...process.env, PLYFS_TAP: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true, // a group of its own, so that a step which hangs ends with all its children
    })
    running = child
    const timer = setTimeout(() => {
      console.log(`\nno end after ${STEP_MINUTES} minutes: ${command}`)
      kill(child)
    }, STEP_MINUTES * 60_000)
    child.stdout.on('data', (chunk) => {
      out.push(chunk)
      process.stdout.write(chunk)
    })
    let over = false
    const end = (status) => {
      if (over) return
      over = true
      clearTimeout(timer)
      running = undefined
      // What a step left running holds the pipe open and would keep this process waiting.
      kill(child)
      child.stdout.destroy()
      resolve({ status, output: Buffer.concat(out).toString() })
    }
    child.on('error', (error) => {
      console.log(String(error))
      end(1)
    })
    child.on('close', (status) => end(status ?? 1))
    child.on('exit', (status) => setTimeout(end, 2000, status ?? 1))
  })

const kill = (child) => {
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // already gone
  }
}

/** The closing counts of ava's TAP report: the last ones, since a test may print anything. */
const count = (output, word) => {
  const all = [...output.matchAll(new RegExp(`^# ${word} (\\d+)$`, 'gm'))]
  return all.length === 0 ? undefined : Number(all.at(-1)[1])
}

const finish = () => {
  console.log(`\n${report.join('\n')}`)
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    if (running) kill(running)
    failed++
    report.push(`stopped by ${signal}`)
    finish()
    process.exit()
  })
}

for (const { run, ava } of steps) {
  console.log(`\n$ ${run}`)
  const { status, output } = await execute(run)
  let good = status === 0 ? 1 : 0
  let bad = 1 - good
  if (ava) {
    const tests = count(output, 'pass')
    good = tests ?? 0
    // A non-zero status with no failed test (a type error, a crash), or a good one with no test at all, is a failure too.
    bad = Math.max(count(output, 'fail') ?? 0, status === 0 && good > 0 ? 0 : 1)
  }
  passed += good
  failed += bad
  report.push(`${bad === 0 ? 'pass' : 'FAIL'}  ${run}  (${good} passed, ${bad} failed)`)
}
finish()
