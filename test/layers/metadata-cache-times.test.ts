// Access times: whatever reads a file, and by whichever door, what stat says afterwards is what the lower says.
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import test, { type ExecutionContext } from 'ava'
import { memfs } from 'memfs'
import { metadataCache, passthrough, requestCount, sandbox } from '../../layers/index.js'
import type { Exchange } from '../../lib/exchange.js'
import { exchangeOf, nodeFace } from '../../lib/face/node-fs.js'
import { type Layer, type PlyFs, stack, withCaller } from '../../lib/index.js'
import { accessTimesOf } from '../../lib/lower/host/access-times.js'
import { host, memory } from '../../lib/lower/index.js'
import { compose } from '../../lib/stack.js'
import { baseOf } from './harness.js'

const LONG = { ttlMs: 60_000 }
const grounds: Record<string, () => { bare: PlyFs; root: string; remove: () => void }> = {
  memory: () => {
    const bare = memory() as PlyFs
    bare.mkdirSync('/one')
    return { bare, root: '/one', remove: () => undefined }
  },
  // It moves access times at every reading, and says so by saying nothing.
  memfs: () => {
    const bare = memfs().fs as unknown as PlyFs
    bare.mkdirSync('/one')
    return { bare, root: '/one', remove: () => undefined }
  },
  host: () => {
    const root = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-')))
    return { bare: host() as PlyFs, root, remove: () => nodeFs.rmSync(root, { recursive: true }) }
  },
}

/** Each reads the file `f`, lists the directory `d`, or goes through the link `l` to `f`. */
const doors: Record<string, (fs: PlyFs, at: (name: string) => string) => unknown> = {
  readFileSync: (fs, at) => fs.readFileSync(at('f')),
  'readFile by promise': (fs, at) => fs.promises.readFile(at('f')),
  'another spelling': (fs, at) => fs.readFileSync(at('./f')),
  'another name': (fs, at) => fs.readFileSync(at('hard')),
  'a link': (fs, at) => fs.readFileSync(at('l')),
  'a link to its directory': (fs, at) => fs.readFileSync(at('here/f')),
  'read, while open': (fs, at) => {
    const fd = fs.openSync(at('f'), 'r')
    fs.statSync(at('f'))
    fs.readSync(fd, Buffer.alloc(4))
    fs.statSync(at('f'))
    fs.closeSync(fd)
  },
  'read, known late': (fs, at) => {
    const fd = fs.openSync(at('./f'), 'r')
    fs.readSync(fd, Buffer.alloc(4))
    fs.fstatSync(fd)
    fs.closeSync(fd)
  },
  readv: (fs, at) => {
    const fd = fs.openSync(at('f'), 'r')
    fs.readvSync(fd, [Buffer.alloc(2), Buffer.alloc(2)])
    fs.closeSync(fd)
  },
  'open for both': (fs, at) => {
    const fd = fs.openSync(at('f'), 'r+')
    fs.readSync(fd, Buffer.alloc(4))
    fs.closeSync(fd)
  },
  'a stream': (fs, at) => finished(fs.createReadStream(at('f')).resume()),
  FileHandle: async (fs, at) => {
    const handle = await fs.promises.open(at('f'))
    await handle.read(Buffer.alloc(4))
    await fs.promises.stat(at('f'))
    await handle.readFile()
    await handle.close()
  },
  copyFile: (fs, at) => fs.copyFileSync(at('f'), at('copy')),
  cp: (fs, at) => fs.cpSync(at('f'), at('copied')),
  readdir: (fs, at) => fs.readdirSync(at('d')),
  'readdir by promise': (fs, at) => fs.promises.readdir(at('d')),
  'readdir, recursive': (fs, at) => fs.readdirSync(at(''), { recursive: true }),
  'readdir through a link': (fs, at) => fs.readdirSync(at('here/d')),
  opendir: async (fs, at) => {
    for await (const entry of await fs.promises.opendir(at('d'))) entry.isFile()
  },
  'readlink of the link': (fs, at) => fs.readlinkSync(at('l')),
  'stat through the link': (fs, at) => fs.statSync(at('l')),
  realpath: (fs, at) => fs.realpathSync(at('here/l')),
  'another caller': (fs, at) => {
    const other = withCaller(fs, { uid: 12345, gid: 12345 })
    other.readFileSync(at('f'))
    other.readdirSync(at('d'))
  },
}

