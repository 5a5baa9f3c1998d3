// A git repository of several hundred files in memory, its status asked through five layers.
//   npm start                     over memory
//   npm start -- --host DIR       over a real directory: DIR is not changed, a copy beside the system's temporary files is
import * as nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import git from 'isomorphic-git'
import { explain, type PlyFs, stack } from 'plyfs'
import { metadataCache, passthrough, requestCount, sandbox, stackDepth, xattrElision } from 'plyfs/layers'
import { host, memory } from 'plyfs/lower'
import { copyTree } from './copy-tree.js'
import { median, printRequests } from './report.js'

const FILES = 300
const ROUNDS = 15
/** Rounds before the clock counts: the first ones time the compiler. */
const WARM_UP = 5

const { values } = parseArgs({ options: { host: { type: 'string' } } })
const root = fileURLToPath(new URL('../../', import.meta.url))
const sources = values.host === undefined ? [join(root, 'lib'), join(root, 'node_modules')] : [values.host]

// The lower: what the layers stand on.
const lower: PlyFs = values.host === undefined ? memory() : host()
const repo = values.host === undefined ? '/repo' : nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-git-'))
process.on('exit', () => {
  if (values.host !== undefined) nodeFs.rmSync(repo, { recursive: true, force: true })
})

lower.mkdirSync(repo, { recursive: true })
let copied = 0
for (const source of sources)
  copied += copyTree(nodeFs, source, lower, join(repo, String(sources.indexOf(source))), FILES)
await git.init({ fs: lower, dir: repo })
await git.add({ fs: lower, dir: repo, filepath: '.' })
const author = { name: 'plyfs', email: 'plyfs@example.org' }
await git.commit({ fs: lower, dir: repo, author, message: 'everything' })
console.log(`${copied} files committed, over ${values.host === undefined ? 'memory' : repo}\n`)

// The stack: five layers, and a counter above and below.
const above = requestCount()
const below = requestCount()
const guard = sandbox({ root: repo })
const fs = stack(lower, [
  above,
  stackDepth({ max: 4 }),
  guard,
  passthrough(),
  xattrElision(),
  metadataCache({ ttlMs: 60_000 }),
  below,
])

/** The main job: what `git status` asks. Gives the wall time in milliseconds. */
const status = async (on: PlyFs): Promise<number> => {
  const start = performance.now()
  const rows = await git.statusMatrix({ fs: on, dir: repo })
  const took = performance.now() - start
  if (rows.length !== copied) throw new Error(`${rows.length} rows for ${copied} files`)
  return took
}

// A cold cache first, for the counts; then in turn, for the times.
await status(fs)
printRequests(above.counts(), below.counts())

const bare: number[] = []
const stacked: number[] = []
for (let round = -WARM_UP; round < ROUNDS; round++) {
  const [without, through] = [await status(lower), await status(fs)]
  if (round < 0) continue
  bare.push(without)
  stacked.push(through)
}
const ratio = median(stacked) / median(bare)
console.log(`\nstatusMatrix, median of ${ROUNDS} in turn: bare lower ${median(bare).toFixed(1)} ms,`)
console.log(`  through the stack, its cache warm, ${median(stacked).toFixed(1)} ms: ${ratio.toFixed(2)} of it\n`)

// What the sandbox refuses.
lower.writeFileSync(join(repo, '../outside.txt'), 'not in the repository')
fs.symlinkSync('../outside.txt', join(repo, 'way-out'))
const tries: [string, () => unknown][] = [
  ['/etc/passwd', () => fs.readFileSync('/etc/passwd')],
  ['way-out (a link to ../outside.txt)', () => fs.readFileSync(join(repo, 'way-out'))],
  ['../outside.txt, to be removed', () => fs.rmSync(`${repo}/../outside.txt`)],
  ['a rename out of the repository', () => fs.renameSync(join(repo, '.git', 'HEAD'), '/HEAD')],
]
console.log('refused by the sandbox:')
for (const [what, attempt] of tries) {
  let code = 'nothing'
  try {
    attempt()
  } catch (error) {
    code = (error as NodeJS.ErrnoException).code ?? String(error)
  }
  console.log(`  ${code.padEnd(8)} ${what}`)
  if (code !== 'EACCES') process.exitCode = 1
}
console.log(`  ${JSON.stringify(guard.stats())}`)
lower.rmSync(join(repo, '../outside.txt'))

console.log(`\n${explain(fs)}`)
