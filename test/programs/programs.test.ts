// Real programs under a counting, cached stack: the same output and the same exit status as without it.
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { scratch } from '../face/everything.js'

const require = createRequire(import.meta.url)
const lib = (name: string): string => new URL(`../../lib/${name}`, import.meta.url).href
const npm = join(dirname(fs.realpathSync(process.execPath)), '../lib/node_modules/npm/bin/npm-cli.js')

const { NODE_OPTIONS: _, ...bareEnv } = process.env
/** How plyfs is loaded here. */
const loading = process.execArgv

/** A small package of two TypeScript files, one of them with a mistake. */
const project = (t: ExecutionContext): string => {
  const dir = fs.realpathSync(scratch(t))
  const files: Record<string, string> = {
    'package.json': JSON.stringify({ name: 'small', version: '1.0.0', dependencies: { dep: '^2.0.0' } }),
    'node_modules/dep/package.json': JSON.stringify({ name: 'dep', version: '2.1.0', main: 'index.js' }),
    'node_modules/dep/index.js': 'module.exports = 1',
    'tsconfig.json': JSON.stringify({
      compilerOptions: { types: [], lib: ['es5'], strict: true, rootDir: 'src', outDir: 'out' },
      include: ['src'],
    }),
    'src/a.ts': "import { b } from './b'\nexport const a: string = b\n",
    'src/b.ts': 'export   const b = 1 ;\n',
    'stack.json': JSON.stringify({
      lower: { host: {} },
      layers: [{ requestCount: {} }, { metadataCache: { ttlMs: 60_000 } }],
    }),
  }
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(dirname(join(dir, name)), { recursive: true })
    fs.writeFileSync(join(dir, name), text)
  }
  return dir
}

const shown = ({ status, stdout, stderr }: SpawnSyncReturns<string>, dir: string): object => ({
  status,
  stdout: stdout.replaceAll(dir, '<dir>').replaceAll(/\d+(\.\d+)?m?s\b/g, '<time>'),
  stderr: stderr.replaceAll(dir, '<dir>'),
})

const env = { ...bareEnv, npm_config_update_notifier: 'false', npm_config_offline: 'true' }
const bare = (dir: string, program: readonly string[]) =>
  shown(spawnSync(process.execPath, program, { cwd: dir, encoding: 'utf8', env }), dir)

const registered = (dir: string, program: readonly string[]) =>
  shown(
    spawnSync(process.execPath, [...loading, `--import=${lib('register.ts')}`, ...program], {
      cwd: dir,
      encoding: 'utf8',
      env: { ...env, PLYFS_STACK: join(dir, 'stack.json') },
    }),
    dir,
  )

const run = (dir: string, program: readonly string[]) =>
  shown(
    spawnSync(
      process.execPath,
      [...loading, fileURLToPath(lib('cli.ts')), 'run', join(dir, 'stack.json'), '--', ...program],
      { cwd: dir, encoding: 'utf8', env },
    ),
    dir,
  )

const tsc = require.resolve('typescript/lib/tsc.js')
const prettier = join(dirname(require.resolve('prettier/package.json')), 'bin/prettier.cjs')

test('TypeScript: tsc finds the same mistakes and writes the same files', (t) => {
  const [one, two] = [project(t), project(t)]
  const expected = bare(one, [tsc, '-p', '.', '--listFiles'])
  t.like(expected, { status: 2 })
  t.deepEqual(registered(two, [tsc, '-p', '.', '--listFiles']), expected)
  t.is(fs.readFileSync(`${two}/out/a.js`, 'utf8'), fs.readFileSync(`${one}/out/a.js`, 'utf8'))
})

test('prettier --check and --write', (t) => {
  const [one, two] = [project(t), project(t)]
  t.deepEqual(run(two, [prettier, '--check', 'src']), bare(one, [prettier, '--check', 'src']))
  t.deepEqual(registered(two, [prettier, '--write', 'src']), bare(one, [prettier, '--write', 'src']))
  t.is(fs.readFileSync(`${two}/src/b.ts`, 'utf8'), 'export const b = 1;\n')
})

const npmTest = fs.existsSync(npm) ? test : test.skip // this Node came without npm
npmTest('npm ls and npm pack --dry-run', (t) => {
  const [one, two] = [project(t), project(t)]
  const expected = bare(one, [npm, 'ls', '--all'])
  t.like(expected, { status: 0 })
  t.deepEqual(run(two, [npm, 'ls', '--all']), expected)
  const pack = [npm, 'pack', '--dry-run', '--json']
  t.deepEqual(registered(two, pack), bare(one, pack))
})
