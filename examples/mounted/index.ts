// A copy of this repository behind a mount: the same programs with no layers and with five, and what never came up.
//   sudo npm run examples -- mounted          (root, /dev/fuse and koffi; says so where one is missing)
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describeOffload, MountError, mount } from 'plyfs/fuse'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'plyfs-mounted-'))
const [back, mnt] = [join(work, 'back'), join(work, 'mnt')]

/** Run in a shell that stands inside the mount: never this process, which would have to leave again. */
const WORKLOADS = [
  ['git status', 'git status --short > /dev/null; git status --short > /dev/null; git status --short > /dev/null'],
  ['ls -lR', 'ls -lR . > /dev/null; ls -lR . > /dev/null'],
  ['grep -r', 'grep -r "no such text" . > /dev/null || true'],
  ['tar', 'tar -cf - . | cat > /dev/null'],
] as const
const LAYERS = [
  { stackDepth: {} },
  { sandbox: { root: '/' } },
  { passthrough: {} },
  { xattrElision: {} },
  { metadataCache: { ttlMs: 60_000 } },
]

/** The requests that came up, by workload. */
const measure = async (layers: readonly object[]) => {
  await using mounted = await mount({ lower: { rooted: back }, layers }, mnt)
  const counts = new Map<string, number>()
  let before = 0
  for (const [name, script] of WORKLOADS) {
    await run('/bin/sh', ['-ec', script], { cwd: mnt })
    const { requests } = await mounted.stats()
    const all = Object.values(requests).reduce((sum, count) => sum + count, 0)
    counts.set(name, all - before)
    before = all
  }
  return { counts, plan: mounted.plan, stats: await mounted.stats() }
}

try {
  for (const dir of [back, mnt]) mkdirSync(dir)
  for (const name of ['lib', 'layers', 'test', 'docs']) cpSync(join(root, name), join(back, name), { recursive: true })
  const git = ['-C', back, '-c', 'user.name=plyfs', '-c', 'user.email=plyfs@example.org']
  for (const args of [
    ['init', '-q'],
    ['add', '-A'],
    ['commit', '-qm', 'everything'],
  ])
    await run('git', [...git, ...args])

  const bare = await measure([])
  const five = await measure(LAYERS)
  console.log(`What the kernel does in the layers' place:\n${describeOffload(five.plan)}\n`)
  console.log('requests that reached the daemon'.padEnd(34), 'no layers'.padStart(10), '5 layers'.padStart(10))
  for (const [name] of WORKLOADS) {
    const [without, left] = [bare.counts.get(name) ?? 0, five.counts.get(name) ?? 0]
    console.log(name.padEnd(34), String(without).padStart(10), String(left).padStart(10))
  }
  const { passedThrough } = five.stats
  console.log(`\n${passedThrough} open files were passed through: not one of their reads and writes came up`)
} catch (thrown) {
  if (!(thrown instanceof MountError)) throw thrown
  console.log(`not run: ${thrown.message}`)
} finally {
  rmSync(work, { recursive: true, force: true })
}
