/** How a mount begins and ends, whoever ends it. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { type MountError, mount } from '../../lib/fuse/index.js'
import { mountAt } from '../../lib/fuse/mountinfo.js'
import { exit, inMount, lib, needsFuse, obstacle, place, sh, start, until } from './support.js'

const stackFile = (dir: string): string => {
  const file = join(dir, 'stack.json')
  fs.writeFileSync(file, JSON.stringify({ lower: { rooted: './back' } }))
  return file
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  needsFuse(`plyfs mount: ${signal} unmounts, and the last line counts the requests`, async (t) => {
    const { dir, back, mnt } = place(t)
    const { child, text } = await start(['mount', stackFile(dir), mnt, '--json'])
    t.is(text().split('\n')[0], `mounted ${mnt}`)
    fs.writeFileSync(join(mnt, 'file'), 'x')
    t.is(fs.readFileSync(join(back, 'file'), 'utf8'), 'x')
    child.kill(signal)
    t.is(await exit(child), 0)
    t.is(mountAt(mnt), undefined)
    const { requests } = JSON.parse(text().trim().split('\n').at(-1) as string)
    t.is(requests.create, 1)
    t.is(requests.write, 1)
  })
}

needsFuse('more files are held open than the default limit of descriptors', async (t) => {
  const { dir, mnt } = place(t)
  // Node raises it as far as it may: nothing else here does.
  const { child } = await start(['mount', stackFile(dir), mnt], undefined, 'ulimit -Sn 1024; exec')
  const held: number[] = []
  try {
    for (let k = 0; k < 1100; k++) held.push(fs.openSync(join(mnt, String(k)), 'w+'))
    t.is(fs.readdirSync(mnt).length, 1100)
  } finally {
    for (const fd of held) fs.closeSync(fd)
    child.kill('SIGTERM')
  }
  t.is(await exit(child), 0)
})

needsFuse('a daemon that has no descriptors left makes nothing', async (t) => {
  const { dir, back, mnt } = place(t)
  const { child } = await start(['mount', stackFile(dir), mnt], undefined, 'ulimit -n 50; exec')
  const held: number[] = []
  const error = t.throws(() => {
    for (let k = 0; k < 100; k++) held.push(fs.openSync(join(mnt, `f${k}`), 'wx'))
  })
  t.is((error as NodeJS.ErrnoException).code, 'EMFILE')
  t.is(fs.readdirSync(back).length, held.length)
  for (const fd of held) fs.closeSync(fd)
  fs.writeFileSync(join(mnt, 'again'), 'x')
  child.kill('SIGTERM')
  t.is(await exit(child), 0)
})

needsFuse('a daemon that is killed leaves no dead mount behind', async (t) => {
  const { dir, mnt } = place(t)
  const { child } = await start(['mount', stackFile(dir), mnt])
  child.kill('SIGKILL')
  await exit(child)
  t.true(await until(() => mountAt(mnt) === undefined))
  t.deepEqual(fs.readdirSync(mnt), [])
})

needsFuse('a dead mountpoint is cleaned at the next mount', async (t) => {
  const { dir, mnt } = place(t)
  const { child } = await start(['mount', stackFile(dir), mnt])
  // Its guardian first.
  const children = fs.readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').trim().split(' ')
  t.is(children.length, 1)
  process.kill(Number(children[0]), 'SIGKILL')
  child.kill('SIGKILL')
  await exit(child)
  t.throws(() => fs.readdirSync(mnt), { code: 'ENOTCONN' })
  const again = await mount({ lower: { memory: {} } }, mnt)
  fs.writeFileSync(join(mnt, 'file'), 'x')
  t.deepEqual(fs.readdirSync(mnt), ['file'])
  t.deepEqual(await again.unmount(), { lazy: false })
  t.is(mountAt(mnt), undefined)
})

needsFuse('process.exit() ends a program that has a mount', async (t) => {
  const { dir, mnt } = place(t)
  const script = join(dir, 'exits.mts')
  fs.writeFileSync(
    script,
    `import { mount } from ${JSON.stringify(pathToFileURL(join(lib, 'fuse/index.ts')).href)}
     await mount({ lower: { memory: {} } }, ${JSON.stringify(mnt)})
     console.log('up')
     process.exit(7)`,
  )
  const { child } = await start([], script)
  t.is(await exit(child), 7)
  t.true(await until(() => mountAt(mnt) === undefined))
})

inMount(
  'a busy mount goes away lazily, and is served to whoever still has it open',
  () => ({ lower: { memory: {} } }),
  async (t, mounted, { mnt }) => {
    const fd = fs.openSync(join(mnt, 'file'), 'w+')
    t.deepEqual(await mounted.unmount(), { lazy: true })
    t.is(mountAt(mnt), undefined)
    fs.writeSync(fd, 'late')
    const bytes = Buffer.alloc(4)
    fs.readSync(fd, bytes, 0, 4, 0)
    t.is(bytes.toString(), 'late')
    fs.closeSync(fd)
    await mounted.ended
  },
)

inMount(
  'a mount that is broken off after it was detached',
  () => ({ lower: { memory: {} } }),
  async (t, mounted, { mnt }) => {
    const fd = fs.openSync(join(mnt, 'file'), 'w+')
    t.true((await mounted.unmount()).lazy)
    mounted.abort()
    await mounted.ended
    t.throws(() => fs.readSync(fd, Buffer.alloc(4), 0, 4, 0), { code: 'ENOTCONN' })
    // It closes all the same.
    t.throws(() => fs.closeSync(fd), { code: 'ENOTCONN' })
  },
)

needsFuse('whoever else unmounts ends it too', async (t) => {
  const { mnt } = place(t)
  const mounted = await mount({ lower: { memory: {} } }, mnt)
  await sh(`umount ${mnt}`)
  await mounted.ended
  t.deepEqual(await mounted.unmount(), { lazy: false })
})

needsFuse('a module’s stack', async (t) => {
  const { dir, mnt } = place(t)
  const file = join(dir, 'stack.mjs')
  // A module finds plyfs as its own loader does: the built one where that is what is tested.
  const built = new URL('../../dist/lib/index.js', import.meta.url).href
  const index = process.env.PLYFS_TEST === 'dist' ? built : pathToFileURL(join(lib, 'index.ts')).href
  fs.writeFileSync(
    file,
    `import { layer, reply, stack } from ${JSON.stringify(index)}
     const shout = layer('shout', { readlink: { reply: (target) => target.toUpperCase() } })
     const fs = stack(undefined, [shout])
     fs.symlinkSync('quiet', '/link')
     export default fs`,
  )
  await using mounted = await mount(pathToFileURL(file), mnt)
  t.is(mounted.mountpoint, mnt)
  t.is(fs.readlinkSync(join(mnt, 'link')), 'QUIET')
})

needsFuse('what cannot be mounted says why', async (t) => {
  const { dir, mnt } = place(t)
  const memory = { lower: { memory: {} } }
  const failing = (source: Parameters<typeof mount>[0], at: string) =>
    t.throwsAsync<MountError>(mount(source, at)).then((error) => error?.message ?? '')
  t.regex(await failing(memory, join(dir, 'none')), /ENOENT/)
  t.regex(await failing(memory, stackFile(dir)), /not a directory/)
  t.regex(await failing({ lower: { nothing: {} } }, mnt), /lower\.nothing/)
  t.regex(await failing(join(dir, 'missing.json'), mnt), /missing\.json/)
  t.regex(await failing(pathToFileURL(join(lib, 'op.ts')), mnt), /default export that stack\(\) made/)
  t.is(mountAt(mnt), undefined)
})

test('without what mounting takes, one line says what is missing', async (t) => {
  if (obstacle === undefined) {
    t.pass('everything is there')
    return
  }
  const { mnt } = place(t)
  const error = await t.throwsAsync<MountError>(mount({ lower: { memory: {} } }, mnt), { name: 'MountError' })
  t.regex(error?.message ?? '', /^mounting needs /)
})
