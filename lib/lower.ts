/** What stands under a stack, seen from inside: opcodes, each in two calling conventions. */
import type { Context } from './context.js'
import type { Capabilities } from './extension.js'
import type { Op, Path, Reply, Request } from './op.js'
import type { Failed } from './verdict.js'

/** Ends a request: the first argument is an exception that is no errno (a bug below), else null. */
export type Done<O extends Op> = (bug: unknown, out: Reply<O> | Failed) => void

/** `cx` says who asks; without it, the process itself. A lower whose system decides by itself takes no notice. */
export interface LowerOp<O extends Op> {
  sync(req: Request<O>, cx?: Context): Reply<O> | Failed
  async(req: Request<O>, done: Done<O>, cx?: Context): void
}
export interface Lower {
  readonly name: string
  readonly ops: { readonly [O in Op]: LowerOp<O> }
  readonly capabilities: Capabilities
  /** The node-fs-shaped object behind it, whose own functions serve where no hook looks. */
  readonly native: object | undefined
  /**
   * The names in the directory at `path` are looked up next, and nothing else: until `listing(undefined)`, in the same turn.
   * It may be looked at once for all of them.
   */
  listing?(path: Path | undefined): void
  /** Not of plyfs's own: its functions may lead anywhere, even to the stack above. */
  readonly foreign?: boolean
}