const prepare = (bare: PlyFs, root: string): void => {
  bare.writeFileSync(join(root, 'f'), 'text')
  bare.linkSync(join(root, 'f'), join(root, 'hard'))
  bare.symlinkSync('f', join(root, 'l'))
  bare.symlinkSync('.', join(root, 'here'))
  bare.mkdirSync(join(root, 'd'))
  bare.writeFileSync(join(root, 'd/x'), '')
  bare.chmodSync(root, 0o755)
}
const text = (stats: nodeFs.Stats | nodeFs.BigIntStats): string =>
  Object.entries(stats)
    .map(([field, value]) => `${field} ${value instanceof Date ? value.getTime() : value}`)
    .sort()
    .join()
const agree = (t: ExecutionContext, fs: PlyFs, bare: PlyFs, root: string, when: string): void => {
  // memfs moves the times of every directory and link that a path leads through, whoever asks.
  const names = '__vol' in bare ? ['f', 'hard'] : ['f', 'l', 'd', 'hard', 'here', '']
  for (const name of names) {
    const path = join(root, name)
    t.is(text(fs.lstatSync(path)), text(bare.lstatSync(path)), `${when}: lstat of ${name}`)
    const precise = { bigint: true } as const
    t.is(text(fs.statSync(path, precise)), text(bare.statSync(path, precise)), `${when}: stat of ${name}`)
  }
}
const stacks: Record<string, (root: string) => Layer[]> = {
  cache: () => [metadataCache(LONG)],
  'cache, passing reads through': (root) => [sandbox({ root }), passthrough(), metadataCache(LONG)],
}

for (const [ground, make] of Object.entries(grounds)) {
  for (const [kind, layers] of Object.entries(stacks)) {
    test.serial(`after every reading, over ${ground} (${kind})`, async (t) => {
      for (const [door, read] of Object.entries(doors)) {
        if (ground === 'memfs' && door === 'another caller') continue
        const { bare, root, remove } = make()
        prepare(bare, root)
        const fs = stack(bare, layers(root))
        const at = (name: string): string => `${root}/${name}`
        // Fresh files; then such as were read since they changed; then those whose last reading is long ago; then changed.
        const ages: Record<string, () => void> = {
          fresh: () => undefined,
          'read before': () => undefined,
          old: () => {
            for (const name of ['f', 'd']) fs.utimesSync(at(name), 1000, 500)
          },
          'old, but read': () => undefined,
          ahead: () => {
            const now = Date.now() / 1000
            for (const name of ['f', 'd']) fs.utimesSync(at(name), now + 10, now + 20)
          },
          changed: () => {
            fs.appendFileSync(at('f'), 'more')
            fs.writeFileSync(at('d/y'), '')
          },
        }
        for (const [age, set] of Object.entries(ages)) {
          set()
          for (const name of ['f', 'l', 'd', 'hard', '']) {
            fs.lstatSync(at(name))
            fs.statSync(at(name), { bigint: true })
          }
          await read(fs, at)
          agree(t, fs, bare, root, `${door}, ${age}`)
        }
        remove()
      }
    })
  }
}

for (const ground of ['memory', 'host'] as const) {
  test(`a file that was read since it changed is not asked about when it is read again, over ${ground}`, (t) => {
    const { bare, root, remove } = (grounds[ground] as () => { bare: PlyFs; root: string; remove: () => void })()
    prepare(bare, root)
    const below = requestCount()
    const fs = stack(bare, [metadataCache(LONG), below])
    const f = join(root, 'f')
    const resolve = (): void => {
      fs.statSync(f)
      fs.readFileSync(f)
      fs.statSync(f)
      fs.readdirSync(join(root, 'd'))
      fs.statSync(join(root, 'd'))
    }
    // Its access time is a moment later than its last change.
    const end = Date.now() + 20
    while (Date.now() < end);
    const rule = ground === 'memory' ? 'relatime' : ruleHere(root)
    resolve()
    resolve()
    below.reset()
    for (let k = 0; k < 5; k++) resolve()
    const { getattr = 0, lookup = 0, readdir = 0 } = below.counts()
    if (rule === 'always') t.true(getattr + lookup > 0)
    else t.deepEqual([getattr, lookup, readdir], [0, 0, 0])
    remove()
  })
}
const ruleHere = (path: string) => {
  const { dev, mode } = nodeFs.statSync(path)
  const rules = accessTimesOf(nodeFs.readFileSync('/proc/self/mountinfo', 'utf8'))
  return (mode & 0o170000) === 0o040000 ? (rules.get(dev) ?? 'always') : 'always'
}

