// Every order in which the requests of two callers can arrive at the lower and be answered, one after the other.
import type { ExecutionContext } from 'ava'
import type { Caller } from '../../lib/context.js'
import { runAsync } from '../../lib/driver/callback.js'
import type { Exchange } from '../../lib/exchange.js'
import type { Layer, Op, Reply, Request, Stats } from '../../lib/index.js'
import { Failed } from '../../lib/index.js'
import { memoryLower } from '../../lib/lower/memory.js'
import type { Lower, LowerOp } from '../../lib/lower.js'
import { exchangeOver } from './harness.js'

/** One request, by what it needs to say. */
export type Asked = readonly [op: Op, req: object]
/** `last`: what the request before it was answered. */
export type Ask = Asked | ((last: never) => Asked)

const FIELDS = ['ino', 'mode', 'nlink', 'uid', 'gid', 'size', 'mtimeMs', 'ctimeMs'] as const
/** An answer as text, without access times: asking moves those. */
export const shown = (out: unknown): string => {
  if (out instanceof Failed) return out.errno
  if (Buffer.isBuffer(out)) return `'${out}'`
  if (out !== null && typeof out === 'object' && 'mtimeMs' in out) {
    return FIELDS.map((field) => (out as Stats)[field]).join()
  }
  return JSON.stringify(out) ?? 'done'
}

/** A caller whose requests wait below, until a step lets the one that waits arrive there, or its reply come up. */
export class Actor {
  waiting: { arrived: boolean; arrive(): void; land(): void } | undefined
  isDone = false
  readonly said: string[] = []
  #next = 0
  #last: unknown
  constructor(
    readonly scene: Scene,
    readonly asks: readonly Ask[],
    readonly caller: Caller = scene.x.caller,
  ) {}

  step(): void {
    this.scene.acting = this
    const { waiting } = this
    if (waiting === undefined) this.#start()
    else if (waiting.arrived) {
      this.waiting = undefined
      waiting.land()
    } else {
      waiting.arrived = true
      waiting.arrive()
    }
    this.scene.acting = undefined
  }
  /** Until its next request waits below as `op`; or to its end. */
  until(op?: Op): void {
    while (!this.isDone && !(this.waiting !== undefined && this.at === op && !this.waiting.arrived)) this.step()
  }
  at: Op | undefined

  #start(): void {
    const ask = this.asks[this.#next++]
    if (ask === undefined) {
      this.isDone = true
      return
    }
    const { x } = this.scene
    const [op, req] = typeof ask === 'function' ? ask(this.#last as never) : ask
    runAsync(x, op, req as Request<Op>, x.context(this.caller), (bug, out) => {
      if (bug !== null) throw bug
      this.#last = out
      this.said.push(shown(out))
      this.#start()
    })
  }
}

export class Scene {
  readonly x: Exchange
  readonly lower: Lower
  acting: Actor | undefined
  /** Requests that reached the lower, by opcode. */
  readonly sent: Partial<Record<Op, number>> = {}

  constructor(
    layers: readonly Layer[],
    tree: readonly Asked[] = [],
    change: (lower: Lower) => Lower = (lower) => lower,
  ) {
    const lower = change(memoryLower())
    this.lower = lower
    const ops: Partial<Record<Op, unknown>> = {}
    for (const op of Object.keys(lower.ops) as Op[]) {
      const own = lower.ops[op] as LowerOp<Op>
      const now: LowerOp<Op>['sync'] = (req, cx) => {
        this.sent[op] = (this.sent[op] ?? 0) + 1
        return own.sync(req as Request<Op>, cx)
      }
      ops[op] = {
        sync: now,
        async: (req: Request<Op>, done: (bug: unknown, out: Reply<Op> | Failed) => void, cx: never) => {
          const actor = this.acting
          if (actor === undefined) {
            done(null, now(req, cx))
            return
          }
          let out: Reply<Op> | Failed
          actor.at = op
          actor.waiting = {
            arrived: false,
            arrive: () => {
              out = now(req, cx)
            },
            land: () => done(null, out),
          }
        },
      }
    }
    this.x = exchangeOver({ ...lower, native: undefined, ops: ops as Lower['ops'] }, layers)
    for (const asked of tree) this.behind(asked)
  }

