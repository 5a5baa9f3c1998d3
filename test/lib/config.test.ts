/** Stack files: what they build, and what they say when they are wrong. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { isLeft, isRight } from 'fp-ts/lib/Either.js'
import { explain, stackFromConfig, stackFromFile } from 'plyfs'

const layers = [
  { stackDepth: { max: 4 } },
  { sandbox: { root: '/' } },
  { passthrough: {} },
  { xattrElision: {} },
  { metadataCache: { ttlMs: 60000 } },
]
const names = ['stackDepth', 'sandbox', 'passthrough', 'xattrElision', 'metadataCache']

test('a stack file builds its stack; relative paths start from its folder', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plyfs-config-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  mkdirSync(join(dir, 'data'))
  writeFileSync(join(dir, 'data', 'a.txt'), 'A')
  writeFileSync(join(dir, 'stack.json'), JSON.stringify({ lower: { rooted: './data' }, layers }))
  const built = stackFromFile(join(dir, 'stack.json'))
  if (isLeft(built)) throw built.left
  t.deepEqual(explain(built.right).layers, names)
  t.is(built.right.readFileSync('/a.txt', 'utf8'), 'A')
})

test('every lower, and stacks in stacks', (t) => {
  const lowers: object[] = [
    { memory: {} },
    { host: {} },
    { rooted: tmpdir() },
    { union: { filesystems: [{ memory: {} }, { host: {} }], write: 0 } },
    { union: { filesystems: [{ memory: {} }] } },
    { stack: { lower: { memory: {} }, layers: [{ requestCount: {} }] } },
  ]
  for (const lower of lowers) {
    const built = stackFromConfig({ lower, layers })
    if (isLeft(built)) throw built.left
    t.true(built.right.existsSync('/'), JSON.stringify(lower))
  }
  const nested = stackFromConfig({ lower: lowers.at(-1), layers })
  if (isLeft(nested)) throw nested.left
  t.is(explain(nested.right).depth, 2)
  t.true(isRight(stackFromConfig({})))
})

test('what was recorded is replayed; paths start from the folder of the stack file', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plyfs-config-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  mkdirSync(join(dir, 'data'))
  writeFileSync(join(dir, 'data', 'a.txt'), 'A')
  writeFileSync(
    join(dir, 'once.json'),
    JSON.stringify({ lower: { rooted: './data' }, layers: [{ record: { file: './fixture.jsonl' } }] }),
  )
  writeFileSync(
    join(dir, 'test.json'),
    JSON.stringify({ layers: [{ replay: { file: './fixture.jsonl', order: 'strict' } }] }),
  )
  const early = stackFromFile(join(dir, 'test.json'))
  if (isRight(early)) return t.fail('there is no recording yet')
  t.regex(early.left.message, /^layers\[0\]\.replay\.file: expected a recording that can be read/)
  for (const file of ['once.json', 'test.json']) {
    const built = stackFromFile(join(dir, file))
    if (isLeft(built)) throw built.left
    t.is(built.right.readFileSync('/a.txt', 'utf8'), 'A')
    t.throws(() => built.right.readFileSync('/b.txt', 'utf8'), { code: 'ENOENT' })
    if (file === 'once.json') rmSync(join(dir, 'data'), { recursive: true })
  }
  return undefined
})

const wrong: readonly (readonly [unknown, RegExp])[] = [
  [null, /expected an object, found null/],
  [{ layer: [] }, /^layer: expected one of the fields lower, layers/],
  [{ layers: {} }, /^layers: expected an array, top layer first, found \{\}/],
  [{ layers: ['sandbox'] }, /^layers\[0\]: expected an object with one key/],
  [{ layers: [{ sandbox: {}, passthrough: {} }] }, /^layers\[0\]: expected an object with one key.*found 2 keys/],
  [
    { layers: [{ metaCache: {} }] },
    /^layers\[0\]\.metaCache: expected the name of a layer: .*metadataCache.*found 'metaCache'/,
  ],
  [{ layers: [{ metadataCache: { ttl: 5 } }] }, /^layers\[0\]\.metadataCache\.ttl: expected one of the fields/],
  [{ layers: [{ metadataCache: { ttlMs: '5' } }] }, /^layers\[0\]\.metadataCache\.ttlMs: expected a number.*found '5'/],
  [
    { layers: [{ stackDepth: { max: 0 } }] },
    /^layers\[0\]\.stackDepth\.max: expected a whole number, 1 or more, found 0/,
  ],
  [
    { layers: [{ sandbox: { rules: [{ allow: ['raed'], paths: ['/'] }] } }] },
    /^layers\[0\]\.sandbox\.rules\[0\]\.allow\[0\]: .*found 'raed'/,
  ],
  [{ layers: [{ record: {} }] }, /^layers\[0\]\.record\.file: expected string/],
  [{ layers: [{ replay: { file: 'x', order: 'any' } }] }, /^layers\[0\]\.replay\.order: .*found 'any'/],
  [{ layers: [{ metadataCache: {} }, { sandbox: { root: '/' } }] }, /^layers: .*put 'sandbox' above 'metadataCache'/],
  [
    { lower: { stack: { lower: { stack: {} } } }, layers: [{ stackDepth: { max: 2 } }] },
    /^layers: .*ELOOP: 3 stacks on each other/,
  ],
  [{ lower: 'memory' }, /^lower: expected an object with one key, the name of a lower/],
  [{ lower: { memory: { size: 1 } } }, /^lower\.memory\.size: /],
  [{ lower: { rooted: 7 } }, /^lower\.rooted: expected a directory's path, found 7/],
  [{ lower: { rooted: '/no/such/place' } }, /ENOENT/],
  [{ lower: { union: { filesystems: [{ memory: {} }], write: 3 } } }, /^lower\.union\.write: expected the index/],
]
for (const [config, message] of wrong) {
  test(`refused: ${JSON.stringify(config)}`, (t) => {
    const built = stackFromConfig(config)
    if (isRight(built)) return t.fail('it was built')
    t.is(built.left.name, 'ConfigError')
    return t.regex(built.left.message, message)
  })
}

test('a file that is not there, or is no JSON, is said so', (t) => {
  const missing = stackFromFile('/no/such/stack.json')
  if (isRight(missing)) return t.fail()
  t.regex(missing.left.message, /^\/no\/such\/stack\.json: expected a stack file that can be read/)
  const dir = mkdtempSync(join(tmpdir(), 'plyfs-config-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  writeFileSync(join(dir, 'stack.json'), '{ "layers": [ }')
  const broken = stackFromFile(join(dir, 'stack.json'))
  if (isRight(broken)) return t.fail()
  return t.regex(broken.left.message, /stack\.json: expected JSON, found /)
})
