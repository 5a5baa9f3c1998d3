/**
 * The session of a stack that has to be waited for: requests are answered as their answers come, in any order, and whoever
 * is interrupted is told so.
 *
 * The handlers are those of the serving loop. One that asks for what is not known yet is left, and begun anew when the
 * answer has come, with all the answers that it had before: so a handler changes nothing before its last question.
 */
import { constants as fs } from 'node:fs'
import { constants } from 'node:os'
import type { Context } from '../context.js'
import { runAsync } from '../driver/callback.js'
import { syncPlan } from '../driver/sync.js'
import type { Exchange } from '../exchange.js'
import type { Op, Reply, Request, Stats } from '../op.js'
import { Failed } from '../verdict.js'
import { OPCODES } from './abi.js'
import type { Counters } from './counters.js'
import { encodeError } from './encode.js'
import { errorOf, handle, LEFT } from './serve.js'
import { attributesOf, ROOT, Session, type SessionOptions, unmountable } from './session.js'
import { type RequestWire, replyToUnique } from './wire.js'

const { EINTR, ENOENT, ESTALE } = constants.errno
const { O_EXCL } = fs
const S_ISGID = 0o2000

const OPENING = new Set<Op>(['open', 'create', 'tmpfile'])
/** What is finished although nobody waits for it any more: the tables must know. */
const FINISHED = new Set<number>(
  (
    ['unlink', 'rmdir', 'rename', 'rename2', 'release', 'releasedir', 'setattr', 'setxattr', 'removexattr'] as const
  ).map((op) => OPCODES[op]),
)

interface Answer {
  readonly op: Op
  readonly out: Reply<Op> | Failed
  /** What was read. */
  readonly bytes: Buffer | undefined
}

const isRename = (opcode: number): boolean => opcode === OPCODES.rename || opcode === OPCODES.rename2
/** As a reply's error. */
const MISSING = new Set([-ENOENT, -ESTALE])

/** A request that came up, and what its handler has been told. */
class Served {
  readonly answers: Answer[] = []
  /** How many of them it has asked for again. */
  at = 0
  bug: unknown = null
  isInterrupted = false
  /** Before its first question: see InodeTable.moves. */
  moves = 0
  readonly begun = performance.now()
  constructor(readonly wire: RequestWire) {}
}

/** Whether a stack answers only later. */
export const isLate = (x: Exchange): boolean => {
  const stats = syncPlan(x, 'getattr')(attributesOf(ROOT), x.context(x.caller))
  return stats instanceof Failed && stats.errno === 'ENOSYS'
}

export class WaitingSession extends Session {
  override readonly waits = true
  #served: Served | undefined
  readonly #waiting = new Map<bigint, Served>()
  /** Renames under way, and who found nothing meanwhile. */
  #renames = 0
  #strayed: Served[] = []
  #send: (length: number) => void = () => {}
  #counters: Counters | undefined
  /** Whether what is made below belongs to this process, and not to whoever asks. */
  readonly #owes: boolean

  constructor(x: Exchange, options: SessionOptions) {
    // Nobody's ids can be taken on for as long as an answer takes.
    super(x, { ...options, takesIds: false })
    this.#owes = process.geteuid?.() === 0 && x.lower.capabilities.kernelFiles === true
  }

  /** @throws {Error} where the stack does not answer for its root */
  override async prepare(): Promise<void> {
    const stats = await new Promise<Stats | Failed>((resolve, reject) => {
      runAsync(this.x, 'getattr', attributesOf(ROOT), this.cx, (bug, out) =>
        bug === null ? resolve(out) : reject(bug),
      )
    })
    if (!(stats instanceof Failed)) {
      this.adoptRoot(stats)
      return
    }
    throw unmountable(this.x, stats)
  }

  /** Where replies go. */
  serveTo(send: (length: number) => void, counters: Counters): void {
    this.#send = send
    this.#counters = counters
  }

  /** A request, in memory of its own. */
  receive(wire: RequestWire): void {
    if (wire.opcode === OPCODES.interrupt) this.#interrupt(wire.big(0))
    if (isRename(wire.opcode)) this.#renames++
    this.#begin(new Served(wire))
  }

