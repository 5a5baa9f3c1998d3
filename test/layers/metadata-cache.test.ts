// metadataCache: what it answers by itself, what it forgets, and when.
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type MetadataCacheOptions, metadataCache, requestCount } from '../../layers/index.js'
import { runSync } from '../../lib/driver/sync.js'
import { exchangeOf, nodeFace } from '../../lib/face/node-fs.js'
import {
  ConfigError,
  Failed,
  fail,
  layer,
  NEXT,
  type Op,
  type PlyFs,
  type Request,
  stack,
  withCaller,
} from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { nodeFsLower } from '../../lib/lower/node-fs.js'
import type { Lower } from '../../lib/lower.js'
import { compose } from '../../lib/stack.js'
import { invoke } from '../laws/model.js'
import { baseOf } from './harness.js'

const LONG = { ttlMs: 60_000 }
const setUp = (options: MetadataCacheOptions = LONG, bare: PlyFs = memory() as PlyFs) => {
  const cache = metadataCache(options)
  const below = requestCount()
  const fs = stack(bare, [cache, below])
  /** How many requests `act` sends below, by opcode. */
  const sent = (act: () => void): Record<string, number> => {
    below.reset()
    act()
    return Object.fromEntries(Object.entries(below.counts()).filter(([, n]) => n > 0))
  }
  return { fs, bare, cache, below, sent }
}
/** The same stack's requests, for what node:fs has no name for. */
const exchanged = () => {
  const { fs, bare } = setUp()
  const exchange = exchangeOf(fs)
  if (exchange === undefined) throw new Error('no stack')
  const x = <O extends Op>(op: O, req: Request<O>) => runSync(exchange, op, req, exchange.context(exchange.caller))
  return { fs, bare, x, exchange }
}
const gone = (t: ExecutionContext, fs: PlyFs, path: string): void => {
  t.false(fs.existsSync(path))
  t.throws(() => fs.statSync(path), { code: 'ENOENT' })
}

for (const [how, convention] of ['sync', 'callback', 'promise'].entries()) {
  test(`hits and known misses reach nobody (${convention})`, async (t) => {
    const { fs, below } = setUp()
    fs.mkdirSync('/d')
    fs.writeFileSync('/d/f', 'text')
    fs.symlinkSync('f', '/d/l')
    fs.setxattrSync('/d/f', 'user.a', Buffer.from('1'))
    const ask = async () => [
      ((await invoke(fs, how, 'stat', '/d/f')) as nodeFs.Stats).size,
      ((await invoke(fs, how, 'stat', '/d/l')) as nodeFs.Stats).size,
      await invoke(fs, how, 'readlink', '/d/l'),
      await invoke(fs, how, 'readdir', '/d'),
      await invoke(fs, how, 'access', '/d/f', 4),
      String(await invoke(fs, how, 'getxattr', '/d/f', 'user.a')),
      await t.throwsAsync(async () => invoke(fs, how, 'stat', '/d/none')).then((e) => (e as { code?: string }).code),
      await t
        .throwsAsync(async () => invoke(fs, how, 'getxattr', '/d/f', 'user.b'))
        .then((e) => (e as { code?: string }).code),
    ]
    const first = await ask()
    t.deepEqual(first, [4, 4, 'f', ['f', 'l'], undefined, '1', 'ENOENT', 'ENODATA'])
    await ask()
    below.reset()
    t.deepEqual(await ask(), first)
    t.deepEqual(
      Object.entries(below.counts()).filter(([, n]) => n > 0),
      [],
    )
  })
}

test('what is handed out is the caller’s own', (t) => {
  const { fs } = setUp()
  fs.writeFileSync('/f', 'x')
  fs.setxattrSync('/f', 'user.a', Buffer.from('1'))
  for (let k = 0; k < 2; k++) {
    const stats = fs.statSync('/f')
    const value = fs.getxattrSync('/f', 'user.a')
    const names = fs.readdirSync('/', { withFileTypes: true })
    t.is(stats.size, 1)
    t.is(value.toString(), '1')
    t.is(names[0]?.name, 'f')
    stats.size = 99
    stats.mtime.setTime(0)
    value[0] = 0
    names.length = 0
    t.not(fs.statSync('/f').mtime.getTime(), 0)
  }
  // What was asked for by the name itself, and then by a way that has to be walked.
  fs.writeFileSync('/g', 'x')
  const stats = fs.statSync('/g')
  stats.size = 99
  t.is(fs.statSync('/./g').size, 1)
})