test('reads of files that nobody knows cost no more than one request, and that only where it matters', (t) => {
  const bare = memory() as PlyFs
  for (const name of ['a', 'b', 'c']) bare.writeFileSync(`/${name}`, 'text')
  const below = requestCount()
  const fs = stack(bare, [metadataCache(LONG), below])
  fs.readFileSync('/./a')
  t.is(below.counts().getattr ?? 0, 0)
  // Its access time would move.
  fs.statSync('/b')
  below.reset()
  fs.readFileSync('/./a')
  t.is(below.counts().getattr, 1)
  // It was closed: nobody reads it any more.
  fs.utimesSync('/a', 1, 2)
  fs.statSync('/a')
  below.reset()
  fs.statSync('/a')
  t.deepEqual([below.counts().lookup ?? 0, below.counts().getattr ?? 0], [0, 0])
  t.is(fs.statSync('/b').size, 4)
  t.is(below.counts().lookup ?? 0, 0)
  below.reset()
  fs.readFileSync('/b')
  t.is(below.counts().getattr ?? 0, 0)
})

test('while it is open for reading, and where inode numbers say nothing', (t) => {
  for (const stableInodes of [true, false]) {
    const bare = memory() as PlyFs
    prepare(bare, '/')
    const { lower } = exchangeOf(bare) as Exchange
    const capabilities = { ...lower.capabilities, stableInodes }
    const { exchange, mark } = compose(baseOf({ ...lower, capabilities }), [metadataCache(LONG)])
    const fs = nodeFace(exchange, mark, exchange.caller)
    for (const path of ['/f', '/./f', '/hard', '/here/f']) {
      fs.utimesSync('/f', 1, 2)
      fs.statSync('/f')
      const fd = fs.openSync(path, 'r')
      agree(t, fs, bare, '/', `${path}, open`)
      fs.readSync(fd, Buffer.alloc(1))
      agree(t, fs, bare, '/', `${path}, read`)
      fs.utimesSync('/f', 1, 2)
      fs.statSync('/f')
      fs.readSync(fd, Buffer.alloc(1))
      fs.closeSync(fd)
      agree(t, fs, bare, '/', `${path}, closed`)
    }
  }
})

test.serial('an access time becomes a day old while it is kept', (t) => {
  const bare = memory() as PlyFs
  const now = Date.now
  // It has 30 ms to go, less the second by which relatime counts.
  const read = now() - 86_399_000 + 30
  try {
    Date.now = () => read - 1000
    bare.writeFileSync('/f', 'text')
    Date.now = () => read
    bare.readFileSync('/f')
    Date.now = now
    const fs = stack(bare, [metadataCache(LONG)])
    t.is(Math.round(fs.statSync('/f').atimeMs), read)
    const end = performance.now() + 40
    while (performance.now() < end);
    Date.now = () => now() + 2000
    fs.readFileSync('/f')
    t.not(Math.round(bare.statSync('/f').atimeMs), read)
    t.is(fs.statSync('/f').atimeMs, bare.statSync('/f').atimeMs)
  } finally {
    Date.now = now
  }
})

test('the host’s rules, from its mounts', (t) => {
  const rules = accessTimesOf(
    [
      '22 27 0:21 / /proc rw,relatime - proc proc rw',
      '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard',
      '28 27 8:1 / /data rw,noatime shared:1 - xfs /dev/sda1 rw',
      '29 27 8:2 / /strict rw - ext4 /dev/sda2 rw',
      '30 27 0:40 / /net rw,noatime - nfs4 server:/ rw',
      '31 27 8:3 / /once rw,noatime - ext4 /dev/sda3 rw',
      '32 27 8:3 / /twice rw,relatime master:1 propagate_from:2 - ext4 /dev/sda3 rw',
      '33 27 7:0 / /image ro,relatime - squashfs /dev/loop0 ro',
      '34 27 259:300 / /big rw,relatime - ext4 /dev/nvme9 rw',
      '35 27 8:4 / /frozen rw,relatime - ext4 /dev/sda4 ro',
      '',
    ].join('\n'),
  )
  const dev = (major: number, minor: number): number => major * 256 + (minor & 0xff) + (minor >> 8) * 2 ** 20
  t.is(rules.get(dev(254, 0)), 'relatime')
  t.is(rules.get(dev(8, 1)), 'never')
  t.is(rules.get(dev(8, 2)), 'always')
  t.is(rules.get(dev(0, 40)), 'always')
  t.is(rules.get(dev(8, 3)), 'relatime')
  t.is(rules.get(dev(7, 0)), 'never')
  t.is(rules.get(dev(259, 300)), 'relatime')
  t.is(rules.get(dev(8, 4)), 'never')
  t.is(rules.get(dev(0, 21)), 'always')
})
