/** `plyfs try`, as a user runs it. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { overlay } from '../../layers/index.js'
import { stack } from '../../lib/index.js'
import { rooted } from '../../lib/lower/index.js'

const source = process.env.PLYFS_TEST !== 'dist'
const entry = fileURLToPath(new URL(source ? '../../lib/cli.ts' : '../../dist/lib/cli.js', import.meta.url))
const flags = source
  ? ['--conditions=plyfs-source', `--import=${new URL('../../scripts/ts-loader.mjs', import.meta.url)}`]
  : []

const mounts = process.getuid?.() === 0 && nodeFs.existsSync('/dev/fuse') && works('unshare', '--mount', 'true')
const withMount = mounts ? test.serial : test.serial.skip
const withTerminal = works('script', '--version') ? test.serial : test.serial.skip

function works(file: string, ...args: string[]): boolean {
  return spawnSync(file, args, { stdio: 'ignore' }).status === 0
}

interface Place {
  readonly dir: string
  /** Where the command makes its temporary files: nothing may be left there. */
  readonly temporary: string
}
const place = (t: ExecutionContext): Place => {
  const root = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-')))
  t.teardown(() => nodeFs.rmSync(root, { recursive: true }))
  const dir = join(root, 'dir')
  const temporary = join(root, 'tmp')
  nodeFs.mkdirSync(join(dir, 'sub'), { recursive: true })
  nodeFs.mkdirSync(temporary)
  nodeFs.writeFileSync(join(dir, 'a'), 'one\n')
  nodeFs.writeFileSync(join(dir, 'b'), 'two\n')
  nodeFs.writeFileSync(join(dir, 'sub/f'), 'deep\n')
  return { dir, temporary }
}
const tryIt = ({ temporary }: Place, ...args: string[]) => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, entry, 'try', ...args], {
    encoding: 'utf8',
    env: { ...process.env, TMPDIR: temporary },
  })
  return { stdout, stderr, status }
}
const tree = (dir: string): Record<string, string> =>
  Object.fromEntries(
    nodeFs
      .readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((name) => nodeFs.statSync(join(dir, name)).isFile())
      .map((name) => [name, nodeFs.readFileSync(join(dir, name), 'utf8')]),
  )
const leftIn = ({ temporary }: Place): string[] => nodeFs.readdirSync(temporary)
/** So many changes of the lower, and the journal is there. */
const LATE = 9
const AS_PLANTED = { a: 'one\n', b: 'two\n', 'sub/f': 'deep\n' }

withMount('a command in a directory: its changes are shown, and kept', (t) => {
  const at = place(t)
  // By relative and by absolute names; by programs of any kind.
  const script = `pwd; cat ${at.dir}/a; echo more >> a; rm ${at.dir}/b; mv sub moved; exit 3`
  const { stdout, stderr, status } = tryIt(at, at.dir, '--keep', '--', 'sh', '-c', script)
  t.is(stdout, `${at.dir}\none\n`, stderr)
  t.is(status, 3)
  t.is(stderr, 'M /a 4 -> 9 B\nD /b 4 B\nR /sub -> /moved/\nplyfs: kept\n')
  t.deepEqual(tree(at.dir), { a: 'one\nmore\n', 'moved/f': 'deep\n' })
  t.deepEqual(leftIn(at), [])
})

withMount('thrown away, with the changes as JSON', (t) => {
  const at = place(t)
  const { stdout, status } = tryIt(at, at.dir, '--discard', '--json', '--', 'sh', '-c', 'echo x > new; rm -r sub')
  t.is(status, 0)
  t.deepEqual(JSON.parse(stdout), {
    status: 0,
    outcome: 'discarded',
    changes: [
      { type: 'added', path: '/new', kind: 'file', size: 2, before: 0 },
      { type: 'deleted', path: '/sub', kind: 'directory', size: 0, before: 0 },
    ],
  })
  t.deepEqual(tree(at.dir), AS_PLANTED)
  t.deepEqual(leftIn(at), [])
})