// What ExtFUSE's released code got wrong.
test('fault 1: a name that exists is not denied', (t) => {
  const { fs } = setUp()
  fs.writeFileSync('/f', '')
  t.throws(() => fs.getxattrSync('/f', 'user.a'), { code: 'ENODATA' })
  fs.setxattrSync('/f', 'user.a', Buffer.from('1'))
  t.is(fs.getxattrSync('/f', 'user.a').toString(), '1')
  t.deepEqual(fs.listxattrSync('/f'), ['user.a'])
  fs.removexattrSync('/f', 'user.a')
  t.throws(() => fs.getxattrSync('/f', 'user.a'), { code: 'ENODATA' })
})
test('fault 2: a look-up serves no stale attributes', (t) => {
  const { fs, bare } = setUp()
  fs.writeFileSync('/f', 'x')
  fs.statSync('/f')
  const fd = fs.openSync('/f', 'r+')
  for (const change of [
    () => fs.writeSync(fd, 'longer'),
    () => fs.ftruncateSync(fd, 2),
    () => fs.fchmodSync(fd, 0o600),
    () => fs.futimesSync(fd, 5, 6),
    () => fs.truncateSync('/f', 9),
    () => fs.chmodSync('/f', 0o644),
    () => fs.utimesSync('/f', 7, 8),
    () => fs.chownSync('/f', 1, 1),
    () => fs.closeSync(fd),
    () => fs.appendFileSync('/f', 'more'),
    () => fs.copyFileSync('/f', '/g'),
    () => fs.closeSync(fs.openSync('/f', 'w')),
  ]) {
    change()
    t.deepEqual(fs.lstatSync('/f'), bare.lstatSync('/f'))
    t.deepEqual(fs.statSync('/f', { bigint: true }), bare.statSync('/f', { bigint: true }))
  }
})
test('fault 3: rename forgets what was at the target, and both directories', (t) => {
  const { fs, bare } = setUp()
  fs.mkdirSync('/a')
  fs.mkdirSync('/b')
  fs.writeFileSync('/a/f', 'new')
  fs.writeFileSync('/b/f', 'o')
  for (const p of ['/a', '/b', '/a/f', '/b/f']) fs.statSync(p)
  fs.readdirSync('/b')
  bare.utimesSync('/b', 1, 1)
  fs.renameSync('/a/f', '/b/f')
  gone(t, fs, '/a/f')
  for (const p of ['/a', '/b', '/b/f']) t.deepEqual(fs.statSync(p), bare.statSync(p))
  t.deepEqual(fs.readdirSync('/a'), [])
})
test('fault 4: link, create and rename forget that nothing was there', (t) => {
  const { fs, bare } = setUp()
  fs.mkdirSync('/d')
  fs.writeFileSync('/f', '')
  for (const p of ['/d/linked', '/d/created', '/d/renamed', '/f']) fs.existsSync(p)
  fs.statSync('/f')
  fs.linkSync('/f', '/d/linked')
  fs.writeFileSync('/d/created', '')
  fs.renameSync('/d/created', '/d/renamed')
  t.true(fs.existsSync('/d/linked'))
  t.is(fs.statSync('/f').nlink, 2)
  t.is(fs.statSync('/d/linked').nlink, 2)
  gone(t, fs, '/d/created')
  t.deepEqual(fs.statSync('/d/renamed'), bare.statSync('/d/renamed'))
  t.deepEqual(fs.readdirSync('/d'), ['linked', 'renamed'])
})
test('fault 5: after unlink of one name the others know', (t) => {
  const { fs, bare } = setUp()
  fs.mkdirSync('/d')
  fs.writeFileSync('/f', 'x')
  fs.linkSync('/f', '/d/g')
  for (const p of ['/f', '/d/g']) t.is(fs.statSync(p).nlink, 2)
  fs.appendFileSync('/d/g', 'yy')
  t.is(fs.statSync('/f').size, 3)
  fs.unlinkSync('/f')
  gone(t, fs, '/f')
  t.deepEqual(fs.statSync('/d/g'), bare.statSync('/d/g'))
  t.is(fs.statSync('/d/g').nlink, 1)
})

