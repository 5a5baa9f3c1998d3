/** Directories of a mount that are listed because names in them are looked up one by one; and the end of the mount meanwhile. */
import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { type Mount, mount } from '../../lib/fuse/index.js'
import { mountAt } from '../../lib/fuse/mountinfo.js'
import { exit, FIVE, inMount, lib, type MakeSource, needsFuse, type Place, place, sh, start, until } from './support.js'

const NAMES = 64
const fill = (dir: string, names = NAMES): void => {
  fs.mkdirSync(dir)
  for (let k = 0; k < names; k++) fs.writeFileSync(join(dir, `f${k}`), '')
}
const fiveOver: MakeSource = ({ back }) => {
  fill(join(back, 'in'))
  return { lower: { rooted: back }, layers: FIVE }
}
/** Looks at each name in `dir`, one after the other: in a process of its own, since this one lists. */
const script = (names = NAMES): string =>
  `k=0; while [ $k -lt ${names} ]; do [ -e "$DIR/f$k" ] || :; k=$((k + 1)); done`
const visit = (dir: string, names = NAMES): Promise<string> => sh(`DIR='${dir}'; ${script(names)}`)
const lookups = async (mounted: Mount): Promise<number> => (await mounted.stats()).requests.lookup ?? 0

inMount('names that are looked up one by one come with a listing', fiveOver, async (t, mounted, { mnt }) => {
  t.true(mounted.plan.knobs.readAround)
  await visit(join(mnt, 'in'))
  // The directory itself, and those that were to be looked up first; a slow machine does some more meanwhile.
  const first = await lookups(mounted)
  t.true(first < NAMES, `${first}`)
  t.is((await mounted.stats()).listedAround, 1)
  await visit(join(mnt, 'in'))
  t.is(await lookups(mounted), first)
  t.is(fs.readdirSync(join(mnt, 'in')).length, NAMES)
  t.deepEqual(await mounted.unmount(), { lazy: false })
})

inMount(
  'switched off, each comes up',
  fiveOver,
  async (t, mounted, { mnt }) => {
    t.false(mounted.plan.knobs.readAround)
    await visit(join(mnt, 'in'))
    const { requests, listedAround } = await mounted.stats()
    t.is(requests.lookup, NAMES + 1)
    t.is(requests.readdirplus, undefined)
    t.is(listedAround, 0)
  },
  { readAround: false },
)

inMount(
  'whoever blocks the thread that would list waits but a moment, and is answered',
  fiveOver,
  async (t, mounted, { mnt }) => {
    for (let k = 0; k < NAMES; k++) t.true(fs.statSync(join(mnt, 'in', `f${k}`)).isFile())
    t.is(await lookups(mounted), NAMES + 1)
    t.is((await mounted.stats()).listedAround, 1)
    t.deepEqual(await mounted.unmount(), { lazy: false })
  },
)

inMount('a directory that goes while it is about to be listed', fiveOver, async (t, mounted, { mnt }) => {
  const moving = sh(`cd ${mnt}; for k in 1 2 3 4 5 6 7 8 9; do mv in out; mv out in; done`)
  await Promise.all([visit(join(mnt, 'in')), moving])
  await sh(`rm -r ${mnt}/in`)
  t.deepEqual(fs.readdirSync(mnt), [])
  t.deepEqual(await mounted.unmount(), { lazy: false })
})

/** Names in a directory that takes several requests to be listed, and those that are looked up until it is. */
const LONG = 1200
const SOME = 200
/** READDIRPLUS for all of them, with at most 32 KiB each. */
const PAGES = 6
/** A stack that takes a millisecond for each name, as a module; its URL. Programs that are started meet plyfs as sources. */
const slowStack = ({ dir, back }: Place, isStarted = false): URL => {
  fill(join(back, 'in'), LONG)
  const dist = process.env.PLYFS_TEST === 'dist' && !isStarted
  const from = (path: string): string =>
    JSON.stringify(
      dist ? new URL(`../../dist/${path}.js`, import.meta.url).href : pathToFileURL(join(lib, '..', `${path}.ts`)).href,
    )
  const file = join(dir, 'slow.mjs')
  fs.writeFileSync(
    file,
    `import { layer, NEXT, stack } from ${from('lib/index')}
     import { rooted } from ${from('lib/lower/index')}
     import { metadataCache } from ${from('layers/index')}
     const never = new Int32Array(new SharedArrayBuffer(4))
     const wait = () => (Atomics.wait(never, 0, 0, 1), NEXT)
     const slow = layer('slow', { lookup: { request: wait } })
     export default stack(rooted(${JSON.stringify(back)}), [metadataCache({ ttlMs: 60_000 }), slow])`,
  )
  return pathToFileURL(file)
}
/** Somebody looks names up until a listing is under way; whether it still is when they are gone. */
const begin = async (mounted: Mount, dir: string): Promise<boolean> => {
  const visitor = spawn('/bin/sh', ['-c', script(LONG)], { env: { DIR: dir }, cwd: '/', stdio: 'ignore' })
  const listed = async (): Promise<number> => (await mounted.stats()).requests.readdirplus ?? 0
  while ((await listed()) === 0) await setTimeout(1)
  visitor.kill('SIGKILL')
  await exit(visitor)
  return (await listed()) < PAGES
}

needsFuse('a mount that is unmounted while one of its directories is listed is not busy', async (t) => {
  const where = place(t)
  const mounted = await mount(slowStack(where), where.mnt)
  t.true(await begin(mounted, join(where.mnt, 'in')))
  t.deepEqual(await mounted.unmount(), { lazy: false })
  t.is(mountAt(where.mnt), undefined)
})

needsFuse('a mount that is broken off while one of its directories is listed', async (t) => {
  const where = place(t)
  const mounted = await mount(slowStack(where), where.mnt)
  t.true(await begin(mounted, join(where.mnt, 'in')))
  mounted.abort()
  await mounted.ended
  t.is(mountAt(where.mnt), undefined)
})

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  needsFuse(`${signal} while a directory is listed`, async (t) => {
    const where = place(t)
    // .mjs: the command takes it for a module.
    const { child } = await start(['mount', new URL(slowStack(where, true)).pathname, where.mnt])
    await visit(join(where.mnt, 'in'), SOME)
    child.kill(signal)
    t.is(await exit(child), signal === 'SIGTERM' ? 0 : signal)
    t.true(await until(() => mountAt(where.mnt) === undefined))
  })
}

needsFuse('process.exit() while a directory is listed', async (t) => {
  const where = place(t)
  const program = join(where.dir, 'exits.mts')
  const at = JSON.stringify(where.mnt)
  fs.writeFileSync(
    program,
    `import { exec } from 'node:child_process'
     import { mount } from ${JSON.stringify(pathToFileURL(join(lib, 'fuse/index.ts')).href)}
     const mounted = await mount(new URL(${JSON.stringify(slowStack(where, true).href)}), ${at})
     console.log('up')
     exec(${JSON.stringify(script(SOME))}, { env: { DIR: ${at} + '/in' } }, () => process.exit(7))`,
  )
  const { child } = await start([], program)
  t.is(await exit(child), 7)
  t.true(await until(() => mountAt(where.mnt) === undefined))
})
