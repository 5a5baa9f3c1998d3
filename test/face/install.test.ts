// install(): the whole process uses a stack, and then node:fs again.
import { spawnSync } from 'node:child_process'
import fs, { readFileSync, writeFileSync } from 'node:fs'
import * as promisesNamespace from 'node:fs/promises'
import { createRequire } from 'node:module'
import test from 'ava'
import { install, layer, NEXT, stack } from '../../lib/index.js'
import { everything, scratch } from './everything.js'

const require = createRequire(import.meta.url)
const own = (of: object) => Object.getOwnPropertyDescriptors(of)

test.serial('CommonJS, ESM and fs/promises reach the stack; restored completely', async (t) => {
  const seen: string[] = []
  const watching = layer('watching', {
    open: {
      request: ({ path }) => {
        seen.push(path)
        return NEXT
      },
    },
  })
  const before = [own(fs), own(fs.promises)]
  const original = fs.readFileSync
  const face = stack(fs, [watching])
  const restore = install(face)
  t.teardown(restore)
  readFileSync('/proc/self/stat')
  require('node:fs').readFileSync('/proc/self/statm')
  const bare = 'fs'
  require(bare).closeSync(require(bare).openSync('/proc/self/maps'))
  await promisesNamespace.readFile('/proc/self/status')
  await (await import('node:fs/promises')).readFile('/proc/self/limits')
  for await (const _ of fs.createReadStream('/proc/self/io')) _.length
  t.is(fs.ReadStream, face.ReadStream)
  restore()
  const during = [...seen]
  for (const name of ['stat', 'statm', 'maps', 'status', 'limits', 'io'])
    t.true(during.includes(`/proc/self/${name}`), name)
  t.deepEqual([own(fs), own(fs.promises)], before)
  t.is(readFileSync, original)
  t.is(promisesNamespace.readFile, fs.promises.readFile)
  readFileSync('/proc/self/stat')
  t.deepEqual(seen, during)
  restore()
  t.deepEqual([own(fs), own(fs.promises)], before)
})

test.serial('a stack over node:fs does not meet itself', (t) => {
  const restore = install(stack(fs, [everything()]))
  try {
    t.true(fs.statSync('/').isDirectory())
    t.true(fs.existsSync('/'))
    t.true(fs.readdirSync('/').length > 0)
  } finally {
    restore()
  }
})

test.serial('two at once are taken away in any order', (t) => {
  const original = fs.statSync
  const first = stack(fs, [everything()])
  const second = stack(fs, [everything()])
  const restoreFirst = install(first)
  const restoreSecond = install(second)
  t.is(fs.statSync, second.statSync)
  restoreFirst()
  t.is(fs.statSync, second.statSync)
  restoreSecond()
  t.is(fs.statSync, original)
})

test('what is no stack is refused', (t) => {
  t.throws(() => install(fs as never), { instanceOf: TypeError })
  t.throws(() => install(null as never), { instanceOf: TypeError })
})

test('node --import plyfs/register, with a stack file in PLYFS_STACK', (t) => {
  const dir = scratch(t)
  writeFileSync(`${dir}/stack.json`, JSON.stringify({ lower: { host: {} }, layers: [{ sandbox: { root: '/proc' } }] }))
  const program = `
    import fs, { readFileSync } from 'node:fs'
    const outcome = (run) => { try { return typeof run() } catch (error) { return error.code } }
    console.log(outcome(() => readFileSync('/proc/self/stat', 'utf8')), outcome(() => fs.readFileSync('/etc/passwd', 'utf8')))
  `
  const register = new URL('../../lib/register.ts', import.meta.url).href
  const run = (stackFile: string) =>
    spawnSync(process.execPath, [...process.execArgv, `--import=${register}`, '--input-type=module', '-e', program], {
      encoding: 'utf8',
      env: { ...process.env, PLYFS_STACK: stackFile },
    })
  t.is(run(`${dir}/stack.json`).stdout.trim(), 'string EACCES')
  const missing = run('')
  t.not(missing.status, 0)
  t.regex(missing.stderr, /PLYFS_STACK/)
})
