/** timeout: a request that takes too long fails. */
import { Buffer } from 'node:buffer'
import { closed, decodeOptions, timerMilliseconds } from '../lib/codec/options.js'
import {
  attemptWithin,
  Call,
  type Deadline,
  type ExtensionMap,
  Failed,
  fail,
  type Layer,
  layer,
  OPS,
  type Op,
  type Reply,
  type Request,
  type WatchHandle,
} from '../lib/layer.js'

export interface TimeoutOptions {
  /** Milliseconds that a request may take, from 1 to 2147483647 (setTimeout's most). */
  readonly ms: number
}
export interface Timeout extends Layer {
  /** `timedOut`: requests that were answered ETIMEDOUT; `late`: of these, how many answers came after all. */
  stats(): { timedOut: number; late: number }
}

const codec = closed({ ms: timerMilliseconds }, {}, "timeout's options")
const OPENING = new Set<Op>(['open', 'create', 'tmpfile'])

type IO = Request<'read'>

class Limit implements Deadline {
  readonly #failed = fail('ETIMEDOUT')
  timedOut = 0
  late = 0
  constructor(readonly ms: number) {}
  get failed(): Failed {
    this.timedOut++
    return this.#failed
  }
  /** The caller's memory is the caller's again as soon as it has an answer. */
  detached<O extends Op>(op: O, req: Request<O>): Request<O> {
    if (op !== 'read' && op !== 'write') return req
    const { buffer: view, offset, length } = req as IO
    const buffer = Buffer.allocUnsafe(length)
    if (op === 'write') Buffer.from(view.buffer, view.byteOffset + offset, length).copy(buffer)
    return { ...req, buffer, offset: 0 }
  }
  met<O extends Op>(op: O, req: Request<O>, sent: Request<O>, out: Reply<O> | Failed): void {
    if (op !== 'read' || typeof out !== 'number') return
    const { buffer: view, offset } = req as IO
    const read = (sent as IO).buffer as Buffer
    read.copy(Buffer.from(view.buffer, view.byteOffset + offset, out), 0, 0, out)
  }
  /** What was opened is closed; what was changed stays changed. */
  missed<O extends Op>(op: O, out: Reply<O> | Failed): Call<Op> | undefined {
    this.late++
    if (out instanceof Failed) return undefined
    if (OPENING.has(op)) return new Call('release', { fd: out as number }) as unknown as Call<Op>
    if (op === 'watch') (out as WatchHandle).close()
    return undefined
  }
}

/**
 * Requests of callers that do not wait are answered ETIMEDOUT after `ms`. What is below goes on: a file that is opened late is
 * closed, a change that comes late stays. Callers that wait (the …Sync functions) cannot be woken: for them it does nothing.
 * @throws {ConfigError} for an `ms` that is no whole number from 1 to 2147483647, and for unknown options
 */
export const timeout = (options: TimeoutOptions): Timeout => {
  const { ms } = decodeOptions('timeout', codec, options)
  const limit = new Limit(ms)
  const extensions: { [O in Op]?: object } = {}
  for (const op of OPS) extensions[op] = { around: (req: Request<Op>) => attemptWithin(limit, op as Op, req) }
  const stats = () => ({ timedOut: limit.timedOut, late: limit.late })
  return { ...layer('timeout', extensions as ExtensionMap, { stateful: true, stats, offload: { waits: true } }), stats }
}
