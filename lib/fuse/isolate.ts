/** The serving thread's own view of the mounts: its own mount is not in it, so that no request leads back into the thread. */
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { CLONE_FS, CLONE_NEWNS, MNT_DETACH, MS_REC, type Native, UMOUNT_NOFOLLOW } from '../native/index.js'
import { mounts } from './mountinfo.js'
import type { Source } from './source.js'

/** The calling thread's, not the process's. */
const MINE = '/proc/thread-self/mountinfo'
/** linux/fs.h */
const MS_SLAVE = 1 << 19

/**
 * Before the stack is built: what it holds belongs to the view. New files get the modes that they are given.
 * @returns whether the thread has a view of its own; without CAP_SYS_ADMIN it has not
 */
export const isolate = (sys: Native, source: Exclude<Source, URL>, base: string): boolean => {
  const own = sys.unshare(CLONE_NEWNS | CLONE_FS) === 0 && sys.mount('none', '/', '', MS_REC | MS_SLAVE, '') === 0
  if (own || sys.unshare(CLONE_FS) === 0) sys.umask(0)
  if (own && typeof source === 'object') letGo(sys, rootsOf(source, base))
  return own
}

/** After the mount, which may have spread to this view. */
export const dropOwn = (sys: Native, mountpoint: string): void => {
  const top = mounts(MINE).findLast((mount) => mount.mountpoint === mountpoint)
  if (top?.type.startsWith('fuse.plyfs') === true) sys.umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW)
}

/** A copy of another session's mount would keep that session alive when it is unmounted elsewhere. */
const letGo = (sys: Native, roots: readonly string[]): void => {
  for (const { mountpoint, type } of mounts(MINE).reverse()) {
    if (!type.startsWith('fuse.plyfs')) continue
    const isNeeded = roots.some((root) => isWithin(root, mountpoint) || isWithin(mountpoint, root))
    if (!isNeeded) sys.umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW)
  }
}
const isWithin = (path: string, dir: string): boolean => path === dir || path.startsWith(dir === '/' ? dir : `${dir}/`)

/** Every directory that a config's lowers are rooted in. */
const rootsOf = (config: unknown, base: string): string[] => {
  if (config === null || typeof config !== 'object') return []
  return Object.entries(config).flatMap(([key, value]) => {
    if (key !== 'rooted' || typeof value !== 'string') return rootsOf(value, base)
    try {
      return [realpathSync(resolve(base, value))]
    } catch {
      return []
    }
  })
}
