/** The command, as a user runs it. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const dir = mkdtempSync(join(tmpdir(), 'plyfs-cli-'))
test.after.always(() => rmSync(dir, { recursive: true }))
const stackFile = join(dir, 'stack.json')
writeFileSync(
  stackFile,
  JSON.stringify({ lower: { host: {} }, layers: [{ sandbox: { root: dir } }, { metadataCache: {} }] }),
)

// Where this test itself is built, so is the command.
const source = process.env.PLYFS_TEST !== 'dist'
const entry = fileURLToPath(new URL(source ? '../../lib/cli.ts' : '../../dist/lib/cli.js', import.meta.url))
const flags = source
  ? ['--conditions=plyfs-source', `--import=${new URL('../../scripts/ts-loader.mjs', import.meta.url)}`]
  : []

const plyfs = (...args: string[]) => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, entry, ...args], {
    encoding: 'utf8',
    cwd: dir,
  })
  return { stdout, stderr, status }
}

test('explain prints the plan', (t) => {
  const { stdout, stderr, status } = plyfs('explain', 'stack.json')
  t.is(stderr, '')
  t.is(status, 0)
  t.regex(stdout, /^opcode +sandbox +metadataCache +host/)
  t.regex(stdout, /\nrename +guards +/)
})

test('run puts the stack in the place of node:fs', (t) => {
  writeFileSync(
    join(dir, 'app.mjs'),
    `import { readFileSync } from 'node:fs'
     import { readFile } from 'node:fs/promises'
     console.log(process.argv.slice(2).join(), readFileSync('${stackFile}', 'utf8').length > 0)
     await readFile('/etc/passwd').catch((error) => console.log(error.code))
     process.exitCode = 3`,
  )
  const { stdout, stderr, status } = plyfs('run', 'stack.json', '--', 'app.mjs', 'a', '--b')
  t.is(stderr, '')
  t.is(stdout, 'a,--b true\nEACCES\n')
  t.is(status, 3)
})

test('what is wrong is said in a line or two, with status 2', (t) => {
  writeFileSync(join(dir, 'wrong.json'), JSON.stringify({ layers: [{ metadataCache: { ttl: 1 } }] }))
  const wrong = plyfs('explain', 'wrong.json')
  t.is(wrong.status, 2)
  t.regex(wrong.stderr, /^layers\[0\]\.metadataCache\.ttl: expected one of the fields/)
  for (const args of [['explain'], ['explain', '--nosuch', 'x'], ['nosuch'], ['run', 'stack.json']]) {
    const { status, stderr } = plyfs(...args)
    t.is(status, 2, args.join(' '))
    t.notRegex(stderr, /\n {4}at /)
  }
})
