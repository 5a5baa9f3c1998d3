// `npm run types:consumer`: what a user's compiler says of the package as it is published, with skipLibCheck off, for each of
// these compilers. Wants the build. Everything is installed into a temporary directory.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const COMPILERS = ['5.9', '6.0', '7.0']

const root = new URL('../', import.meta.url)
const dir = mkdtempSync(join(tmpdir(), 'plyfs-consumer-'))
const run = (command, args, cwd = dir) => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  return { good: status === 0, out: `${stdout ?? ''}${stderr ?? ''}`.trim() }
}
const must = (what, { good, out }) => {
  if (!good) throw new Error(`${what}:\n${out}`)
  return out
}

try {
  must('npm pack failed', run('npm', ['pack', '--ignore-scripts', '--pack-destination', dir], root))
  const { devDependencies, dependencies } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  const compilers = COMPILERS.map((version) => `ts-${version}@npm:typescript@~${version}.0`)
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  const others = [
    `@types/node@${devDependencies['@types/node']}`,
    `memfs@${dependencies.memfs}`,
    `unionfs@${dependencies.unionfs}`,
  ]
  const wanted = [`./${readdirSync(dir).find((name) => name.endsWith('.tgz'))}`, ...others, ...compilers]
  const options = ['--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts']
  must('the npm registry did not give the compilers', run('npm', ['install', ...options, ...wanted]))
  cpSync(new URL('test/types/consumer.ts', root), join(dir, 'consumer.ts'))
  const compilerOptions = {
    target: 'ES2023',
    lib: ['ES2023', 'DOM', 'ESNext.Disposable'],
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    types: ['node'],
  }
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }))
  for (const version of COMPILERS) {
    const tsc = join(dir, 'node_modules', `ts-${version}`, 'bin', 'tsc')
    const found = must('no compiler', run(process.execPath, [tsc, '--version']))
    const { good, out } = run(process.execPath, [tsc, '-p', '.'])
    console.log(`TypeScript ${found.replace('Version ', '')}: ${good ? 'no errors' : `\n${out}`}`)
    if (!good) process.exitCode = 1
  }
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  rmSync(dir, { recursive: true, force: true })
}
