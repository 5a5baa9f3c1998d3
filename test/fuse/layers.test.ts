/** Layers that change what is seen, mounted: what real programs do there, and what they are told. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { inMount, sh } from './support.js'

/** A shell's work on files, in an empty directory: what it prints is compared with the same on the kernel's own files. */
const WORK = `
exec 2>&1; set +e; export LC_ALL=C
umask 022
mkdir -p a/b
echo one > a/f
cp a/f a/g; cp -p a/f a/p; ln a/f a/l; ln -s f a/s
cat a/f a/g a/s
mv a/g a/b/h
printf 'b\\na\\nc\\n' > lines; sort -o lines lines; sed -i s/a/x/ lines; cat lines
ls -1A a a/b
stat -c '%n %s %a %h %F' a/f a/s lines
i=0; while [ $i -lt 400 ]; do echo "line $i of some length, so that there is more than a page or two"; i=$((i+1)); done > big
cksum < big; truncate -s 10001 big; cksum < big; echo tail >> big; tail -c 7 big; truncate -s 20000 big; cksum < big
dd if=big of=big bs=100 skip=3 seek=50 count=2 conv=notrunc status=none; cksum < big
cp -r a c; diff -r a c; rm -r c
touch -d @1000 old; stat -c '%Y %s' old; chmod 600 old; stat -c %a old
exec 3< lines; rm lines; cat <&3; exec 3<&-
mv a/b e; mv old a/f; stat -c '%s %h' a/f a/l
cat none; cat a; rmdir a; rm a; mkdir a; ls lines; mv none other; ln a hard; cat a/f/x; touch a/none/x
tar cf - a e | tar tf - | sort
rm -r a e big; ls -A
true`
/** What a command that must fail says. */
const refusal = async (script: string): Promise<string> =>
  (await sh(`exec 2>&1; LC_ALL=C; ${script} && echo done || :`)).trim()
/** Each command with the only words that it may end with. */
const refuses = async (t: ExecutionContext, dir: string, commands: Readonly<Record<string, string>>): Promise<void> => {
  for (const [command, words] of Object.entries(commands)) {
    t.regex(await refusal(`cd ${dir}; ${command}`), new RegExp(`: ${words}$`), command)
  }
}

const KEY = 'ab'.repeat(32)

/** Each layer that programs must not notice; one mount for all of them, since a mount costs more than what is done in it. */
const UNSEEN: readonly object[] = [
  { trace: {} },
  { concurrencyLimit: { max: 2 } },
  { retry: {} },
  { timeout: { ms: 10_000 } },
  { faults: { seed: 1, rules: [{ path: '/nowhere/**' }, { op: 'open', nth: 2, errno: 'EINTR' }] } },
  { quota: { bytes: 1e8, files: 1000 } },
  { caseFold: {} },
  { mountPoints: { '/data': { memory: {} } } },
  { overlay: {} },
  { encrypt: { key: KEY, chunkBytes: 4096, names: true } },
  { subdir: '/sub' },
]
inMount(
  "programs do on many layers what they do on the kernel's own files",
  ({ back }) => {
    fs.mkdirSync(join(back, 'sub'))
    return { lower: { rooted: back }, layers: UNSEEN }
  },
  async (t, _mounted, { dir, back, mnt }) => {
    const native = join(dir, 'native')
    fs.mkdirSync(native)
    const expected = await sh(WORK, native)
    for (const each of ['work', 'data/work']) {
      fs.mkdirSync(join(mnt, each))
      t.is(await sh(`cd ${mnt}/${each}\n${WORK}`), expected, each)
    }
    t.deepEqual(fs.readdirSync(join(back, 'sub')), [])
  },
)

