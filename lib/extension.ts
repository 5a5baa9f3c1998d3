/** Extensions: small handlers indexed by opcode; a layer is a named map of them. */
import type { Caller, Context } from './context.js'
import type { Errno } from './errno.js'
import type { OpenFile } from './file.js'
import { isOp, OPS, type Op, type PathOp, type Reply, type Request } from './op.js'
import { hardened } from './primordials.js'
import { Failed, type Verdict } from './verdict.js'

/** One request of an `around`, performed below its layer. `yield*` it: it gives the reply, or throws a `Failed`. */
export class Call<O extends Op> {
  constructor(
    readonly op: O,
    readonly request: Request<O>,
    /** Requests in flight that carry the same object are performed once: all of them get that one's answer. */
    readonly share?: object | undefined,
    /** Performed on this filesystem, from its top, and not below the layer. */
    readonly on?: OtherFs | undefined,
    /** Callers that do not wait get its answer in this one's place, if that takes longer. */
    readonly deadline?: Deadline | undefined,
  ) {}
  *[Symbol.iterator](): Generator<Call<Op>, Reply<O>, Reply<Op> | Failed> {
    const out = yield this as unknown as Call<Op>
    if (out instanceof Failed) throw out
    return out as Reply<O>
  }
}
hardened(Call.prototype[Symbol.iterator])
/** Ask the layers below: `const stats = yield* call('lookup', { path })`. A failure is thrown as a `Failed`. */
export const call = <O extends Op>(op: O, request: Request<O>): Call<O> => new Call(op, request)
/**
 * As `call`, but a failure comes back as a value: `const out = yield* attempt('lookup', { path })`.
 * @param share single flight, for callers that do not wait: while a request with this object is on its way, others with
 *   the same object wait for its answer. Take a new object as soon as an answer that is on its way may be out of date.
 */
export function* attempt<O extends Op>(
  op: O,
  request: Request<O>,
  share?: object,
): Generator<Call<Op>, Reply<O> | Failed, Reply<Op> | Failed> {
  return (yield new Call(op, request, share) as unknown as Call<Op>) as Reply<O> | Failed
}
hardened(attempt)

/** As `call`, on another filesystem, which `site.reach(fs)` gave. */
export const callOn = <O extends Op>(on: OtherFs, op: O, request: Request<O>): Call<O> =>
  new Call(op, request, undefined, on)
/** As `attempt`, on another filesystem. */
export function* attemptOn<O extends Op>(
  on: OtherFs,
  op: O,
  request: Request<O>,
): Generator<Call<Op>, Reply<O> | Failed, Reply<Op> | Failed> {
  return (yield new Call(op, request, undefined, on) as unknown as Call<Op>) as Reply<O> | Failed
}
hardened(attemptOn)

/** How long a request may take, for callers that do not wait; a caller that waits cannot be woken, and takes no notice. */
export interface Deadline {
  /** Milliseconds. */
  readonly ms: number
  /** What is said once they have passed. */
  readonly failed: Failed
  /** The request to send: it may still be performed when its caller has long been told that it failed. */
  detached<O extends Op>(op: O, req: Request<O>): Request<O>
  /** The answer came in time. */
  met<O extends Op>(op: O, req: Request<O>, sent: Request<O>, out: Reply<O> | Failed): void
  /** It came too late: what is to be done below for nothing to be left behind. */
  missed<O extends Op>(op: O, out: Reply<O> | Failed): Call<Op> | undefined
}
/** As `attempt`, with a deadline. */
export function* attemptWithin<O extends Op>(
  deadline: Deadline,
  op: O,
  request: Request<O>,
): Generator<Call<Op>, Reply<O> | Failed, Reply<Op> | Failed> {
  return (yield new Call(op, request, undefined, undefined, deadline) as unknown as Call<Op>) as Reply<O> | Failed
}
hardened(attemptWithin)

/**
 * A filesystem beside the stack: a layer asks it by `callOn`, and the driver performs that as its caller waits. Its
 * descriptors are its own, and may be the same numbers as the lower's: see `virtualFd`.
 */
export interface OtherFs {
  readonly name: string
  readonly capabilities: Capabilities
  /** The same, asked by the process itself, whoever the caller is. */
  readonly asSelf: OtherFs
  /** It has no layers: what it is asked is what its lower is asked. */
  readonly bare?: boolean
  sync<O extends Op>(op: O, req: Request<O>, cx: Context): Reply<O> | Failed
  async<O extends Op>(op: O, req: Request<O>, done: (bug: unknown, out: Reply<O> | Failed) => void, cx: Context): void
}

