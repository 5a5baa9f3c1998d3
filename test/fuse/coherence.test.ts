/** What others change below, and the kernel is told: path by path. */
import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { metadataCache } from '../../layers/index.js'
import { type Mount, mount } from '../../lib/fuse/index.js'
import { stack } from '../../lib/index.js'
import { rooted } from '../../lib/lower/index.js'
import { exit, FIVE, freshPlace, lib, needsFuse, obstacle, type Place, place, removePlace, until } from './support.js'

let where: Place
let mounted: Mount
const mnt = (path: string): string => join(where.mnt, path)
const back = (path: string): string => join(where.back, path)
test.before(async () => {
  if (obstacle !== undefined) return
  where = freshPlace()
  mounted = await mount({ lower: { rooted: where.back }, layers: FIVE }, where.mnt)
})
test.after.always(async () => {
  if (obstacle !== undefined) return
  await mounted.unmount()
  removePlace(where)
})

/** A directory below, seen through the mount: a file, another one, an absent name, a listing. */
const seen = (dir: string): void => {
  fs.mkdirSync(back(`${dir}/sub`), { recursive: true })
  for (const name of ['a', 'b', 'sub/c']) fs.writeFileSync(back(`${dir}/${name}`), 'old')
  // A listing tells the attributes of all that is in it.
  fs.readdirSync(mnt(dir))
  look(dir)
}
const look = (dir: string) => ({
  a: sizeOf(mnt(`${dir}/a`)),
  b: sizeOf(mnt(`${dir}/b`)),
  c: sizeOf(mnt(`${dir}/sub/c`)),
  absent: sizeOf(mnt(`${dir}/absent`)),
  below: sizeOf(mnt(`${dir}/sub/absent`)),
})
/** Reading would make the kernel ask for the attributes anew: it moves the access time. */
const sizeOf = (path: string): number | undefined => fs.statSync(path, { throwIfNoEntry: false })?.size
const textOf = (path: string): string | undefined => {
  try {
    return `${sizeOf(path)} ${fs.readFileSync(path, 'utf8')}`
  } catch {
    return undefined
  }
}
const OLD = { a: 3, b: 3, c: 3, absent: undefined, below: undefined }
const changeAll = (dir: string): void => {
  for (const name of ['a', 'b', 'sub/c', 'absent', 'sub/absent']) fs.writeFileSync(back(`${dir}/${name}`), 'newer')
}

needsFuse('invalidate(path): what was written, and that alone', async (t) => {
  seen('one')
  changeAll('one')
  t.deepEqual(look('one'), OLD, 'the kernel keeps what it knows')
  await mounted.invalidate('/one/a')
  t.deepEqual(look('one'), { ...OLD, a: 5 })
  await mounted.invalidate('/one/absent')
  t.deepEqual(look('one'), { ...OLD, a: 5, absent: 5 })
  t.deepEqual(fs.readdirSync(mnt('one')).sort(), ['a', 'absent', 'b', 'sub'])
})

needsFuse('invalidate(path): what was removed or replaced', async (t) => {
  seen('two')
  fs.rmSync(back('two/a'))
  fs.renameSync(back('two/b'), back('two/moved'))
  fs.writeFileSync(back('two/b'), 'another')
  t.deepEqual(look('two'), OLD)
  await mounted.invalidate('/two/a')
  await mounted.invalidate('/two/b')
  t.deepEqual(look('two'), { ...OLD, a: undefined, b: 7 })
  t.deepEqual(fs.readdirSync(mnt('two')).sort(), ['b', 'moved', 'sub'])
  t.is(fs.statSync(mnt('two/b')).nlink, 1)
})

needsFuse(
  'invalidate(directory): with everything beneath it, absent names too, and whoever is in it stays',
  async (t) => {
    seen('three')
    const inside = spawn('/bin/sh', ['-c', 'read -r _; pwd -P; cat sub/c'], { cwd: mnt('three') })
    let said = ''
    inside.stdout.on('data', (chunk) => {
      said += chunk
    })
    changeAll('three')
    await mounted.invalidate('/three')
    t.deepEqual(look('three'), { a: 5, b: 5, c: 5, absent: 5, below: 5 })
    inside.stdin.end('\n')
    t.is(await exit(inside), 0)
    t.is(said, `${mnt('three')}\nnewer`)
  },
)

needsFuse('invalidate(path) through a link, and of what nobody knows', async (t) => {
  seen('four')
  fs.symlinkSync('four', back('link'))
  t.is(sizeOf(mnt('link/a')), 3)
  changeAll('four')
  await mounted.invalidate('/link/a')
  t.is(sizeOf(mnt('four/a')), 5)
  await t.notThrowsAsync(mounted.invalidate('/no/such/path'))
  await t.notThrowsAsync(mounted.invalidate(''))
})

