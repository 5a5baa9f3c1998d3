// openAsBlob, xattr methods and glob.
import fs from 'node:fs'
import test from 'ava'
import { type ExtensionMap, fail, layer, reply, stack } from '../../lib/index.js'
import { everything, outcome, scratch } from './everything.js'

const hooked = stack(fs, [everything()])

const same = (title: string, step: (of: typeof fs, dir: string) => unknown) =>
  test(title, async (t) => {
    const dir = scratch(t)
    fs.writeFileSync(`${dir}/file`, 'hello world')
    t.deepEqual(await outcome(() => step(hooked, dir)), await outcome(() => step(fs, dir)))
  })

same('openAsBlob', async (of, dir) => {
  const blob = await of.openAsBlob(`${dir}/file`, { type: 'text/plain' })
  const pieces: string[] = []
  for await (const piece of blob.stream()) pieces.push(Buffer.from(piece as Uint8Array).toString())
  return [
    blob.size,
    blob.type,
    blob.constructor.name,
    blob instanceof Blob,
    await blob.text(),
    (await blob.arrayBuffer()).byteLength,
    await blob.slice(6).text(),
    await blob.slice(0, 5, 'a/b').text(),
    blob.slice(0, 5, 'a/b').type,
    pieces.join(''),
  ]
})
same('openAsBlob of an empty file', async (of, dir) => {
  fs.writeFileSync(`${dir}/empty`, '')
  const blob = await of.openAsBlob(`${dir}/empty`)
  return [blob.size, await blob.text()]
})
same('openAsBlob of a file that changes', async (of, dir) => {
  const blob = await of.openAsBlob(`${dir}/file`)
  fs.writeFileSync(`${dir}/file`, `${of === fs}`)
  try {
    return await blob.text()
  } catch (error) {
    return [(error as Error).name, (error as Error).message]
  } finally {
    fs.writeFileSync(`${dir}/file`, 'hello world')
  }
})
same('openAsBlob of a missing file', async (of, dir) => of.openAsBlob(`${dir}/missing`))
same('openAsBlob with a bad type', async (of, dir) => of.openAsBlob(`${dir}/file`, { type: 5 } as never))

test('a blob can be part of another, and of a response', async (t) => {
  const dir = scratch(t)
  fs.writeFileSync(`${dir}/file`, 'hello')
  const blob = await hooked.openAsBlob(`${dir}/file`)
  t.is(await new Blob([blob, '!']).text(), 'hello!')
  t.is(await new Response(blob as never).text(), 'hello')
})

test('a blob is read when it is asked, and no more of it than is asked', async (t) => {
  const dir = scratch(t)
  fs.writeFileSync(`${dir}/file`, Buffer.alloc(300_000, 'a'))
  let bytes = 0
  const counting = layer('counting', {
    read: {
      reply: (count) => {
        bytes += count
        return count
      },
    },
  })
  const face = stack(fs, [counting])
  const blob = await face.openAsBlob(`${dir}/file`, { type: 'a/b' })
  t.deepEqual([blob.size, blob.type, bytes], [300_000, 'a/b', 0])
  t.is(await blob.slice(10, 20).text(), 'a'.repeat(10))
  t.is(bytes, 10)
  for await (const piece of blob.stream()) {
    t.is((piece as Uint8Array).length, 65_536)
    break
  }
  t.true(bytes < 300_000)
  fs.appendFileSync(`${dir}/file`, 'b')
  await t.throwsAsync(blob.text(), { any: true, name: 'NotReadableError' })
  t.throws(() => new Blob([blob]), { any: true, name: 'NotReadableError' })
})

// A lower with extended attributes, in a layer.
const withXattrs = () => {
  const kept = new Map<string, Buffer>()
  const key = (req: { path: string; fd?: number | undefined; follow: boolean; name?: string }) =>
    `${req.fd ?? req.path}:${req.follow}:${req.name ?? ''}`
  const map: ExtensionMap = {
    setxattr: {
      request: (req) => {
        kept.set(key(req), req.value)
        return req.flags === 2 ? fail('ENODATA') : reply(undefined)
      },
    },
    getxattr: { request: (req) => reply(kept.get(key(req)) ?? Buffer.alloc(0)) },
    listxattr: { request: (req) => reply([...kept.keys()].filter((k) => k.startsWith(key(req)))) },
    removexattr: { request: (req) => (kept.delete(key(req)) ? reply(undefined) : fail('ENODATA')) },
  }
  return stack(fs, [layer('xattrs', map)])
}

