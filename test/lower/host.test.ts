import nodeFs, { constants } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { createFsFromVolume, Volume } from 'memfs'
import { requestCount } from '../../layers/index.js'
import { fail, layer, stack } from '../../lib/index.js'
import { hostLower } from '../../lib/lower/host.js'
import { host } from '../../lib/lower/index.js'
import { nodeFsLower } from '../../lib/lower/node-fs.js'
import type { Lower } from '../../lib/lower.js'
import type { Op, Reply, Request } from '../../lib/op.js'
import { Failed } from '../../lib/verdict.js'
import { invoke } from '../laws/model.js'

const dir = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-host-')))
test.after.always(() => nodeFs.rmSync(dir, { recursive: true, force: true }))

/** Both conventions, which must agree. */
const both = async <O extends Op>(lower: Lower, op: O, req: Request<O>): Promise<[unknown, unknown]> => {
  const sync = lower.ops[op].sync(req as never)
  const later = await new Promise((resolve, reject) =>
    lower.ops[op].async(req as never, (bug: unknown, out: unknown) => (bug === null ? resolve(out) : reject(bug))),
  )
  return [sync, later]
}

test('node:fs’s own functions', (t) => {
  const fs = host()
  t.is(fs.readFileSync, nodeFs.readFileSync)
  t.is(fs.promises.stat, nodeFs.promises.stat)
})

test('of a file that was opened by a dentry, attributes are had at once', (t) => {
  const { getattr } = hostLower().ops
  const path = `${dir}/opened`
  nodeFs.writeFileSync(path, 'four')
  const fd = nodeFs.openSync(path, 'r')
  const dentry = { path, exists: true, isLink: false, security: undefined }
  const answers: unknown[] = []
  const ask = (of: number): void =>
    getattr.async({ path: '', fd: of, follow: true, precise: false, dentry }, (bug, out) => answers.push(bug, out))
  ask(fd)
  nodeFs.closeSync(fd)
  ask(0x7fff_fff0)
  t.is((answers[1] as nodeFs.Stats).size, 4)
  t.deepEqual([answers[0], answers[2], answers[3]], [null, null, Failed.of('EBADF')])
})

test('resolve agrees with the kernel, sync and async', async (t) => {
  const lower = hostLower()
  nodeFs.mkdirSync(`${dir}/r/s`, { recursive: true })
  nodeFs.writeFileSync(`${dir}/r/f`, '')
  nodeFs.symlinkSync('r', `${dir}/l`)
  nodeFs.symlinkSync('r/none', `${dir}/dangling`)
  const rows: [path: string, follow: boolean, end: string | [string, boolean, boolean]][] = [
    ['l/f', true, ['r/f', true, false]],
    ['l', true, ['r', true, false]],
    ['l', false, ['l', true, true]],
    ['l/', false, ['r', true, false]],
    ['l/s/../f', true, ['r/f', true, false]],
    ['l/new', true, ['r/new', false, false]],
    ['dangling', true, ['r/none', false, false]],
    ['dangling', false, ['dangling', true, true]],
    ['none/x', true, 'ENOENT'],
    ['r/f/x', true, 'ENOTDIR'],
  ]
  for (const [path, follow, end] of rows) {
    for (const out of await both(lower, 'resolve', { path: `${dir}/${path}`, follow })) {
      if (typeof end === 'string') t.is(out, Failed.of(end), path)
      else {
        const { path: found, exists, isLink } = out as Reply<'resolve'>
        t.deepEqual([found.slice(dir.length + 1), exists, isLink], end, path)
      }
    }
  }
})

test('names that are no UTF-8 are listed, linked and resolved without loss', async (t) => {
  const lower = hostLower()
  const own = `${dir}/bytes`
  nodeFs.mkdirSync(own)
  nodeFs.writeFileSync(Buffer.concat([Buffer.from(`${own}/a`), Buffer.from([0xff])]), 'x')
  nodeFs.symlinkSync(Buffer.from([0x61, 0xff]), `${own}/l`)
  for (const out of await both(lower, 'readdir', { path: own })) {
    t.deepEqual((out as Reply<'readdir'>).map(({ name }) => name).sort(), ['a\udcff', 'l'])
  }
  for (const out of await both(lower, 'readlink', { path: `${own}/l` })) t.is(out, 'a\udcff')
  for (const out of await both(lower, 'resolve', { path: `${own}/l`, follow: true })) {
    t.is((out as Reply<'resolve'>).path, `${own}/a\udcff`)
  }
})

