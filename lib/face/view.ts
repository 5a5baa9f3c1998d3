/** What every method of a face works on: an exchange, and who asks. */
import type { Caller, Context } from '../context.js'
import type { Exchange } from '../exchange.js'

export interface View {
  readonly x: Exchange
  readonly caller: Caller
  /** The finished face, for methods that hand it to Node's own classes. */
  readonly fs: object
}

export const contextOf = (v: View): Context => ({ caller: v.caller, epoch: v.x.epoch, depth: 0 })
