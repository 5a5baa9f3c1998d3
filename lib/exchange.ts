/** The exchange: one plan per opcode over one lower, and what the stack knows of its open files. */
import type { Caller, Context } from './context.js'
import { processCaller } from './context.js'
import type { Extension, Layer, OtherFs, Peek, Site } from './extension.js'
import type { OpenFile } from './file.js'
import type { Done, Lower, LowerOp } from './lower.js'
import { OP, OPS, type Op, type OpInfo, type Reply, type Request } from './op.js'
import { SafeMap } from './primordials.js'
import { AROUND, Failed, NEXT, PASSTHROUGH, Probe, Replied } from './verdict.js'

/** One layer's extension for one opcode. */
export interface Step {
  readonly layer: Layer
  /** The layer's place in the stack, 0 on top. */
  readonly index: number
  readonly pinned: boolean
  readonly ext: Extension<Op>
}

/** An open file, and the stack that it was opened through. */
interface Opened {
  readonly file: OpenFile
  readonly by: Exchange
}

/** The hooks that an opcode meets, top first. */
export interface Plan {
  readonly op: Op
  readonly steps: readonly Step[]
  /** `below[k]`: the first step at or below the layer with index k. */
  readonly below: readonly number[]
  /** Whether any step looks at what comes up. */
  readonly hasUp: boolean
  /** Whether a layer that only watches sees what comes up, and so who answered is noted. */
  readonly watched: boolean
  readonly writes: boolean
  readonly opens: boolean
  readonly releases: boolean
  readonly onFd: boolean
  /** It has a second open file, `fdOut`. */
  readonly onTwo: boolean
  readonly lower: LowerOp<Op>
  /** This plan as a function for sync callers: the sync driver's, kept here so that it is found at once. */
  run?: RunPlan
  /** The same for all others, as far as it goes without asking the lower. */
  head?: RunPlan
}
/** A plan as a function. */
export type RunPlan = (req: Request<Op>, cx: Context) => Reply<Op> | Failed

/** Who answered the request that is on its way up, where its plan is watched; undefined: the lower. */
export const answered: { by: Layer | undefined } = { by: undefined }

const comesUp = ({ reply, error }: Extension<Op>): boolean => reply !== undefined || error !== undefined
const OPENING = new Set<Op>(['open', 'create', 'tmpfile'])

/** Thrown when a hook returns something that is no verdict; a bug in the layer. */
const notAVerdict = (step: Step, op: Op, hook: string, got: unknown): TypeError =>
  new TypeError(
    `layer '${step.layer.name}', ${op}.${hook}: expected a verdict (NEXT, PASSTHROUGH, reply(value), fail(errno) …), found ${String(got)}`,
  )

export class Exchange {
  readonly plans: { readonly [O in Op]: Plan }
  readonly files = new SafeMap<number, OpenFile>()
  /** Those of every stack that has layers in common with this one: a layer's site asks here. */
  readonly shared: Map<number, Opened>
  readonly ownFilesOnly: boolean
  /** A hook that calls its own stack is refused with ELOOP. */
  readonly refusesReentry: boolean
  /** Requests on their way that others wait for, by what they share. */
  readonly flights = new SafeMap<object, Done<Op>[]>()
  /** Counts the beginnings and ends of changes; `Context.epoch` is its value when a request set out. */
  epoch = 0
  /** A hook of this exchange is on the JavaScript stack; kept only where `refusesReentry`. */
  busy = false
  readonly caller: Caller = Object.freeze(processCaller())

  constructor(
    readonly layers: readonly Layer[],
    readonly lower: Lower,
    /** How many stacks stand on each other here, this one included. */
    readonly depth: number,
    /** The stack that `layers` are partly taken from. */
    inner?: Exchange,
  ) {
    this.shared = inner?.shared ?? new SafeMap()
    this.ownFilesOnly = layers.some((l) => l.ownFilesOnly === true)
    this.refusesReentry = layers.some((l) => l.maxDepth !== undefined)
    const plans: Partial<Record<Op, Plan>> = {}
    for (const op of OPS) plans[op] = this.#plan(op)
    this.plans = plans as Record<Op, Plan>
  }

