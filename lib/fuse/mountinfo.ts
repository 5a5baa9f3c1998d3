/** What is mounted where: /proc/self/mountinfo, proc(5). */
import { readFileSync } from 'node:fs'
import { decodePath } from '../path-bytes.js'

export interface MountInfo {
  /** `major:minor`. */
  readonly device: string
  readonly mountpoint: string
  readonly type: string
}

const unquoted = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** In the order in which they were mounted. */
export const mounts = (of = '/proc/self/mountinfo'): MountInfo[] =>
  readFileSync(of, 'latin1')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const fields = line.split(' ')
      const dash = fields.indexOf('-', 6)
      return {
        device: fields[2] ?? '',
        mountpoint: decodePath(Buffer.from(unquoted(fields[4] ?? ''), 'latin1')),
        type: fields[dash + 1] ?? '',
      }
    })

/** The topmost mount at exactly `path`. */
export const mountAt = (path: string): MountInfo | undefined =>
  mounts().findLast(({ mountpoint }) => mountpoint === path)

/** The mount that `path`, which is absolute and has no link in it, is on. */
export const mountOf = (path: string): MountInfo | undefined => {
  let best: MountInfo | undefined
  for (const mount of mounts()) {
    const { mountpoint } = mount
    const holds = mountpoint === '/' || path === mountpoint || path.startsWith(`${mountpoint}/`)
    if (holds && mountpoint.length >= (best?.mountpoint.length ?? 0)) best = mount
  }
  return best
}
