import test from 'ava'
import { type MountPoints, mountPoints } from '../../layers/mount-points.js'
import { ConfigError, type PlyFs, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { fc } from '../fc.js'
import { Actor, invoke, operations } from '../laws/model.js'
import { conventions } from './harness.js'

const make = (): { lower: PlyFs; data: PlyFs; deep: PlyFs; fs: PlyFs; layer: MountPoints } => {
  const lower = memory()
  const data = memory()
  const deep = memory()
  lower.writeFileSync('/file', 'lower')
  data.writeFileSync('/file', 'data')
  data.mkdirSync('/in')
  data.mkdirSync('/d')
  deep.writeFileSync('/file', 'deep')
  const layer = mountPoints({ '/data': data, '/data/in': deep })
  return { lower, data, deep, layer, fs: stack(lower, [layer]) }
}

for (const [how, convention] of conventions.entries()) {
  test(`each filesystem is where it is mounted (${convention})`, async (t) => {
    const { lower, data, deep, fs } = make()
    const read = async (path: string) => String(await invoke(fs, how, 'readFile', path))
    t.is(await read('/file'), 'lower')
    t.is(await read('/data/file'), 'data')
    t.is(await read('/data/in/file'), 'deep')
    t.is(await read('/data/in/../file'), 'data')
    t.is(await read('/data/../file'), 'lower')
    t.deepEqual(await invoke(fs, how, 'readdir', '/'), ['file', 'data'])
    t.deepEqual(await invoke(fs, how, 'readdir', '/data'), ['d', 'file', 'in'])
    await invoke(fs, how, 'writeFile', '/data/in/new', 'written')
    t.is(deep.readFileSync('/new', 'utf8'), 'written')
    await invoke(fs, how, 'copyFile', '/data/in/new', '/copy')
    t.is(lower.readFileSync('/copy', 'utf8'), 'written')
    await invoke(fs, how, 'copyFile', '/file', '/data/copy')
    t.is(data.readFileSync('/copy', 'utf8'), 'lower')
    await invoke(fs, how, 'symlink', '/data/in/file', '/link')
    await invoke(fs, how, 'symlink', '../../file', '/data/in/up')
    t.is(await read('/link'), 'deep')
    t.is(await read('/data/in/up'), 'lower')
    t.is(await invoke(fs, how, 'realpath', '/link'), '/data/in/file')
    for (const [method, from, to, code] of [
      ['rename', '/file', '/data/x', 'EXDEV'],
      ['link', '/data/file', '/x', 'EXDEV'],
      ['rename', '/data', '/x', 'EBUSY'],
      ['rename', '/file', '/data/in', 'EXDEV'],
      ['rename', '/data/file', '/data/in', 'EISDIR'],
      ['rename', '/data/d', '/data/in', 'EBUSY'],
      ['rename', '/missing', '/data', 'ENOENT'],
      ['link', '/data', '/x', 'EXDEV'],
      ['link', '/file', '/data/file', 'EEXIST'],
      ['rename', '/data/in/.', '/x', 'EXDEV'],
      ['rename', '/data/..', '/x', 'EXDEV'],
      ['rename', '/data/d/.', '/data/x', 'EBUSY'],
      ['rmdir', '/data/.', '', 'EINVAL'],
      ['rmdir', '/data/..', '', 'ENOTEMPTY'],
      ['rmdir', '/data/in', '', 'EBUSY'],
      ['mkdir', '/data', '', 'EEXIST'],
      ['unlink', '/data', '', 'EISDIR'],
    ] as const) {
      const args = to === '' ? [from] : [from, to]
      await t.throwsAsync(async () => invoke(fs, how, method, ...args), { code }, `${method} ${from} ${to}`)
    }
    await invoke(fs, how, 'rename', '/data/in/new', '/data/in/newer')
    t.is(deep.readFileSync('/newer', 'utf8'), 'written')
  })
}

test('descriptors of several filesystems do not collide', (t) => {
  const { fs } = make()
  const fds = ['/file', '/data/file', '/data/in/file'].map((path) => fs.openSync(path, 'r+'))
  t.is(new Set(fds).size, 3)
  t.deepEqual(
    fds.map((fd) => fs.readFileSync(fd, 'utf8')),
    ['lower', 'data', 'deep'],
  )
  for (const fd of fds) fs.ftruncateSync(fd, 1)
  for (const fd of fds) t.is(fs.fstatSync(fd).size, 1)
  for (const fd of fds) fs.closeSync(fd)
  for (const fd of fds) t.throws(() => fs.fstatSync(fd), { code: 'EBADF' })
})

test('inside of a mount, all is as on the filesystem itself', async (t) => {
  await fc.assert(
    fc.asyncProperty(operations(25), async (sequence) => {
      // Absolute targets of links start at the root of the whole.
      const lower = memory()
      lower.mkdirSync('/m')
      const ours = new Actor(stack(lower, [mountPoints({ '/m': memory() })]), '/m')
      const twin = memory()
      twin.mkdirSync('/m')
      const plain = new Actor(twin, '/m')
      for (const [k, operation] of sequence.entries()) {
        const got = await ours.do(operation)
        const expected = await plain.do(operation)
        if (got !== expected) t.is(got, expected, `${k}: ${JSON.stringify(operation)}`)
      }
      ours.closeAll()
      plain.closeAll()
      t.deepEqual(lower.readdirSync('/m'), [])
    }),
    { numRuns: 50 },
  )
})

test('mount points are checked', (t) => {
  for (const mounts of [
    { data: memory() },
    { '/': memory() },
    { '/a/../b': memory() },
    { '/a/': memory() },
    { '/a': 7 },
    null,
  ]) {
    t.throws(() => mountPoints(mounts as never), { instanceOf: ConfigError })
  }
  t.deepEqual(make().layer.points, ['/data/in', '/data'])
})
