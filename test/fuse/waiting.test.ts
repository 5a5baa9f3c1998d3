/** Stacks that answer later: served out of order, and interruptible. */
import { execFileSync, spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { type Mount, mount } from '../../lib/fuse/index.js'
import {
  exit,
  freshPlace,
  inMount,
  lib,
  needsFuse,
  obstacle,
  type Place,
  place,
  removePlace,
  sh,
  until,
} from './support.js'

const built = (path: string): string =>
  JSON.stringify(
    process.env.PLYFS_TEST === 'dist'
      ? new URL(`../../dist/${path}.js`, import.meta.url).href
      : pathToFileURL(join(lib, `../${path}.ts`)).href,
  )
/**
 * Memory, by callbacks alone: what is called `slow` takes long, to open what is called `held`, and to look `late` up. `/opened` has as many bytes
 * as files are open, `/ever` as were opened.
 */
const LATE = `
  import { stack } from ${built('lib/index')}
  import { memory } from ${built('lib/lower/index')}
  import { timeout } from ${built('layers/index')}
  const files = memory()
  let opened = 0
  let ever = 0
  const count = (by) => {
    opened += by
    if (by === 1) ever++
    files.writeFileSync('/opened', 'x'.repeat(opened))
    files.writeFileSync('/ever', 'x'.repeat(ever))
  }
  count(0)
  const late = {}
  for (const name of Object.keys(files).filter((key) => key + 'Sync' in files)) {
    late[name] = (...args) => {
      const back = args.at(-1)
      const noted = (error, value) => {
        if (error == null && name === 'open') count(1)
        if (error == null && name === 'close') count(-1)
        back(error, value)
      }
      const at = String(args[0])
      const ms = name === 'open' && at.includes('held') ? 2000 : at.includes('slow') ? 1000 : name === 'lstat' && at.includes('late') ? 400 : 1
      setTimeout(() => files[name](...args.slice(0, -1), noted), ms)
    }
  }
`
const lateStack = (dir: string, layers: string): URL => {
  const file = join(dir, 'late.mjs')
  fs.writeFileSync(file, `${LATE}\nexport default stack(late, ${layers})`)
  return pathToFileURL(file)
}

let where: Place
let mounted: Mount
const mnt = (path: string): string => join(where.mnt, path)
test.before(async () => {
  if (obstacle !== undefined) return
  where = freshPlace()
  mounted = await mount(lateStack(where.dir, '[]'), where.mnt)
})
test.after.always(async () => {
  if (obstacle !== undefined) return
  await mounted.unmount()
  removePlace(where)
})

needsFuse('a lower that has callbacks alone: files, directories, links', async (t) => {
  fs.mkdirSync(mnt('dir'))
  fs.writeFileSync(mnt('dir/file'), 'x'.repeat(300_000))
  fs.appendFileSync(mnt('dir/file'), 'end')
  t.is(fs.readFileSync(mnt('dir/file'), 'utf8').slice(299_999), 'xend')
  fs.truncateSync(mnt('dir/file'), 4)
  fs.linkSync(mnt('dir/file'), mnt('dir/hard'))
  fs.symlinkSync('file', mnt('dir/soft'))
  t.is(fs.readFileSync(mnt('dir/soft'), 'utf8'), 'xxxx')
  fs.renameSync(mnt('dir'), mnt('moved'))
  fs.chmodSync(mnt('moved/file'), 0o600)
  t.is(fs.statSync(mnt('moved/hard')).mode & 0o777, 0o600)
  t.deepEqual(fs.readdirSync(mnt('moved')).sort(), ['file', 'hard', 'soft'])
  const fd = fs.openSync(mnt('moved/file'), 'r+')
  fs.unlinkSync(mnt('moved/file'))
  fs.unlinkSync(mnt('moved/hard'))
  fs.writeSync(fd, 'gone')
  t.is(fs.fstatSync(fd).nlink, 0)
  fs.closeSync(fd)
  t.throws(() => fs.rmdirSync(mnt('moved')), { code: 'ENOTEMPTY' })
  fs.rmSync(mnt('moved'), { recursive: true })
  t.throws(() => fs.statSync(mnt('moved')), { code: 'ENOENT' })
  t.true(await until(() => fs.statSync(mnt('opened')).size === 0))
})

needsFuse('one that takes long holds up nobody else', async (t) => {
  fs.writeFileSync(mnt('quick'), 'quick')
  const slow = spawn('stat', [mnt('slow')], { stdio: 'ignore' })
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.is(await sh(`cat ${mnt('quick')}; ls ${where.mnt} > /dev/null`), 'quick')
  t.is(slow.exitCode, null)
  slow.kill('SIGKILL')
  await exit(slow)
})

needsFuse('a path is found although a directory on it is renamed meanwhile', async (t) => {
  fs.mkdirSync(mnt('old/dir'), { recursive: true })
  fs.writeFileSync(mnt('old/dir/late'), 'text')
  const stat = sh(`stat -c %s ${mnt('old/dir/late')}`)
  await new Promise((resolve) => setTimeout(resolve, 200))
  fs.renameSync(mnt('old'), mnt('new'))
  t.is(await stat, '4\n')
})

needsFuse('who is interrupted goes at once, and what opens late is closed', async (t) => {
  fs.writeFileSync(mnt('file'), '')
  fs.renameSync(mnt('file'), mnt('held'))
  const size = (name: string): number => fs.statSync(mnt(name)).size
  const ever = size('ever')
  const begun = performance.now()
  const programs = (['SIGKILL', 'SIGINT', 'SIGTERM'] as const).map(async (signal) => {
    const child = spawn('cat', [mnt('held')], { stdio: 'ignore' })
    await new Promise((resolve) => setTimeout(resolve, 150))
    child.kill(signal)
    return exit(child)
  })
  t.deepEqual(await Promise.all(programs), ['SIGKILL', 'SIGINT', 'SIGTERM'])
  t.true(performance.now() - begun < 2000)
  t.true(await until(() => size('ever') === ever + 3 && size('opened') === 0))
})

needsFuse('a timeout is kept: ETIMEDOUT', async (t) => {
  const at = place(t)
  await using limited = await mount(lateStack(at.dir, '[timeout({ ms: 150 })]'), at.mnt)
  t.true(limited.plan.knobs.waits)
  t.throws(() => fs.statSync(join(at.mnt, 'slow')), { code: 'ETIMEDOUT' })
  t.throws(() => fs.statSync(join(at.mnt, 'none')), { code: 'ENOENT' })
})

inMount(
  'files of the host’s, waited for: they belong to who makes them',
  ({ back }) => {
    fs.chmodSync(back, 0o777)
    return { lower: { rooted: back }, layers: [{ timeout: { ms: 5000 } }, { retry: {} }, { metadataCache: {} }] }
  },
  async (t, own, { dir, mnt, back }) => {
    t.is(own.plan.reasons.waits, "'timeout'")
    fs.chmodSync(dir, 0o755)
    const script = `cd ${mnt}; umask 0; mkdir d; : > d/file; ln -s x d/link; mkfifo d/fifo; ln d/file d/hard; : >> d/file`
    execFileSync('setpriv', ['--reuid=4321', '--regid=4322', '--clear-groups', '/bin/sh', '-ec', script], { cwd: '/' })
    for (const name of ['d', 'd/file', 'd/link', 'd/fifo']) {
      const { uid, gid } = fs.lstatSync(join(back, name))
      t.deepEqual([uid, gid], [4321, 4322], name)
    }
    // Somebody's already.
    fs.writeFileSync(join(mnt, 'd/file'), 'by root')
    t.is(fs.statSync(join(mnt, 'd/file')).uid, 4321)
    await sh('git init -q .; date > a; git add .; git -c user.name=x -c user.email=x@x commit -qm a; git fsck', mnt)
  },
  {},
  'setpriv',
)

needsFuse('a lower that has promises alone', async (t) => {
  const at = place(t)
  const file = join(at.dir, 'promises.mjs')
  fs.writeFileSync(file, `${LATE}\nexport default stack({ promises: files.promises })`)
  await using other = await mount(pathToFileURL(file), at.mnt)
  const path = join(other.mountpoint, 'file')
  fs.writeFileSync(path, 'contents')
  fs.appendFileSync(path, '!')
  t.is(fs.readFileSync(path, 'utf8'), 'contents!')
  fs.truncateSync(path, 3)
  fs.renameSync(path, `${path}2`)
  t.is(fs.readFileSync(`${path}2`, 'utf8'), 'con')
})

needsFuse('a root that does not answer: the lower is named', async (t) => {
  const at = place(t)
  const file = join(at.dir, 'none.mjs')
  fs.writeFileSync(
    file,
    `import { stack } from ${built('lib/index')}\nexport default stack({ statSync: 1, promises: {} })`,
  )
  await t.throwsAsync(mount(pathToFileURL(file), at.mnt), { message: /root of 'Object' cannot be mounted: ENOSYS/ })
})
