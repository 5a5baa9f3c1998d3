// Requests that overtake each other, one interleaving at a time: when each arrives at the lower, and when its reply comes up.
import { constants } from 'node:fs'
import test from 'ava'
import { memfs } from 'memfs'
import { type MetadataCacheOptions, metadataCache, xattrElision } from '../../layers/index.js'
import { exchangeOf, nodeFace } from '../../lib/face/node-fs.js'
import type { Layer, Op, PlyFs, Reply, Request } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { nodeFsLower } from '../../lib/lower/node-fs.js'
import type { Lower, LowerOp } from '../../lib/lower.js'
import { compose } from '../../lib/stack.js'
import { baseOf } from './harness.js'

/** A request that waits: `arrive` performs it, `land` gives its reply. */
interface Waiting {
  readonly op: Op
  arrive(): void
  land(): void
}

const { O_NOFOLLOW, O_RDONLY, O_TRUNC } = constants
const setUp = (bare: PlyFs = memory() as PlyFs, above: readonly Layer[] = [], options: MetadataCacheOptions = {}) => {
  const lower = exchangeOf(bare)?.lower ?? nodeFsLower(bare)
  const waiting: Waiting[] = []
  let holds = false
  const ops: Partial<Record<Op, unknown>> = {}
  for (const op of Object.keys(lower.ops) as Op[]) {
    const own = lower.ops[op] as LowerOp<Op>
    ops[op] = {
      sync: own.sync,
      async(req: Request<Op>, done: (bug: unknown, out: Reply<Op>) => void, cx: never) {
        if (!holds) {
          own.async(req, done as never, cx)
          return
        }
        let out: unknown
        waiting.push({
          op,
          arrive() {
            out = own.sync(req, cx)
          },
          land: () => done(null, out as Reply<Op>),
        })
      },
    }
  }
  const cache = metadataCache({ ttlMs: 60_000, ...options })
  const { exchange, mark } = compose(baseOf({ ...lower, native: undefined, ops: ops as Lower['ops'] }), [
    ...above,
    cache,
  ])
  const fs = nodeFace(exchange, mark, exchange.caller)
  /** Begins `act`; gives the request that it sends below, which waits; undefined where it was answered at once. */
  const begun = (act: () => void): Waiting | undefined => {
    holds = true
    act()
    holds = false
    return waiting.pop()
  }
  const held = (act: () => void): Waiting => {
    const request = begun(act)
    if (request === undefined) throw new Error('nothing was sent')
    return request
  }
  const all = (request: Waiting): void => {
    request.arrive()
    request.land()
  }
  return { fs, bare, cache, begun, held, all }
}
const ignore = (): void => undefined

test('a directory is moved while a look-up beneath it is under way', (t) => {
  const { fs, held, all } = setUp()
  fs.mkdirSync('/a')
  fs.readdirSync('/')
  fs.statSync('/a')
  fs.writeFileSync('/a/f', '')
  fs.unlinkSync('/a/f')
  fs.existsSync('/a/other')
  const look = held(() => fs.stat('/a/x', ignore))
  const move = held(() => fs.rename('/a', '/b', ignore))
  look.arrive()
  all(move)
  fs.writeFileSync('/b/x', '')
  look.land()
  t.true(fs.existsSync('/b/x'))
  t.false(fs.existsSync('/a/x'))
})

