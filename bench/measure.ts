/** Interleaved rounds: every contender does the same work in each round, and is compared with the first within it. */

export interface Contender {
  readonly name: string
  /** Does the work once. Promises are waited for; nothing else is timed. */
  readonly run: () => unknown
  /** Before each run, untimed. */
  readonly before?: () => unknown
  /** A peer, which is left out where it cannot do the work. */
  readonly peer?: boolean
}

export interface Work {
  /** `area/what`. */
  readonly name: string
  readonly title: string
  /** Operations in one run; times are given for one of them. */
  readonly ops: number
  /** The first is the baseline. */
  readonly contenders: readonly Contender[]
  /** Where it is not that of all. */
  readonly effort?: Effort | undefined
  /** What was counted, not timed; asked after the rounds. */
  readonly facts?: () => Record<string, number> | Promise<Record<string, number>>
}

export interface Timing {
  readonly name: string
  /** Median of one operation, in nanoseconds. */
  readonly ns: number
  /** The same of the whole process's CPU time: what others take from it meanwhile is not in it. */
  readonly cpuNs: number
  /** Wall time against the baseline's in the same round. */
  readonly ratio: { readonly median: number; readonly min: number; readonly max: number }
  /** The same of CPU time: what a busy machine disturbs less. */
  readonly cpuRatio: number
}

export interface Result {
  readonly name: string
  readonly title: string
  readonly ops: number
  readonly rounds: number
  readonly timings: readonly Timing[]
  /** Peers that could not do it, and why. */
  readonly leftOut: Readonly<Record<string, string>>
  readonly facts: Readonly<Record<string, number>>
}

export interface Effort {
  /** For each contender, untimed. */
  readonly warmUpMs: number
  /** Rounds go on until so many milliseconds have passed, */
  readonly budgetMs: number
  /** but at least and at most so many. */
  readonly minRounds: number
  readonly maxRounds: number
}
export const FULL: Effort = { warmUpMs: 200, budgetMs: 3000, minRounds: 9, maxRounds: 61 }
export const SMOKE: Effort = { warmUpMs: 10, budgetMs: 100, minRounds: 3, maxRounds: 5 }

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  const upper = sorted[half] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? Number.NaN)) / 2
}

/** Whatever a run returned ends here: no work may be optimised away. */
let sink: unknown
export const consumed = (): unknown => sink

interface Times {
  readonly wallNs: number
  readonly cpuNs: number
}

const time = async ({ run, before }: Contender): Promise<Times> => {
  await before?.()
  // A young generation of its own. Not a whole collection: that gives memory back, and who comes next pays to fetch it.
  globalThis.gc?.({ type: 'minor' })
  const cpu = process.cpuUsage()
  const start = process.hrtime.bigint()
  let out = run()
  if (out instanceof Promise) out = await out
  const wallNs = Number(process.hrtime.bigint() - start)
  const { user, system } = process.cpuUsage(cpu)
  sink = out
  return { wallNs, cpuNs: (user + system) * 1000 }
}

/** Optimised code is made, thrown away and made again while contenders that share functions meet their first requests. */
const warmUp = async (contenders: readonly Contender[], ms: number): Promise<void> => {
  const end = performance.now() + ms * contenders.length
  do for (const contender of contenders) await time(contender)
  while (performance.now() < end)
}

export const measure = async (work: Work, { warmUpMs, budgetMs, minRounds, maxRounds }: Effort): Promise<Result> => {
  const { name, title, ops, facts } = work
  const leftOut: Record<string, string> = {}
  const contenders: Contender[] = []
  for (const contender of work.contenders) {
    try {
      await time(contender)
      contenders.push(contender)
    } catch (error) {
      if (contender.peer !== true) throw error
      leftOut[contender.name] = String(error)
    }
  }
  await warmUp(contenders, warmUpMs)
  const times: Times[][] = contenders.map(() => [])
  const end = performance.now() + budgetMs
  let rounds = 0
  while (rounds < minRounds || (rounds < maxRounds && performance.now() < end)) {
    // There and back again, so that nobody always comes after the same one.
    const order = [...contenders.keys()]
    if (rounds % 2 === 1) order.reverse()
    for (const k of order) times[k]?.push(await time(contenders[k] as Contender))
    rounds++
  }
  const base = times[0] ?? []
  const timings = contenders.map((contender, k): Timing => {
    const own = times[k] ?? []
    const against = (of: (round: Times) => number): number[] =>
      own.map((round, r) => of(round) / of(base[r] ?? { wallNs: Number.NaN, cpuNs: Number.NaN }))
    const ratios = against(({ wallNs }) => wallNs)
    return {
      name: contender.name,
      ns: median(own.map(({ wallNs }) => wallNs)) / ops,
      cpuNs: median(own.map(({ cpuNs }) => cpuNs)) / ops,
      ratio: { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) },
      cpuRatio: median(against(({ cpuNs }) => cpuNs)),
    }
  })
  return { name, title, ops, rounds, timings, leftOut, facts: (await facts?.()) ?? {} }
}
