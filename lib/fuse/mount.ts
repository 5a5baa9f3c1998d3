/** Mounts a stack: the thread that serves it, and mount(2) or fusermount3. */
import { closeSync, constants, existsSync, openSync, realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import { errnoCode, errnoText } from '../errno.js'
import { MNT_DETACH, MNT_FORCE, MS_NODEV, MS_NOSUID, MS_RDONLY, type Native, native } from '../native/index.js'
import { Counters } from './counters.js'
import { fusermount, missing, mountByHelper } from './fusermount.js'
import { LiveMount, type Mount } from './live-mount.js'
import { MountError } from './mount-error.js'
import { mountOf } from './mountinfo.js'
import { Notifier } from './notifier.js'
import type { OffloadPlan } from './offload.js'
import { Server } from './server.js'
import { exchangeFrom, portable, type Source } from './source.js'
import { umount } from './umount.js'
import { byRequest, bySocket } from './wake.js'

export interface MountOptions {
  /** Others than who mounts may look in. Default: true for root. Others need `user_allow_other` in /etc/fuse.conf. */
  readonly allowOther?: boolean
  /** The kernel checks modes and owners. Default true. */
  readonly defaultPermissions?: boolean
  /** False: no extended attributes on the mount, and the kernel asks for them once. Default true. */
  readonly xattrs?: boolean
  /** False: no kernel passthrough, whatever the layers say. */
  readonly passthrough?: boolean
  /** False: no directory is listed because names in it are looked up one by one. Default: as the layers allow. */
  readonly readAround?: boolean
  /** Nothing may be changed through the mount. Default false. */
  readonly readOnly?: boolean
  /** Measure how long each request takes. Default false. */
  readonly latencies?: boolean
  /** The first column of mount(8). Default `plyfs`. */
  readonly fsname?: string
}

const isRoot = (): boolean => process.geteuid?.() === 0

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
  if (!isRoot() && fusermount() === undefined) throw missing()
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
      if (code === 'ENOTCONN' && umount(sys, path, MNT_DETACH) === 0) continue
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

/** mount(2), as root: the session's device. */
const attach = (sys: Native, path: string, { knobs }: OffloadPlan, options: MountOptions): number => {
  const device = openSync('/dev/fuse', constants.O_RDWR)
  const data = [
    `fd=${device},rootmode=40000,user_id=${process.getuid?.() ?? 0},group_id=${process.getgid?.() ?? 0}`,
    ...shared(knobs),
  ].join(',')
  const flags = MS_NOSUID | MS_NODEV | (options.readOnly === true || knobs.readOnly ? MS_RDONLY : 0)
  const result = sys.mount(options.fsname ?? 'plyfs', path, 'fuse.plyfs', flags, data)
  if (result === 0) return device
  closeSync(device)
  const code = errnoCode(result) ?? 'EIO'
  throw new MountError(code, `${path}: mount(2): ${code}, ${errnoText(code)}`)
}
const shared = ({ allowOther, defaultPermissions }: OffloadPlan['knobs']): string[] => [
  ...(allowOther ? ['allow_other'] : []),
  ...(defaultPermissions ? ['default_permissions'] : []),
]

/** The same by fusermount3. */
const attachByHelper = (
  sys: Native,
  path: string,
  { knobs }: OffloadPlan,
  { fsname = 'plyfs', readOnly }: MountOptions,
): Promise<number> => {
  const name = fsname.replace(/[\\,]/g, '\\$&')
  const flags = ['nosuid', 'nodev', readOnly === true || knobs.readOnly ? 'ro' : 'rw']
  return mountByHelper(sys, path, [...flags, `fsname=${name}`, 'subtype=plyfs', ...shared(knobs)])
}

/**
 * Mounts a stack on a directory; resolves when the kernel and the session have agreed (INIT).
 * @param source a stack file's path, a config object, or the URL of a module whose default export is what stack() made
 * @throws {MountError} that says what is missing; what the source is refused for
 */
export const mount = async (source: Source, mountpoint: string, options: MountOptions = {}): Promise<Mount> => {
  const sys = needs()
  const path = prepare(sys, mountpoint)
  const counters = new Counters()
  counters.timed = options.latencies ?? false
  const { allowOther = isRoot(), defaultPermissions, xattrs, passthrough, readAround } = options
  const offload = { allowOther, defaultPermissions, xattrs, passthrough, readAround, backingDepth: depthBelow(source) }
  const base = process.cwd()
  const { port1, port2 } = new MessageChannel()
  const wake = isRoot() ? byRequest(path) : bySocket(sys, path)
  const server = new Server(
    {
      source: portable(source),
      base,
      mountpoint: path,
      offload,
      shared: counters.shared,
      port: port2,
      wake: wake.socket,
    },
    counters,
  )
  let mounted = false
  try {
    const { plan } = await server.ready
    // Before the mount: what it holds is what is below.
    const watched = plan.knobs.watch ? (await exchangeFrom(source, base)).whole : undefined
    server.device = await (isRoot() ? attach : attachByHelper)(sys, path, plan, options)
    mounted = true
    const notifier = new Notifier(server, port1, counters, wake, watched)
    counters.begin(server.device)
    await server.serving
    return new LiveMount(sys, path, server, counters, plan, notifier)
  } catch (failed) {
    if (mounted) umount(sys, path, MNT_FORCE | MNT_DETACH)
    counters.abandon()
    port1.close()
    void server.ended.catch(() => {}).then(() => wake.close())
    throw failed
  }
}