test('attributes that node:fs cannot set: one time, nanoseconds, a mode that follows no link', async (t) => {
  const lower = hostLower()
  const path = `${dir}/times`
  nodeFs.writeFileSync(path, '')
  nodeFs.symlinkSync('times', `${dir}/times-link`)
  nodeFs.utimesSync(path, 1, 2)
  t.deepEqual(await both(lower, 'setattr', { path, follow: true, set: { mtime: 3 } }), [undefined, undefined])
  t.is(nodeFs.statSync(path).mtimeMs, 3000)
  t.is(nodeFs.statSync(path).atimeMs, 1000)
  await both(lower, 'setattr', { path, follow: false, set: { mode: 0o640 } })
  t.is(nodeFs.statSync(path).mode & 0o777, 0o640)
  const link = { path: `${dir}/times-link`, follow: false, set: { mode: 0o600 } }
  t.deepEqual(await both(lower, 'setattr', link), [Failed.of('ENOTSUP'), Failed.of('ENOTSUP')])
  if (!lower.capabilities.xattr) return
  await both(lower, 'setattr', { path, follow: true, set: { mtimeNs: 4_000_000_005n } })
  t.is(nodeFs.statSync(path, { bigint: true }).mtimeNs, 4_000_000_005n)
})

test('an object with half of node:fs', async (t) => {
  const whole = createFsFromVolume(Volume.fromJSON({ '/f': 'text' }))
  const { statSync, lstatSync, openSync, readSync, closeSync, fstatSync } = whole
  const syncOnly = nodeFsLower({ statSync, lstatSync, openSync, readSync, closeSync, fstatSync })
  const { promises } = whole
  const promiseOnly = nodeFsLower({ promises })
  for (const out of await both(syncOnly, 'lookup', { path: '/f' })) t.is((out as Reply<'lookup'>).size, 4)
  for (const out of await both(syncOnly, 'lookup', { path: '/no' })) t.is(out, Failed.of('ENOENT'))
  for (const out of await both(syncOnly, 'unlink', { path: '/f' })) t.is(out, Failed.of('ENOSYS'))
  const [missing, found] = await both(promiseOnly, 'lookup', { path: '/f' })
  t.is(missing, Failed.of('ENOSYS'))
  t.is((found as Reply<'lookup'>).size, 4)
  const fd = syncOnly.ops.open.sync({ path: '/f', flags: constants.O_RDONLY, mode: 0 }) as number
  t.is(syncOnly.ops.lseek.sync({ fd, offset: 0, whence: 4 }), 4)
  t.is(syncOnly.ops.rename.sync({ path: '/f', newPath: '/g', flags: 1 }), Failed.of('EINVAL'))
})

test('copyFile copies in another way where the kernel does not, between two filesystems for one', async (t) => {
  const contents = Buffer.alloc(600_000, 'some text')
  const from = `${dir}/copied`
  nodeFs.writeFileSync(from, contents)
  const shm = nodeFs.existsSync('/dev/shm') ? nodeFs.mkdtempSync('/dev/shm/plyfs-') : dir
  t.teardown(() => nodeFs.rmSync(shm, { recursive: true, force: true }))
  const refused = ['EXDEV', 'ENOSYS', 'EOPNOTSUPP', 'EINVAL'] as const
  const layers = refused.map((errno) => layer('cannot', { copy_file_range: { request: () => fail(errno) } }))
  for (const fs of [stack(host(), [requestCount()]), ...layers.map((each) => stack(host(), [each]))]) {
    for (const how of [0, 1, 2]) {
      const to = `${shm}/copy-${how}`
      await invoke(fs, how, 'copyFile', from, to)
      t.true(nodeFs.readFileSync(to).equals(contents))
      await t.throwsAsync(() => invoke(fs, how, 'copyFile', from, to, constants.COPYFILE_EXCL), { code: 'EEXIST' })
    }
  }
  const broken = layer('broken', { copy_file_range: { request: () => fail('EIO') } })
  t.throws(() => stack(host(), [broken]).copyFileSync(from, `${dir}/none`), { code: 'EIO' })
  t.false(nodeFs.existsSync(`${dir}/none`))
})
