// Runs every example, examples/*.ts and examples/*/index.ts, from the sources. An example fails by exiting non-zero.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'

const root = new URL('../', import.meta.url)
const wanted = process.argv.slice(2)
const examples = readdirSync(new URL('examples/', root), { withFileTypes: true })
  .map((entry) => (entry.isDirectory() ? `examples/${entry.name}/index.ts` : `examples/${entry.name}`))
  .filter((file) => file.endsWith('.ts') && existsSync(new URL(file, root)))
  .filter((file) => wanted.length === 0 || wanted.some((name) => file.startsWith(`examples/${name}`)))
  .sort()

const failed = examples.filter((file) => {
  console.log(`\n== ${file}`)
  const { status } = spawnSync(
    process.execPath,
    ['--conditions=plyfs-source', '--import=./scripts/ts-loader.mjs', file],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: 300_000,
    },
  )
  return status !== 0
})
console.log(`\nexamples: ${examples.length - failed.length} passed, ${failed.length} failed`)
for (const file of failed) console.log(`  failed: ${file}`)
process.exit(examples.length === 0 || failed.length > 0 ? 1 : 0)
