/**
 * What the kernel may do in the layers' place: a pure function from a stack's layers to the kernel's knobs. Without a
 * layer that says so, nothing is kept and everything comes up.
 */
import type { Capabilities, Layer } from '../extension.js'
import { OP, OPS, type Op } from '../op.js'

/** Times in seconds, fractions and Infinity allowed; 0 keeps nothing. */
export interface Knobs {
  readonly entryTtl: number
  readonly attrTtl: number
  readonly negativeTtl: number
  /** A listing brings the attributes along: FUSE_DO_READDIRPLUS, without _AUTO, which stops after the first page. */
  readonly readdirplus: boolean
  readonly cacheDirectories: boolean
  /** A directory whose names are asked for one by one is listed, so that the kernel knows them all: see read-around.ts. */
  readonly readAround: boolean
  /** OPENDIR is answered ENOSYS, once: the kernel opens and closes directories without a word. */
  readonly noOpendir: boolean
  readonly cacheSymlinks: boolean
  /** Pages outlive the open file: FOPEN_KEEP_CACHE. */
  readonly keepCache: boolean
  /** False: every request for extended attributes is answered ENOSYS, once, and never comes again. */
  readonly xattrs: boolean
  /** FUSE_HANDLE_KILLPRIV_V2: not every write asks for capabilities; the session takes set-id bits away. */
  readonly killpriv: boolean
  /** FUSE_POSIX_ACL: ACLs are kept with the inode, and the kernel minds them. */
  readonly posixAcl: boolean
  /** What others change below is told as it happens, for directories that were looked into. */
  readonly watch: boolean
  /** Requests are served as their answers come, out of order: a layer needs time to pass, or the lower answers later. */
  readonly waits: boolean
  readonly passthrough: boolean
  /** The superblock's own depth (FILESYSTEM_MAX_STACK_DEPTH is 2); what is passed to must be lower. */
  readonly maxStackDepth: 0 | 1 | 2
  /** The kernel checks modes and owners by itself; every caller's requests then come up as allowed. */
  readonly defaultPermissions: boolean
  /** Others than who mounted may look in. */
  readonly allowOther: boolean
  /** MS_RDONLY: changes are refused before anybody is asked, and access(2) says so. */
  readonly readOnly: boolean
}
export interface OffloadOptions {
  readonly defaultPermissions?: boolean | undefined
  readonly allowOther?: boolean | undefined
  /** False: no extended attributes on the mount, whatever the lower has. Default true. */
  readonly xattrs?: boolean | undefined
  /** False: no kernel passthrough. Default: as the layers say. */
  readonly passthrough?: boolean | undefined
  /** False: nothing is listed that nobody has asked to be listed. Default: as the layers allow. */
  readonly readAround?: boolean | undefined
  /** The lower has no synchronous functions. Default false. */
  readonly late?: boolean | undefined
  /** Filesystems stacked below: 1 where the lower is itself on an overlay or on a mount like this one. Default 0. */
  readonly backingDepth?: number | undefined
}
export interface OffloadPlan {
  readonly knobs: Knobs
  /** By knob: which layer asked for it, or why it is off. */
  readonly reasons: { readonly [K in keyof Knobs]: string }
}

/** FILESYSTEM_MAX_STACK_DEPTH (linux/fs.h). */
export const KERNEL_MAX_DEPTH = 2

/** The opcodes whose answers the kernel would give by itself. */
const KEPT: readonly Op[] = ['lookup', 'getattr', 'readdir', 'readlink', 'access']
const WRITES = OPS.filter((op) => OP[op].effect === 'write' && op !== 'open')
const looksAt = (layer: Layer, ops: readonly Op[]): boolean => ops.some((op) => layer.extensions[op] !== undefined)