/**
 * Descriptors from here on may be virtual: above every real one (fs.nr_open is at most 2^30), and above those that lowers
 * without a kernel make up (see lower/descriptors.ts). memfs's own count down from 2^31.
 */
export const VIRTUAL_FD = 0x6000_0000
let virtual = VIRTUAL_FD
/** A descriptor for a file of another filesystem: no other layer of this process has the same. */
export const virtualFd = (): number => {
  virtual = virtual === 0x7eff_ffff ? VIRTUAL_FD : virtual + 1
  return virtual
}

/** Steps that may ask below any number of times on the way to a `T`. */
export type Asking<T> = Generator<Call<Op>, T, Reply<Op> | Failed>
/** What an `around` is: it returns the reply or a failure. */
export type Around<O extends Op> = Asking<Reply<O> | Failed>

/** What a layer does with one opcode. Every hook is optional; hooks are plain functions and must not block. */
export interface Extension<O extends Op> {
  /** Going down: the fast path. */
  request?(req: Request<O>, cx: Context): Verdict<O>
  /**
   * Coming up with a reply: returns the reply, changed or not, or `fail(errno)` where it must not be seen; what was done
   * stays done, so that this is for requests that only look.
   */
  reply?(value: Reply<O>, req: Request<O>, cx: Context): Reply<O> | Failed
  /**
   * Coming up with a failure: `NEXT` lets it pass, `reply(value)` mends it, `fail(errno)` turns it into another, `AROUND`
   * runs this extension's `around` after all.
   */
  error?(errno: Errno, req: Request<O>, cx: Context): Verdict<O>
  /** One request becomes several. Runs where there is no `request`, or where that or `error` says `AROUND`. */
  around?(req: Request<O>, cx: Context): Around<O>
}
export type ExtensionMap = { readonly [O in Op]?: Extension<O> }
/** The map of a layer that decides about names: it must have an extension for every opcode that carries a path. */
export type Guard = { readonly [O in PathOp]: NonNullable<ExtensionMap[O]> } & ExtensionMap

/**
 * Asks the fast paths below: the answer where one of the layers that declare `answers` has it at once, undefined where the
 * slow path would have to be taken. Never reaches the lower.
 */
export type Peek<O extends Op> = (req: Request<O>, cx: Context) => Reply<O> | Failed | undefined

/** Where a layer sits: what the stack gives it when it is built. */
export interface Site {
  /** How to ask the fast paths below: take it once, when the layer is attached. */
  peeker<O extends Op>(op: O): Peek<O>
  /** What the stack knows of an open file. */
  file(fd: number): OpenFile | undefined
  /** Whether every layer below agrees that this file's I/O goes straight to the lower. */
  consensus(file: OpenFile): boolean
  /** Passes the file through where every layer below agrees (`passed`, and `direct` where nobody is left to look). */
  pass(file: OpenFile): boolean
  /** What the lower can do. */
  readonly capabilities: Capabilities
  /**
   * Another filesystem, to be asked by `callOn`.
   * @param fs an object shaped like node:fs; undefined: a fresh one in memory
   * @throws {TypeError} for what is no filesystem
   */
  reach(fs: object | undefined): OtherFs
  /**
   * In a reply or error hook of a layer that `consents: 'watches'`: the name of the layer that answered, or refused, the
   * request; the lower's where it came that far.
   */
  answerer(): string
}

/** What a lower can do; layers and the FUSE session ask this instead of trying. */
export interface Capabilities {
  /** `dev` and `ino` name a file for as long as it is there, and hard links share them. */
  readonly stableInodes: boolean
  readonly xattr: boolean
  /** RENAME_NOREPLACE and RENAME_EXCHANGE. */
  readonly renameFlags: boolean
  /** Requests with a `dentry` are refused, at the moment of use, when a symbolic link has come into the path. */
  readonly noFollow: boolean
  /** A file that was made without a name (`tmpfile`, without O_EXCL) can be given one: `link` with `fd`. Default false. */
  readonly linksFiles?: boolean
  /** Open files are the kernel's own: their numbers are descriptors of this process. Default false. */
  readonly kernelFiles?: boolean
  /**
   * How reading moves the access times of the files on device `dev` that are of this type (S_IFMT bits): of this lower's
   * own devices only. Default: `'always'`.
   */
  readonly accessTimes?: (dev: number, type: number) => AccessTimes
}
/** Not at all; as Linux's `relatime`: where it is not newer than the last change, or a day old; or at each reading. */
export type AccessTimes = 'never' | 'relatime' | 'always'

