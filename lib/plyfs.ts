/** `stack`, and what else makes or changes a PlyFs. */
import type { Caller, Context } from './context.js'
import { runAsync } from './driver/callback.js'
import { runSync } from './driver/sync.js'
import { Exchange } from './exchange.js'
import type { Capabilities, Layer, OtherFs } from './extension.js'
import { exchangeOf, nodeFace, type PlyFs } from './face/node-fs.js'
import { memoryLower } from './lower/memory.js'
import { nodeFsLower } from './lower/node-fs.js'
import type { Done, Lower } from './lower.js'
import type { Op, Reply, Request } from './op.js'
import { type Base, compose, STACK, StackError, type StackMark } from './stack.js'
import type { Failed } from './verdict.js'

/**
 * Anything shaped like node:fs: node:fs itself, memfs's `fs`, unionfs's `Union`, another stack … Functions that it lacks
 * answer ENOSYS.
 */
export interface LowerFs {
  // biome-ignore lint/suspicious/noExplicitAny: every filesystem types its functions in its own way
  statSync(...args: any[]): any
}

/**
 * Stack `layers` over `lower`.
 * @param lower default: a fresh filesystem in memory
 * @param layers top first: `layers[0]` sees a request first; default none
 * @throws {StackError} for an unsafe order, a layer that has a stack already, or too deep a stack; it says what to do
 */
export const stack = (lower?: LowerFs, layers: readonly Layer[] = []): PlyFs => {
  const { exchange, mark } = compose(baseOf(lower), layers, reach)
  return nodeFace(exchange, mark, exchange.caller)
}

/** Another filesystem for a layer: a stack with all its layers, or anything else that may stand under one. */
export const reach = (fs: object | undefined): OtherFs => {
  const { lower, layers, depth } = baseOf(fs as LowerFs | undefined)
  const x = (fs === undefined ? undefined : exchangeOf(fs)) ?? new Exchange(layers, lower, depth)
  return new Reached(x, undefined)
}

/** Requests from outside of the stack that they are performed on. */
class Reached implements OtherFs {
  readonly name: string
  readonly capabilities: Capabilities
  readonly asSelf: OtherFs
  readonly bare: boolean
  constructor(
    readonly x: Exchange,
    readonly caller: Caller | undefined,
  ) {
    this.name = x.lower.name
    this.capabilities = x.lower.capabilities
    this.bare = x.layers.length === 0
    this.asSelf = caller === undefined ? new Reached(x, x.caller) : this
  }
  sync<O extends Op>(op: O, req: Request<O>, cx: Context): Reply<O> | Failed {
    const { x } = this
    // No layer is there to ask what is open, or what has changed.
    if (this.bare) return x.lower.ops[op].sync(req, this.#context(cx))
    return runSync(x, op, this.#known(req), this.#context(cx))
  }
  async<O extends Op>(op: O, req: Request<O>, done: Done<O>, cx: Context): void {
    runAsync(this.x, op, this.#known(req), this.#context(cx), done)
  }
  #context({ caller, depth }: Context): Context {
    return { caller: this.caller ?? caller, epoch: this.x.epoch, depth }
  }
  /** With what this stack's layers want to know of the open file. */
  #known<O extends Op>(req: Request<O>): Request<O> {
    const { fd } = req as { fd?: number }
    if (fd === undefined || this.bare) return req
    const { fdOut } = req as { fdOut?: number }
    const { files } = this.x
    const file = files.get(fd)
    return fdOut === undefined ? { ...req, file } : { ...req, file, fileOut: files.get(fdOut) }
  }
}

/** A lower as a node-fs-shaped object of its own, with no layers and depth 0. */
export const lowerFace = (lower: Lower): PlyFs => {
  const exchange = new Exchange([], lower, 0)
  return nodeFace(exchange, bareMark, exchange.caller)
}
/** What is beneath `fs`, to be part of another lower: opcodes pass straight through where it has no layers. */
export const lowerBeneath = (fs: LowerFs): Lower => {
  const base = baseOf(fs)
  return base.layers.length === 0 ? base.lower : nodeFsLower(fs)
}
const bareMark: StackMark = Object.freeze({ depth: 0, maxDepth: Number.POSITIVE_INFINITY, layers: Object.freeze([]) })

/**
 * The same stack, seen by another caller: policies, permission bits and caches judge by these ids.
 * @param caller what is absent is the process's own
 */
export const withCaller = (fs: PlyFs, caller: Partial<Caller>): PlyFs => {
  const exchange = exchangeOf(fs)
  if (exchange === undefined) throw new TypeError('withCaller(fs): expected what stack() returned')
  const { uid, gid, pid, name } = { ...exchange.caller, ...caller }
  return nodeFace(exchange, markOf(fs), Object.freeze({ uid, gid, pid, name }))
}

const markOf = (fs: object): StackMark => (fs as { [STACK]?: StackMark })[STACK] ?? bareMark

/** Each stack that cannot be taken apart adds to the JavaScript stack: more of them than this overflow it. */
const MAX_OPAQUE = 128
const tooOpaque = (depth: number): StackError =>
  new StackError(
    'ELOOP',
    `ELOOP: ${depth} stacks on each other, the topmost made by another copy of the package or behind a Proxy; ` +
      `only ${MAX_OPAQUE} such may be; use one copy of plyfs, which takes stacks apart`,
  )

const baseOf = (lower: LowerFs | undefined): Base => {
  if (lower === undefined) return { ...bareMark, lower: memoryLower(), layers: [], beneath: [] }
  if (lower === null || (typeof lower !== 'object' && typeof lower !== 'function')) {
    throw new TypeError(
      `stack(lower): expected an object shaped like node:fs, found ${lower === null ? 'null' : typeof lower}`,
    )
  }
  if (Array.isArray(lower)) throw new TypeError('stack(lower, layers): the lower comes first; found an array')
  const { depth, maxDepth, layers: names } = markOf(lower)
  const exchange = exchangeOf(lower)
  if (exchange !== undefined) {
    const { layers } = exchange
    return { lower: exchange.lower, layers, depth, maxDepth, beneath: names.slice(layers.length), inner: exchange }
  }
  // Another copy of the package, or a Proxy of a stack: opaque, but its depth still counts.
  if (depth >= MAX_OPAQUE) throw tooOpaque(depth)
  return { lower: nodeFsLower(lower), layers: [], depth, maxDepth, beneath: names }
}
