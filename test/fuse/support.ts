/** Mounts for tests: real ones, where the kernel lets us. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { type Mount, type MountOptions, mount, type Source } from '../../lib/fuse/index.js'
import { native } from '../../lib/native/index.js'

/** Why nothing can be mounted here; undefined where it can. */
export const obstacle =
  process.platform !== 'linux'
    ? 'not Linux'
    : !existsSync('/dev/fuse')
      ? 'no /dev/fuse'
      : process.geteuid?.() !== 0
        ? 'not root'
        : native() === undefined
          ? 'no koffi'
          : undefined

export interface Place {
  readonly dir: string
  /** What a rooted lower has. */
  readonly back: string
  readonly mnt: string
}
export const freshPlace = (): Place => {
  const dir = mkdtempSync(join(tmpdir(), 'plyfs-fuse-'))
  const [back, mnt] = [join(dir, 'back'), join(dir, 'mnt')]
  for (const each of [back, mnt]) mkdirSync(each)
  return { dir, back, mnt }
}
export const removePlace = ({ dir }: Place): void => rmSync(dir, { recursive: true, force: true })
/** A place for one test. */
export const place = (t: ExecutionContext): Place => {
  const made = freshPlace()
  t.teardown(() => removePlace(made))
  return made
}

export const FIVE = [
  { stackDepth: {} },
  { sandbox: { root: '/' } },
  { passthrough: {} },
  { xattrElision: {} },
  { metadataCache: { ttlMs: 60_000 } },
]

/** What tests in mounts mount, beside what is below. */
export type MakeSource = (place: Place) => Source
/** The lowers, and the five layers over one. With `host`, a mount has the whole tree. */
export const SOURCES = {
  memory: () => ({ lower: { memory: {} } }),
  'memory, five layers': () => ({ lower: { memory: {} }, layers: FIVE }),
  rooted: ({ back }) => ({ lower: { rooted: back } }),
  'rooted, five layers': ({ back }) => ({ lower: { rooted: back }, layers: FIVE }),
  host: () => ({ lower: { host: {} } }),
} satisfies { readonly [name: string]: MakeSource }

type Body = (t: ExecutionContext, mounted: Mount, place: Place) => void | Promise<void>

/** A test, or its name and why it is skipped. */
export const needsFuse = (
  title: string,
  body: (t: ExecutionContext) => void | Promise<void>,
  program?: 'python3' | 'setpriv',
): void => {
  const missing = obstacle ?? (program !== undefined && isMissing(program) ? `no ${program}` : undefined)
  if (missing === undefined) test.serial(title, body)
  else test.skip(`${title} (${missing})`, body)
}
const isMissing = (program: 'python3' | 'setpriv'): boolean =>
  program === 'python3' ? python() === '' : spawnSync(program, ['--version']).status !== 0

let interpreter: string | undefined
/** Where Python is: what is in PATH may be a script that looks for it, which takes longer than most scripts of ours. */
export const python = (): string => {
  interpreter ??= spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).stdout ?? ''
  return interpreter.trim()
}

/** A test inside a mount. */
export const inMount = (
  title: string,
  source: (place: Place) => Source | Promise<Source>,
  body: Body,
  options: MountOptions = {},
  program?: Parameters<typeof needsFuse>[2],
): void =>
  needsFuse(
    title,
    async (t) => {
      const where = place(t)
      const mounted = await mount(await source(where), where.mnt, options)
      try {
        await body(t, mounted, where)
      } finally {
        await mounted.unmount()
      }
    },
    program,
  )

const run = promisify(execFile)
/** A shell command that must succeed: what it prints. Its directory is never inside a mount of this process's making. */
export const sh = async (script: string, cwd = '/'): Promise<string> =>
  (await run('/bin/sh', ['-ec', script], { cwd, maxBuffer: 1 << 26 })).stdout

const loader = new URL('../../scripts/ts-loader.mjs', import.meta.url).href
export const lib = join(import.meta.dirname, '../../lib')

/** The command, started: resolves with its first line. `before`: what the shell says before it. */
export const start = async (args: readonly string[], script = join(lib, 'cli.ts'), before = 'exec') => {
  const node = [process.execPath, '--conditions=plyfs-source', `--import=${loader}`, script, ...args]
  const child = spawn('/bin/sh', ['-c', `${before} "$@"`, 'sh', ...node], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: '/',
  })
  let text = ''
  let complaint = ''
  child.stderr.on('data', (chunk) => {
    complaint += chunk
  })
  const first = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      text += chunk
      if (text.includes('\n')) resolve()
    })
    child.on('exit', () => reject(new Error(complaint)))
  })
  await first
  return { child, text: () => text, complaint: () => complaint }
}
/** Its status; the signal's name where one ended it. */
export const exit = (child: ChildProcess): Promise<number | string | null> => {
  const { exitCode, signalCode } = child
  if (exitCode !== null || signalCode !== null) return Promise.resolve(exitCode ?? signalCode)
  return new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)))
}

export const until = async (what: () => boolean): Promise<boolean> => {
  for (let k = 0; k < 100; k++) {
    if (what()) return true
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return false
}
