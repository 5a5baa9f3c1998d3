/** What every method of a face works on: an exchange, and who asks. */
import type { Caller, Context } from '../context.js'
import type { Exchange } from '../exchange.js'
import type { Surface } from './surface.js'

export interface View {
  readonly x: Exchange
  readonly caller: Caller
  /** Where programs find the face's methods, and replace them. */
  readonly surface: Surface
}

export const contextOf = (v: View): Context => ({ caller: v.caller, epoch: v.x.epoch, depth: 0 })