needsFuse('what is changed through a stack of the same program is pushed', async (t) => {
  seen('five')
  const cache = metadataCache({ ttlMs: 60_000 })
  const own = mounted.follow(stack(rooted(where.back), [cache]))
  own.writeFileSync('/five/a', 'changed')
  own.unlinkSync('/five/b')
  await own.promises.rename('/five/sub/c', '/five/absent')
  const fd = own.openSync('/five/sub/absent', 'w')
  own.writeSync(fd, 'by number')
  own.closeSync(fd)
  const expected = { a: 7, c: undefined, absent: 3, below: 9 }
  const isThere = () => JSON.stringify(look('five')) === JSON.stringify(expected)
  t.true(await until(isThere), JSON.stringify(look('five')))
  // What its layers are told, the kernel is told.
  fs.writeFileSync(back('five/a'), 'behind both')
  t.is(look('five').a, 7)
  cache.invalidate('/five')
  t.true(await until(() => look('five').a === 11))
  t.throws(() => mounted.follow(fs as never), { instanceOf: TypeError })
})

needsFuse('telling the kernel never holds up who serves: changes in the same directories all the while', async (t) => {
  fs.mkdirSync(back('busy'))
  const script = 'i=0; while [ $i -lt 60 ]; do : > f$i; mv f$i g; ls > /dev/null; rm g; i=$((i+1)); done'
  const programs = [1, 2].map((k) => {
    fs.mkdirSync(back(`busy/${k}`))
    return spawn('/bin/sh', ['-ec', script], { cwd: mnt(`busy/${k}`), stdio: 'inherit' })
  })
  const ends = Promise.all(programs.map(exit))
  let isOver = false
  void ends.then(() => {
    isOver = true
  })
  let told = 0
  while (!isOver) {
    await Promise.all(['/busy', '/busy/1/g', '/busy/2/f7', '/busy/2'].map((path) => mounted.invalidate(path)))
    told++
  }
  t.deepEqual(await ends, [0, 0])
  t.true(told > 3)
})

needsFuse('watch: what others change is seen soon', async (t) => {
  const at = place(t)
  fs.mkdirSync(join(at.back, 'dir'))
  fs.writeFileSync(join(at.back, 'dir/file'), 'old')
  const layers = [{ metadataCache: { ttlMs: 60_000, watch: true } }]
  await using watched = await mount({ lower: { rooted: at.back }, layers }, at.mnt)
  const file = join(watched.mountpoint, 'dir/file')
  t.is(textOf(file), '3 old')
  t.is(textOf(join(at.mnt, 'dir/new')), undefined)
  // In the same turn: before there can be any watcher.
  fs.writeFileSync(join(at.back, 'dir/new'), 'new')
  fs.writeFileSync(join(at.back, 'dir/file'), 'newer')
  t.true(await until(() => textOf(file) === '5 newer' && textOf(join(at.mnt, 'dir/new')) === '3 new'))
  fs.writeFileSync(join(at.back, 'dir/file'), 'newest')
  t.true(await until(() => textOf(file) === '6 newest'))
  fs.rmSync(join(at.back, 'dir/new'))
  t.true(await until(() => textOf(join(at.mnt, 'dir/new')) === undefined))
  // Another directory takes its place, and is watched in turn.
  fs.renameSync(join(at.back, 'dir'), join(at.back, 'away'))
  fs.mkdirSync(join(at.back, 'dir'))
  fs.writeFileSync(join(at.back, 'dir/file'), 'another')
  t.true(await until(() => textOf(file) === '7 another'))
  fs.writeFileSync(join(at.back, 'dir/file'), 'once more')
  t.true(await until(() => textOf(file) === '9 once more'))
  t.deepEqual(fs.readdirSync(at.mnt).sort(), ['away', 'dir'])
})

needsFuse('a module’s layers are told as well, and what they forget by themselves is pushed', async (t) => {
  const at = place(t)
  fs.writeFileSync(join(at.back, 'file'), 'old')
  const module = join(at.dir, 'stack.mjs')
  const built = (path: string) =>
    process.env.PLYFS_TEST === 'dist'
      ? new URL(`../../dist/${path}.js`, import.meta.url).href
      : pathToFileURL(join(lib, `../${path}.ts`)).href
  fs.writeFileSync(
    module,
    `import { layer, stack, NEXT } from ${JSON.stringify(built('lib/index'))}
     import { metadataCache } from ${JSON.stringify(built('layers/index'))}
     import { rooted } from ${JSON.stringify(built('lib/lower/index'))}
     const cache = metadataCache({ ttlMs: 60_000 })
     const told = layer('told', { mkdir: { request: ({ path }) => {
       if (path === '/forget') cache.invalidate('/file')
       return NEXT
     } } }, { offload: {} })
     export default stack(rooted(${JSON.stringify(at.back)}), [told, cache])`,
  )
  await using other = await mount(pathToFileURL(module), at.mnt)
  const file = join(other.mountpoint, 'file')
  t.is(sizeOf(file), 3)
  fs.writeFileSync(join(at.back, 'file'), 'newer')
  t.is(sizeOf(file), 3)
  await other.invalidate('/file')
  t.is(sizeOf(file), 5)
  fs.writeFileSync(join(at.back, 'file'), 'newest')
  fs.mkdirSync(join(at.mnt, 'forget'))
  t.true(await until(() => sizeOf(file) === 6))
})
