// `npm run mutants [-- PART-OF-A-FILE'S-NAME]`: takes out each invalidation and each check that test/mutants/list.mjs lists, one
// at a time and in a copy of the tree, and sees a test fail. Names those that no test misses; fails if there are any.
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mutants } from '../test/mutants/list.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))
const wanted = process.argv[2] ?? ''
/** The quick ones first: most mutants live no longer. */
const STAGES = [
  [
    'test/layers/metadata-cache.test.ts',
    'test/layers/metadata-cache-changes.test.ts',
    'test/layers/metadata-cache-races.test.ts',
    'test/layers/metadata-cache-times.test.ts',
    'test/layers/xattr-elision.test.ts',
  ],
  ['test/laws/transparency.test.ts', 'test/layers/metadata-cache-model.test.ts'],
]
/** A mutant that hangs is a mutant that is noticed. */
const PATIENCE_MS = 180_000

const copyTree = () => {
  const dir = mkdtempSync(join(tmpdir(), 'plyfs-mutant-'))
  for (const part of ['lib', 'layers', 'test', 'package.json', 'tsconfig.json', 'ava.config.js']) {
    cpSync(join(root, part), join(dir, part), { recursive: true })
  }
  mkdirSync(join(dir, 'docs'))
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  return dir
}

/** Whether the tests pass. */
const passes = (dir, files) =>
  new Promise((resolve) => {
    const ava = join(root, 'node_modules/ava/entrypoints/cli.mjs')
    const child = spawn(process.execPath, [ava, '--fail-fast', ...files], { cwd: dir, stdio: 'ignore', detached: true })
    const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), PATIENCE_MS)
    child.on('exit', (status) => {
      clearTimeout(timer)
      resolve(status === 0)
    })
  })

const survivors = []
let killed = 0
const queue = mutants.filter(([file]) => file.includes(wanted))
const work = async () => {
  const dir = copyTree()
  try {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const [file, from, to] = mutant
      const original = readFileSync(join(root, file), 'utf8')
      if (original.split(from).length !== 2) throw new Error(`${file}: not there exactly once: ${from}`)
      writeFileSync(
        join(dir, file),
        original.replace(from, () => to),
      )
      let alive = true
      for (const stage of STAGES) alive = alive && (await passes(dir, stage))
      writeFileSync(join(dir, file), original)
      if (alive) survivors.push(mutant)
      else killed++
      console.log(`${alive ? 'SURVIVED' : 'killed  '}  ${file}: ${JSON.stringify(from)} -> ${JSON.stringify(to)}`)
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work))
console.log(`\n${killed} of ${killed + survivors.length} killed`)
process.exitCode = survivors.length === 0 ? 0 : 1
