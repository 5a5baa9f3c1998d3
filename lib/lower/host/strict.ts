/**
 * Requests that carry a dentry: their paths are canonical, and no symbolic link in them may be followed at the moment of
 * use, whatever has been swapped in since somebody looked. See lib/lower/safe-path.
 */
import type { Lower, LowerOp } from '../../lower.js'
import { OP, OPS, type Op, type OpInfo, type PathOp, type Request } from '../../op.js'
import { Failed } from '../../verdict.js'
import { watchOp } from '../rooted/watch.js'
import { canonicalOnly, hasProc } from '../safe-path/index.js'

type StrictOps = { readonly [O in PathOp]: Lower['ops'][O] }

let made: StrictOps | undefined

/** Made when it is first asked for: nobody else loads koffi. A failure where it cannot be had, or not now. */
const strict = (): StrictOps | Failed => {
  if (made === undefined) {
    const all = canonicalOnly()
    if (all instanceof Failed) return all
    made = { ...all.ops, watch: watchOp(all.pick) }
  }
  return made
}

/** Whether a swapped link is noticed: on Linux with /proc. */
export const isStrict = hasProc

/** What was promised, and is not to be had just now (no descriptor is left), is refused: done otherwise, it would follow links. */
const refusing = (failed: Failed): LowerOp<Op> => ({
  sync: () => failed,
  async: (_req, done) => done(null, failed),
})

/** Inline in each opcode's own function, it sees one shape of request; shared by all, it would see too many to be fast. */
const guarded = (op: PathOp, plain: LowerOp<Op>): LowerOp<Op> => {
  let own: LowerOp<Op> | undefined
  const ofOwn = (): LowerOp<Op> => {
    const ops = strict()
    if (ops instanceof Failed) return isStrict() ? refusing(ops) : plain
    own = ops[op] as LowerOp<Op>
    return own
  }
  if (op === 'link' || op === 'rename') {
    const isStrictRequest = (req: Request<Op>): boolean => {
      const { dentry, newDentry, fd } = req as Request<'link'>
      return (fd === undefined && dentry !== undefined) || newDentry !== undefined
    }
    return {
      sync: (req, cx) => (isStrictRequest(req) ? (own ?? ofOwn()) : plain).sync(req, cx),
      async: (req, done, cx) => (isStrictRequest(req) ? (own ?? ofOwn()) : plain).async(req, done, cx),
    }
  }
  const { fds }: OpInfo = OP[op]
  if (fds.length === 0) {
    return {
      sync: (req, cx) => ((req as Request<'lookup'>).dentry === undefined ? plain : (own ?? ofOwn())).sync(req, cx),
      async: (req, done, cx) =>
        ((req as Request<'lookup'>).dentry === undefined ? plain : (own ?? ofOwn())).async(req, done, cx),
    }
  }
  return {
    sync: (req, cx) => {
      const { dentry, fd } = req as Request<'getattr'>
      return (fd === undefined && dentry !== undefined ? (own ?? ofOwn()) : plain).sync(req, cx)
    },
    async: (req, done, cx) => {
      const { dentry, fd } = req as Request<'getattr'>
      ;(fd === undefined && dentry !== undefined ? (own ?? ofOwn()) : plain).async(req, done, cx)
    },
  }
}

/** The same opcodes, with those requests among them that carry a dentry performed so. */
export const strictly = (plain: Lower['ops']): Lower['ops'] => {
  const ops: { -readonly [O in Op]?: unknown } = { ...plain }
  for (const op of OPS) {
    const info: OpInfo = OP[op]
    if (info.paths.length > 0) ops[op] = guarded(op as PathOp, plain[op] as LowerOp<Op>)
  }
  return ops as Lower['ops']
}