export interface LayerOptions {
  /** No verdict above can skip this layer, and no layer that answers by itself may stand above it. Default false. */
  readonly pinned?: boolean
  /** May answer by itself what a layer below would have refused: a cache. Default false. */
  readonly answers?: boolean
  /**
   * Whether a file's reads and writes may go round this layer's hooks. Default: true for a layer with no hook on
   * `read` or `write`, false for one that has them (it may change bytes). `'watches'`: hooks only look: true.
   */
  readonly consents?: boolean | 'watches' | ((file: OpenFile) => boolean)
  /** File descriptors that this stack did not open are refused with EBADF. Default false. */
  readonly ownFilesOnly?: boolean
  /** The most stacks, this one included, that may stand on each other; and no hook may call the stack. */
  readonly maxDepth?: number
  /** Keeps state: belongs to one stack, and is refused by a second. Default false. */
  readonly stateful?: boolean
  /** Called once, when the layer's stack is built. */
  readonly attach?: (site: Site) => void
  /** Counters, for people and tests. */
  readonly stats?: () => Record<string, number>
  /** What the kernel may do in this layer's place when the stack is mounted. */
  readonly offload?: Offload
}

/** What a layer lets the kernel do in its place when mounted. Times in milliseconds. */
export interface Offload {
  readonly entryTtlMs?: number
  readonly attrTtlMs?: number
  readonly negativeTtlMs?: number
  readonly cacheDirectories?: boolean
  readonly cacheSymlinks?: boolean
  readonly keepCache?: boolean
  readonly passthrough?: boolean
  readonly elideXattrs?: boolean
  readonly perCaller?: boolean
  readonly maxStackDepth?: number
  /** It lets time pass between a request and its answer: a mount then serves others meanwhile. */
  readonly waits?: boolean
  /** What others change below is to be forgotten as it happens. */
  readonly watch?: boolean
  /** Calls `listener` whenever the layer is told that something below was changed: the kernel is told the same. */
  readonly onInvalidate?: (listener: (path: string | undefined) => void) => void
  /** Nothing changes through it: the mount is read-only, where no layer above takes changes elsewhere. */
  readonly readOnly?: boolean
}

export interface Layer extends LayerOptions {
  readonly name: string
  readonly extensions: ExtensionMap
}

const optionNames = new Set<string>([
  'pinned',
  'answers',
  'consents',
  'ownFilesOnly',
  'maxDepth',
  'stateful',
  'attach',
  'stats',
  'offload',
] satisfies (keyof LayerOptions)[])
const hookNames = new Set(['request', 'reply', 'error', 'around'])

/**
 * Make a layer: `layer('shout', { readlink: { reply: (target) => target.toUpperCase() } })`.
 * @throws {TypeError} on an unknown opcode, hook or option, naming it
 */
export const layer = (name: string, extensions: ExtensionMap, options: LayerOptions = {}): Layer => {
  if (typeof name !== 'string' || name === '') throw new TypeError('layer(name): expected a name that is not empty')
  for (const [op, extension] of Object.entries(extensions)) {
    if (!isOp(op)) throw new TypeError(`layer '${name}': unknown opcode '${op}'; expected one of ${OPS.join(', ')}`)
    if (extension === undefined) continue
    const hooks = hooksOf(extension)
    for (const hook of hooks) {
      if (!hookNames.has(hook)) {
        throw new TypeError(`layer '${name}', ${op}: unknown hook '${hook}'; expected request, reply, error or around`)
      }
      if (typeof extension[hook as keyof typeof extension] !== 'function') {
        throw new TypeError(`layer '${name}', ${op}.${hook}: expected a function`)
      }
      if (hook === 'around') hardened(extension.around)
    }
  }
  for (const option of Object.keys(options)) {
    if (!optionNames.has(option)) {
      throw new TypeError(`layer '${name}': unknown option '${option}'; expected one of ${[...optionNames].join(', ')}`)
    }
  }
  return { name, extensions, ...options }
}

/** The names of an extension's own fields, and of its class's methods where it is an instance of one. */
const hooksOf = (extension: object): string[] => {
  const proto = Object.getPrototypeOf(extension) as object | null
  const inherited =
    proto === null || proto === Object.prototype
      ? []
      : Object.getOwnPropertyNames(proto).filter((name) => hookNames.has(name))
  return proto === null || proto === Object.prototype ? Object.keys(extension) : inherited
}

export type { Caller, Context }