test('a name that was never looked at is one more name of a file that was', (t) => {
  const { fs, bare } = setUp()
  bare.writeFileSync('/f', '')
  bare.mkdirSync('/d')
  for (const name of ['g', 'h', 'i']) bare.linkSync('/f', `/d/${name}`)
  bare.writeFileSync('/x', '')
  t.is(fs.statSync('/f').nlink, 4)
  fs.unlinkSync('/d/g')
  t.is(fs.statSync('/f').nlink, 3)
  fs.renameSync('/x', '/d/h')
  t.is(fs.statSync('/f').nlink, 2)
  fs.chmodSync('/d/i', 0o600)
  t.is(fs.statSync('/f').mode & 0o777, 0o600)
})
test('rename of one name of a file over another does nothing', (t) => {
  const { fs } = setUp()
  fs.writeFileSync('/f', '')
  fs.linkSync('/f', '/g')
  for (const p of ['/f', '/g']) fs.statSync(p)
  fs.renameSync('/f', '/g')
  t.is(fs.statSync('/f').nlink, 2)
  t.is(fs.statSync('/g').nlink, 2)
})
test('a directory that was replaced from outside, perhaps under the same number', (t) => {
  const { fs, bare, cache } = setUp()
  fs.mkdirSync('/d')
  fs.writeFileSync('/d/f', '')
  t.deepEqual(fs.readdirSync('/d'), ['f'])
  bare.rmSync('/d', { recursive: true })
  bare.mkdirSync('/d')
  bare.writeFileSync('/d/g', '')
  cache.invalidate('/d')
  t.deepEqual(fs.readdirSync('/d'), ['g'])
  gone(t, fs, '/d/f')
})

test('a missing name is found after every call that can make it', (t) => {
  const { fs, x } = exchanged()
  fs.writeFileSync('/src', 'x')
  fs.mkdirSync('/dir')
  const makers: Record<string, (p: string) => void> = {
    writeFile: (p) => fs.writeFileSync(p, ''),
    appendFile: (p) => fs.appendFileSync(p, ''),
    open: (p) => fs.closeSync(fs.openSync(p, 'a')),
    exclusive: (p) => fs.closeSync(fs.openSync(p, 'wx')),
    mkdir: (p) => fs.mkdirSync(p),
    mknod: (p) => void x('mknod', { path: p, mode: nodeFs.constants.S_IFIFO | 0o600, rdev: 0 }),
    'mkdir -p': (p) => fs.mkdirSync(`${p}/x/y`, { recursive: true }),
    symlink: (p) => fs.symlinkSync('/src', p),
    link: (p) => fs.linkSync('/src', p),
    rename: (p) => {
      fs.writeFileSync('/tmp', '')
      fs.renameSync('/tmp', p)
    },
    copyFile: (p) => fs.copyFileSync('/src', p),
    cp: (p) => fs.cpSync('/src', p),
    'through a dangling link': (p) => {
      fs.symlinkSync(p, `${p}-link`)
      fs.writeFileSync(`${p}-link`, '')
    },
  }
  for (const [name, make] of Object.entries(makers)) {
    const path = `/dir/${name.replaceAll(' ', '')}`
    gone(t, fs, path)
    t.false(fs.existsSync(`${path}/x/y`))
    make(path)
    t.true(fs.existsSync(path), name)
    t.notThrows(() => fs.lstatSync(path), name)
    t.is(fs.existsSync(`${path}/x/y`), name === 'mkdir -p')
  }
})

