/** What programs see of a mount: files of the kernel's own, with all five layers and with none, and files in memory. */
import { execFileSync, spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { type Mount, mount } from '../../lib/fuse/index.js'
import { mountAt } from '../../lib/fuse/mountinfo.js'
import {
  FIVE,
  freshPlace,
  inMount,
  type MakeSource,
  needsFuse,
  obstacle,
  type Place,
  python,
  removePlace,
  sh,
} from './support.js'

const sources: readonly (readonly [string, MakeSource])[] = [
  ['memory', () => ({ lower: { memory: {} } })],
  ['rooted', ({ back }) => ({ lower: { rooted: back } })],
  ['rooted, five layers', ({ back }) => ({ lower: { rooted: back }, layers: FIVE })],
  ['memory, five layers', () => ({ lower: { memory: {} }, layers: FIVE })],
]
// A mount takes longer than most tests: one for each source, and a directory in it for each test.
const mounts = new Map<string, { readonly mounted: Mount; readonly at: Place }>()
test.before(async () => {
  if (obstacle !== undefined) return
  for (const [name, source] of sources) {
    const at = freshPlace()
    mounts.set(name, { mounted: await mount(source(at), at.mnt), at })
  }
})
test.after.always(async () => {
  for (const { mounted, at } of mounts.values()) {
    await mounted.unmount()
    removePlace(at)
  }
})
let directories = 0
const everywhere = (title: string, body: (t: ExecutionContext, mnt: string) => void | Promise<void>) => {
  for (const [name] of sources) {
    needsFuse(`${name}: ${title}`, async (t) => {
      const mnt = join(mounts.get(name)?.at.mnt as string, String(directories++))
      fs.mkdirSync(mnt)
      await body(t, mnt)
    })
  }
}

everywhere('files, directories, links, times', (t, mnt) => {
  const at = (name: string): string => join(mnt, name)
  fs.writeFileSync(at('a'), 'hello')
  fs.appendFileSync(at('a'), ' world')
  t.is(fs.readFileSync(at('a'), 'utf8'), 'hello world')
  fs.truncateSync(at('a'), 5)
  t.is(fs.readFileSync(at('a'), 'utf8'), 'hello')
  fs.mkdirSync(at('d/e/f'), { recursive: true })
  fs.renameSync(at('a'), at('d/e/f/a'))
  fs.renameSync(at('d'), at('z'))
  t.is(fs.readFileSync(at('z/e/f/a'), 'utf8'), 'hello')
  fs.linkSync(at('z/e/f/a'), at('b'))
  t.is(fs.statSync(at('b')).ino, fs.statSync(at('z/e/f/a')).ino)
  t.is(fs.statSync(at('b')).nlink, 2)
  fs.rmSync(at('b'))
  t.is(fs.statSync(at('z/e/f/a')).nlink, 1)
  fs.symlinkSync('z/e', at('s'))
  t.is(fs.readlinkSync(at('s')), 'z/e')
  t.deepEqual(fs.readdirSync(at('s')), ['f'])
  fs.utimesSync(at('z'), 1.5, 1234.25)
  t.is(fs.statSync(at('z'), { bigint: true }).mtimeNs, 1_234_250_000_000n)
  fs.chmodSync(at('z/e/f/a'), 0o600)
  t.is(fs.statSync(at('z/e/f/a')).mode & 0o7777, 0o600)
  fs.chownSync(at('z/e/f/a'), 12, 34)
  t.is(fs.statSync(at('z/e/f/a')).gid, 34)
  t.throws(() => fs.rmdirSync(at('z')), { code: 'ENOTEMPTY' })
  t.throws(() => fs.readFileSync(at('none')), { code: 'ENOENT' })
  t.throws(() => fs.mkdirSync(at('z')), { code: 'EEXIST' })
  fs.rmSync(at('z'), { recursive: true })
  t.deepEqual(fs.readdirSync(mnt), ['s'])
  t.true(fs.statfsSync(mnt).bsize > 0)
})

everywhere('a file that is open lives on after its name is gone', (t, mnt) => {
  const fd = fs.openSync(join(mnt, 'file'), 'w+')
  fs.writeSync(fd, 'abc')
  fs.unlinkSync(join(mnt, 'file'))
  t.is(fs.fstatSync(fd).nlink, 0)
  fs.writeSync(fd, 'def')
  const bytes = Buffer.alloc(10)
  t.is(fs.readSync(fd, bytes, 0, 10, 0), 6)
  fs.ftruncateSync(fd, 2)
  fs.fchmodSync(fd, 0o640)
  t.like(fs.fstatSync(fd), { size: 2, mode: 0o100640 })
  fs.closeSync(fd)
  t.deepEqual(fs.readdirSync(mnt), [])
})

everywhere('names that are no UTF-8', (t, mnt) => {
  const name = Buffer.concat([Buffer.from(`${mnt}/x`), Buffer.from([0xff, 0xfe]), Buffer.from('é')])
  fs.writeFileSync(name, 'raw')
  t.is(fs.readFileSync(name, 'utf8'), 'raw')
  const [entry] = fs.readdirSync(mnt, { encoding: 'buffer' })
  t.deepEqual(Buffer.concat([Buffer.from(`${mnt}/`), entry as Buffer]), name)
  fs.unlinkSync(name)
})

everywhere('a listing is whole, however long', (t, mnt) => {
  const names = Array.from({ length: 1000 }, (_, k) => `a-rather-long-name-${k}`)
  for (const name of names) fs.writeFileSync(join(mnt, name), '')
  t.deepEqual(fs.readdirSync(mnt).sort(), [...names].sort())
  const dir = fs.opendirSync(mnt)
  let seen = 0
  // Removing while reading skips nothing that is still there.
  for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) {
    fs.unlinkSync(join(mnt, entry.name))
    seen++
  }
  dir.closeSync()
  t.is(seen, 1000)
  t.deepEqual(fs.readdirSync(mnt), [])
})