inMount(
  'readOnly: nothing changes',
  ({ back }) => {
    fs.mkdirSync(join(back, 'dir'))
    fs.writeFileSync(join(back, 'dir/file'), 'text\n')
    return { lower: { rooted: back }, layers: [{ readOnly: {} }] }
  },
  async (t, _mounted, { mnt }) => {
    const words = 'Read-only file system'
    t.is(await sh(`cd ${mnt}; cat dir/file; ls dir; cp dir/file /dev/null; tar cf - dir | tar tf -`), SEEN)
    const commands = [
      'touch dir/file',
      'touch new',
      'mkdir new',
      'ln -s x new',
      'ln dir/file new',
      'rm -f dir/file',
      'rmdir dir',
      'mv dir/file new',
      'cp dir/file new',
      'chmod 600 dir/file',
      'truncate -s 1 dir/file',
      'mknod new p',
    ]
    await refuses(t, mnt, Object.fromEntries(commands.map((each) => [each, words])))
    await refuses(t, mnt, { 'mkdir dir': 'File exists', 'rm none': 'No such file or directory' })
    t.throws(() => fs.accessSync(join(mnt, 'dir/file'), fs.constants.W_OK), { code: 'EROFS' })
  },
)
const SEEN = 'text\nfile\ndir/\ndir/file\n'

const over = (...layers: readonly object[]) => ({ stack: { lower: { memory: {} }, layers } })
const FAULTS = {
  seed: 1,
  rules: [
    { op: 'write', path: '/db/**', errno: 'ENOSPC' },
    { op: 'unlink', path: '/keep', errno: 'EACCES' },
    { op: 'readdir', path: '/bad', errno: 'EIO' },
    { op: ['read', 'write'], path: '/short/**', short: true },
  ],
}
inMount(
  'programs are told what layers refuse',
  ({ dir, back }) => {
    for (const name of ['upper', 'lower']) fs.mkdirSync(join(dir, name))
    execFileSync('/bin/sh', ['-ec', PLANT], { cwd: join(dir, 'lower') })
    const stacked = { overlay: { upper: { host: {} }, dir: join(dir, 'upper') } }
    const points = {
      '/memory': { memory: {} },
      '/quota': over({ quota: { bytes: 1 << 20, files: 3 } }),
      '/overlay': { stack: { lower: { host: {} }, layers: [stacked, { subdir: join(dir, 'lower') }] } },
      '/encrypt': { stack: { lower: { rooted: back }, layers: [{ encrypt: { key: KEY, names: true } }] } },
      '/caseFold': over({ caseFold: {} }),
      '/faults': over({ faults: FAULTS }),
      '/readOnly': over({ readOnly: {} }),
    }
    return { lower: { memory: {} }, layers: [{ mountPoints: points }] }
  },
  async (t, _mounted, { dir, back, mnt }) => {
    const at = (name: string): string => join(mnt, name)
    await quotas(t, at('quota'))
    await overlays(t, dir, at('overlay'))
    await encrypts(t, back, at('encrypt'))
    await caseFolds(t, at('caseFold'))
    await faults(t, at('faults'))
    await mountPoints(t, mnt)
    await refuses(t, at('readOnly'), { 'mkdir new': 'Read-only file system' })
  },
)

/** What does not fit is refused, what is removed is given back. */
const quotas = async (t: ExecutionContext, at: string): Promise<void> => {
  const words = 'Disk quota exceeded'
  await refuses(t, at, { 'head -c 1100000 /dev/zero > big': words })
  await sh(`cd ${at}; rm big; head -c 1000000 /dev/zero > big`)
  await refuses(t, at, { 'cp big other': words })
  await sh(`cd ${at}; rm other; mkdir one; mv big one/big`)
  await refuses(t, at, { 'mkdir two three': words, 'ln one/big four': words })
  await sh(`cd ${at}; rm -r one; mkdir three; truncate -s 1000000 four`)
}

