/** What a session counts, in memory that its thread and the one that asks share: nobody has to be interrupted to look. */
import { type FuseOp, OPCODES } from './abi.js'

const NAMES: (FuseOp | undefined)[] = []
for (const op of Object.keys(OPCODES) as FuseOp[]) NAMES[OPCODES[op]] = op
const CODES = NAMES.length

/** Where the other counters are, after two rows of one number an opcode. */
const SPARE = 2 * CODES
const AT = {
  inodes: SPARE,
  open: SPARE + 1,
  passed: SPARE + 2,
  kept: SPARE + 3,
  errors: SPARE + 4,
  around: SPARE + 5,
} as const
const SIZE = SPARE + 8

/** Words of the control block. */
const STATE = 0
const SECONDS = 1
/** The session's device, once it is mounted. */
const DEVICE = 2
/** Whether the session's thread was called. */
const CALLED = 3
/** Directories that were listed. */
const LISTED = 4
const WORDS = 6
const STARTING = 0
const MOUNTED = 1
const ABANDONED = 2

export interface Counts {
  /** Requests that came up, by opcode. */
  readonly requests: { readonly [O in FuseOp]?: number }
  /** Milliseconds spent on them, by opcode; empty unless latencies were asked for. */
  readonly milliseconds: { readonly [O in FuseOp]?: number }
  /** Of these, answered with an error. */
  readonly errors: number
  /** Inodes that the kernel holds, and open files. */
  readonly inodes: number
  readonly open: number
  /** Open files that were passed through to the kernel, and those that were not. */
  readonly passedThrough: number
  readonly keptBack: number
  /** Directories that were listed for what was asked for name by name. */
  readonly listedAround: number
}

export class Counters {
  readonly shared: SharedArrayBuffer
  readonly numbers: Float64Array
  readonly #control: Int32Array

  /** @param shared another thread's */
  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(SIZE * 8 + WORDS * 4)) {
    this.shared = shared
    this.numbers = new Float64Array(shared, 0, SIZE)
    this.#control = new Int32Array(shared, SIZE * 8, WORDS)
  }

  count(code: number): void {
    if (code < CODES) (this.numbers[code] as number)++
  }
  took(code: number, milliseconds: number): void {
    if (code < CODES) this.numbers[CODES + code] = (this.numbers[CODES + code] as number) + milliseconds
  }
  failed(): void {
    ;(this.numbers[AT.errors] as number)++
  }
  set(what: 'inodes' | 'open' | 'passed' | 'kept' | 'around', value: number): void {
    this.numbers[AT[what]] = value
  }

  /** Whether latencies are wanted. */
  get timed(): boolean {
    return this.#control[SECONDS] === 1
  }
  set timed(on: boolean) {
    this.#control[SECONDS] = on ? 1 : 0
  }
  /** Tells the session's thread that it may begin. */
  begin(device: number): void {
    this.#control[DEVICE] = device
    this.#announce(MOUNTED)
  }
  /** That it must not. */
  abandon(): void {
    this.#announce(ABANDONED)
  }
  #announce(state: typeof MOUNTED | typeof ABANDONED): void {
    Atomics.store(this.#control, STATE, state)
    Atomics.notify(this.#control, STATE)
  }
  /** Waits for that: the device, or undefined. */
  awaited(): number | undefined {
    Atomics.wait(this.#control, STATE, STARTING)
    return Atomics.load(this.#control, STATE) === MOUNTED ? this.#control[DEVICE] : undefined
  }

  /** Asks the session's thread to look at its messages: when it has been given something to read. */
  call(): void {
    Atomics.store(this.#control, CALLED, 1)
  }
  get isAbandoned(): boolean {
    return Atomics.load(this.#control, STATE) === ABANDONED
  }
  get called(): boolean {
    // Looked at after every system call, and later is soon enough: not worth an atomic load.
    return this.#control[CALLED] === 1
  }
  /** Before it looks: true where it is to go on. */
  answer(): boolean {
    Atomics.store(this.#control, CALLED, 0)
    return Atomics.load(this.#control, STATE) === MOUNTED
  }

  /** How many directories of the mount the program has listed, of those that it was asked to; Infinity: no more. */
  get listed(): number {
    const listed = Atomics.load(this.#control, LISTED)
    return listed === -1 ? Number.POSITIVE_INFINITY : listed
  }
  hasListed(): void {
    const before = Atomics.load(this.#control, LISTED)
    if (before !== -1) Atomics.compareExchange(this.#control, LISTED, before, before + 1)
  }
  listNoMore(): void {
    Atomics.store(this.#control, LISTED, -1)
  }

  snapshot(): Counts {
    const requests: { [op: string]: number } = {}
    const milliseconds: { [op: string]: number } = {}
    NAMES.forEach((op, code) => {
      if (op === undefined) return
      const count = this.numbers[code] as number
      const ms = this.numbers[CODES + code] as number
      if (count > 0) requests[op] = count
      if (ms > 0) milliseconds[op] = ms
    })
    const at = (what: keyof typeof AT): number => this.numbers[AT[what]] as number
    return {
      requests,
      milliseconds,
      errors: at('errors'),
      inodes: at('inodes'),
      open: at('open'),
      passedThrough: at('passed'),
      keptBack: at('kept'),
      listedAround: at('around'),
    }
  }
}
