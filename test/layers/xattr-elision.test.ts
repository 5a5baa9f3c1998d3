// xattrElision: what it answers by itself, and that a name that exists is never denied.
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { metadataCache, requestCount, type XattrElisionOptions, xattrElision } from '../../layers/index.js'
import { ConfigError, type Layer, type PlyFs, stack, withCaller } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { invoke } from '../laws/model.js'

const LONG = { ttlMs: 60_000 }
const setUp = (options: XattrElisionOptions = LONG, beneath: readonly Layer[] = [], bare = memory() as PlyFs) => {
  const elision = xattrElision(options)
  const below = requestCount()
  const fs = stack(bare, [elision, ...beneath, below])
  const sent = (op: 'getxattr' | 'listxattr'): number => (below.counts() as Record<string, number | undefined>)[op] ?? 0
  return { fs, bare, elision, below, sent }
}
const codeOf = async (act: () => Promise<unknown>): Promise<string> => {
  try {
    return String(await act())
  } catch (error) {
    return String((error as { code?: string }).code)
  }
}

for (const [how, convention] of ['sync', 'callback', 'promise'].entries()) {
  for (const [name, beneath] of [
    ['alone', () => []],
    ['over a cache', () => [metadataCache(LONG)]],
  ] as const) {
    test(`learns, elides, forgets (${convention}, ${name})`, async (t) => {
      const { fs, sent, below, elision } = setUp(LONG, beneath())
      fs.mkdirSync('/d')
      fs.writeFileSync('/d/f', '')
      const get = (attribute: string) => codeOf(() => invoke(fs, how, 'getxattr', '/d/f', attribute))
      t.deepEqual(await invoke(fs, how, 'listxattr', '/d/f'), [])
      below.reset()
      for (const attribute of ['user.a', 'user.b', 'security.capability']) t.is(await get(attribute), 'ENODATA')
      t.deepEqual(await invoke(fs, how, 'listxattr', '/d/f'), [])
      t.is(sent('listxattr'), 0)
      t.is(elision.stats().elided > 0, true)
      below.reset()
      for (const attribute of ['user.a', 'user.b', 'user.c', 'security.capability'])
        t.is(await get(attribute), 'ENODATA')
      t.is(sent('getxattr'), 0)

      await invoke(fs, how, 'setxattr', '/d/f', 'user.a', Buffer.from('1'))
      t.is(await get('user.a'), '1')
      t.is(await get('user.b'), 'ENODATA')
      t.deepEqual(await invoke(fs, how, 'listxattr', '/d/f'), ['user.a'])
      await invoke(fs, how, 'removexattr', '/d/f', 'user.a')
      t.is(await get('user.a'), 'ENODATA')
      t.deepEqual(await invoke(fs, how, 'listxattr', '/d/f'), [])
    })
  }
}

test('of many files, one request tells what absence is called; the rest are elided', (t) => {
  const { fs, sent } = setUp(LONG, [metadataCache(LONG)])
  for (let k = 0; k < 50; k++) fs.writeFileSync(`/f${k}`, '')
  for (let round = 0; round < 5; round++) {
    for (let k = 0; k < 50; k++) t.throws(() => fs.getxattrSync(`/f${k}`, 'security.capability'), { code: 'ENODATA' })
  }
  t.is(sent('getxattr'), 1)
  t.true(sent('listxattr') <= 50)
})

test('another name of the same file, a link to it, an open file of it', (t) => {
  const { fs } = setUp(LONG, [metadataCache(LONG)])
  fs.writeFileSync('/f', '')
  fs.linkSync('/f', '/g')
  fs.symlinkSync('f', '/l')
  for (const p of ['/f', '/g', '/l']) t.throws(() => fs.getxattrSync(p, 'user.a'), { code: 'ENODATA' })
  t.throws(() => fs.lgetxattrSync('/l', 'user.a'), { code: 'ENODATA' })
  fs.setxattrSync('/g', 'user.a', Buffer.from('1'))
  for (const p of ['/f', '/g', '/l']) t.is(fs.getxattrSync(p, 'user.a').toString(), '1')
  t.throws(() => fs.lgetxattrSync('/l', 'user.a'), { code: 'ENODATA' })
})

