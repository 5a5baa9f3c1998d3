// `npm run mutants [-- PART-OF-A-FILE'S-NAME | NUMBER | FROM-TO …]`: takes out each invalidation and each check that
// test/mutants/list.mjs lists, one at a time, and sees one of the test files that the list names for it fail.
// Names those that no test misses; fails if there are any. MUTANTS_JOBS=N runs N at a time.
// No tree is copied: each test file is bundled with the mutant in it, and run by itself with test/mutants/ava.mjs for ava.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { context } from 'esbuild'
import { mutants } from '../test/mutants/list.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))
/** A mutant that hangs is a mutant that is noticed: so much of a processor, and so much time, may a test file take. */
const CPU_SECONDS = 20
const PATIENCE_MS = 180_000

const wanted = process.argv.slice(2)
const isWanted = ({ file }, k) =>
  wanted.length === 0 ||
  wanted.some((what) => {
    const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(what) ?? []
    return from === undefined ? file.includes(what) : k >= Number(from) && k <= Number(to)
  })

/** The file with the mutant in it; undefined where it has changed since. */
const mutated = ({ file, from, to }) => {
  const original = readFileSync(join(root, file), 'utf8')
  return original.split(from).length === 2 ? original.replace(from, () => to) : undefined
}
const said = ({ k, file, from, to }) => `${k} ${file}: ${JSON.stringify(from)} -> ${JSON.stringify(to)}`

/** Builds and runs test files, one at a time. */
const worker = () => {
  const dir = mkdtempSync(join(tmpdir(), 'plyfs-mutants-'))
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  const contexts = new Map()
  /** The one that is being tried. */
  let now
  const substitute = {
    name: 'mutant',
    setup(build) {
      build.onLoad({ filter: /\/layers\/.*\.ts$/ }, ({ path }) =>
        now !== undefined && path === join(root, now.file) ? { contents: mutated(now), loader: 'ts' } : undefined,
      )
    },
  }
  const contextOf = async (test, outfile) => {
    const known = contexts.get(test)
    if (known !== undefined) return known
    const made = await context({
      entryPoints: [join(root, test)],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      conditions: ['plyfs-source'],
      alias: { ava: join(root, 'test/mutants/ava.mjs') },
      packages: 'external',
      ignoreAnnotations: true,
      plugins: [substitute],
      logLevel: 'silent',
    })
    contexts.set(test, made)
    return made
  }
  return {
    /** The first test that fails, or what else went wrong; undefined if all is well. */
    async fails(mutant, test) {
      now = mutant
      const outfile = join(dir, `${test.replaceAll('/', '-')}.mjs`)
      try {
        await (await contextOf(test, outfile)).rebuild()
      } catch (error) {
        throw new Error(`${said(mutant ?? { file: test })} does not compile: ${error.message}`)
      }
      return new Promise((resolve) => {
        const limited = `ulimit -t ${CPU_SECONDS}; exec "$0" "$1"`
        const child = spawn('sh', ['-c', limited, process.execPath, outfile], { stdio: ['ignore', 'pipe', 'pipe'] })
        let out = ''
        for (const stream of [child.stdout, child.stderr]) {
          stream.on('data', (text) => {
            out = (out + text).slice(0, 20_000)
          })
        }
        const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
        child.on('close', (status) => {
          clearTimeout(timer)
          if (status === 0 && /^ok [1-9]/m.test(out)) resolve(undefined)
          else resolve(/^not ok (.*)$/m.exec(out)?.[1] ?? (status === null ? 'took too long' : out.slice(0, 400)))
        })
      })
    },
    async close() {
      for (const each of contexts.values()) await each.dispose()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

const numbered = mutants.map((mutant, k) => ({ ...mutant, k }))
const stale = numbered.filter((mutant) => mutated(mutant) === undefined)
if (stale.length > 0) throw new Error(`not there exactly once:\n${stale.map(said).join('\n')}`)
const chosen = numbered.filter(isWanted)
const queue = chosen.filter(({ equivalent }) => equivalent === undefined)
const survivors = []
let killed = 0

const jobs = Array.from({ length: Number(process.env.MUTANTS_JOBS) || availableParallelism() }, worker)
try {
  // Nothing can be said of a test that fails anyhow.
  for (const test of new Set(queue.flatMap(({ tests }) => tests))) {
    const failure = await jobs[0].fails(undefined, test)
    if (failure !== undefined) throw new Error(`${test} fails without any mutant: ${failure}`)
  }
  const work = async (job) => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      let failure
      let by
      for (const test of mutant.tests) {
        by = test
        failure = await job.fails(mutant, test)
        if (failure !== undefined) break
      }
      if (failure === undefined) survivors.push(mutant)
      else killed++
      console.log(
        failure === undefined
          ? `SURVIVED  ${said(mutant)}`
          : `killed    ${said(mutant)}\n          by ${by}: ${failure}`,
      )
    }
  }
  await Promise.all(jobs.map(work))
} finally {
  for (const job of jobs) await job.close()
}
const equivalent = chosen.length - killed - survivors.length
console.log(`\n${killed} killed, ${survivors.length} survived, ${equivalent} change nothing that can be seen`)
for (const mutant of survivors) console.log(said(mutant))
process.exitCode = survivors.length === 0 ? 0 : 1