  /** Answered at once. */
  raw([op, req]: Asked, caller: Caller = this.x.caller): unknown {
    let answer: unknown
    runAsync(this.x, op, req as Request<Op>, this.x.context(caller), (bug, out) => {
      if (bug !== null) throw bug
      answer = out
    })
    return answer
  }
  ask(asked: Asked, caller?: Caller): string {
    return shown(this.raw(asked, caller))
  }
  /** What the bare lower says; a change is made behind the stack's back. */
  behind([op, req]: Asked, caller: Caller = this.x.caller): string {
    return shown((this.lower.ops[op] as LowerOp<Op>).sync(req as Request<Op>, this.x.context(caller)))
  }
  /** How many requests `act` sends to the lower, of these opcodes. */
  count(ops: readonly Op[], act: () => void): number {
    const sum = (): number => ops.reduce((all, op) => all + (this.sent[op] ?? 0), 0)
    const before = sum()
    act()
    return sum() - before
  }
}

/** The stack says what the bare lower says. */
export const agree = (t: ExecutionContext, scene: Scene, questions: readonly Asked[], when: string): void => {
  for (const question of questions) {
    t.is(
      scene.ask(question),
      scene.behind(question),
      `${when}: ${question[0]} ${(question[1] as { path: string }).path}`,
    )
  }
}

/** Runs `play` once for each way in which `choose` can answer. */
export const everyWay = (play: (choose: () => boolean) => void): number => {
  let plan: boolean[] = []
  for (let ways = 1; ; ways++) {
    const chosen: boolean[] = []
    play(() => {
      const choice = plan[chosen.length] ?? false
      chosen.push(choice)
      return choice
    })
    while (chosen.at(-1) === true) chosen.pop()
    if (chosen.length === 0) return ways
    chosen[chosen.length - 1] = true
    plan = chosen
  }
}

/** Faults need few. Once one of them has ended it is the other's turn anyhow. */
const MAX_TURNS = 2
/** All orders of the steps of two callers, if not more than `MAX_TURNS` times it becomes the other's turn; `made` is a fresh scene each time, and `between` runs after each step. */
export const everyOrder = <S extends Scene>(
  make: () => S,
  first: (scene: S) => readonly Ask[],
  second: (scene: S) => readonly Ask[],
  ended: (scene: S, first: Actor, second: Actor, order: string) => void,
  between: (scene: S) => void = () => undefined,
): number =>
  everyWay((choose) => {
    const scene = make()
    const a = new Actor(scene, first(scene))
    const b = new Actor(scene, second(scene))
    let order = ''
    let turns = 0
    let now = choose() ? b : a
    while (!a.isDone || !b.isDone) {
      const other = now === a ? b : a
      if (now.isDone) now = other
      else if (order !== '' && !other.isDone && turns < MAX_TURNS && choose()) {
        now = other
        turns++
      }
      order += now === a ? '1' : '2'
      now.step()
      between(scene)
    }
    ended(scene, a, b, order)
  })

export const stat = (path: string): Asked => ['getattr', { path, follow: true, precise: false }]
export const lstat = (path: string): Asked => ['getattr', { path, follow: false, precise: false }]
export const there = (path: string): Asked => ['access', { path, mask: 0 }]
export const list = (path: string): Asked => ['readdir', { path }]
/** An empty file. */
export const file = (path: string): Asked => mknod(path)
export const get = (path: string, name = 'user.a'): Asked => ['getxattr', { path, name, follow: true }]
export const getAll = (path: string): Asked => ['listxattr', { path, follow: true }]
export const set = (path: string, name = 'user.a', value = 'new'): Asked => [
  'setxattr',
  { path, name, value: Buffer.from(value), flags: 0, follow: true },
]
export const unset = (path: string, name = 'user.a'): Asked => ['removexattr', { path, name, follow: true }]
export const unlink = (path: string): Asked => ['unlink', { path }]
export const rmdir = (path: string): Asked => ['rmdir', { path }]
export const mkdir = (path: string): Asked => ['mkdir', { path, mode: 0o777 }]
export const link = (path: string, newPath: string): Asked => ['link', { path, newPath }]
export const symlink = (target: string, path: string): Asked => ['symlink', { path, target }]
export const mknod = (path: string): Asked => ['mknod', { path, mode: 0o100644, rdev: 0 }]
export const rename = (path: string, newPath: string, flags = 0): Asked => ['rename', { path, newPath, flags }]
export const setattr = (path: string, attributes: object): Asked => ['setattr', { path, set: attributes, follow: true }]
export const open = (path: string, flags: number): Asked => [
  (flags & 0o100) === 0 ? 'open' : 'create',
  { path, flags, mode: 0o666 },
]

export const user: Caller = { uid: 1000, gid: 1000, pid: 1 }
/** What `make` makes believes that the process is this user's. */
export const asUser = <T>(make: () => T): T => {
  const { geteuid, getegid } = process
  Object.assign(process, { geteuid: () => 1000, getegid: () => 1000 })
  try {
    return make()
  } finally {
    Object.assign(process, { geteuid, getegid })
  }
}