test('rename over, unlink and make anew: a name stands for another file', (t) => {
  const { fs } = setUp(LONG, [metadataCache(LONG)])
  fs.writeFileSync('/plain', '')
  fs.writeFileSync('/rich', '')
  t.throws(() => fs.getxattrSync('/plain', 'user.a'), { code: 'ENODATA' })
  fs.setxattrSync('/rich', 'user.a', Buffer.from('1'))
  fs.renameSync('/rich', '/plain')
  t.is(fs.getxattrSync('/plain', 'user.a').toString(), '1')
  t.throws(() => fs.getxattrSync('/rich', 'user.a'), { code: 'ENOENT' })
  for (let k = 0; k < 10; k++) {
    fs.unlinkSync('/plain')
    fs.writeFileSync('/plain', '')
    t.throws(() => fs.getxattrSync('/plain', 'user.a'), { code: 'ENODATA' })
    fs.setxattrSync('/plain', 'user.a', Buffer.from(`${k}`))
    t.is(fs.getxattrSync('/plain', 'user.a').toString(), `${k}`)
  }
})

test('a write does not make it ask again; a passed write asks nothing', (t) => {
  const { fs, below, sent } = setUp(LONG, [metadataCache(LONG)])
  fs.writeFileSync('/f', '')
  t.throws(() => fs.getxattrSync('/f', 'security.capability'), { code: 'ENODATA' })
  fs.listxattrSync('/f')
  const fd = fs.openSync('/f', 'r+')
  t.throws(() => fs.getxattrSync('/f', 'security.capability'), { code: 'ENODATA' })
  below.reset()
  for (let k = 0; k < 20; k++) {
    fs.writeSync(fd, 'x')
    t.throws(() => fs.getxattrSync('/f', 'security.capability'), { code: 'ENODATA' })
  }
  t.is(sent('getxattr') + sent('listxattr'), 0)
  fs.closeSync(fd)
})

test('changes from outside: after ttl, or invalidate', (t) => {
  const { fs, bare, elision } = setUp({ ttlMs: 20 })
  fs.writeFileSync('/f', '')
  fs.listxattrSync('/f')
  t.throws(() => fs.getxattrSync('/f', 'user.a'), { code: 'ENODATA' })
  bare.setxattrSync('/f', 'user.a', Buffer.from('1'))
  const end = performance.now() + 25
  while (performance.now() < end);
  t.is(fs.getxattrSync('/f', 'user.a').toString(), '1')
  fs.removexattrSync('/f', 'user.a')

  const long = setUp(LONG, [], bare)
  t.throws(() => long.fs.getxattrSync('/f', 'user.a'), { code: 'ENODATA' })
  bare.setxattrSync('/f', 'user.a', Buffer.from('2'))
  long.elision.invalidate('/f')
  t.is(long.fs.getxattrSync('/f', 'user.a').toString(), '2')
  t.is(elision.stats().maxEntries, 65536)
})

test('bounded: evicted knowledge is not what a later change forgets', (t) => {
  const { fs, elision } = setUp({ ...LONG, maxEntries: 5 }, [metadataCache(LONG)])
  for (let k = 0; k < 40; k++) fs.writeFileSync(`/f${k}`, '')
  for (let round = 0; round < 3; round++) {
    for (let k = 0; k < 40; k++) t.throws(() => fs.getxattrSync(`/f${k}`, 'user.a'), { code: 'ENODATA' })
    t.true(elision.stats().entries <= 5)
  }
  for (let k = 0; k < 40; k++) {
    fs.setxattrSync(`/f${k}`, 'user.a', Buffer.from('1'))
    t.is(fs.getxattrSync(`/f${k}`, 'user.a').toString(), '1')
  }
})

test('a filesystem without extended attributes keeps saying so', (t) => {
  const dir = nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-'))
  // node:fs itself through a Proxy: it has no such functions.
  const { fs } = setUp(LONG, [], new Proxy(nodeFs, {}) as PlyFs)
  const bare = stack(new Proxy(nodeFs, {}))
  const f = join(dir, 'f')
  nodeFs.writeFileSync(f, '')
  const code = (on: PlyFs) => t.throws(() => on.getxattrSync(f, 'user.a')) as NodeJS.ErrnoException
  for (let k = 0; k < 3; k++) t.is(code(fs).code, code(bare).code)
  nodeFs.rmSync(dir, { recursive: true })
})

test('what the process may read says nothing of another caller', (t) => {
  const { fs } = setUp(LONG, [metadataCache(LONG)])
  fs.writeFileSync('/f', '', { mode: 0o600 })
  t.throws(() => fs.getxattrSync('/f', 'user.a'), { code: 'ENODATA' })
  const other = withCaller(fs, { uid: 12345, gid: 12345 })
  t.throws(() => other.getxattrSync('/f', 'user.a'), { code: 'EACCES' })
})

test('options that make no sense are refused by name', (t) => {
  const refused = (options: unknown, field: string) =>
    t.is(t.throws(() => xattrElision(options as XattrElisionOptions), { instanceOf: ConfigError }).field, field)
  refused({ maxEntries: 0 }, 'xattrElision.maxEntries')
  refused({ negative: true }, 'xattrElision.negative')
})