everywhere('a rename over an existing file is never seen as nothing', async (t, mnt) => {
  const target = join(mnt, 'target')
  fs.writeFileSync(target, '0')
  const script = `
import os
for k in range(300):
  with open('${mnt}/tmp', 'w') as file: file.write(str(k))
  os.rename('${mnt}/tmp', '${target}')`
  const writer = spawn(python(), ['-c', script], { cwd: '/' })
  let running = true
  const ended = new Promise<void>((resolve) => {
    writer.on('exit', () => {
      running = false
      resolve()
    })
  })
  let reads = 0
  while (running) {
    t.regex(fs.readFileSync(target, 'utf8'), /^\d+$/)
    reads++
    if (reads % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await ended
  t.is(fs.readFileSync(target, 'utf8'), '299')
})

everywhere('flock waits, and is woken', async (t, mnt) => {
  const out = await sh(
    `(flock 9; echo first; touch held; sleep 0.1; echo done) 9>lock &
     until [ -e held ]; do sleep 0.01; done; flock lock echo second; wait`,
    mnt,
  )
  t.deepEqual(out.split('\n').filter(Boolean), ['first', 'done', 'second'])
})

everywhere('extended attributes, fallocate, holes', async (t, mnt) => {
  const script = `
import os
os.chdir(${JSON.stringify(mnt)})
fd = os.open('f', os.O_RDWR | os.O_CREAT, 0o644)
os.setxattr('f', 'user.one', b'1')
assert os.getxattr('f', 'user.one') == b'1'
assert 'user.one' in os.listxattr('f')
try:
  os.getxattr('f', 'user.none'); assert False
except OSError as e: assert e.errno == 61, e
os.removexattr('f', 'user.one')
os.posix_fallocate(fd, 0, 8192)
assert os.fstat(fd).st_size == 8192
os.pwrite(fd, b'x', 1 << 20)
assert os.lseek(fd, 0, os.SEEK_DATA) >= 0
assert os.lseek(fd, 1 << 20, os.SEEK_HOLE) == (1 << 20) + 1
os.close(fd)
print('ok')`
  t.is((await sh(`${python()} -c '${script.replaceAll("'", "'\\''")}'`)).trim(), 'ok')
})

everywhere('who makes a file owns it, and who may not does not', async (t, mnt) => {
  fs.chmodSync(mnt, 0o755)
  fs.mkdirSync(join(mnt, 'open'))
  fs.chmodSync(join(mnt, 'open'), 0o777)
  fs.writeFileSync(join(mnt, 'secret'), 'x', { mode: 0o600 })
  const as = (script: string) =>
    execFileSync('/bin/sh', ['-c', script], { uid: 4321, gid: 4321, cwd: '/', stdio: 'pipe' }).toString()
  // The temporary directory around the mount is for its owner alone.
  for (let dir = mnt; dir !== '/'; dir = join(dir, '..')) fs.chmodSync(dir, fs.statSync(dir).mode | 0o055)
  as(`umask 022; echo mine > ${mnt}/open/file; mkdir ${mnt}/open/dir; ln -s x ${mnt}/open/link`)
  for (const name of ['file', 'dir', 'link']) t.like(fs.lstatSync(join(mnt, 'open', name)), { uid: 4321, gid: 4321 })
  t.is(fs.statSync(join(mnt, 'open/file')).mode & 0o777, 0o644)
  t.throws(() => as(`cat ${mnt}/secret`))
  t.throws(() => as(`echo x > ${mnt}/secret`))
  t.throws(() => as(`touch ${mnt}/new`))
  t.throws(() => as(`chmod 777 ${mnt}/secret`))
  fs.chmodSync(join(mnt, 'open/file'), 0o6777)
  as(`echo more >> ${mnt}/open/file`)
  t.is(fs.statSync(join(mnt, 'open/file')).mode & 0o7777, 0o4777 & 0o777)
})

everywhere('git, tar, a database', async (t, mnt) => {
  const repository = join(import.meta.dirname, '../../layers')
  await sh(`mkdir src; tar -C ${repository} -cf - . | tar -xf - -C src; diff -r ${repository} src`, mnt)
  const git = 'git -c user.email=a@example.org -c user.name=a -c init.defaultBranch=main'
  await sh(`cd src; ${git} init -q; ${git} add -A; ${git} commit -qm one; mv passthrough.ts moved.ts`, mnt)
  const status = await sh('cd src; git status --short', mnt)
  t.deepEqual(status.split('\n').filter(Boolean).sort(), [' D passthrough.ts', '?? moved.ts'])
  await sh('rm -rf src', mnt)
  t.deepEqual(fs.readdirSync(mnt), [])
})

const [major = 0, minor = 0] = release().split('.').map(Number)
const kernelPasses = major > 6 || (major === 6 && minor >= 9)

inMount(
  'reads and writes of passed files do not come up, and one backing id serves all',
  ({ back }) => ({ lower: { rooted: back }, layers: FIVE }),
  async (t, mounted, { back, mnt }) => {
    const { knobs } = mounted.plan
    t.true(knobs.passthrough)
    const path = join(mnt, 'file')
    const one = fs.openSync(path, 'w+')
    const two = fs.openSync(path, 'r')
    fs.writeSync(one, Buffer.alloc(1 << 20, 'x'))
    const bytes = Buffer.alloc(1 << 20)
    t.is(fs.readSync(two, bytes, 0, bytes.length, 0), 1 << 20)
    t.is(fs.readFileSync(join(back, 'file')).length, 1 << 20)
    t.is(fs.fstatSync(two).size, 1 << 20)
    fs.closeSync(one)
    fs.closeSync(two)
    fs.readFileSync(path)
    const { requests, passedThrough } = await mounted.stats()
    if (!kernelPasses) return t.log('this kernel has no passthrough (Linux 6.9)')
    t.is(passedThrough, 3)
    t.is(requests.read, undefined)
    t.is(requests.write, undefined)
  },
)

/** What the lower has, long enough for the time of its change to tell it from what it was before. */
const settled = (): Promise<void> => setTimeout(2100)

inMount(
  'a small file that is read again is kept as pages, as long as it is the same',
  async ({ back }) => {
    fs.writeFileSync(join(back, 'small'), 'one')
    fs.writeFileSync(join(back, 'large'), Buffer.alloc((128 << 10) + 1))
    fs.writeFileSync(join(back, 'written'), 'one')
    await settled()
    return { lower: { rooted: back }, layers: FIVE }
  },
  async (t, mounted, { back, mnt }) => {
    if (!kernelPasses) return t.log('this kernel has no passthrough (Linux 6.9)')
    const read = (name: string): string => fs.readFileSync(join(mnt, name), 'latin1')
    /** READs, and requests for attributes, that `act` made. */
    const counted = async (act: () => void): Promise<(number | undefined)[]> => {
      const { requests: before } = await mounted.stats()
      act()
      const { requests: after } = await mounted.stats()
      return [(after.read ?? 0) - (before.read ?? 0), (after.getattr ?? 0) - (before.getattr ?? 0)]
    }
    const small = (): void => {
      t.is(read('small'), content)
    }
    let content = 'one'
    const rewrite = (dir: string, text: string): void => {
      content = text
      fs.writeFileSync(join(dir, 'small'), text)
    }
    t.deepEqual((await counted(small))[0], 0, 'passed')
    await settled()
    t.deepEqual((await counted(small))[0], 0, 'read again: given without being asked for')
    t.deepEqual(await counted(small), [0, 0], 'kept')
    // For the kernel its attributes are those that it was told, for a minute.
    rewrite(back, 'two')
    t.deepEqual((await counted(small))[0], 1, 'changed by others')
    rewrite(back, 'six')
    t.deepEqual((await counted(small))[0], 1, 'and once more, perhaps at the same time')
    await settled()
    t.deepEqual((await counted(small))[0], 1, 'which could be what was read last')
    t.deepEqual((await counted(small))[0], 0)
    rewrite(mnt, 'ten')
    t.deepEqual((await counted(small))[0], 0, 'passed, as if it had not been read')
    const large = (): void => {
      t.is(read('large').length, (128 << 10) + 1)
    }
    const written = (): void => {
      const fd = fs.openSync(join(mnt, 'written'), 'r+')
      t.is(fs.readFileSync(fd, 'latin1'), 'one')
      fs.closeSync(fd)
    }
    for (const act of [large, large, large, written, written, written]) t.is((await counted(act))[0], 0)
  },
)

inMount(
  'where nothing is kept, no file is',
  ({ back }) => {
    fs.writeFileSync(join(back, 'small'), 'one')
    return { lower: { rooted: back }, layers: [{ passthrough: {} }] }
  },
  async (t, mounted, { mnt }) => {
    if (!kernelPasses) return t.log('this kernel has no passthrough (Linux 6.9)')
    for (let k = 0; k < 3; k++) t.is(fs.readFileSync(join(mnt, 'small'), 'latin1'), 'one')
    const { requests, passedThrough } = await mounted.stats()
    t.is(requests.read, undefined)
    t.is(passedThrough, 3)
  },
)

inMount(
  'what has been seen once does not come up again',
  ({ back }) => {
    for (let k = 0; k < 50; k++) fs.writeFileSync(join(back, `f${k}`), 'x')
    return { lower: { rooted: back }, layers: FIVE }
  },
  async (t, mounted, { mnt }) => {
    await sh('ls -l; ls -l; ls -l; stat f* > /dev/null; stat none || true; stat none || true', mnt)
    const { requests } = await mounted.stats()
    // A listing brought the attributes of all of them; the absence of a name was told once.
    t.true((requests.lookup ?? 0) <= 4, JSON.stringify(requests))
    t.true((requests.getattr ?? 0) <= 4, JSON.stringify(requests))
    t.true((requests.readdirplus ?? 0) <= 4, JSON.stringify(requests))
  },
)

inMount(
  'a sandbox above the files confines who looks in',
  ({ back }) => {
    fs.writeFileSync(join(back, 'open'), 'open')
    fs.writeFileSync(join(back, '.env'), 'secret')
    const rules = [
      { allow: ['*'], paths: ['/**'] },
      { deny: ['*'], paths: ['**/.env'] },
    ]
    return { lower: { rooted: back }, layers: [{ sandbox: { rules } }, { metadataCache: {} }] }
  },
  (t, _mounted, { mnt }) => {
    t.is(fs.readFileSync(join(mnt, 'open'), 'utf8'), 'open')
    t.throws(() => fs.readFileSync(join(mnt, '.env')), { code: 'EACCES' })
    t.throws(() => fs.renameSync(join(mnt, '.env'), join(mnt, 'env')), { code: 'EACCES' })
  },
)

inMount(
  'a mount over its own backing directory is served',
  ({ mnt }) => {
    fs.writeFileSync(join(mnt, 'below'), 'below')
    return { lower: { rooted: mnt } }
  },
  (t, _mounted, { mnt }) => {
    t.is(fs.readFileSync(join(mnt, 'below'), 'utf8'), 'below')
    fs.writeFileSync(join(mnt, 'new'), 'new')
    t.deepEqual(fs.readdirSync(mnt).sort(), ['below', 'new'])
  },
)

inMount(
  'the whole host, its own mountpoint included',
  () => ({ lower: { host: {} } }),
  (t, _mounted, { mnt }) => {
    t.deepEqual(fs.readdirSync(join(mnt, mnt)), [])
    t.is(fs.readFileSync(join(mnt, import.meta.filename), 'utf8'), fs.readFileSync(import.meta.filename, 'utf8'))
  },
)

inMount(
  'what others change below is seen after invalidate()',
  ({ back }) => {
    fs.writeFileSync(join(back, 'file'), 'old')
    return { lower: { rooted: back }, layers: FIVE }
  },
  async (t, mounted, { back, mnt }) => {
    const size = () => fs.statSync(join(mnt, 'file')).size
    t.is(size(), 3)
    fs.rmSync(join(back, 'file'))
    fs.writeFileSync(join(back, 'file'), 'longer')
    t.is(size(), 3, 'the kernel keeps what it knows')
    try {
      await mounted.invalidate()
    } catch (failed) {
      t.like(failed, { name: 'MountError', code: 'ENOSYS' })
      return t.log('this kernel has no FUSE_NOTIFY_INC_EPOCH (Linux 6.16)')
    }
    t.is(size(), 6)
    t.is(fs.readFileSync(join(mnt, 'file'), 'utf8'), 'longer')
  },
)

inMount(
  'a mountpoint inside the backing directory is empty there',
  ({ dir }) => ({ lower: { rooted: dir } }),
  (t, _mounted, { mnt }) => {
    t.deepEqual(fs.readdirSync(mnt).sort(), ['back', 'mnt'])
    t.deepEqual(fs.readdirSync(join(mnt, 'mnt')), [])
    fs.writeFileSync(join(mnt, 'mnt/beneath'), 'x')
    t.deepEqual(fs.readdirSync(join(mnt, 'mnt')), ['beneath'])
  },
)

inMount(
  'a mount does not keep another one alive',
  () => ({ lower: { memory: {} } }),
  async (t, mounted, { back }) => {
    const other = await mount({ lower: { memory: {} } }, back)
    t.deepEqual(await mounted.unmount(), { lazy: false })
    t.is(mountAt(mounted.mountpoint), undefined)
    await other.unmount()
  },
)