test('an open of what is known to be missing is answered here', (t) => {
  const { fs, sent } = setUp()
  fs.mkdirSync('/dir')
  fs.writeFileSync('/file', '')
  fs.symlinkSync('loop', '/loop')
  const missing: Record<string, string> = {
    '/dir/none': 'ENOENT',
    '/none/x': 'ENOENT',
    '/file/x': 'ENOTDIR',
    '/loop': 'ELOOP',
  }
  for (const path of Object.keys(missing)) t.false(fs.existsSync(path))
  t.deepEqual(
    sent(() => {
      for (const [path, code] of Object.entries(missing)) {
        t.throws(() => fs.readFileSync(path), { code })
        t.throws(() => fs.openSync(path, 'r+'), { code })
      }
    }),
    {},
  )
  fs.writeFileSync('/dir/none', 'here')
  t.is(fs.readFileSync('/dir/none', 'utf8'), 'here')
})
test('what an open finds missing is known to be missing, if no link can have led elsewhere', (t) => {
  const { fs, sent } = setUp()
  fs.mkdirSync('/d')
  fs.statSync('/d')
  const strictly = (path: string) =>
    t.throws(() => fs.openSync(path, nodeFs.constants.O_RDONLY | nodeFs.constants.O_NOFOLLOW), { code: 'ENOENT' })
  strictly('/d/x')
  t.deepEqual(
    sent(() => t.false(fs.existsSync('/d/x'))),
    {},
  )
  fs.symlinkSync('nowhere', '/d/dangling')
  t.throws(() => fs.readFileSync('/d/dangling'), { code: 'ENOENT' })
  t.true(fs.lstatSync('/d/dangling').isSymbolicLink())
  strictly('/d/made')
  fs.symlinkSync('nowhere', '/d/made')
  t.true(fs.lstatSync('/d/made').isSymbolicLink())
  const other = withCaller(fs, { uid: 12345, gid: 12345 })
  fs.chmodSync('/d', 0o700)
  gone(t, fs, '/d/x')
  t.throws(() => other.readFileSync('/d/x'), { code: 'EACCES' })
})

test('what is opened in vain is looked at when it is opened again, and is known from then on', (t) => {
  const bare = memory() as PlyFs
  bare.mkdirSync('/d/s', { recursive: true })
  bare.symlinkSync('d/s/a', '/l')
  const { fs, sent } = setUp(LONG, bare)
  const missing = ['/d/s/a', '/d/s/b', '/l', '/d/none/c']
  const vainly = () => {
    for (const path of missing) t.throws(() => fs.readFileSync(path), { code: 'ENOENT' })
  }
  t.deepEqual(sent(vainly), { open: missing.length }, 'it may never be asked again')
  t.is(sent(vainly).open, undefined)
  t.deepEqual(sent(vainly), {})
  fs.writeFileSync('/d/s/a', 'made')
  t.is(fs.readFileSync('/l', 'utf8'), 'made')
  t.is(fs.readFileSync('/d/s/a', 'utf8'), 'made')
  t.throws(() => fs.readFileSync('/d/s/b'), { code: 'ENOENT' })
})
test('what was opened in vain, and is there when it is looked at, is opened as all else is', (t) => {
  const bare = memory() as PlyFs
  const far = `/${'x'.repeat(200)}`.repeat(6)
  bare.mkdirSync(far, { recursive: true })
  bare.symlinkSync(far.slice(1), '/far')
  const { fs, cache } = setUp(LONG, bare)
  const long = `${far}/f`
  t.throws(() => fs.readFileSync(long), { code: 'ENOENT' })
  t.is(cache.stats().paths, 0, 'too long a path is not noted')
  for (const path of ['/f', '/far/f']) {
    for (let k = 0; k < (path === '/f' ? 1 : 2); k++) t.throws(() => fs.readFileSync(path), { code: 'ENOENT' })
    bare.writeFileSync(path, 'text')
    bare.utimesSync(path, 1, 2)
    const fd = fs.openSync(path, 'r')
    t.is(fs.statSync(path).atimeMs, 1000)
    t.is(fs.readSync(fd, Buffer.alloc(4)), 4)
    fs.closeSync(fd)
    t.is(fs.statSync(path).atimeMs, bare.statSync(path).atimeMs, path)
  }
})
test('nothing is noted of what another caller opens in vain, or where a missing name is not kept', (t) => {
  for (const options of [LONG, { ...LONG, negativeTtlMs: 0 }]) {
    const { fs, sent } = setUp(options)
    const caller = options === LONG ? withCaller(fs, { uid: 12345, gid: 12345 }) : fs
    for (let k = 0; k < 3; k++) {
      t.deepEqual(
        sent(() => t.throws(() => caller.readFileSync('/none'), { code: 'ENOENT' })),
        { open: 1 },
      )
    }
  }
})