test('an answer that set out before a change ended is not kept after it', (t) => {
  const { fs, bare, begun, held, all } = setUp()
  fs.mkdirSync('/d')
  fs.writeFileSync('/d/f', 'x')
  fs.existsSync('/d/none')
  for (const [change, undo] of [
    [() => fs.chmod('/d/f', 0o600, ignore), () => fs.chmodSync('/d/f', 0o644)],
    [() => fs.utimes('/d/f', 1, 2, ignore), ignore],
    [() => fs.unlink('/d/f', ignore), () => fs.writeFileSync('/d/f', 'xx')],
    [() => fs.mkdir('/d/m', ignore), () => fs.rmdirSync('/d/m')],
    [() => fs.symlink('f', '/d/m', ignore), () => fs.unlinkSync('/d/m')],
    [() => fs.link('/d/f', '/d/m', ignore), () => fs.unlinkSync('/d/m')],
    [() => fs.rename('/d/f', '/d/m', ignore), () => fs.renameSync('/d/m', '/d/f')],
    [() => fs.setxattr('/d/f', 'user.a', Buffer.from('1'), ignore), () => fs.removexattrSync('/d/f', 'user.a')],
  ] as const) {
    for (const question of ['/d/f', '/d/m', '/d']) {
      fs.statSync('/d/f')
      const before = held(change)
      const look = begun(() => fs.lstat(question, ignore))
      look?.arrive()
      all(before)
      look?.land()
      t.is(text(fs, question), text(bare, question), `${before.op} ${look?.op} ${question}`)
      undo()
    }
  }
})
const text = (fs: PlyFs, path: string): string => {
  try {
    return JSON.stringify({ ...fs.lstatSync(path), atimeMs: 0, atime: 0 })
  } catch (error) {
    return String((error as { code?: string }).code)
  }
}

