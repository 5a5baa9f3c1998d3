/** Runs a command over an overlay: mounted where this process may, else a Node program with the stack in node:fs's place. */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { basename, join } from 'node:path'
import type { Source } from '../fuse/source.js'
import { Complaint } from './complaint.js'

export interface Ground {
  /** The stack: an overlay on top, its upper in `scratch`. */
  readonly config: Exclude<Source, string | URL>
  /** A directory that the command should see in its own place; undefined: the stack's root is seen at a new path. */
  readonly dir: string | undefined
  /** Of our own, and outside of what is tried. */
  readonly scratch: string
}
export interface Ended {
  /** The command's, or 128 and the signal's number, as shells have it. */
  readonly status: number
  /** It, or we, were told to stop: what it has written may be half of something. */
  readonly killed: boolean
}

/** Over DIR, for this command alone: nobody else sees that mount namespace, and it ends with the command. */
const IN_PLACE = 'mount --bind "$1" "$2" && cd "$2" && shift 2 && exec "$@"'

/** @throws {MountError} where nothing can be mounted */
export const runMounted = async ({ config, dir, scratch }: Ground, command: readonly string[]): Promise<Ended> => {
  const { mount } = await import('../fuse/mount.js')
  const mountpoint = join(scratch, 'mnt')
  const mounted = await mount(config, mountpoint)
  try {
    const [file = '', ...args] =
      dir === undefined
        ? command
        : ['unshare', '--mount', '--', 'sh', '-c', IN_PLACE, 'sh', mountpoint, dir, ...command]
    return await ended(spawn(file, args, { stdio: 'inherit', ...(dir === undefined ? { cwd: mountpoint } : {}) }))
  } finally {
    const { lazy } = await mounted.unmount()
    if (lazy) console.error('plyfs: something that the command started is still there; what it writes now is lost')
  }
}

/** Whether Node runs it: then no mount is needed. */
const nodeProgram = ([file = '', ...args]: readonly string[]): readonly string[] | undefined => {
  if (/^node(?:\.exe)?$/.test(basename(file))) return args
  return /\.[cm]?js$/.test(file) ? [file, ...args] : undefined
}

/** @param why the command is not run over a mount */
export const runInstalled = async (
  { config, dir, scratch }: Ground,
  command: readonly string[],
  why: string,
): Promise<Ended> => {
  const program = nodeProgram(command)
  if (program === undefined) {
    throw new Complaint(`${why}\nWithout a mount only Node programs can be tried: node app.mjs …`)
  }
  // At its own path the directory is one filesystem among others.
  const stack =
    dir === undefined ? config : { lower: { host: {} }, layers: [{ mountPoints: { [dir]: { stack: config } } }] }
  const file = join(scratch, 'stack.json')
  writeFileSync(file, JSON.stringify(stack))
  const register = new URL(import.meta.url.endsWith('.ts') ? '../register.ts' : '../register.js', import.meta.url)
  return ended(
    spawn(process.execPath, [...process.execArgv, `--import=${register.href}`, ...program], {
      stdio: 'inherit',
      env: { ...process.env, PLYFS_STACK: file },
      ...(dir === undefined ? {} : { cwd: dir }),
    }),
  )
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A signal for us is one for the command; what becomes of its changes is still to be decided. */
const ended = (child: ChildProcess): Promise<Ended> =>
  new Promise((resolve, reject) => {
    let told = false
    const pass = (signal: NodeJS.Signals): void => {
      told = true
      child.kill(signal)
    }
    for (const signal of SIGNALS) process.on(signal, pass)
    const done = (): void => {
      for (const signal of SIGNALS) process.off(signal, pass)
    }
    child.on('error', (error: NodeJS.ErrnoException) => {
      done()
      reject(error.code === 'ENOENT' ? new Complaint(`${error.path ?? 'command'}: no such command`) : error)
    })
    child.on('exit', (status, signal) => {
      done()
      const killed = told || signal !== null
      resolve({ status: status ?? 128 + constants.signals[signal as NodeJS.Signals], killed })
    })
  })
