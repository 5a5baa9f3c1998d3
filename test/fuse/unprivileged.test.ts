/** Mounts of users who may not mount: through fusermount3. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { mounts } from '../../lib/fuse/mountinfo.js'
import { exit, freshPlace, lib, obstacle, type Place, place, start, until } from './support.js'

/** fusermount3 wants to know a user's name. */
const UID = Number(spawnSync('id', ['-u', 'nobody'], { encoding: 'utf8' }).stdout)
const USER = [`--reuid=${UID}`, `--regid=${UID}`, '--clear-groups']
/** A view of the mounts for these tests, in which everybody may open the device, as udev has it. */
const SCRIPT = `if ! setpriv ${USER.join(' ')} test -w /dev/fuse; then
  dir=$(mktemp -d /dev/shm/plyfs-dev-XXXXXX)
  mount -t tmpfs -o mode=755 none "$dir"
  mknod -m 666 "$dir/fuse" c 10 229
  mount --bind "$dir/fuse" /dev/fuse
  umount -l "$dir"
  rmdir "$dir"
fi
echo ready
exec cat`
let view: ChildProcess | undefined
const inView = (): string[] => ['nsenter', `--mount=/proc/${view?.pid}/ns/mnt`, '--wd=/', 'setpriv', ...USER]
const setpriv = (): string => `exec ${inView().join(' ')}`
const as = (script: string): string => {
  const [program = '', ...args] = inView()
  return execFileSync(program, [...args, '/bin/sh', '-ec', script], { cwd: '/', stdio: 'pipe', encoding: 'utf8' })
}
const typeAt = (path: string): string | undefined =>
  mounts(`/proc/${view?.pid}/mountinfo`).findLast(({ mountpoint }) => mountpoint === path)?.type

const STACK = { lower: { rooted: './back' }, layers: [{ metadataCache: {} }] }

const lacks = (program: string): boolean => spawnSync(program, ['--version']).error !== undefined
const program = ['setpriv', 'unshare', 'nsenter', 'fusermount3'].find(lacks)
const closed = spawnSync('setpriv', [...USER, 'test', '-r', join(lib, 'cli.ts')], { cwd: '/' }).status !== 0
const missing =
  obstacle ?? (program !== undefined ? `no ${program}` : closed ? 'this directory is closed to others' : undefined)

test.before(async () => {
  if (missing !== undefined) return
  view = spawn('unshare', ['-m', '/bin/sh', '-ec', SCRIPT], { cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise((resolve) => view?.stdout?.once('data', resolve))
  // The user cannot keep what the loader compiles.
  const { dir, mnt } = freshPlace()
  const stack = join(dir, 'stack.json')
  fs.writeFileSync(stack, JSON.stringify(STACK))
  const { child } = await start(['mount', stack, mnt])
  child.kill('SIGTERM')
  await exit(child)
  fs.rmSync(dir, { recursive: true })
})
test.after.always(() => view?.kill('SIGKILL'))

const asUser = (title: string, body: (t: ExecutionContext, where: Place, stack: string) => Promise<void>): void => {
  if (missing !== undefined) {
    test.skip(`${title} (${missing})`, () => {})
    return
  }
  test.serial(title, async (t) => {
    const where = place(t)
    fs.chmodSync(where.dir, 0o755)
    for (const dir of [where.back, where.mnt]) fs.chownSync(dir, UID, UID)
    const stack = join(where.dir, 'stack.json')
    fs.writeFileSync(stack, JSON.stringify(STACK))
    await body(t, where, stack)
  })
}

asUser('a user mounts, is the only one to look in, and unmounts', async (t, { back, mnt }, stack) => {
  const { child, text } = await start(['mount', stack, mnt, '--json'], undefined, setpriv())
  t.is(typeAt(mnt), 'fuse.plyfs')
  as(`mkdir ${mnt}/d; echo text > ${mnt}/d/file; mv ${mnt}/d/file ${mnt}/file`)
  t.is(fs.readFileSync(join(back, 'file'), 'utf8'), 'text\n')
  t.is(fs.statSync(join(back, 'file')).uid, UID)
  t.is(as(`ls ${mnt}; cat ${mnt}/file`), 'd\nfile\ntext\n')
  // Not even root.
  t.throws(() => execFileSync('nsenter', [`--mount=/proc/${view?.pid}/ns/mnt`, 'ls', mnt], { stdio: 'pipe' }), {
    message: /Permission denied/,
  })
  child.kill('SIGTERM')
  t.is(await exit(child), 0)
  t.is(typeAt(mnt), undefined)
  t.true(JSON.parse(text().trim().split('\n').at(-1) as string).requests.write >= 1)
})

asUser('busy, it goes lazily; the second signal breaks it off', async (t, { mnt }, stack) => {
  const { child, complaint } = await start(['mount', stack, mnt], undefined, setpriv())
  const [program = '', ...args] = inView()
  const holder = spawn(program, [...args, '/bin/sh', '-c', `exec 3> ${mnt}/held; echo held; exec sleep 60`], {
    cwd: '/',
  })
  await new Promise((resolve) => holder.stdout.once('data', resolve))
  child.kill('SIGTERM')
  t.true(await until(() => complaint().includes('busy')), complaint())
  t.is(typeAt(mnt), undefined)
  child.kill('SIGTERM')
  t.is(await exit(child), 0)
  holder.kill('SIGKILL')
})

asUser('killed, it leaves no dead mount behind', async (t, { mnt }, stack) => {
  const { child } = await start(['mount', stack, mnt], undefined, setpriv())
  child.kill('SIGKILL')
  await exit(child)
  t.true(await until(() => typeAt(mnt) === undefined))
})

asUser('the whole host: its own place is refused, and nothing hangs', async (t, { dir, mnt }, stack) => {
  fs.writeFileSync(stack, JSON.stringify({ lower: { host: {} } }))
  const { child } = await start(['mount', stack, mnt], undefined, setpriv())
  t.is(as(`cat ${mnt}${stack}`), fs.readFileSync(stack, 'utf8'))
  t.is(as(`ls ${mnt}${dir}`), 'back\nmnt\nstack.json\n')
  t.throws(() => as(`LC_ALL=C ls ${mnt}${mnt}`), { message: /symbolic links/ })
  child.kill('SIGTERM')
  t.is(await exit(child), 0)
})

asUser('what is missing, or forbidden, is said in one line', async (t, { mnt }, stack) => {
  const failing = (args: readonly string[], before: string) =>
    t.throwsAsync(start(['mount', stack, mnt, ...args], undefined, before)).then((error) => error?.message ?? '')
  t.regex(
    await failing([], `${setpriv()} env PATH=/nowhere`),
    /^mounting without root needs fusermount3: install fuse3.*\n$/,
  )
  if (/^user_allow_other/m.test(fs.readFileSync('/etc/fuse.conf', 'utf8'))) t.log('/etc/fuse.conf has user_allow_other')
  else t.regex(await failing(['--allow-other'], setpriv()), /^.*user_allow_other.*\n$/)
  t.is(typeAt(mnt), undefined)
})
