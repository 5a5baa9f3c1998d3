/** The members of a union, and which of them holds a path. */
import { Union } from 'unionfs'
import type { Context } from '../../context.js'
import { Call } from '../../extension.js'
import type { Dentry } from '../../file.js'
import type { Lower, LowerOp } from '../../lower.js'
import type { Op, Path, Reply, Request, Stats } from '../../op.js'
import { Failed } from '../../verdict.js'
import { Descriptors } from '../descriptors.js'
import { type Ask, type Steps, steps } from '../steps.js'

/** A request for one member. */
class MemberCall<O extends Op> extends Call<O> {
  constructor(
    readonly member: number,
    op: O,
    request: Request<O>,
  ) {
    super(op, request)
  }
}
/** `yield*` it: the reply of a member, or a `Failed` thrown. */
export const on = <O extends Op>(member: number, op: O, request: Request<O>): MemberCall<O> =>
  new MemberCall(member, op, request)
/** As `on`, but a failure comes back as a value. */
export function* attemptOn<O extends Op>(
  member: number,
  op: O,
  request: Request<O>,
): Generator<Call<Op>, Reply<O> | Failed, Reply<Op> | Failed> {
  return (yield new MemberCall(member, op, request) as unknown as Call<Op>) as Reply<O> | Failed
}

/** The first member that has a path, and what it says of it. */
export interface Found {
  readonly member: number
  readonly stats: Stats
}
class FindCall extends Call<'lookup'> {}
/** Which member holds the canonical path `path`; undefined where none does. */
export function* find(path: Path): Generator<Call<Op>, Found | undefined, Reply<Op> | Failed> {
  const out = (yield new FindCall('lookup', canonical(path)) as unknown as Call<Op>) as unknown as Answer | undefined
  if (out === undefined) return undefined
  if (out.bug !== undefined) throw out.bug
  if (out.stats instanceof Failed) throw out.stats
  return { member: out.member, stats: out.stats }
}

interface Answer {
  readonly member: number
  readonly stats: Stats | Failed
  readonly bug: unknown
}

/** `path` has been resolved here: no member may follow a link of its own on the way. */
export const canonical = (path: Path): { path: Path; dentry: Dentry } => ({
  path,
  dentry: { path, exists: true, isLink: false, security: undefined },
})

/**
 * What a member says that has nothing at a canonical path. ENOTDIR and ELOOP: on the way it has a file or a link where a
 * member above has a directory, which hides it.
 */
export const isMiss = (failed: Failed): boolean =>
  failed.errno === 'ENOENT' || failed.errno === 'ENOTDIR' || failed.errno === 'ELOOP'

/** The only error that unionfs ever sees: one object, since it asks for no stack. */
const MISS: { prev?: unknown } = {}

interface Finder {
  lstatSync(req: Request<'lookup'>, cx: Context | undefined): Answer
  lstat(req: Request<'lookup'>, cx: Context | undefined, done: (miss: unknown, answer?: Answer) => void): void
}

/** A member, as unionfs is to see it: it has the path, or throws. */
const finderOf = ({ ops: { lookup } }: Lower, member: number): Finder => {
  const answer = (stats: Stats | Failed, bug?: unknown): Answer | undefined =>
    stats instanceof Failed && isMiss(stats) ? undefined : { member, stats, bug }
  return {
    lstatSync(req, cx) {
      let out: Answer | undefined
      try {
        out = answer(lookup.sync(req, cx))
      } catch (bug) {
        out = { member, stats: Failed.of('EIO'), bug }
      }
      if (out === undefined) throw MISS
      return out
    },
    lstat(req, cx, done) {
      lookup.async(
        req,
        (bug, stats) => {
          const out = bug === null ? answer(stats) : { member, stats: Failed.of('EIO'), bug }
          if (out === undefined) done(MISS)
          else done(null, out)
        },
        cx,
      )
    },
  }
}

/** An open file of a member. */
export interface MemberFile {
  readonly member: number
  readonly fd: number
}

export class Members {
  readonly files = new Descriptors<MemberFile>()
  readonly #finder: LowerOp<'lookup'>
  readonly #readlink: LowerOp<'readlink'>

  /** @param writable the index of the member that takes changes; -1: none does */
  constructor(
    readonly lowers: readonly Lower[],
    readonly writable: number,
  ) {
    const union = new Union()
    // unionfs asks the one first that it was given last.
    for (let k = lowers.length - 1; k >= 0; k--) union.use(finderOf(lowers[k] as Lower, k) as never)
    this.#finder = found(union as unknown as Finder)
    this.#readlink = steps<'readlink'>(this.ask, function* ({ path }): Steps<'readlink'> {
      const at = yield* find(path)
      return at === undefined ? Failed.of('ENOENT') : yield* on(at.member, 'readlink', canonical(path))
    })
  }

  /** Who performs a call: the member it names, unionfs, or, for namei's own calls, whichever member has the path. */
  readonly ask: Ask = (call) => {
    if (call instanceof MemberCall) return (this.lowers[call.member] as Lower).ops[call.op as Op] as LowerOp<Op>
    if (call instanceof FindCall) return this.#finder as LowerOp<Op>
    return (call.op === 'readlink' ? this.#readlink : this.#lookup) as LowerOp<Op>
  }

  readonly #lookup = steps<'lookup'>(
    (call) => this.ask(call),
    function* ({ path }): Steps<'lookup'> {
      return (yield* find(path))?.stats ?? Failed.of('ENOENT')
    },
  )
}

const found = (union: Finder): LowerOp<'lookup'> => ({
  sync(req, cx) {
    try {
      return union.lstatSync(req, cx) as never
    } catch (miss) {
      if (miss !== MISS) throw miss
      return undefined as never
    }
  },
  async: (req, done, cx) => union.lstat(req, cx, (_miss, answer) => done(null, answer as never)),
})