test('xattr methods: sync, callback, promise', async (t) => {
  const face = withXattrs()
  face.setxattrSync('/f', 'user.a', 'one')
  t.deepEqual(face.getxattrSync('/f', 'user.a'), Buffer.from('one'))
  face.lsetxattrSync('/f', 'user.a', Buffer.from('link'))
  t.deepEqual(face.lgetxattrSync('/f', 'user.a'), Buffer.from('link'))
  face.fsetxattrSync(7, 'user.a', Buffer.from('fd'), 1)
  t.deepEqual(face.fgetxattrSync(7, 'user.a'), Buffer.from('fd'))
  await new Promise<void>((resolve, reject) =>
    face.setxattr('/f', 'user.b', 'two', (error) => (error ? reject(error) : resolve())),
  )
  await new Promise<void>((resolve, reject) =>
    face.setxattr('/f', 'user.c', 'three', 1, (error) => (error ? reject(error) : resolve())),
  )
  const value = await new Promise((resolve) => face.getxattr('/f', 'user.b', (_error, got) => resolve(got)))
  t.deepEqual(value, Buffer.from('two'))
  await face.promises.removexattr('/f', 'user.b')
  t.deepEqual(await face.promises.listxattr('/f'), ['/f:true:user.a', '/f:true:user.c'])
  await t.throwsAsync(face.promises.removexattr('/f', 'user.b'), {
    code: 'ENODATA',
    message: "ENODATA: no data available, removexattr '/f'",
  })
})

test('xattr methods check their arguments', async (t) => {
  const face = withXattrs()
  t.throws(() => face.getxattrSync('/f', 5 as never), { code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => face.getxattrSync('/f', 'a\0b'), { code: 'ERR_INVALID_ARG_VALUE' })
  t.throws(() => face.setxattrSync('/f', 'a', 5 as never), { code: 'ERR_INVALID_ARG_TYPE' })
  t.throws(() => face.setxattrSync('/f', 'a', 'b', 9), { code: 'ERR_OUT_OF_RANGE' })
  t.throws(() => face.fgetxattrSync(-1, 'a'), { code: 'ERR_OUT_OF_RANGE' })
  t.throws(() => face.getxattr('/f', 'a', undefined as never), { code: 'ERR_INVALID_ARG_TYPE' })
  await t.throwsAsync(face.promises.getxattr(5 as never, 'a'), { code: 'ERR_INVALID_ARG_TYPE' })
})

test('a value that is set is copied', (t) => {
  const face = withXattrs()
  const value = Buffer.from('one')
  face.setxattrSync('/f', 'user.a', value)
  value.fill(0)
  t.deepEqual(face.getxattrSync('/f', 'user.a'), Buffer.from('one'))
})

// Newer Node only: there is nothing to compare with where node:fs has no glob.
type Globbing = { globSync(pattern: string | string[], options?: object): unknown[] }
const globs = 'globSync' in fs ? test : test.skip
const patterns = [
  ...['**', '**/*.js', '*', 'a/*', 'a/**', './a/*.js', '{a,d}/*.js', 'a/', '*/', 'a/x.js', 'missing', 'link/*'],
  ...['**/b/', 'a/b/../x.js', '.*', '**/.*', 'a/**/', 'a/{b/y,x}.js', '[ad]/?.js', 'a/!(b)', 'missing/**'],
]
globs('glob finds what node:fs finds', async (t) => {
  const dir = scratch(t)
  for (const name of ['a/b/c', 'a/.hid', 'd', '.dot']) fs.mkdirSync(`${dir}/${name}`, { recursive: true })
  for (const name of ['a/x.js', 'a/b/y.js', 'a/b/c/z.txt', '.dot/q.js', '.top', 'd/w.js', 'a/.hid/h.js']) {
    fs.writeFileSync(`${dir}/${name}`, '')
  }
  fs.symlinkSync('a', `${dir}/link`)
  const [theirs, ours] = [fs, hooked] as unknown as [Globbing, Globbing]
  for (const pattern of [...patterns, `${dir}/a/*`]) {
    const options = { cwd: dir }
    t.deepEqual(ours.globSync(pattern, options).sort(), theirs.globSync(pattern, options).sort(), pattern)
  }
  const exclude = { cwd: dir, exclude: (name: string) => name === 'b' }
  t.deepEqual(ours.globSync('**/*.js', exclude).sort(), theirs.globSync('**/*.js', exclude).sort())
  const shown = (entries: unknown[]) =>
    (entries as { name: string; parentPath: string }[]).map(({ name, parentPath }) => `${parentPath}/${name}`).sort()
  const typed = { cwd: dir, withFileTypes: true }
  t.deepEqual(shown(ours.globSync('a/*', typed)), shown(theirs.globSync('a/*', typed)))
  const found: unknown[] = []
  const { glob } = hooked.promises as unknown as { glob(pattern: string, options: object): AsyncIterable<unknown> }
  for await (const path of glob('a/*.js', { cwd: dir })) found.push(path)
  t.deepEqual(found, ['a/x.js'])
})