/** @param layers top first */
export const planOffload = (
  layers: readonly Layer[],
  capabilities: Capabilities,
  options: OffloadOptions = {},
): OffloadPlan => {
  const named = (test: (offload: NonNullable<Layer['offload']>) => boolean): Layer | undefined =>
    layers.find(({ offload }) => offload !== undefined && test(offload))
  const cache = named((o) => (o.entryTtlMs ?? 0) > 0 || (o.attrTtlMs ?? 0) > 0 || (o.negativeTtlMs ?? 0) > 0)
  const perCaller = named((o) => o.perCaller === true)
  const above = cache === undefined ? [] : layers.slice(0, layers.indexOf(cache))
  // It expects to see every request. A guard's answers are the same until it says that they depend on the caller.
  const onlooker = above.find((l) => l.offload === undefined && l.pinned !== true && looksAt(l, KEPT))
  const off =
    cache === undefined
      ? 'no layer keeps metadata'
      : perCaller !== undefined
        ? `'${perCaller.name}' decides by caller, and the kernel shares what it keeps`
        : onlooker !== undefined
          ? `'${onlooker.name}' looks at requests above '${cache.name}'`
          : undefined
  const from = off ?? `'${cache?.name}'`
  const seconds = (key: 'entryTtlMs' | 'attrTtlMs' | 'negativeTtlMs'): number =>
    off === undefined ? (cache?.offload?.[key] ?? 0) / 1000 : 0
  const says = (key: 'cacheDirectories' | 'cacheSymlinks'): boolean =>
    off === undefined && cache?.offload?.[key] === true

  const waiter = named((o) => o.waits === true)
  const waits = options.late === true || waiter !== undefined
  const waitReason =
    waiter !== undefined ? `'${waiter.name}'` : waits ? 'the lower answers later' : 'answers come at once'
  const passer = named((o) => o.passthrough === true)
  const depthLayer = layers.find(({ offload }) => offload?.maxStackDepth !== undefined)
  const allowedDepth = Math.min(KERNEL_MAX_DEPTH, ...layers.map(({ offload }) => offload?.maxStackDepth ?? 2))
  const neededDepth = (options.backingDepth ?? 0) + 1
  const [passthrough, passReason] =
    passer === undefined
      ? [false, 'no layer passes files through']
      : options.passthrough === false
        ? [false, 'switched off']
        : waits
          ? [false, waitReason]
          : capabilities.kernelFiles !== true
            ? [false, "the lower's files are not the kernel's"]
            : neededDepth > allowedDepth
              ? [
                  false,
                  `depth ${neededDepth} is needed, ${depthLayer === undefined ? 'the kernel' : `'${depthLayer.name}'`} allows ${allowedDepth}`,
                ]
              : [true, `'${passer.name}'`]

  const elider = named((o) => o.elideXattrs === true)
  const xattrs = options.xattrs !== false && capabilities.xattr
  const xattrReason =
    options.xattrs === false ? 'switched off' : capabilities.xattr ? 'the lower has them' : 'the lower has none'
  const killpriv = elider !== undefined
  const allowOther = options.allowOther ?? false
  const defaultPermissions = options.defaultPermissions ?? true
  const posixAcl = killpriv && xattrs && defaultPermissions
  const cacheDirectories = says('cacheDirectories')
  const watcher = above.find((l) => l.offload === undefined && l.pinned !== true && looksAt(l, ['opendir']))
  const opens = !cacheDirectories
    ? (off ?? 'directories are not cached')
    : waits
      ? waitReason
      : watcher !== undefined
        ? `'${watcher.name}' looks at it`
        : defaultPermissions
          ? undefined
          : 'the layers judge who may open a directory'
  const listsNot =
    options.readAround === false
      ? 'switched off'
      : (opens ??
        (Math.min(seconds('entryTtlMs'), seconds('attrTtlMs')) < 1
          ? 'what is listed is kept for less than a second'
          : capabilities.kernelFiles !== true
            ? "the lower's files are not the kernel's"
            : undefined))
  const keeper = named((o) => o.readOnly === true)
  // What only watches, guards or keeps takes no change elsewhere.
  const diverts = layers
    .slice(0, keeper === undefined ? 0 : layers.indexOf(keeper))
    .find((l) => l.offload === undefined && l.pinned !== true && l.consents !== 'watches' && looksAt(l, WRITES))
  const readOnly = keeper !== undefined && diverts === undefined
  const knobs: Knobs = {
    entryTtl: seconds('entryTtlMs'),
    attrTtl: seconds('attrTtlMs'),
    negativeTtl: seconds('negativeTtlMs'),
    readdirplus: !waits && seconds('attrTtlMs') > 0,
    cacheDirectories,
    readAround: listsNot === undefined,
    noOpendir: opens === undefined,
    cacheSymlinks: says('cacheSymlinks'),
    keepCache: off === undefined,
    waits,
    watch: off === undefined && cache?.offload?.watch === true,
    xattrs: elider === undefined && options.xattrs !== false ? true : xattrs,
    killpriv,
    posixAcl,
    passthrough,
    maxStackDepth: passthrough ? (neededDepth as 1 | 2) : 0,
    defaultPermissions,
    allowOther,
    readOnly,
  }
  return {
    knobs,
    reasons: {
      entryTtl: from,
      attrTtl: from,
      negativeTtl: from,
      readdirplus: waits ? waitReason : from,
      cacheDirectories: from,
      readAround: listsNot ?? from,
      noOpendir: opens ?? from,
      cacheSymlinks: from,
      keepCache: from,
      waits: waitReason,
      watch: off ?? (cache?.offload?.watch === true ? from : `'${cache?.name}' does not ask for it`),
      xattrs: elider === undefined && options.xattrs !== false ? 'no layer elides them' : xattrReason,
      killpriv: elider === undefined ? 'no layer elides extended attributes' : `'${elider.name}'`,
      posixAcl: posixAcl ? `'${elider?.name}'` : 'only with elided attributes and default permissions',
      passthrough: passReason,
      maxStackDepth: passthrough ? `what is below is of depth ${neededDepth - 1}` : passReason,
      defaultPermissions: options.defaultPermissions === undefined ? 'default' : 'asked for',
      allowOther: options.allowOther === undefined ? 'default' : 'asked for',
      readOnly:
        keeper === undefined
          ? 'no layer refuses every change'
          : diverts === undefined
            ? `'${keeper.name}'`
            : `'${diverts.name}' stands above '${keeper.name}'`,
    },
  }
}

const shown = (value: number | boolean): string =>
  typeof value === 'boolean' ? (value ? 'on' : 'off') : value === Number.POSITIVE_INFINITY ? 'for ever' : String(value)

/** The plan as a table for people. */
export const describeOffload = ({ knobs, reasons }: OffloadPlan): string => {
  const rows = (Object.keys(knobs) as (keyof Knobs)[]).map((knob) => [
    knob,
    shown(knobs[knob]) + (knob.endsWith('Ttl') && knobs[knob] !== Number.POSITIVE_INFINITY ? ' s' : ''),
    reasons[knob],
  ])
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  const widths = [width(0), width(1)]
  return rows
    .map(
      ([knob = '', value = '', why = '']) => `${knob.padEnd(widths[0] ?? 0)}  ${value.padEnd(widths[1] ?? 0)}  ${why}`,
    )
    .join('\n')
}
