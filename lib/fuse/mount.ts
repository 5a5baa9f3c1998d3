/** Mounts a stack: the device, the thread that serves it, and mount(2). */
import { constants, existsSync, openSync, realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { errnoCode, errnoText } from '../errno.js'
import { MNT_DETACH, MNT_FORCE, MS_NODEV, MS_NOSUID, MS_RDONLY, type Native, native } from '../native/index.js'
import { ABANDONED, Counters, MOUNTED } from './counters.js'
import { LiveMount, type Mount } from './live-mount.js'
import { MountError } from './mount-error.js'
import { mountOf } from './mountinfo.js'
import type { OffloadPlan } from './offload.js'
import { Server } from './server.js'
import { portable, type Source } from './source.js'

export interface MountOptions {
  /** Others than who mounts may look in. Default: true for root. */
  readonly allowOther?: boolean
  /** The kernel checks modes and owners. Default true. */
  readonly defaultPermissions?: boolean
  /** False: no extended attributes on the mount, and the kernel asks for them once. Default true. */
  readonly xattrs?: boolean
  /** False: no kernel passthrough, whatever the layers say. */
  readonly passthrough?: boolean
  /** Nothing may be changed through the mount. Default false. */
  readonly readOnly?: boolean
  /** Measure how long each request takes. Default false. */
  readonly latencies?: boolean
  /** The first column of mount(8). Default `plyfs`. */
  readonly fsname?: string
}

const needs = (): Native => {
  if (process.platform !== 'linux') {
    throw new MountError('ENOTSUP', `mounting needs Linux (FUSE); this is ${process.platform}`)
  }
  const sys = native()
  if (sys === undefined) {
    throw new MountError('ERR_PLYFS_KOFFI', 'mounting needs koffi for mount(2): npm install koffi')
  }
  if (!existsSync('/dev/fuse')) {
    throw new MountError(
      'ENODEV',
      'mounting needs /dev/fuse: modprobe fuse, or start the container with --device /dev/fuse',
    )
  }
  if (process.geteuid?.() !== 0) {
    throw new MountError('EPERM', 'mounting needs root: run as root (mounting by fusermount3 is not supported)')
  }
  return sys
}

/** The mountpoint without links; a mount whose daemon is dead is cleared away first. */
const prepare = (sys: Native, mountpoint: string): string => {
  const path = resolve(mountpoint)
  for (;;) {
    try {
      if (!statSync(path).isDirectory()) throw new MountError('ENOTDIR', `${path}: not a directory`)
      return realpathSync(path)
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException
      if (code === 'ENOTCONN' && sys.umount2(path, MNT_DETACH) === 0) continue
      if (thrown instanceof MountError) throw thrown
      throw new MountError(code ?? 'EIO', `${path}: ${(thrown as Error).message}`)
    }
  }
}

/** Filesystems that stand on others, as the kernel counts (s_stack_depth). */
const isStacked = (type: string): boolean => type === 'overlay' || type === 'ecryptfs' || type.startsWith('fuse.plyfs')

const depthBelow = (source: Source): number => {
  const lower = typeof source === 'object' && 'lower' in source ? (source.lower as { rooted?: unknown }) : undefined
  const dir = typeof lower?.rooted === 'string' ? lower.rooted : process.cwd()
  try {
    return isStacked(mountOf(realpathSync(dir))?.type ?? '') ? 1 : 0
  } catch {
    return 0
  }
}

/** mount(2), as root. */
const attach = (sys: Native, path: string, device: number, { knobs }: OffloadPlan, options: MountOptions): void => {
  const data = [
    `fd=${device},rootmode=40000,user_id=${process.getuid?.() ?? 0},group_id=${process.getgid?.() ?? 0}`,
    ...(knobs.allowOther ? ['allow_other'] : []),
    ...(knobs.defaultPermissions ? ['default_permissions'] : []),
  ].join(',')
  const flags = MS_NOSUID | MS_NODEV | (options.readOnly === true ? MS_RDONLY : 0)
  const result = sys.mount(options.fsname ?? 'plyfs', path, 'fuse.plyfs', flags, data)
  if (result === 0) return
  const code = errnoCode(result) ?? 'EIO'
  throw new MountError(code, `${path}: mount(2): ${code}, ${errnoText(code)}`)
}

/**
 * Mounts a stack on a directory; resolves when the kernel and the session have agreed (INIT).
 * @param source a stack file's path, a config object, or the URL of a module whose default export is what stack() made
 * @throws {MountError} that says what is missing; what the source is refused for
 */
export const mount = async (source: Source, mountpoint: string, options: MountOptions = {}): Promise<Mount> => {
  const sys = needs()
  const path = prepare(sys, mountpoint)
  const device = openSync('/dev/fuse', constants.O_RDWR)
  const counters = new Counters()
  counters.timed = options.latencies ?? false
  const { allowOther = true, defaultPermissions, xattrs, passthrough } = options
  const offload = { allowOther, defaultPermissions, xattrs, passthrough, backingDepth: depthBelow(source) }
  const server = new Server(
    { source: portable(source), base: process.cwd(), device, mountpoint: path, offload, shared: counters.shared },
    counters,
  )
  let mounted = false
  try {
    const { plan } = await server.ready
    attach(sys, path, device, plan, options)
    mounted = true
    counters.announce(MOUNTED)
    await server.serving
    return new LiveMount(sys, path, server, counters, plan)
  } catch (failed) {
    if (mounted) sys.umount2(path, MNT_FORCE | MNT_DETACH)
    counters.announce(ABANDONED)
    throw failed
  }
}