for (const mounted of [true, false]) {
  const run = mounted ? withMount : test.serial
  run(`saved as a patch (${mounted ? 'mounted' : 'a Node program, without a mount'})`, (t) => {
    const at = place(t)
    const patch = join(at.dir, '../out.patch')
    const program = `const fs = require('node:fs')
      fs.appendFileSync('a', 'more\\n'); fs.rmSync('${at.dir}/b'); fs.writeFileSync('sub/new', 'x\\n')
      console.log(fs.readFileSync('a', 'utf8').length, fs.existsSync('b'), process.cwd())`
    const options = mounted ? [] : ['--no-mount']
    const { stdout, stderr, status } = tryIt(at, at.dir, '--patch', patch, ...options, '--', 'node', '-e', program)
    t.is(stdout, `9 false ${at.dir}\n`, stderr)
    t.is(status, 0)
    t.deepEqual(tree(at.dir), AS_PLANTED)
    execFileSync('git', ['apply', patch], { cwd: at.dir })
    t.deepEqual(tree(at.dir), { a: 'one\nmore\n', 'sub/f': 'deep\n', 'sub/new': 'x\n' })
    t.deepEqual(leftIn(at), [])
  })

  run(`a conflict keeps nothing, and loses nothing (${mounted ? 'mounted' : 'without a mount'})`, (t) => {
    const at = place(t)
    // Another process changes the directory itself meanwhile: one outside of the command's mounts.
    const options = mounted ? [] : ['--no-mount']
    const program = `const fs = require('node:fs')
      fs.writeFileSync('${at.dir}/a', 'ours')
      fs.writeFileSync('${at.dir}/new', 'ours')
      fs.mkdirSync('${at.temporary}/ready')
      while (!fs.existsSync('${at.temporary}/go')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)`
    const args = [...flags, entry, 'try', at.dir, '--keep', '--json', ...options, '--', 'node', '-e', program]
    const child = spawn(process.execPath, args, { env: { ...process.env, TMPDIR: at.temporary } })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk) => (stdout += chunk))
    child.stderr.on('data', (chunk) => (stderr += chunk))
    return new Promise<void>((resolve) => {
      const watcher = nodeFs.watch(at.temporary, () => {
        if (!nodeFs.existsSync(join(at.temporary, 'ready'))) return
        watcher.close()
        nodeFs.writeFileSync(join(at.dir, 'a'), 'theirs, and longer')
        nodeFs.writeFileSync(join(at.temporary, 'go'), '')
      })
      child.on('close', (status) => {
        watcher.close()
        t.is(status, 1, stderr)
        const told = JSON.parse(stdout) as { outcome: string; conflicts: string[] }
        t.is(told.outcome, 'conflict')
        t.is(told.conflicts.length, 1)
        t.deepEqual(tree(at.dir), { ...AS_PLANTED, a: 'theirs, and longer' })
        const file = /the changes are in (\S+)/.exec(stderr)?.[1] ?? ''
        t.regex(nodeFs.readFileSync(file, 'utf8'), /^\+ours$/m)
        resolve()
      })
    })
  })
}

withMount('a run that is killed leaves the directory as it was', (t) => {
  const at = place(t)
  const args = [
    ...flags,
    entry,
    'try',
    at.dir,
    '--keep',
    '--',
    'sh',
    '-c',
    `rm -r *; echo x > y; kill -TERM $PPID; exec sleep 30`,
  ]
  const { status, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, TMPDIR: at.temporary },
  })
  t.is(status, 128 + 15, stderr)
  t.regex(stderr, /nothing is kept/)
  t.deepEqual(tree(at.dir), AS_PLANTED)
  t.deepEqual(leftIn(at), [])
})

/** Runs `script` in the directory, and kills plyfs itself once the script has said that it is ready. */
const killedWhileReady = async ({ dir, temporary }: Place, script: string): Promise<void> => {
  const ready = join(temporary, 'ready')
  const args = [...flags, entry, 'try', dir, '--keep', '--', 'sh', '-c', `${script}; echo $$ > ${ready}; exec sleep 30`]
  const child = spawn(process.execPath, args, { env: { ...process.env, TMPDIR: temporary }, stdio: 'ignore' })
  const ended = once(child, 'exit')
  await until(() => nodeFs.existsSync(ready) && nodeFs.readFileSync(ready, 'utf8').endsWith('\n'))
  child.kill('SIGKILL')
  await ended
  process.kill(Number(nodeFs.readFileSync(ready, 'utf8')), 'SIGKILL')
  nodeFs.rmSync(ready)
}
const until = async (met: () => boolean): Promise<void> => {
  while (!met()) await new Promise((resolve) => setTimeout(resolve, 10))
}

withMount('killed at once: no mount is left, and nothing is lost', async (t) => {
  const at = place(t)
  await killedWhileReady(at, 'rm -r *; echo ours > a')
  t.deepEqual(tree(at.dir), AS_PLANTED)
  await until(() => !nodeFs.readFileSync('/proc/self/mountinfo', 'utf8').includes(at.temporary))
  const [left = ''] = leftIn(at)
  const run = tryIt(at, at.dir, '--discard', '--', 'cat', 'a')
  t.is(run.stdout, 'one\n', run.stderr)
  const file = /what it had changed is in (\S+)/.exec(run.stderr)?.[1] ?? ''
  t.true(file.startsWith(join(at.temporary, left)))
  t.regex(nodeFs.readFileSync(file, 'utf8'), /^\+ours$/m)
  // Told once, and left where it is.
  t.is(tryIt(at, at.dir, '--discard', '--', 'true').stderr, 'plyfs: discarded\n')
  t.deepEqual(leftIn(at), [left])
})

