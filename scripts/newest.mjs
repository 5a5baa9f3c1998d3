// `npm run test:newest [-- VERSION…]`: the tests of the face, and of what its objects lead to, on newer Nodes, whose binaries
// the npm package `node` carries. They are installed into a temporary directory; package.json and package-lock.json do not
// know of them.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const given = process.argv.slice(2)
const versions = given.length > 0 ? given : ['latest']
const prefix = mkdtempSync(join(tmpdir(), 'plyfs-node-'))
const root = new URL('../', import.meta.url)
const run = (command, args) => spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status ?? 1

/** The path of that Node. */
const install = (version) => {
  const into = join(prefix, version)
  const options = ['--no-save', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', into]
  const status = run('npm', ['install', ...options, `node@${version}`])
  // Its install script links the binary into place; where scripts do not run, it is where its own package has it.
  const places = [`node-linux-${process.arch}/bin/node`, `node/node_modules/node-linux-${process.arch}/bin/node`]
  const binary = ['node/bin/node', ...places].map((file) => join(into, 'node_modules', file)).find(existsSync)
  if (status !== 0 || binary === undefined) {
    throw new Error(`node@${version} could not be installed from the npm registry: its tests did not run`)
  }
  return binary
}

try {
  for (const version of versions) {
    const binary = install(version)
    console.log(spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.trim())
    const ava = new URL('node_modules/ava/entrypoints/cli.mjs', root).pathname
    const status = run(binary, [
      ava,
      'test/face/**',
      'test/lib/**',
      'test/clients/**',
      'test/security/primordials.test.ts',
    ])
    if (status !== 0) process.exitCode = status
  }
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  rmSync(prefix, { recursive: true, force: true })
}
