// The face has the names of the running Node's node:fs, and what hangs on them.
import fs from 'node:fs'
import { promisify } from 'node:util'
import test from 'ava'
import { explain, fail, layer, NEXT, stack } from '../../lib/index.js'
import { host } from '../../lib/lower/index.js'
import { everything, scratch } from './everything.js'

const faces = { 'hooked over node:fs': stack(fs, [everything()]), 'over memory': stack(undefined, [everything()]) }

for (const [name, face] of Object.entries(faces)) {
  test(`${name}: the names of node:fs, in its order`, (t) => {
    t.deepEqual(Object.keys(face), Object.keys(fs))
    t.deepEqual(Object.keys(face.promises), Object.keys(fs.promises))
  })

  test(`${name}: the same kinds of values`, (t) => {
    const kinds = (of: object) => Object.entries(of).map(([key, value]) => [key, typeof value])
    t.deepEqual(kinds(face), kinds(fs))
    t.deepEqual(kinds(face.promises), kinds(fs.promises))
  })

  test(`${name}: names and lengths of functions`, (t) => {
    const functions = (of: object) =>
      Object.entries(of)
        .filter(([key, value]) => typeof value === 'function' && !/^[A-Z]/.test(key))
        .map(([key, value]) => [key, value.name, value.length])
    t.deepEqual(functions(face), functions(fs))
    t.deepEqual(functions(face.promises), functions(fs.promises))
  })

  test(`${name}: no function of node:fs shows through`, (t) => {
    const harmless = new Set(['Stats', 'Dirent', '_toUnixTimestamp'])
    const through = (a: object, b: object) =>
      Object.entries(a)
        .filter(([key, value]) => typeof value === 'function' && value === (b as Record<string, unknown>)[key])
        .map(([key]) => key)
        .filter((key) => !harmless.has(key))
    t.deepEqual(through(face, fs), [])
    t.deepEqual(through(face.promises, fs.promises), [])
  })

  test(`${name}: beside them only the xattr methods`, (t) => {
    const extra = Object.getOwnPropertyNames(face).filter((key) => !(key in fs))
    const names = ['getxattr', 'setxattr', 'listxattr', 'removexattr'].flatMap((key) => [key, `l${key}`, `f${key}`])
    t.deepEqual(extra.sort(), names.flatMap((key) => [key, `${key}Sync`]).sort())
  })
}

test('promises is an own enumerable property', (t) => {
  t.true(Object.getOwnPropertyDescriptor(faces['over memory'], 'promises')?.enumerable)
})

test('constants, access modes and classes are those of node:fs', (t) => {
  const face = faces['over memory']
  for (const key of ['constants', 'F_OK', 'R_OK', 'W_OK', 'X_OK', 'Stats', 'Dirent']) {
    t.is(Reflect.get(face, key), Reflect.get(fs, key))
  }
  t.is(face.promises.constants, fs.promises.constants)
  t.is(face.ReadStream.name, 'ReadStream')
  t.is(face.Dir.name, 'Dir')
  t.is(Reflect.get(face, 'FileReadStream'), face.ReadStream)
})

test('util.promisify gives what it gives for node:fs', async (t) => {
  const dir = scratch(t)
  const fd = fs.openSync(`${dir}/file`, 'w+')
  t.teardown(() => fs.closeSync(fd))
  for (const of of [fs, faces['hooked over node:fs']]) {
    t.true(await promisify(of.exists)(dir))
    t.false(await promisify(of.exists)(`${dir}/missing`))
    t.deepEqual(
      { ...(await promisify(of.write)(fd, Buffer.from('hello'), 0, 5, 0)) },
      {
        bytesWritten: 5,
        buffer: Buffer.from('hello'),
      },
    )
    const { bytesRead, buffer } = await promisify(of.read)(fd, Buffer.alloc(3), 0, 3, 1)
    t.deepEqual([bytesRead, buffer.toString()], [3, 'ell'])
    t.is((await promisify(of.readv)(fd, [Buffer.alloc(2)], 0)).bytesRead, 2)
    t.is((await promisify(of.writev)(fd, [Buffer.from('he')], 0)).bytesWritten, 2)
  }
})

test('realpath.native', (t) => {
  const dir = scratch(t)
  fs.symlinkSync(dir, `${dir}/link`)
  const face = faces['hooked over node:fs']
  t.is(face.realpathSync.native(`${dir}/link`), fs.realpathSync.native(`${dir}/link`))
  t.is(typeof face.realpath.native, 'function')
})

test('realpath.native is one request where whoever looks at its steps looks at that one, and else its steps', async (t) => {
  const dir = fs.realpathSync(scratch(t))
  fs.writeFileSync(`${dir}/file`, '')
  fs.symlinkSync('file', `${dir}/link`)
  const seen: string[] = []
  const notes = (op: 'lookup' | 'resolve') => ({
    request: ({ path }: { path: string }): typeof NEXT => {
      seen.push(`${op} ${path}`)
      return NEXT
    },
  })
  const hides = {
    ...notes('lookup'),
    reply: (stats: fs.Stats, { path }: { path: string }) => (path.endsWith('file') ? fail('ENOENT') : stats),
  }
  const both = stack(host(), [layer('both', { lookup: notes('lookup'), resolve: notes('resolve') })])
  const one = stack(host(), [layer('one', { lookup: hides }), layer('other', { resolve: notes('resolve') })])
  const ways = [
    async (of: typeof fs, path: string) => of.realpathSync.native(path),
    (of: typeof fs, path: string) => promisify(of.realpath.native)(path),
    (of: typeof fs, path: string) => of.promises.realpath(path),
  ]
  for (const way of ways) {
    t.is(await way(both as unknown as typeof fs, `${dir}/link`), `${dir}/file`)
    t.deepEqual(seen.splice(0), [`resolve ${dir}/link`])
    await t.throwsAsync(() => way(both as unknown as typeof fs, `${dir}/none`), {
      code: 'ENOENT',
      message: /realpath '.*none'/,
    })
    seen.length = 0
    t.is(await way(both as unknown as typeof fs, `${dir}/./file`), `${dir}/file`)
    t.true(seen.splice(0).every((line) => line.startsWith('lookup')))
    await t.throwsAsync(() => way(one as unknown as typeof fs, `${dir}/link`), {
      code: 'ENOENT',
      message: /realpath '.*link'/,
    })
    t.true(seen.splice(0).every((line) => line.startsWith('lookup')))
  }
})

test('with no layer every function is the lower’s own', (t) => {
  const face = stack(fs, [])
  const others = (a: object, b: object) =>
    Object.entries(b)
      .filter(([key, value]) => typeof value === 'function' && value !== (a as Record<string, unknown>)[key])
      .map(([key]) => key)
  t.deepEqual(others(face, fs), [])
  t.deepEqual(
    others(face.promises, fs.promises).filter((key) => key !== 'lchmod'),
    [],
  )
  t.is(explain(face).methods.createReadStream, 'direct')
})

test('FileHandles are all the lower’s, or all the stack’s', (t) => {
  const hookedStat = stack(fs, [{ name: 'stat', extensions: { getattr: everything().extensions.getattr ?? {} } }])
  const { methods } = explain(hookedStat)
  t.is(methods.openSync, 'direct')
  t.is(methods['promises.open'], 'desugared')
  t.is(methods['promises.readFile'], 'desugared')
  t.is(methods.createReadStream, 'desugared')
  t.is(hookedStat.openSync, fs.openSync)
})