test('two names of a file, of which the cache knows none: one goes while the other is looked up', (t) => {
  const { fs, bare, held, all } = setUp()
  fs.mkdirSync('/d')
  bare.writeFileSync('/d/f', '')
  bare.linkSync('/d/f', '/d/g')
  fs.existsSync('/d/none')
  const look = held(() => fs.stat('/d/f', ignore))
  const removal = held(() => fs.unlink('/d/g', ignore))
  look.arrive()
  all(removal)
  look.land()
  t.is(fs.statSync('/d/f').nlink, 1)
})
test('a file of which only one name was made here loses it while another is looked up', (t) => {
  for (const lose of [
    (fs: PlyFs) => fs.unlink('/d/g', ignore),
    (fs: PlyFs) => fs.rename('/d/g', '/d/none', ignore),
    (fs: PlyFs) => fs.rename('/d/x', '/d/g', ignore),
    (fs: PlyFs) => {
      fs.statSync('/d/x')
      fs.rename('/d/x', '/d/g', ignore)
    },
    (fs: PlyFs) => fs.link('/d/g', '/d/none', ignore),
  ]) {
    const { fs, bare, held, all } = setUp()
    fs.mkdirSync('/d')
    fs.existsSync('/d/none')
    for (const name of ['/d/g', '/d/x']) fs.writeFileSync(name, '')
    bare.utimesSync('/d/g', 1, 1)
    bare.linkSync('/d/g', '/d/f')
    const look = held(() => fs.stat('/d/f', ignore))
    look.arrive()
    const change = held(() => lose(fs))
    all(change)
    look.land()
    t.is(text(fs, '/d/f'), text(bare, '/d/f'), change.op)
  }
})
test('a name that was not there, when last looked for, is one more name of a file by the time that it is taken', (t) => {
  const { fs, bare, held } = setUp(memory() as PlyFs, [], { negativeTtlMs: 5 })
  fs.mkdirSync('/d')
  fs.existsSync('/d/none')
  for (const name of ['/d/g', '/d/x']) fs.writeFileSync(name, '')
  fs.statSync('/d/x')
  fs.existsSync('/d/to')
  bare.linkSync('/d/g', '/d/to')
  const end = performance.now() + 6
  while (performance.now() < end);
  const look = held(() => fs.stat('/d/g', ignore))
  look.arrive()
  fs.renameSync('/d/x', '/d/to')
  look.land()
  t.is(fs.statSync('/d/g').nlink, 1)
})
test('what changes, and is dropped for want of room, while it is looked up', (t) => {
  const small = () => setUp(memory() as PlyFs, [], { maxEntries: 4 })
  const name = small()
  name.fs.mkdirSync('/d')
  name.fs.existsSync('/d/none')
  const absent = name.held(() => name.fs.stat('/d/f', ignore))
  absent.arrive()
  for (const made of ['f', 'a', 'b', 'c', 'e']) name.fs.mkdirSync(`/d/${made}`)
  absent.land()
  t.true(name.fs.existsSync('/d/f'))

  const inode = small()
  for (const dir of ['/d', '/e']) inode.bare.mkdirSync(dir)
  inode.bare.writeFileSync('/d/f', '')
  inode.bare.linkSync('/d/f', '/e/h')
  inode.fs.statSync('/e/h')
  // Its other name is known to be looked for, and not what it is.
  t.throws(() => inode.fs.mkdirSync('/d/f'), { code: 'EEXIST' })
  const look = inode.held(() => inode.fs.stat('/d/f', ignore))
  look.arrive()
  inode.fs.chmodSync('/e/h', 0o600)
  inode.fs.existsSync('/e/none')
  t.is(inode.cache.stats().evictions, 1)
  look.land()
  t.is(inode.fs.statSync('/d/f').mode, inode.bare.statSync('/d/f').mode)
})
test('something changes that nobody can tell, while the first of all answers is under way', (t) => {
  const { fs, bare, held, all } = setUp()
  const look = held(() => fs.stat('/', ignore))
  look.arrive()
  all(held(() => fs.chmod('/', 0o700, ignore)))
  look.land()
  t.is(fs.statSync('/').mode, bare.statSync('/').mode)
})
const xattrOf = (fs: PlyFs, path: string): string => {
  try {
    return fs.getxattrSync(path, 'user.a').toString()
  } catch (error) {
    return String((error as { code?: string }).code)
  }
}
for (const [stackName, above] of Object.entries({
  cache: () => [],
  elision: () => [xattrElision({ ttlMs: 60_000 })],
})) {
  test(`a name leads to another file, or its directory is another, when a change of it arrives (${stackName})`, (t) => {
    const changes: Record<string, (fs: PlyFs) => void> = {
      chmod: (fs) => fs.chmod('/d/f', 0o600, ignore),
      truncate: (fs) => fs.truncate('/d/f', 9, ignore),
      setxattr: (fs) => fs.setxattr('/d/f', 'user.a', Buffer.from('new'), ignore),
      'open, truncating': (fs) => fs.open('/d/f', O_RDONLY | O_TRUNC, ignore),
      unlink: (fs) => fs.unlink('/d/f', ignore),
      rename: (fs) => fs.rename('/d/f', '/d/new', ignore),
      'rename onto': (fs) => fs.rename('/other', '/d/f', ignore),
      link: (fs) => fs.link('/d/f', '/d/new', ignore),
      'make beside': (fs) => fs.mkdir('/d/new', ignore),
      'create beside': (fs) => fs.open('/d/new', 'wx', ignore),
    }
    const meanwhiles: Record<string, readonly [string, string][]> = {
      'the file': [['/e/f', '/d/f']],
      'the directory': [
        ['/d', '/gone'],
        ['/e', '/d'],
      ],
    }
    const paths = ['/d/f', '/e/f', '/other', '/hard', '/d/new', '/e/new', '/gone', '/gone/f', '/gone/new', '/d', '/']
    const look = (fs: PlyFs): string => paths.map((at) => `${at} ${text(fs, at)} ${xattrOf(fs, at)}`).join('\n')
    for (const [what, change] of Object.entries(changes)) {
      for (const [which, renames] of Object.entries(meanwhiles)) {
        for (const isUnderWay of [false, true]) {
          const { fs, bare, held, all } = setUp(memory() as PlyFs, above())
          for (const dir of ['/d', '/e']) fs.mkdirSync(dir)
          for (const file of ['/d/f', '/e/f', '/other']) fs.writeFileSync(file, file)
          fs.linkSync('/e/f', '/hard')
          look(fs)
          const late = held(() => change(fs))
          const moves = renames.map((names) => {
            const move = held(() => fs.rename(...names, ignore))
            move.arrive()
            if (!isUnderWay) move.land()
            return move
          })
          look(fs)
          all(late)
          if (isUnderWay) for (const move of moves) move.land()
          t.is(look(fs), look(bare), `${what}, when ${which} is another${isUnderWay ? ' any moment' : ''}`)
        }
      }
    }
  })
}
test('a name leads to another file while it is opened: it is that file which is written', (t) => {
  const { fs, bare, held, all } = setUp()
  for (const name of ['/f', '/g']) fs.writeFileSync(name, 'x')
  for (const name of ['/f', '/g']) fs.statSync(name)
  let fd = -1
  const opening = held(() => {
    fs.open('/f', 'r+', (_error, opened) => {
      fd = opened
    })
  })
  all(held(() => fs.rename('/g', '/f', ignore)))
  opening.arrive()
  opening.land()
  return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    for (const words of ['aa', 'bbb']) {
      fs.statSync('/f')
      fs.writeSync(fd, words, 0)
      t.is(fs.statSync('/f').size, bare.statSync('/f').size)
    }
    fs.closeSync(fd)
  })
})
test('everything is forgotten beneath one of two directories while a file there gets a name in the other', (t) => {
  const { fs, bare, cache, held, all } = setUp()
  for (const dir of ['/a', '/b']) fs.mkdirSync(dir)
  fs.writeFileSync('/a/f', '')
  for (const name of ['/a/none', '/b/f']) fs.existsSync(name)
  const linking = held(() => fs.link('/a/f', '/b/f', ignore))
  cache.invalidate('/a')
  t.is(fs.statSync('/a/f').nlink, 1)
  all(linking)
  t.is(fs.statSync('/a/f').nlink, bare.statSync('/a/f').nlink)
})
test('a file gets a second name while it is looked up for the first time', (t) => {
  const { fs, bare, held, all } = setUp()
  fs.mkdirSync('/d')
  bare.writeFileSync('/d/f', '')
  fs.existsSync('/d/none')
  const look = held(() => fs.stat('/d/f', ignore))
  const linking = held(() => fs.link('/d/f', '/d/g', ignore))
  look.arrive()
  all(linking)
  look.land()
  t.is(fs.statSync('/d/f').nlink, 2)
})
test('a file is changed by one name while it is looked up by another', (t) => {
  const { fs, bare, held, all } = setUp()
  fs.writeFileSync('/f', '')
  fs.linkSync('/f', '/g')
  const look = () => {
    fs.statSync('/f')
    fs.statSync('/g')
  }
  for (const change of [
    () => fs.chmod('/f', 0o600, ignore),
    () => fs.truncate('/f', 7, ignore),
    () => fs.link('/f', '/h', ignore),
    () => fs.unlink('/h', ignore),
  ]) {
    look()
    fs.chmodSync('/f', 0o644)
    fs.existsSync('/f')
    const other = held(() => fs.stat('/g', ignore))
    other.arrive()
    all(held(change))
    other.land()
    t.deepEqual(
      [fs.statSync('/g').mode, fs.statSync('/g').size, fs.statSync('/g').nlink],
      [bare.statSync('/g').mode, bare.statSync('/g').size, bare.statSync('/g').nlink],
    )
  }
})
test('everything is forgotten while a change is under way', (t) => {
  const { fs, cache, held, all } = setUp()
  fs.mkdirSync('/d')
  fs.writeFileSync('/d/f', 'x')
  fs.statSync('/d/f')
  const removal = held(() => fs.unlink('/d/f', ignore))
  cache.invalidate()
  t.is(fs.statSync('/d/f').size, 1)
  all(removal)
  t.false(fs.existsSync('/d/f'))
})
test('two changes of one name: which of them was last is not known', (t) => {
  const { fs, held } = setUp()
  fs.mkdirSync('/d')
  fs.writeFileSync('/d/f', 'x')
  fs.statSync('/d/f')
  const removal = held(() => fs.unlink('/d/f', ignore))
  const making = held(() => fs.mkdir('/d/f', ignore))
  removal.arrive()
  making.arrive()
  making.land()
  removal.land()
  t.true(fs.existsSync('/d/f'))
  t.true(fs.statSync('/d/f').isDirectory())
})
test('a change that fails half-way, and one that fails for a bug below', (t) => {
  const { fs, bare, held } = setUp()
  fs.mkdirSync('/d')
  fs.writeFileSync('/d/f', 'x')
  fs.statSync('/d/f')
  fs.existsSync('/d/g')
  const move = held(() => fs.rename('/d/f', '/d/g', ignore))
  // What a network filesystem does when the reply is lost: it is done, and it failed.
  bare.renameSync('/d/f', '/d/g')
  move.arrive()
  move.land()
  t.false(fs.existsSync('/d/f'))
  t.is(fs.statSync('/d/g').size, 1)

  const bug = new Error('a bug below')
  const lower = exchangeOf(memory() as PlyFs)?.lower as Lower
  const broken = {
    ...lower.ops.unlink,
    sync: (req: Request<'unlink'>) => {
      lower.ops.unlink.sync(req)
      throw bug
    },
  }
  const ops = { ...lower.ops, unlink: broken }
  const made = compose(baseOf({ ...lower, native: undefined, ops }), [metadataCache({ ttlMs: 60_000 })])
  const other = nodeFace(made.exchange, made.mark, made.exchange.caller)
  other.writeFileSync('/f', '')
  t.true(other.existsSync('/f'))
  t.is(
    t.throws(() => other.unlinkSync('/f')),
    bug,
  )
  t.false(other.existsSync('/f'))
  other.writeFileSync('/f', 'xyz')
  t.is(other.statSync('/f').size, 3)
})
test('a file is opened for writing while it is looked up, and written when nobody asks', (t) => {
  const { fs, held, all } = setUp()
  fs.mkdirSync('/d')
  fs.existsSync('/d/none')
  let fd = -1
  const opening = held(() => {
    fs.open('/d/f', 'wx', (_error, opened) => {
      fd = opened
    })
  })
  opening.arrive()
  const look = held(() => fs.stat('/d/f', ignore))
  all(look)
  opening.land()
  return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    for (const words of ['a', 'bb', 'ccc']) {
      fs.writeSync(fd, words, 0)
      t.is(fs.statSync('/d/f').size, words.length)
    }
    fs.closeSync(fd)
    t.is(fs.statSync('/d/f').size, 3)
  })
})
test('a file gets another name while it is made', (t) => {
  const { fs, held } = setUp()
  fs.mkdirSync('/d')
  fs.existsSync('/d/none')
  let fd = -1
  const making = held(() => {
    fs.open('/d/f', 'wx', (_error, opened) => {
      fd = opened
    })
  })
  making.arrive()
  fs.linkSync('/d/f', '/d/h')
  t.is(fs.statSync('/d/h').size, 0)
  making.land()
  return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    fs.writeSync(fd, 'text')
    t.is(fs.statSync('/d/h').size, 4)
    fs.closeSync(fd)
  })
})
test('a name that was opened is seen to have been another file’s, which is being looked up', (t) => {
  for (const isWritten of [false, true]) {
    const { fs, bare, begun, held } = setUp()
    fs.mkdirSync('/d')
    for (const name of ['/f', '/other']) fs.writeFileSync(name, 'x')
    fs.statSync('/f')
    bare.renameSync('/other', '/f')
    bare.linkSync('/f', '/h')
    const fd = fs.openSync('/f', 'r+')
    // Nothing is kept of its name any longer.
    t.throws(() => fs.renameSync('/f', '/d'), { code: 'EISDIR' })
    const look = held(() => fs.stat('/h', ignore))
    look.arrive()
    t.is(fs.statSync('/f').nlink, 2)
    if (!isWritten) {
      fs.writeSync(fd, 'longer')
      t.is(fs.statSync('/f').size, 6)
    }
    fs.writeSync(fd, 'much longer', 0)
    fs.closeSync(fd)
    look.land()
    for (const path of ['/f', '/h']) t.is(fs.statSync(path).size, 11, path)
    t.is(
      begun(() => fs.stat('/f', ignore)),
      undefined,
      'it is kept again',
    )
  }
})
test('a file is written and closed while it is looked up', (t) => {
  const { fs, held } = setUp()
  fs.writeFileSync('/f', 'x')
  fs.statSync('/f')
  const fd = fs.openSync('/f', 'r+')
  const look = held(() => fs.stat('/f', ignore))
  look.arrive()
  fs.writeSync(fd, 'longer')
  fs.closeSync(fd)
  look.land()
  t.is(fs.statSync('/f').size, 6)
})
test('descriptors that this stack did not open', (t) => {
  const { fs, bare } = setUp()
  fs.writeFileSync('/f', 'x')
  fs.statSync('/f')
  const fd = bare.openSync('/f', 'r+')
  fs.writeSync(fd, 'longer')
  t.is(fs.statSync('/f').size, 6)
  fs.ftruncateSync(fd, 3)
  t.is(fs.statSync('/f').size, 3)
  fs.fchmodSync(fd, 0o600)
  t.is(fs.statSync('/f').mode & 0o777, 0o600)
  bare.closeSync(fd)
})
test('a file is made while an open of it, which must follow no link, fails', (t) => {
  const { fs, held, all } = setUp()
  fs.mkdirSync('/d')
  fs.existsSync('/d/none')
  const opening = held(() => fs.open('/d/f', O_RDONLY | O_NOFOLLOW, ignore))
  opening.arrive()
  all(held(() => fs.mkdir('/d/f', ignore)))
  opening.land()
  t.true(fs.existsSync('/d/f'))
})
test('a name leads to another file while it is opened: it is the first that is read', (t) => {
  const { fs, bare, held, all } = setUp()
  fs.mkdirSync('/d')
  for (const name of ['f', 'g']) fs.writeFileSync(`/d/${name}`, name)
  fs.linkSync('/d/f', '/d/h')
  const names = ['f', 'g', 'h'] as const
  for (const name of names) fs.statSync(`/d/${name}`)
  let fd = -1
  const opening = held(() => {
    fs.open('/d/f', (_error, opened) => {
      fd = opened
    })
  })
  opening.arrive()
  all(held(() => fs.rename('/d/g', '/d/f', ignore)))
  opening.land()
  return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    fs.statSync('/d/h')
    fs.readSync(fd, Buffer.alloc(1))
    t.is(fs.statSync('/d/h').atimeMs, bare.statSync('/d/h').atimeMs)
    fs.closeSync(fd)
    t.is(fs.statSync('/d/h').atimeMs, bare.statSync('/d/h').atimeMs)
    t.is(fs.statSync('/d/f').atimeMs, bare.statSync('/d/f').atimeMs)
  })
})
test('a directory is listed while it is looked up', (t) => {
  // memfs moves access times of directories when they are listed.
  const { fs, bare, held } = setUp(memfs().fs as unknown as PlyFs)
  fs.mkdirSync('/d')
  const moved = (): void => bare.utimesSync('/d', Date.now() / 1000, 1)
  fs.existsSync('/d/none')
  fs.utimesSync('/d', 2, 2)
  const look = held(() => fs.stat('/d', ignore))
  look.arrive()
  const listing = held(() => fs.readdir('/d', ignore))
  moved()
  listing.arrive()
  listing.land()
  look.land()
  t.is(fs.statSync('/d').atimeMs, bare.statSync('/d').atimeMs)
})
test('a file is read by a name that nobody knows while it is looked up', (t) => {
  const { fs, bare, held } = setUp()
  fs.writeFileSync('/f', 'x')
  fs.existsSync('/none')
  const look = held(() => fs.stat('/f', ignore))
  look.arrive()
  const end = Date.now() + 3
  while (Date.now() < end);
  fs.readFileSync('/./f')
  look.land()
  t.is(fs.statSync('/f').atimeMs, bare.statSync('/f').atimeMs)
})
test('what was taken for one file was another: what is known of the first is kept again', (t) => {
  const { fs, bare, cache, begun } = setUp()
  fs.writeFileSync('/f', 'x')
  fs.linkSync('/f', '/h')
  for (const flags of ['r', 'r+']) {
    for (const name of ['/f', '/h']) fs.statSync(name)
    bare.unlinkSync('/f')
    bare.writeFileSync('/f', 'another')
    const fd = fs.openSync('/f', flags)
    cache.invalidate('/f')
    t.is(fs.statSync('/f').size, 7)
    fs.statSync('/h')
    const again = begun(() => fs.stat('/h', ignore))
    t.is(again, undefined, flags)
    if (flags === 'r+') {
      fs.writeSync(fd, 'much longer')
      t.is(fs.statSync('/f').size, 11)
    }
    fs.closeSync(fd)
    bare.unlinkSync('/f')
    bare.linkSync('/h', '/f')
    cache.invalidate()
  }
})