test('a moved directory takes along what is beneath, and moves one dentry', (t) => {
  const { fs, sent } = setUp()
  fs.mkdirSync('/a/b/c', { recursive: true })
  fs.writeFileSync('/a/b/c/f', 'x')
  const { ino } = fs.statSync('/a/b/c/f')
  fs.existsSync('/z/b/c/f')
  fs.renameSync('/a', '/z')
  t.deepEqual(
    sent(() => {
      gone(t, fs, '/a/b/c/f')
      t.is(fs.statSync('/z/b/c/f').ino, ino)
    }),
    {},
  )
})
test('rename exchange, where the lower has it', (t) => {
  const { x, fs } = exchanged()
  const rename = (flags: number) => x('rename', { path: '/f', newPath: '/d', flags })
  fs.writeFileSync('/f', 'file')
  fs.mkdirSync('/d')
  fs.writeFileSync('/d/x', '')
  for (const p of ['/f', '/d', '/d/x']) fs.statSync(p)
  t.throws(() => fs.statSync('/f/x'), { code: 'ENOTDIR' })
  t.is(rename(2), undefined)
  t.true(fs.statSync('/d').isFile())
  t.true(fs.statSync('/f').isDirectory())
  t.true(fs.existsSync('/f/x'))
  t.throws(() => fs.statSync('/d/x'), { code: 'ENOTDIR' })
  t.deepEqual(rename(1), Failed.of('EEXIST'))
  t.true(fs.existsSync('/f/x'))
})

test('links: what they lead to, where they were pointed before, and where a name ends in a slash', (t) => {
  const { fs, sent } = setUp()
  fs.mkdirSync('/a/sub', { recursive: true })
  fs.mkdirSync('/b')
  fs.writeFileSync('/a/f', 'aa')
  fs.writeFileSync('/b/f', 'b')
  fs.symlinkSync('a', '/l')
  t.is(fs.statSync('/l/f').size, 2)
  fs.statSync('/l/sub/../f')
  t.deepEqual(
    sent(() => t.is(fs.statSync('/a/f').size, 2)),
    {},
    'an alias meets the same entries',
  )
  t.true(fs.lstatSync('/l').isSymbolicLink())
  t.true(fs.lstatSync('/l/').isDirectory())
  t.throws(() => fs.statSync('/a/f/'), { code: 'ENOTDIR' })
  t.throws(() => fs.statSync('/a/f/..'), { code: 'ENOTDIR' })
  fs.unlinkSync('/l')
  fs.symlinkSync('b', '/l')
  t.is(fs.statSync('/l/f').size, 1)
  fs.symlinkSync('/sub', '/b/up')
  t.false(fs.existsSync('/b/up'))
  fs.mkdirSync('/sub')
  t.true(fs.existsSync('/l/up/'))
  fs.symlinkSync('x', '/x')
  t.throws(() => fs.statSync('/x'), { code: 'ELOOP' })
})

test('a recycled inode number is another file', (t) => {
  const dir = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-')))
  const { fs } = setUp(LONG, nodeFs as PlyFs)
  const f = join(dir, 'f')
  let recycled = 0
  for (let k = 0; k < 20; k++) {
    fs.writeFileSync(f, 'x'.repeat(k))
    const { ino } = fs.statSync(f)
    fs.unlinkSync(f)
    gone(t, fs, f)
    fs.symlinkSync('y'.repeat(k + 1), f)
    if (fs.lstatSync(f).ino === ino) recycled++
    t.is(fs.readlinkSync(f), 'y'.repeat(k + 1))
    t.throws(() => fs.readdirSync(f), { code: 'ENOENT' })
    fs.unlinkSync(f)
    fs.mkdirSync(f)
    t.deepEqual(fs.readdirSync(f), [])
    fs.rmdirSync(f)
  }
  t.log(`${recycled} of 20 recycled here`)
  nodeFs.rmSync(dir, { recursive: true })
})

test('an open file that outlives its name', (t) => {
  const { fs } = setUp()
  fs.writeFileSync('/f', 'x')
  fs.linkSync('/f', '/g')
  const fd = fs.openSync('/f', 'r+')
  fs.statSync('/g')
  fs.unlinkSync('/f')
  fs.writeFileSync('/f', 'other')
  t.is(fs.fstatSync(fd).nlink, 1)
  fs.writeSync(fd, 'grown')
  t.is(fs.statSync('/g').size, 5)
  fs.ftruncateSync(fd, 2)
  t.is(fs.statSync('/g').size, 2)
  fs.closeSync(fd)
  t.is(fs.statSync('/g').size, 2)
})

