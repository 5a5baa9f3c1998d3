/** What a stack is from outside: direct methods, depth, plans, callers. */
import nodeFs, { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { isLeft, isRight } from 'fp-ts/lib/Either.js'
import { createFsFromVolume, fs as memfs, Volume } from 'memfs'
import { explain, fail, layer, NEXT, OP, OPS, type PlyFs, StackError, stack, withCaller } from 'plyfs'
import { taskEither } from 'plyfs/fp'
import { metadataCache, requestCount, stackDepth } from 'plyfs/layers'
import { memory } from 'plyfs/lower'
import { Union } from 'unionfs'

const MARK = Symbol.for('plyfs.stack')

test('an empty stack is its lower: the same functions', (t) => {
  const fs = stack(nodeFs, [])
  for (const name of [
    'readFileSync',
    'statSync',
    'stat',
    'openSync',
    'readSync',
    'mkdirSync',
    'cpSync',
    'rm',
  ] as const) {
    t.is(fs[name], nodeFs[name] as never, name)
  }
  t.is(fs.promises.readFile, nodeFs.promises.readFile)
  const ways = Object.values(explain(fs).methods)
  t.true(ways.length > 100, `${ways.length}`)
  t.deepEqual([...new Set(ways)], ['direct'])
})

test('one hooked opcode takes just its own methods', (t) => {
  const fs = stack(nodeFs, [layer('eyes', { mkdir: { request: () => NEXT } })])
  t.is(fs.statSync, nodeFs.statSync)
  t.is(fs.readFileSync, nodeFs.readFileSync)
  t.not(fs.mkdirSync, nodeFs.mkdirSync)
  const { methods, opcodes } = explain(fs)
  t.is(methods.mkdirSync, 'desugared')
  t.is(methods.mkdtempSync, 'desugared')
  t.is(methods.cpSync, 'desugared')
  t.is(methods['promises.mkdir'], 'desugared')
  t.is(methods.statSync, 'direct')
  t.deepEqual(opcodes.mkdir, ['eyes'])
  t.deepEqual(opcodes.getattr, [])
})

test('functions that need their receiver are bound', (t) => {
  const union = new Union()
  union.use(createFsFromVolume(Volume.fromJSON({ '/a': 'A' })) as never)
  const { existsSync, readFileSync } = stack(union, [])
  t.true(existsSync('/a'))
  t.is(readFileSync('/a', 'utf8'), 'A')
})

test('any node-fs-shaped object is a lower', (t) => {
  const union = new Union()
  union.use(createFsFromVolume(Volume.fromJSON({ '/a': 'A' })) as never)
  for (const lower of [createFsFromVolume(Volume.fromJSON({ '/a': 'A' })), union, stack(memory()), undefined, memfs]) {
    const fs = stack(lower, [requestCount()])
    fs.writeFileSync('/a', 'B')
    t.is(fs.readFileSync('/a', 'utf8'), 'B')
    t.deepEqual(fs.readdirSync('/'), ['a'])
    fs.unlinkSync('/a')
  }
  t.throws(() => stack([] as never), { message: /the lower comes first/ })
  t.throws(() => stack(7 as never), { message: /expected an object shaped like node:fs, found number/ })
})

test('depth adds up, also over what only carries the mark', (t) => {
  const one = stack(memory(), [requestCount()])
  const two = stack(one, [requestCount()])
  t.is(explain(memory()).depth, 0)
  t.is(explain(two).depth, 2)
  t.deepEqual(explain(two).layers, ['requestCount', 'requestCount'])
  // As another copy of the package would leave it.
  const foreign = Object.assign(Object.create(null), one, { [MARK]: { depth: 5, maxDepth: 6, layers: ['theirs'] } })
  const three = stack(foreign as PlyFs, [])
  t.is(explain(three).depth, 6)
  const deep = t.throws(() => stack(three, []), { instanceOf: StackError })
  t.is(deep?.code, 'ELOOP')
  t.regex(deep?.message ?? '', /theirs/)
  t.throws(() => stack(two, [stackDepth({ max: 2 })]), {
    message: /ELOOP.*'stackDepth' allows 2.*requestCount, requestCount/s,
  })
  t.throws(() => stack(new Proxy(two, {}), [stackDepth({ max: 2 })]), { message: /ELOOP/ })
})

test('layers of an inner stack see what comes through the outer one', (t) => {
  const inner = requestCount()
  const outer = requestCount()
  const fs = stack(stack(memory(), [inner]), [outer])
  fs.mkdirSync('/d')
  t.is(inner.counts().mkdir, 1)
  t.is(outer.counts().mkdir, 1)
})

test('a layer that keeps state has one stack', (t) => {
  const cache = metadataCache()
  stack(memory(), [cache])
  t.throws(() => stack(memory(), [cache]), { message: /'metadataCache' keeps state and belongs to a stack already/ })
})

test('the plan can be printed', (t) => {
  const text = String(explain(stack(memory(), [requestCount(), metadataCache()])))
  t.regex(text, /^opcode +requestCount +metadataCache/)
  t.regex(text, /\ngetattr +sees +answers +/)
  t.regex(text, /desugared into opcodes: .*readFile/)
})

test('a view tells hooks who asks', async (t) => {
  const heard: unknown[] = []
  const fs = stack(memory(), [
    layer('who', {
      mkdir: {
        request: (_req, { caller }) => {
          heard.push([caller.uid, caller.gid, caller.name])
          return NEXT
        },
      },
    }),
  ])
  const view = withCaller(fs, { uid: 1000, gid: 100, name: 'plugin' })
  fs.chmodSync('/', 0o755)
  fs.mkdirSync('/a', 0o777)
  t.throws(() => view.mkdirSync('/b'), { code: 'EACCES' })
  await t.throwsAsync(view.promises.mkdir('/c'), { code: 'EACCES' })
  t.deepEqual(heard.slice(1), Array(2).fill([1000, 100, 'plugin']))
  t.throws(() => withCaller(nodeFs as never, {}), { message: /expected what stack\(\) returned/ })
})

test('an exception of a layer surfaces as itself, everywhere', async (t) => {
  const bug = new RangeError('mine')
  const fs = stack(memory(), [
    layer('broken', {
      open: {
        request: () => {
          throw bug
        },
      },
    }),
  ])
  t.is(
    t.throws(() => fs.readFileSync('/a')),
    bug,
  )
  t.is(await t.throwsAsync(fs.promises.readFile('/a')), bug)
  t.is(await new Promise((resolve) => fs.readFile('/a', resolve)), bug as never)
  t.is(await new Promise((resolve) => fs.createReadStream('/a').on('error', resolve)), bug as never)
  fs.writeFileSync('/a', 'still usable')
})

test('the fp face: failures are values', async (t) => {
  const fp = taskEither(stack(memory()))
  const missing = await fp.readFile('/a')()
  if (isRight(missing)) return t.fail()
  t.like(missing.left, { _tag: 'FsError', code: 'ENOENT', syscall: 'open', path: '/a' })
  t.true(isRight(await fp.writeFile('/a', 'A')()))
  t.deepEqual(await fp.readFile('/a', 'utf8')(), { _tag: 'Right', right: 'A' } as never)
  const io = fp.statSync('/nope')()
  t.true(isLeft(io) && io.left.code === 'ENOENT')
  const broken = taskEither(
    stack(memory(), [
      layer('broken', {
        unlink: {
          request: () => {
            throw new RangeError('mine')
          },
        },
      }),
    ]),
  )
  return t.throwsAsync(broken.unlink('/a')(), { message: 'mine' })
})

test('a failure made by a hook is an Error of node:fs at the face', async (t) => {
  const fs = stack(memory(), [layer('full', { write: { request: () => fail('ENOSPC') } })])
  const expected = { code: 'ENOSPC', errno: -28, syscall: 'write', message: 'ENOSPC: no space left on device, write' }
  t.like(
    t.throws(() => fs.writeFileSync('/a', 'x')),
    expected,
  )
  t.like(await t.throwsAsync(fs.promises.writeFile('/a', 'x')), expected)
})

test('over the disk', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'plyfs-stack-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const fs = stack(nodeFs, [requestCount()])
  const file = join(dir, 'a')
  await fs.promises.writeFile(file, 'disk')
  t.is(nodeFs.readFileSync(file, 'utf8'), 'disk')
  t.is(fs.statSync(file).ino, nodeFs.statSync(file).ino)
})

test("the opcode table's numbers are FUSE's", (t) => {
  t.is(OP.lookup.code, 1)
  t.is(OP.getattr.code, 3)
  t.is(OP.rename.code, 45)
  t.is(new Set(OPS.map((op) => OP[op].code)).size, OPS.length)
})
