/** Path resolution, component by component, as the kernel's namei does it. Written once, as a generator. */

import { type Around, attempt, call } from './extension.js'
import type { Dentry } from './file.js'
import type { Path } from './op.js'
import { hardened } from './primordials.js'
import { Failed } from './verdict.js'

/** Linux's MAXSYMLINKS. */
const MAX_LINKS = 40
/** Linux's PATH_MAX without the NUL, in bytes. */
export const PATH_MAX = 4095

export const S_IFMT = 0o170000
export const S_IFLNK = 0o120000
export const S_IFDIR = 0o040000
export const S_IFREG = 0o100000

/**
 * Where `path` leads, asked of what is below by `lookup` and `readlink`. The last component may be missing.
 * A trailing slash follows a link and demands a directory.
 * Fails with ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG as open(2) does, and with what `lookup` fails with.
 */
export function* namei(path: Path, follow: boolean): Around<'resolve'> {
  if (path === '') return Failed.of('ENOENT')
  if (path.length > PATH_MAX) return Failed.of('ENAMETOOLONG')
  const todo = path.split('/').reverse()
  let current = ''
  let links = 0
  let known: Dentry = { path: '/', exists: true, isLink: false, security: undefined }
  while (todo.length > 0) {
    const name = todo.pop() as string
    if (name === '' || name === '.') continue
    if (name === '..') {
      current = current.slice(0, Math.max(0, current.lastIndexOf('/')))
      known = { path: current === '' ? '/' : current, exists: true, isLink: false, security: undefined }
      continue
    }
    const here: Path = `${current}/${name}`
    const last = todo.every((rest) => rest === '')
    const stats = yield* attempt('lookup', { path: here })
    if (stats instanceof Failed) {
      if (stats.errno === 'ENOENT' && last) return { path: here, exists: false, isLink: false, security: undefined }
      return stats
    }
    const type = stats.mode & S_IFMT
    if (type === S_IFLNK && (follow || todo.length > 0)) {
      if (++links > MAX_LINKS) return Failed.of('ELOOP')
      const target = yield* call('readlink', { path: here })
      if (target === '') return Failed.of('ENOENT')
      if (target.startsWith('/')) current = ''
      const parts = target.split('/')
      for (let k = parts.length - 1; k >= 0; k--) todo.push(parts[k] as string)
      known = { path: current === '' ? '/' : current, exists: true, isLink: false, security: undefined }
      continue
    }
    if (todo.length > 0 && type !== S_IFDIR) return Failed.of('ENOTDIR')
    current = here
    known = { path: here, exists: true, isLink: type === S_IFLNK, security: undefined }
  }
  return known
}
hardened(namei)