test('a file that was made without a name gets one, and is written where no layer looks', (t) => {
  const { fs, bare, x, exchange } = exchanged()
  fs.statSync('/')
  const fd = x('tmpfile', { path: '/', flags: nodeFs.constants.O_RDWR, mode: 0o600 }) as number
  t.is(x('link', { path: '', fd, file: exchange.files.get(fd), newPath: '/f' }), undefined)
  for (const words of ['a', 'bb', 'ccc']) {
    bare.writeSync(fd, words, 0)
    t.is(fs.statSync('/f').size, words.length)
  }
})

const spin = (ms: number): void => {
  const end = performance.now() + ms
  while (performance.now() < end);
}
test('what has a name that is renamed may be another by then, once its time is over', (t) => {
  const { fs, bare } = setUp({ ttlMs: 20 })
  fs.mkdirSync('/d')
  fs.writeFileSync('/d/f', '')
  fs.statSync('/d/f')
  bare.unlinkSync('/d/f')
  bare.symlinkSync('to', '/d/f')
  spin(21)
  gone(t, fs, '/d/new')
  fs.renameSync('/d/f', '/d/new')
  t.is(fs.readlinkSync('/d/new'), 'to')
})
test('ttl: changes from outside are seen in time, also in a program that never rests', (t) => {
  const { fs, bare } = setUp({ ttlMs: 40, negativeTtlMs: 15 })
  bare.writeFileSync('/f', 'x')
  t.is(fs.statSync('/f').size, 1)
  gone(t, fs, '/g')
  bare.writeFileSync('/f', 'long')
  bare.writeFileSync('/g', '')
  spin(16)
  t.true(fs.existsSync('/g'))
  spin(30)
  t.is(fs.statSync('/f').size, 4)
  // Tight loops read the clock less often, and end all the same.
  bare.writeFileSync('/f', 'longer')
  const begun = performance.now()
  while (fs.statSync('/f').size === 4) if (performance.now() - begun > 5000) break
  t.is(fs.statSync('/f').size, 6)
})
test('the directory that was found last is looked for again once it has moved, or its time is over', async (t) => {
  for (const ttlMs of [60_000, 20]) {
    const { fs, bare } = setUp({ ttlMs })
    fs.mkdirSync('/d')
    fs.writeFileSync('/d/first', '')
    fs.statSync('/d/first')
    fs.existsSync('/d/none')
    const outside = ttlMs === 20
    const by = outside ? bare : fs
    by.renameSync('/d', '/e')
    by.mkdirSync('/d')
    bare.writeFileSync('/d/second', '')
    if (outside) await new Promise((resolve) => setTimeout(resolve, 30))
    t.true(fs.existsSync('/d/second'))
    t.false(fs.existsSync('/e/second'))
    t.true(fs.existsSync('/e/first'))
  }
})

test('a reply that was made ready and not given out is not given out after a change', (t) => {
  const { fs } = setUp()
  fs.writeFileSync('/f', '')
  fs.accessSync('/f', 4)
  fs.chmodSync('/f', 0o600)
  fs.statSync('/f')
  // Spelt as nobody has yet, so that the path is walked.
  t.is(fs.statSync('//f').mode & 0o777, 0o600)
})

test('ttl 0 keeps nothing and hooks nothing', (t) => {
  const { cache } = setUp({ ttlMs: 0 })
  t.deepEqual(cache.extensions, {})
})
test('invalidate: a path with all that is beneath it, or everything', (t) => {
  const { fs, bare, cache, sent } = setUp()
  fs.mkdirSync('/a/b', { recursive: true })
  fs.writeFileSync('/a/b/f', 'x')
  fs.writeFileSync('/other', '')
  const look = () => [fs.existsSync('/a/b/g'), fs.statSync('/a/b/f').size, fs.statSync('/other').size]
  t.deepEqual(look(), [false, 1, 0])
  bare.writeFileSync('/a/b/f', 'xyz')
  bare.writeFileSync('/a/b/g', '')
  t.deepEqual(look(), [false, 1, 0])
  cache.invalidate('/a')
  t.deepEqual(look(), [true, 3, 0])
  bare.writeFileSync('/other', 'o')
  t.is(fs.statSync('/other').size, 0)
  cache.invalidate('/other')
  t.is(fs.statSync('/other').size, 1)
  cache.invalidate()
  t.true(Object.keys(sent(look)).length > 0)
})
test('watch: what the lower reports is forgotten', async (t) => {
  const dir = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-')))
  nodeFs.mkdirSync(join(dir, 'sub'))
  const { fs } = setUp({ ...LONG, watch: true }, nodeFs as PlyFs)
  const f = join(dir, 'sub/f')
  const until = async (holds: () => boolean) => {
    for (let k = 0; k < 200 && !holds(); k++) await new Promise((resolve) => setTimeout(resolve, 10))
    return holds()
  }
  t.false(fs.existsSync(f))
  nodeFs.writeFileSync(f, 'x')
  t.true(await until(() => fs.existsSync(f)))
  t.is(fs.statSync(f).size, 1)
  nodeFs.writeFileSync(f, 'xyz')
  t.true(await until(() => fs.statSync(f).size === 3))
  nodeFs.rmSync(dir, { recursive: true })
})

