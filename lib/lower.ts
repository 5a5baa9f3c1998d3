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
   * What comes next is about the directory at `path` and the names in it, or about one of the few that were said before: until
   * `listing(undefined)`. Each may be walked to once for all of that: whoever says so lets it be moved meanwhile.
   */
  listing?(path: Path | undefined): void
  /** Not of plyfs's own: its functions may lead anywhere, even to the stack above. */
  readonly foreign?: boolean
}