  #plan(op: Op): Plan {
    const steps: Step[] = []
    for (const [index, layer] of this.layers.entries()) {
      const ext = layer.extensions[op] as Extension<Op> | undefined
      if (ext !== undefined) steps.push({ layer, index, pinned: layer.pinned === true, ext })
    }
    const below: number[] = []
    for (let k = 0; k <= this.layers.length; k++) {
      const at = steps.findIndex((step) => step.index >= k)
      below.push(at === -1 ? steps.length : at)
    }
    const info: OpInfo = OP[op]
    return {
      op,
      steps,
      below,
      hasUp: steps.some(({ ext }) => comesUp(ext)),
      watched: steps.some(({ layer, ext }) => layer.consents === 'watches' && comesUp(ext)),
      writes: info.effect === 'write',
      opens: OPENING.has(op),
      releases: op === 'release',
      onFd: info.fds.length > 0,
      onTwo: info.fds.length > 1,
      lower: this.lower.ops[op] as LowerOp<Op>,
    }
  }

  /** Whether nobody looks at `op`: it is the lower's own. */
  isDirect(op: Op): boolean {
    const plan = this.plans[op]
    // A foreign lower that calls the stack again can only be caught on the way.
    if (this.refusesReentry && this.lower.foreign === true) return false
    return plan.steps.length === 0 && !(this.ownFilesOnly && (plan.onFd || plan.opens))
  }

  /** A request's context; `caller` is the view's. */
  context(caller: Caller): Context {
    return { caller, epoch: this.epoch, depth: 0 }
  }

  /** Ties each layer to its place. Called once, by the stack that owns the layers. */
  attach(layers: readonly Layer[], reach?: Reach): void {
    for (const layer of layers) layer.attach?.(this.site(this.layers.indexOf(layer), reach))
  }

  site(index: number, reach: Reach = unreachable): Site {
    const below = this.layers.slice(index + 1).map(consent)
    const refused = below.includes(false)
    const asked = below.filter((answer) => typeof answer === 'function')
    const consensus = (file: OpenFile): boolean => !refused && asked.every((agrees) => agrees(file))
    return {
      peeker: <O extends Op>(op: O) => this.#peeker(op, index + 1) as Peeker as Peek<O>,
      file: (fd) => this.files.get(fd) ?? this.shared.get(fd)?.file,
      consensus,
      pass: (file) => {
        if (!consensus(file)) return false
        // Of the stack that it was opened through: there may be more layers above.
        const opened = this.shared.get(file.fd)
        const by = opened?.file === file ? opened.by : this
        file.passed = true
        file.direct = by.#bypasses(by.layers.indexOf(this.layers[index] as Layer))
        return true
      },
      capabilities: this.lower.capabilities,
      reach,
      answerer: () => answered.by?.name ?? this.lower.name,
    }
  }

  /** The fast paths below a layer, as one function: found once, since a guard asks at every request. */
  #peeker(op: Op, from: number): Peeker {
    const { steps, below } = this.plans[op]
    const first = below[from] ?? 0
    // A guard in between would have to be asked too: that is the slow path's business.
    const guard = steps.findIndex(({ pinned }, k) => k >= first && pinned)
    const answering = steps
      .slice(first, guard === -1 ? steps.length : guard)
      .filter(({ layer, ext }) => layer.answers === true && ext.request !== undefined)
    if (answering.length === 0) return () => undefined
    const last = answering.length - 1
    // Nearly always there is one, and it need not be found in a list.
    let peek = peekAt(op, answering[last] as Step, undefined)
    for (let k = last - 1; k >= 0; k--) peek = peekAt(op, answering[k] as Step, peek)
    return peek
  }

  /**
   * Notes an open file, as soon as its descriptor comes up.
   * @param fresh it comes from the lower itself: whatever had that number was closed behind our back
   */
  opened(fd: number, req: Request<'open'>, fresh: boolean): void {
    const before = this.files.get(fd)
    if (before !== undefined) {
      if (!fresh) return
      before.closed = true
    }
    const file: OpenFile = { fd, path: req.path, flags: req.flags, passed: false, direct: false, closed: false }
    this.files.set(fd, file)
    this.shared.set(fd, { file, by: this })
  }

  /** Forgets it before the lower closes it: the number may be another file's at once. */
  released(fd: number): void {
    const file = this.files.get(fd)
    if (file === undefined) return
    file.closed = true
    this.files.delete(fd)
    if (this.shared.get(fd)?.file === file) this.shared.delete(fd)
  }

  /** Whether what the layer with `index` passes through meets no hook at all, so that a face may go straight down. */
  #bypasses(index: number): boolean {
    let answer = this.#bypassed.get(index)
    if (answer === undefined) {
      const met = [...this.plans.read.steps, ...this.plans.write.steps]
      answer = met.every((step) => step.index >= index && !step.pinned)
      this.#bypassed.set(index, answer)
    }
    return answer
  }
  readonly #bypassed = new SafeMap<number, boolean>()
}

type Peeker = (req: Request<Op>, cx: Context) => Reply<Op> | Failed | undefined

/** What the fast path of `step` says, or else what `below` does. */
const peekAt = (op: Op, step: Step, below: Peeker | undefined): Peeker => {
  const ext = step.ext as { request: NonNullable<Extension<Op>['request']> }
  return (req, cx) => {
    const verdict = ext.request(req as never, cx)
    if (verdict instanceof Replied) return verdict.value
    if (verdict instanceof Failed) return verdict
    if (verdict === NEXT || verdict === PASSTHROUGH) return below?.(req, cx)
    if (verdict === AROUND || verdict instanceof Probe) return undefined
    throw notAVerdict(step, op, 'request', verdict)
  }
}

/** How a layer's other filesystems are had: given by whoever builds stacks, since an exchange knows no filesystem. */
export type Reach = (fs: object | undefined) => OtherFs
const unreachable: Reach = () => {
  throw new TypeError('reach(fs): this exchange was built without access to other filesystems')
}

/** Whether a layer lets files pass by: always, never, or if it agrees to this one. */
const consent = ({ consents, extensions }: Layer): boolean | ((file: OpenFile) => boolean) => {
  if (typeof consents === 'function') return consents
  if (consents !== undefined) return consents !== false
  return extensions.read === undefined && extensions.write === undefined
}

export { notAVerdict }
