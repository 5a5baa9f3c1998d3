/** Waiting, for layers: as its caller waits. */
import type { Context } from './context.js'
import type { Capabilities, OtherFs } from './extension.js'
import type { Op, Reply, Request } from './op.js'

/** Of what stands for a filesystem only so that it can be waited for. */
export const NO_CAPABILITIES: Capabilities = { stableInodes: false, xattr: false, renameFlags: false, noFollow: false }
const sleeper = new Int32Array(new SharedArrayBuffer(4))

/**
 * `yield* callOn(new Delay(ms), 'syncfs', { path: '/' })` goes on after `ms` milliseconds: a caller that waits is kept
 * waiting, another is called back later.
 */
export class Delay implements OtherFs {
  readonly name = 'delay'
  readonly capabilities = NO_CAPABILITIES
  readonly asSelf = this
  constructor(readonly ms: number) {}
  sync<O extends Op>(): Reply<O> {
    if (this.ms > 0) Atomics.wait(sleeper, 0, 0, this.ms)
    return undefined as Reply<O>
  }
  async<O extends Op>(_op: O, _req: Request<O>, done: (bug: unknown, out: Reply<O>) => void, _cx: Context): void {
    setTimeout(() => done(null, undefined as Reply<O>), this.ms)
  }
}
