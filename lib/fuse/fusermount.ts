/** fusermount3, the set-user-id program of libfuse: it mounts and unmounts for those who may not do so themselves. */
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, closeSync, constants as fs } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Native } from '../native/index.js'
import { MountError } from './mount-error.js'

const { EBUSY, EPERM } = constants.errno

/** Where it is; undefined where it is not installed. */
export const fusermount = (): string | undefined => {
  return (process.env.PATH ?? '/usr/bin:/bin')
    .split(':')
    .filter((dir) => dir.startsWith('/'))
    .map((dir) => join(dir, 'fusermount3'))
    .find(isExecutable)
}
const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, fs.X_OK)
    return true
  } catch {
    return false
  }
}

/** Its complaints are read. */
const env = (): NodeJS.ProcessEnv => ({ ...process.env, LC_ALL: 'C' })

/** Where it finds the socket that it sends the device through. */
const COMM = 3

/**
 * Mounts, and answers the session's device.
 * @param options as mount(8) has them
 * @throws {MountError} with its own words
 */
export const mountByHelper = async (sys: Native, path: string, options: readonly string[]): Promise<number> => {
  const program = fusermount()
  if (program === undefined) throw missing()
  const pair = sys.socketpair()
  if (typeof pair === 'number') throw new MountError('EMFILE', `${path}: socketpair(2): errno ${-pair}`)
  const [ours, theirs] = pair
  try {
    const complaint = await run(program, ['-o', options.join(','), '--', path], theirs)
    // It has ended: what it sent is there.
    const device = sys.receiveFd(ours)
    if (device >= 0) return device
    throw new MountError('EPERM', `${path}: ${complaint}${hint(complaint)}`)
  } finally {
    closeSync(ours)
    closeSync(theirs)
  }
}
export const missing = (): MountError =>
  new MountError(
    'EPERM',
    'mounting without root needs fusermount3: install fuse3 (apt install fuse3, dnf install fuse3), or run as root',
  )

const run = (program: string, args: readonly string[], theirs: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe', theirs],
      env: { ...env(), _FUSE_COMMFD: String(COMM) },
    })
    let text = ''
    child.stderr?.on('data', (chunk) => {
      text += chunk
    })
    child.on('error', (error) => reject(new MountError('EPERM', `${program}: ${error.message}`)))
    child.on('close', (status) => resolve(text.trim() || `fusermount3 ended with status ${status}, and sent no device`))
  })
const hint = (complaint: string): string =>
  complaint.includes('user_allow_other') ? ' (or mount without allowOther: only you then have access)' : ''

/** Takes a mount of the user's own away: 0, -EBUSY, or -EPERM where it may not. */
export const unmountByHelper = (path: string, lazy: boolean): number => {
  const program = fusermount()
  if (program === undefined) return -EPERM
  const { status, stderr } = spawnSync(program, [lazy ? '-uz' : '-u', '--', path], {
    cwd: '/',
    encoding: 'utf8',
    env: env(),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  if (status === 0) return 0
  return /busy/i.test(stderr) ? -EBUSY : -EPERM
}
