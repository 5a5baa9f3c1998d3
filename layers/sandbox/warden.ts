/** What every hook of a sandbox shares: its rules, its place in the stack, its refusals. */
import {
  AROUND,
  type Caller,
  type Context,
  type Dentry,
  type Extension,
  Failed,
  NEXT,
  type Op,
  type Path,
  type PathOp,
  type Peek,
  type Reply,
  type Request,
  type Site,
} from '../../lib/layer.js'
import type { Audit } from './audit.js'
import { CREATE, Decider, PLAIN } from './decide.js'
import type { Policy } from './policy.js'
import { annotate } from './send.js'
import { type Found, find } from './straight.js'
import { type Mode, type Question, type Warden as Refuser, walk } from './walk.js'

export class Warden implements Refuser {
  readonly decider: Decider
  readonly denied: Failed
  readonly noLinks: boolean
  /** What is refused is hidden: left out of listings too. */
  readonly hides: boolean
  readonly audit: Audit
  site: Site | undefined
  #peek: Peek<'resolve'> | undefined
  /** The lower refuses links that a request with a dentry meets: a path may be sent before it is walked. */
  enforced = false
  readonly #unsafe: boolean
  /** Requests on names that were let through without a walk: by a dentry that was at hand, or by the text of the path. */
  fast = 0
  /** Requests on names whose path was walked. */
  walked = 0
  refused = 0

  constructor(policy: Policy, audit: Audit) {
    this.decider = new Decider(policy)
    this.denied = Failed.of(policy.denied ?? 'EACCES')
    this.noLinks = policy.symlinks === 'deny'
    this.hides = policy.denied === 'ENOENT'
    this.#unsafe = policy.unsafe === true
    this.audit = audit
  }

  /** @throws {Error} ERR_PLYFS_UNSAFE where the kernel's files cannot be kept from being led astray, and nobody said so */
  attach(site: Site): void {
    const { noFollow, kernelFiles } = site.capabilities
    if (!noFollow && kernelFiles === true && !this.#unsafe) throw unsafeError()
    this.site = site
    this.#peek = site.peeker('resolve')
    this.enforced = noFollow
  }

  /**
   * What to send down without a walk: `path` is spelled canonically, so that its text says what it means unless a link is
   * in it, and the lower refuses it then. undefined where the text alone does not do.
   */
  guess(path: Path, mask: number, all: number, any: number): Guess | undefined {
    return this.#tells(mask, all, any) ? new Guess(path, all | any) : undefined
  }
  #tells(mask: number, all: number, any: number): boolean {
    if (!this.enforced || this.noLinks || (mask & PLAIN) === 0) return false
    return (mask & all) === all && (any === 0 || (mask & any) !== 0)
  }
  /** Finds what a request that `byText` may have sent before leads to: not by its text again. */
  findAfter(q: Question, all: number): Found {
    return this.#tells(q.rules.judgeText(q.path), all, q.any) ? walk(q, this) : find(q, this)
  }

  /** Sends a request so, if that will do. */
  byText<O extends PathOp>(req: Request<O>, path: Path, cx: Context, all: number, any: number) {
    const guess = this.guess(path, this.decider.for(cx.caller).judgeText(path), all, any)
    if (guess === undefined) return AROUND
    this.fast++
    return annotate<O>(req, guess)
  }
  /** The way up of such a request: what a link in the way may have made of it, and what somebody wants to know. */
  afterText<O extends PathOp>(op: O): Pick<Extension<O>, 'error' | 'reply'> {
    const error = (errno: string, req: Request<O>, cx: Context) => {
      if ((errno === 'ELOOP' || errno === 'ENOTDIR') && !isOnFd(req)) return AROUND
      if (this.audit.all) this.#settle(op, req, cx)
      return NEXT
    }
    if (!this.audit.all) return { error }
    return {
      error,
      reply: (value: Reply<O>, req: Request<O>, cx: Context) => {
        this.#settle(op, req, cx)
        return value
      },
    }
  }
  #settle(op: Op, req: Request<PathOp>, cx: Context): void {
    const { dentry, newDentry } = req as Request<'rename'>
    // Of two names, the new one is noted.
    if (newDentry instanceof Guess) this.allow(op, cx.caller, newDentry.path, newDentry.path, CREATE)
    else if (dentry instanceof Guess) this.allow(op, cx.caller, dentry.path, dentry.path, dentry.needs)
  }

  /**
   * The dentry of `path` where somebody below has it at hand, and `path` is its canonical name: then no `..` and no link
   * was on the way that might have led outside and back.
   */
  glance(path: Path, follow: boolean, cx: Context): Dentry | undefined {
    const dentry = this.#peek?.({ path, follow, dentry: undefined }, cx)
    if (dentry === undefined || dentry instanceof Failed || dentry.path !== path) return undefined
    return this.noLinks && dentry.isLink ? undefined : dentry
  }

  question(op: Op, cx: Context, path: Path, mode: Mode, all: number, any = 0, leads = false, look = false): Question {
    this.walked++
    return { op, caller: cx.caller, path, rules: this.decider.for(cx.caller), all, any, leads, mode, look }
  }

  refuse(q: Question, resolved: Path): Failed {
    return this.refuseAt(q.op, q.caller, q.path, resolved, q.all | q.any)
  }
  refuseAt(op: Op, caller: Caller, asked: Path, resolved: Path, needs: number): Failed {
    this.refused++
    this.audit.record(caller, op, asked, resolved, 'deny', needs, this.decider.for(caller))
    return this.denied
  }
  /** Notes what was let through, where that is wanted. */
  allow(op: Op, caller: Caller, asked: Path, resolved: Path, needs: number): void {
    if (this.audit.all) this.audit.record(caller, op, asked, resolved, 'allow', needs, this.decider.for(caller))
  }
}

/** A path that was sent as it is spelled. */
class Guess implements Dentry {
  readonly exists = true
  readonly isLink = false
  security: unknown = undefined
  constructor(
    readonly path: Path,
    readonly needs: number,
  ) {}
}

const { hasOwn } = Object
/** Whether a request is on an open file: as it says itself, not what `Object.prototype` was made to say. */
export const isOnFd = (req: object): boolean => (req as { fd?: number }).fd !== undefined && hasOwn(req, 'fd')

const unsafeError = (): Error =>
  Object.assign(
    new Error(
      'sandbox: on this platform nothing keeps a path from being led elsewhere by a symbolic link that is swapped in ' +
        'between the decision and the use (Linux with /proc can); { unsafe: true } in the policy goes on without that guarantee',
    ),
    { code: 'ERR_PLYFS_UNSAFE' },
  )