test('listings: negative knowledge, and types for those who ask where names lead', (t) => {
  const { fs, bare, sent } = setUp()
  bare.mkdirSync('/d')
  bare.writeFileSync('/d/f', '')
  t.deepEqual(fs.readdirSync('/d'), ['f'])
  t.deepEqual(
    sent(() => {
      t.false(fs.existsSync('/d/none'))
      t.deepEqual(
        fs.readdirSync('/d', { withFileTypes: true }).map((e) => e.isFile()),
        [true],
      )
    }),
    {},
  )
  fs.writeFileSync('/d/none', '')
  t.deepEqual(fs.readdirSync('/d'), ['f', 'none'])
  fs.unlinkSync('/d/f')
  t.deepEqual(fs.readdirSync('/d'), ['none'])
})

test('another caller’s answers are the lower’s, and are not kept', (t) => {
  const { fs } = setUp()
  fs.mkdirSync('/d', { mode: 0o755 })
  fs.writeFileSync('/d/secret', 'x', { mode: 0o600 })
  t.notThrows(() => fs.accessSync('/d/secret', 4))
  const other = withCaller(fs, { uid: 12345, gid: 12345 })
  t.throws(() => other.accessSync('/d/secret', 4), { code: 'EACCES' })
  t.notThrows(() => fs.accessSync('/d/secret', 4))
  fs.chmodSync('/d', 0o700)
  t.throws(() => other.statSync('/d/secret'), { code: 'EACCES' })
  fs.chmodSync('/d/secret', 0o644)
  fs.chmodSync('/d', 0o755)
  other.accessSync('/d/secret', 4)
  fs.mkdirSync('/open')
  fs.chmodSync('/open', 0o777)
  gone(t, fs, '/open/theirs')
  other.writeFileSync('/open/theirs', '')
  t.true(fs.existsSync('/open/theirs'))
})

test('what another caller changes is forgotten, by whichever spelling; what it is told is not kept', (t) => {
  const cache = metadataCache(LONG)
  const hides = layer('hides', {
    lookup: { request: ({ path }, { caller }) => (caller.uid !== 0 && path === '/d/hidden' ? fail('ENOENT') : NEXT) },
    open: { request: ({ path }, { caller }) => (caller.uid !== 0 && path === '/d/hidden' ? fail('ENOENT') : NEXT) },
  })
  const bare = memory() as PlyFs
  const fs = stack(bare, [cache, hides])
  fs.mkdirSync('/d')
  fs.chmodSync('/d', 0o777)
  for (const name of ['f', 'hidden']) fs.writeFileSync(`/d/${name}`, '')
  fs.statSync('/d/f')
  const other = withCaller(fs, { uid: 12345, gid: 12345 })
  bare.chownSync('/d/f', 12345, 12345)
  other.chmodSync('/d/../d/f', 0o640)
  t.is(fs.statSync('/d/f').mode & 0o777, 0o640)
  t.throws(() => other.chmodSync('/d/../d/hidden', 0o600), { code: 'EPERM' })
  fs.statSync('/d/f')
  t.throws(() => other.openSync('/d/hidden', nodeFs.constants.O_NOFOLLOW), { code: 'ENOENT' })
  t.true(fs.existsSync('/d/hidden'))
})