const PLANT = 'mkdir -p a/b; echo one > a/f; echo two > a/b/g; echo three > h'
const CHANGES = `exec 3< a/f; echo more >> a/f; cat <&3; cat a/f
  mv a/b moved; cat moved/g; rm h; mkdir h; echo new > h/new; chmod 700 a; ln a/f linked
  rm -r moved; mkdir moved; ls -A moved; cp -r a c; find . | sort; stat -c '%a %h %s' a/f linked`
/** The directory below stays as it is, and the upper has the changes. */
const overlays = async (t: ExecutionContext, dir: string, at: string): Promise<void> => {
  const lower = join(dir, 'lower')
  const tree = (): Promise<string> => sh('find . | sort; cat a/f a/b/g h', lower)
  const before = await tree()
  const copy = join(dir, 'copy')
  fs.cpSync(lower, copy, { recursive: true })
  // What is open is the lower's still, and so is what is read of it.
  const native = (await sh(CHANGES, copy)).replace('one\nmore\n', 'one\n')
  t.is(await sh(`cd ${at}; ${CHANGES}`), native)
  t.is(await tree(), before)
  t.true(fs.readdirSync(join(dir, 'upper')).includes('linked'))
}

/** What is below tells nothing, and what was changed there is noticed. */
const encrypts = async (t: ExecutionContext, back: string, at: string): Promise<void> => {
  const make = 'mkdir secret; head -c 100000 /dev/zero > secret/zeros; ln -s secret/zeros link'
  await sh(`cd ${at}; ${make}; cmp -n 100000 link /dev/zero`)
  const below = (await sh('find . -type f', back)).trim()
  t.notRegex(below, /secret|zeros/)
  const file = join(back, below)
  const bytes = fs.readFileSync(file)
  t.false(bytes.includes(Buffer.alloc(16)))
  bytes[50_000] = (bytes[50_000] as number) ^ 1
  fs.writeFileSync(file, bytes)
  await refuses(t, at, { 'cat secret/zeros > /dev/null': 'Input/output error' })
}

/** Either case is found, and listings keep their own. */
const caseFolds = async (t: ExecutionContext, at: string): Promise<void> => {
  const script = `mkdir Docs; echo text > docs/ReadMe; cat DOCS/README; ls -A . docs; echo more >> docs/readme
    cp docs/README Docs/other; mv DOCS/OTHER docs/ReadMe; ls docs; rm -r DOCS; ls -A; mkdir X`
  t.is(await sh(`cd ${at}; ${script}`), 'text\n.:\nDocs\n\ndocs:\nReadMe\nReadMe\n')
  await refuses(t, at, { 'mkdir x': 'File exists' })
}

/** Programs go on where a read or a write was short. */
const faults = async (t: ExecutionContext, at: string): Promise<void> => {
  await sh(`cd ${at}; mkdir db bad short; touch keep`)
  await refuses(t, at, {
    'head -c 9 /dev/zero > db/f': 'No space left on device',
    'rm keep': 'Permission denied',
    'ls bad': 'Input/output error',
  })
  t.is(await sh(`cd ${at}; seq 1 5000 > short/f; seq 1 5000 | cmp - short/f; cp short/f g; wc -l < g`), '5000\n')
}

/** Programs go across. */
const mountPoints = async (t: ExecutionContext, at: string): Promise<void> => {
  const script = `mkdir dir; echo text > dir/f; mv dir memory/dir; cat memory/dir/f; ln -s memory/dir link; cat link/f
    cp -r memory/dir back; cat back/f; mv memory/dir/f here; cat here; ls -A memory/dir; ls -A`
  const names = 'back\ncaseFold\nencrypt\nfaults\nhere\nlink\nmemory\noverlay\nquota\nreadOnly\n'
  t.is(await sh(`cd ${at}; ${script}`), `text\ntext\ntext\ntext\n${names}`)
  await refuses(t, at, {
    'ln here memory/hard': 'Invalid cross-device link',
    'rmdir memory': 'Device or resource busy',
    'mv memory other': 'Device or resource busy',
    'mkdir memory': 'File exists',
  })
}