  #begin(served: Served): void {
    served.moves = this.table.moves
    served.answers.length = 0
    this.#run(served)
  }
  #run(served: Served): void {
    const { wire } = served
    served.at = 0
    this.#served = served
    let length: number
    try {
      length = handle(this, wire, wire.bytes.length)
    } catch (left) {
      if (left !== LEFT) throw left
      if (!served.isInterrupted) this.#waiting.set(wire.unique, served)
      return
    } finally {
      this.#served = undefined
    }
    if (!served.isInterrupted) {
      if (this.#strays(served, length)) return
      this.#waiting.delete(wire.unique)
      this.#reply(served, length)
    }
    if (isRename(wire.opcode)) this.#renamed()
  }

  /** A path that was right when it was asked for may lead nowhere by the time that it is looked up: it is asked for anew. */
  #strays(served: Served, length: number): boolean {
    const isMissing = length > 0 && MISSING.has(errorOf(this))
    if (!isMissing || served.answers.length !== 1) return false
    if (this.#renames > 0 && !isRename(served.wire.opcode)) {
      this.#waiting.set(served.wire.unique, served)
      this.#strayed.push(served)
      return true
    }
    if (served.moves === this.table.moves) return false
    this.#begin(served)
    return true
  }
  #renamed(): void {
    if (--this.#renames > 0) return
    for (const served of this.#strayed.splice(0)) if (!served.isInterrupted) this.#begin(served)
  }
  #reply({ wire, begun }: Served, length: number): void {
    const counters = this.#counters
    counters?.count(wire.opcode)
    if (counters?.timed === true) counters.took(wire.opcode, performance.now() - begun)
    if (length === 0) return
    if (errorOf(this) < 0) counters?.failed()
    this.#send(length)
  }

  /** What is below goes on; what it opens is closed. */
  #interrupt(unique: bigint): void {
    const served = this.#waiting.get(unique)
    // It has been answered.
    if (served === undefined) return
    this.#waiting.delete(unique)
    served.isInterrupted = true
    replyToUnique(this.out, unique)
    this.#reply(served, encodeError(this.out, EINTR))
  }

  override ask<O extends Op>(op: O, req: Request<O>): Reply<O> | Failed {
    const served = this.#served
    if (served === undefined) {
      this.#dispatch(op, req, this.cx)
      return undefined as Reply<O>
    }
    if (served.bug !== null) throw served.bug
    const known = served.answers[served.at]
    if (known !== undefined) {
      // What it asks for depends on what others have done meanwhile: it does without.
      if (known.op !== op) return EIO
      served.at++
      if (known.bytes !== undefined)
        known.bytes.copy((req as Request<'read'>).buffer as Buffer, (req as Request<'read'>).offset)
      return known.out as Reply<O> | Failed
    }
    let isLeft = false
    let isBack = false
    const bytes = op === 'read' ? Buffer.allocUnsafe((req as Request<'read'>).length) : undefined
    const sent = bytes === undefined ? req : ({ ...req, buffer: bytes, offset: 0 } as Request<O>)
    runAsync(this.x, op, sent, this.cx, (bug, out) => {
      served.bug = bug
      const read = typeof out === 'number' ? bytes?.subarray(0, out) : undefined
      served.answers.push({ op, out: out as Reply<Op> | Failed, bytes: read })
      isBack = true
      if (isLeft) this.#resume(served)
    })
    if (isBack) return this.ask(op, req)
    isLeft = true
    throw LEFT
  }
  #resume(served: Served): void {
    if (!served.isInterrupted || FINISHED.has(served.wire.opcode)) {
      this.#run(served)
      return
    }
    for (const { op, out } of served.answers) {
      if (OPENING.has(op) && typeof out === 'number') this.close(out)
    }
  }

  /** Nobody waits for it. */
  #dispatch(op: Op, req: Request<Op>, cx: Context): void {
    runAsync(this.x, op, req, cx, (bug) => {
      if (bug !== null) console.error(bug)
    })
  }
  override close(fd: number): void {
    this.#dispatch('release', { fd, file: this.x.files.get(fd) }, this.x.context(this.x.caller))
  }

  /** Made as the process itself, and given away afterwards. */
  override askAsCaller<O extends Op>(wire: RequestWire, op: O, req: Request<O>): Reply<O> | Failed {
    const { uid, gid } = wire
    if (!this.#owes || (uid === 0 && gid === 0)) return this.ask(op, req)
    const { path, flags = 0 } = req as Partial<Request<'create'>> & { readonly path: string }
    const isCreate = op === 'create' && (flags & O_EXCL) === 0
    let out = this.ask(op, isCreate ? { ...req, flags: flags | O_EXCL } : req)
    if (out instanceof Failed && out.errno === 'EEXIST' && isCreate) {
      // It is somebody's already.
      return this.ask(op, req)
    }
    if (out instanceof Failed) return out
    const fd = typeof out === 'number' ? out : undefined
    const file = fd === undefined ? undefined : this.x.files.get(fd)
    const inherits = ((this.table.get(wire.nodeid)?.mode ?? 0) & S_ISGID) !== 0
    const set = { uid, gid: inherits ? -1 : gid }
    const failed = this.ask('setattr', { path, fd, file, dentry: undefined, follow: false, set })
    if (failed instanceof Failed) {
      if (fd !== undefined) this.close(fd)
      out = failed
    }
    return out
  }
}
const EIO = Failed.of('EIO')