test('bounded in entries and in bytes, whatever is asked', (t) => {
  for (const limits of [{ maxEntries: 100 }, { maxBytes: 200_000 }]) {
    const { fs, bare, cache } = setUp({ ...LONG, ...limits })
    for (let d = 0; d < 10; d++) fs.mkdirSync(`/d${d}`)
    for (let k = 0; k < 3000; k++) {
      fs.existsSync(`/d${k % 10}/n${k}`)
      if (k % 10 === 0) fs.writeFileSync(`/d${k % 7}/f${k % 70}`, 'x')
      fs.statSync(`/d${k % 10}`)
    }
    const stats = cache.stats()
    t.true(stats.entries <= stats.maxEntries)
    t.true(stats.paths <= stats.maxEntries)
    t.true(stats.bytes <= stats.maxBytes, String(stats.bytes))
    t.true(stats.evictions > 0)
    t.deepEqual(fs.readdirSync('/d3'), bare.readdirSync('/d3'))
  }
})

test('what is dropped for want of room is asked for anew by all paths', (t) => {
  const { fs, cache } = setUp({ ...LONG, maxEntries: 8 })
  fs.mkdirSync('/d')
  gone(t, fs, '/d/f')
  for (let k = 0; k < 16; k++) fs.mkdirSync(`/d/${k}`)
  t.true(cache.stats().evictions > 8)
  fs.mkdirSync('/d/f')
  t.true(fs.existsSync('/d/f'))
})

const unstable = (lower: Lower): Lower => ({ ...lower, capabilities: { ...lower.capabilities, stableInodes: false } })
test('a lower without stable inode numbers: slower, and right', (t) => {
  const bare = memory() as PlyFs
  let next = 1
  // Each answer another number, as some network filesystems and unions do.
  const shifty = new Proxy(bare, {
    get(target, key) {
      const value = Reflect.get(target, key) as unknown
      if (key !== 'statSync' && key !== 'lstatSync' && key !== 'fstatSync') return value
      return (...args: unknown[]) => {
        const stats = (value as (...args: unknown[]) => nodeFs.Stats | undefined)(...args)
        if (stats !== undefined) stats.ino = next++
        return stats
      }
    },
  })
  const cache = metadataCache(LONG)
  const below = requestCount()
  const { exchange, mark } = compose(baseOf(unstable(nodeFsLower(shifty))), [cache, below])
  const fs = nodeFace(exchange, mark, exchange.caller)
  fs.mkdirSync('/d')
  fs.writeFileSync('/d/f', 'x')
  fs.linkSync('/d/f', '/d/g')
  for (let k = 0; k < 3; k++) t.is(fs.statSync('/d/g').size, 1)
  below.reset()
  t.is(fs.statSync('/d/g').size, 1)
  t.is(
    Object.values(below.counts()).reduce((sum, n) => sum + n, 0),
    0,
  )
  fs.appendFileSync('/d/f', 'yy')
  t.is(fs.statSync('/d/g').size, 3)
  const fd = fs.openSync('/d/f', 'r+')
  for (const text of ['aaaa', 'bbbbb']) {
    fs.writeSync(fd, text, 0)
    t.is(fs.statSync('/d/g').size, text.length)
  }
  fs.closeSync(fd)
  fs.unlinkSync('/d/f')
  t.is(fs.statSync('/d/g').nlink, 1)
})

test('options that make no sense are refused by name', (t) => {
  const refused = (options: unknown, field: string) =>
    t.is(t.throws(() => metadataCache(options as MetadataCacheOptions), { instanceOf: ConfigError }).field, field)
  refused({ ttlMs: -1 }, 'metadataCache.ttlMs')
  refused({ ttl: 5 }, 'metadataCache.ttl')
  refused({ maxEntries: 0.5 }, 'metadataCache.maxEntries')
  refused({ watch: 'yes' }, 'metadataCache.watch')
  refused([], 'metadataCache')
})

test('a workload that only creates and deletes sends nothing but that', (t) => {
  const { fs, sent } = setUp()
  t.deepEqual(
    sent(() => {
      for (let k = 0; k < 20; k++) {
        fs.writeFileSync(`/f${k}`, '')
        fs.renameSync(`/f${k}`, `/g${k}`)
        fs.unlinkSync(`/g${k}`)
        fs.mkdirSync(`/d${k}`)
        fs.rmdirSync(`/d${k}`)
      }
    }),
    { unlink: 20, create: 20, rename: 20, mkdir: 20, rmdir: 20, release: 20 },
  )
})
