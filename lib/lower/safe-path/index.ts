/**
 * Acting on paths beneath a directory so that no race can lead outside. Two ways: `contained` follows links beneath the
 * root, `strict` follows none. With koffi and openat2 (Linux 5.6) the kernel does it; else a walk of our own does, through
 * /proc/self/fd; where there is neither, only `unsafe` is left.
 */

import { isMainThread } from 'node:worker_threads'
import type { Dentry } from '../../file.js'
import { RESOLVE_BENEATH } from '../../native/index.js'
import type { Path } from '../../op.js'
import { decodePath } from '../../path-bytes.js'
import { Failed } from '../../verdict.js'
import { originalFs } from '../original-fs.js'
import type { Calls } from './calls.js'
import { Kept } from './kept.js'
import { KernelResolver } from './kernel.js'
import { nativeCalls } from './native-calls.js'
import { nodeCalls, O_PATH } from './node-calls.js'
import { type PathOps, pathOps } from './ops.js'
import { Parents } from './parents.js'
import { type LinkPolicy, type Picker, type Resolver, Root } from './resolver.js'
import { Walker } from './walker.js'

export type { LinkMeaning, LinkPolicy } from './resolver.js'
export type { Calls, PathOps, Picker, Resolver }
export { O_PATH }

/** How well a platform can do it. */
export type Mechanism = 'openat2' | 'walk' | 'unsafe'

export interface Beneath {
  readonly mechanism: Mechanism
  /** The directory's path on the host, as it was when it was held. */
  readonly path: string
  readonly calls: Calls
  readonly pick: Picker
  /** The one that refuses every link. */
  readonly strict: Resolver
  readonly ops: PathOps
  /** See `Lower.listing`. */
  listing(path: Path | undefined): void
}

export interface BeneathOptions {
  readonly policy: LinkPolicy
  /** Whether koffi may be used. */
  readonly native: boolean
  /** Whether to go on by names where nothing can be held. */
  readonly unsafe: boolean
}

const ELOOP = Failed.of('ELOOP')
const ENOSYS = Failed.of('ENOSYS')
const STRICT: LinkPolicy = { absolute: () => ELOOP, none: true, escape: ELOOP }

let isProcThere: true | undefined

/** Whether a descriptor leads to its file through /proc. A yes holds; a no may be for want of descriptors. */
export const hasProc = (): boolean => {
  if (process.platform !== 'linux') return false
  if (isProcThere === undefined && looksThroughProc()) isProcThere = true
  return isProcThere === true
}
const looksThroughProc = (): boolean => {
  try {
    const fd = originalFs.openSync('/', O_PATH)
    try {
      const path = `/proc/self/fd/${fd}`
      return originalFs.readlinkSync(path) === '/' && originalFs.statSync(path).ino === originalFs.fstatSync(fd).ino
    } finally {
      originalFs.closeSync(fd)
    }
  } catch {
    return false
  }
}

/** What lies beneath the host's directory `dir`. A failure: ENOSYS where it cannot be had safely, else what `dir` is. */
export const beneath = (dir: string, options: BeneathOptions): Beneath | Failed => {
  const safe = hasProc()
  if (!safe && !options.unsafe) return ENOSYS
  const fast = safe && options.native ? nativeCalls() : undefined
  const calls = fast?.calls ?? nodeCalls(!safe)
  const held = calls.holdHost(dir)
  if (held instanceof Failed) return held
  const at = calls.at(held)
  const path = safe ? decodePath(originalFs.readlinkSync(at, 'buffer')) : at
  const root = new Root(held, calls)
  let mechanism: Mechanism = safe ? 'walk' : 'unsafe'
  let open: Resolver = new Walker(calls, root, options.policy)
  let strict: Resolver = new Walker(calls, root, STRICT)
  if (fast !== undefined) {
    const probe = fast.raw.openat2(held, '.', O_PATH, 0, RESOLVE_BENEATH)
    if (probe >= 0) {
      fast.raw.close(probe)
      mechanism = 'openat2'
      open = new KernelResolver(fast.raw, open as Walker)
      strict = new KernelResolver(fast.raw, strict as Walker)
    }
  }
  const pick: Picker = (dentry: Dentry | undefined) => (dentry === undefined ? open : strict)
  const listing = (listed: Path | undefined): void => {
    if (open instanceof KernelResolver) open.listing(listed)
    if (strict instanceof KernelResolver) strict.listing(listed)
  }
  return { mechanism, path, calls, pick, strict, ops: pathOps(pick), listing }
}

/** How canonical paths of the whole host are acted on: a link anywhere in them is ELOOP, at the moment of use. */
export interface Canonical {
  readonly mechanism: Mechanism
  readonly pick: Picker
  readonly ops: PathOps
}

/**
 * In the main thread only, directories are kept: a thread that is terminated closes nothing.
 * @returns a failure where that cannot be had, or not now
 */
export const canonicalOnly = (native = true): Canonical | Failed => {
  const all = beneath('/', { policy: STRICT, native, unsafe: false })
  if (all instanceof Failed) return all
  const { mechanism, strict } = all
  const resolver =
    strict instanceof Walker
      ? new Parents(strict)
      : strict instanceof KernelResolver && isMainThread
        ? new Kept(strict)
        : strict
  const pick: Picker = () => resolver
  return { mechanism, pick, ops: pathOps(pick, resolver instanceof Kept ? () => strict : pick) }
}