test.serial('killed while it kept its changes: the next run finishes that, or tells them', (t) => {
  const killed = fileURLToPath(new URL('../layers/overlay-killed.ts', import.meta.url))
  for (const [n, told] of [
    [3, /what it had changed is in/],
    [LATE, /they are kept now/],
  ] as const) {
    const at = place(t)
    const scratch = join(at.temporary, 'plyfs-try-killed')
    const upper = join(scratch, 'upper')
    nodeFs.mkdirSync(upper, { recursive: true })
    nodeFs.symlinkSync(at.dir, join(scratch, 'lower'))
    nodeFs.writeFileSync(join(scratch, 'run.json'), JSON.stringify({ pid: 0x7fff_fff0, born: '', target: at.dir }))
    const fs = stack(rooted(at.dir), [overlay({ upper: rooted(upper) })])
    fs.writeFileSync('/a', 'ours')
    fs.rmSync('/sub', { recursive: true })
    const { signal } = spawnSync(process.execPath, [...process.execArgv, killed, scratch, String(n)])
    t.is(signal, 'SIGKILL')
    const run = tryIt(at, at.dir, '--discard', '--no-mount', '--', 'node', '-e', '')
    t.regex(run.stderr, told)
    const kept = n === LATE
    t.deepEqual(tree(at.dir), kept ? { a: 'ours', b: 'two\n' } : AS_PLANTED)
    t.deepEqual(leftIn(at), kept ? [] : ['plyfs-try-killed'])
  }
})

test.serial('a stack file; a Node program that is killed', (t) => {
  const at = place(t)
  const file = join(at.dir, '../stack.json')
  nodeFs.writeFileSync(file, JSON.stringify({ lower: { rooted: './dir' }, layers: [{ metadataCache: {} }] }))
  const program = (end: string): string =>
    `const fs = require('fs'); fs.writeFileSync('/a', 'ours'); fs.rmSync('/sub', { recursive: true }); ${end}`
  const killed = tryIt(
    at,
    file,
    '--keep',
    '--no-mount',
    '--',
    'node',
    '-e',
    program("process.kill(process.pid, 'SIGKILL')"),
  )
  t.is(killed.status, 128 + 9, killed.stderr)
  t.deepEqual(tree(at.dir), AS_PLANTED)
  const kept = tryIt(at, file, '--keep', '--no-mount', '--', 'node', '-e', program(''))
  t.is(kept.status, 0, kept.stderr)
  t.deepEqual(tree(at.dir), { a: 'ours', b: 'two\n' })
  t.deepEqual(leftIn(at), [])
})

withTerminal('asks at a terminal', (t) => {
  const at = place(t)
  const file = join(at.dir, '../asked.patch')
  for (const [answers, outcome] of [
    ['x\ns\nd\n', 'discarded'],
    [`p\n${file}\n`, 'patch'],
    ['k\n', 'kept'],
  ] as const) {
    const words = [
      process.execPath,
      ...flags,
      entry,
      'try',
      at.dir,
      '--no-mount',
      '--',
      'node',
      '-e',
      `require('fs').writeFileSync('a', 'ours')`,
    ]
    const line = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
    const { stdout, status } = spawnSync('script', ['-qec', line, '/dev/null'], {
      encoding: 'utf8',
      input: answers,
      env: { ...process.env, TMPDIR: at.temporary },
    })
    t.is(status, 0, stdout)
    t.regex(stdout, /keep \(k\), discard \(d\)/)
    t.true(stdout.includes(`plyfs: ${outcome}`), stdout)
    if (outcome === 'discarded') t.regex(stdout, /^\+ours/m)
    t.is(nodeFs.readFileSync(join(at.dir, 'a'), 'utf8'), outcome === 'kept' ? 'ours' : 'one\n')
  }
  t.regex(nodeFs.readFileSync(file, 'utf8'), /^\+ours/m)
})

test.serial('what is wrong is said before anything runs', (t) => {
  const at = place(t)
  const says = (message: RegExp, ...args: string[]): void => {
    const { status, stdout, stderr } = tryIt(at, ...args)
    t.is(status, 2, stderr)
    t.is(stdout, '')
    t.regex(stderr, message)
    t.notRegex(stderr, /\n {4}at /)
    t.deepEqual(leftIn(at), [])
  }
  says(/no terminal to ask at/, at.dir, '--', 'echo', 'ran')
  says(/one of --keep/, at.dir, '--keep', '--discard', '--', 'echo', 'ran')
  says(/usage/, at.dir, '--keep')
  says(/only Node programs/, at.dir, '--keep', '--no-mount', '--', 'echo', 'ran')
  says(/TMPDIR/, join(at.dir, '..'), '--keep', '--', 'echo', 'ran')
})
