// Several callers at once, and a scheduler that decides when each request arrives at the lower and when its reply comes up:
// every answer is one that the bare lower would have given at some moment in between.
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { metadataCache, passthrough, xattrElision } from '../../layers/index.js'
import { exchangeOf, nodeFace } from '../../lib/face/node-fs.js'
import { type Layer, OP, type Op, type PlyFs, type Reply, type Request } from '../../lib/index.js'
import { host, memory } from '../../lib/lower/index.js'
import type { Lower, LowerOp } from '../../lib/lower.js'
import { compose } from '../../lib/stack.js'
import { fc } from '../fc.js'
import { Actor, codeOf, everywhere, invoke, type Operation, operations, stackless, survey } from '../laws/model.js'
import { runs } from '../runs.js'
import { baseOf } from './harness.js'

const ASKING = ['stat', 'lstat', 'readlink', 'readdir', 'exists', 'getxattr', 'listxattr'] as const
/** What moves no access time on the host: the truth is asked there behind the cache's back. */
const LOOKING = ['stat', 'lstat', 'exists', 'getxattr', 'listxattr'] as const
type Asking = (typeof ASKING)[number]
const isQuestion = (op: string): op is Asking => (ASKING as readonly string[]).includes(op)
const withoutAccessTimes = (text: string): string => text.replaceAll(/"atime(?:Ms|Ns)?":"?[^,"]*"?,?/g, '')

/** A question that is one request, asked in the convention `how`. */
const ask = async (fs: PlyFs, root: string, { op, a, n, how }: Operation): Promise<string> => {
  const path = root + a
  const args = op === 'getxattr' ? [path, `user.${n % 3}`] : [path]
  const name = op === 'exists' ? 'access' : op
  try {
    const value = await invoke(fs, how, name, ...args)
    return JSON.stringify(value) ?? 'yes'
  } catch (error) {
    return String((error as { code?: string }).code)
  }
}
const truth = (fs: PlyFs, root: string, asked: Operation): string => stackless(() => answer(fs, root, asked))
const answer = (fs: PlyFs, root: string, { op, a, n }: Operation): string => {
  const face = fs as unknown as Record<string, (...args: unknown[]) => unknown>
  const args = op === 'getxattr' ? [root + a, `user.${n % 3}`] : [root + a]
  try {
    return JSON.stringify(face[`${op === 'exists' ? 'access' : op}Sync`]?.(...args)) ?? 'yes'
  } catch (error) {
    return String((error as { code?: string }).code)
  }
}

const READING = new Set<Op>(['read', 'readdir', 'copy_file_range'])
/** The lower, reached when the scheduler says so; `changed` runs after every change, at the moment that it is done. */
const scheduled = (lower: Lower, s: fc.Scheduler, changed: () => void): Lower => {
  const ops: Partial<Record<Op, unknown>> = {}
  for (const op of Object.keys(lower.ops) as Op[]) {
    const own = lower.ops[op] as LowerOp<Op>
    const now: LowerOp<Op>['sync'] = (req, cx) => {
      const out = own.sync(req as Request<Op>, cx)
      if (OP[op].effect === 'write' || READING.has(op)) changed()
      return out
    }
    ops[op] = {
      sync: now,
      async(req: Request<Op>, done: (bug: unknown, out: Reply<Op>) => void, cx: never) {
        void s.schedule(Promise.resolve(), `${op} down`).then(() => {
          const out = now(req, cx)
          return s.schedule(Promise.resolve(), `${op} up`).then(() => done(null, out as Reply<Op>))
        })
      },
    }
  }
  return { ...lower, native: undefined, ops: ops as Lower['ops'] }
}

const stacks: Record<string, () => Layer[]> = {
  cache: () => [metadataCache({ ttlMs: 60_000 })],
  'elision over cache': () => [passthrough(), xattrElision({ ttlMs: 60_000 }), metadataCache({ ttlMs: 60_000 })],
  elision: () => [xattrElision({ ttlMs: 60_000 })],
  'a tiny cache': () => [metadataCache({ ttlMs: 60_000, maxEntries: 3 })],
}
interface Ground {
  readonly bare: PlyFs
  readonly root: string
  remove(): void
}
interface Kind {
  readonly make: () => Ground
  readonly asking: readonly Asking[]
  /** Whether asking for the truth leaves access times alone, so that they can be compared as well. */
  readonly times: boolean
  readonly daily: number
}
const onHost = (): Ground => {
  const root = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-')))
  return { bare: host() as PlyFs, root, remove: () => nodeFs.rmSync(root, { recursive: true }) }
}
const kinds: Record<string, Kind> = {
  memory: {
    make: () => {
      const bare = memory() as PlyFs
      bare.mkdirSync('/one')
      return { bare, root: '/one', remove: () => undefined }
    },
    asking: ASKING,
    times: true,
    daily: 50,
  },
  host: { make: onHost, asking: ASKING, times: false, daily: 14 },
  'host, with access times': { make: onHost, asking: LOOKING, times: true, daily: 10 },
}
const questionsOf = (asking: readonly Asking[]) =>
  fc.array(
    fc.record({
      op: fc.constantFrom<string>(...asking),
      a: fc.constantFrom(...everywhere),
      b: fc.constant(''),
      n: fc.nat(2),
      how: fc.nat(2),
    }),
    { minLength: 4, maxLength: 12 },
  )

/** Attributes with access times, which the rest of a survey moves. */
const attributes = (fs: PlyFs, how: 'lstatSync' | 'statSync', path: string): string => {
  try {
    return JSON.stringify(fs[how](path))
  } catch (error) {
    return codeOf(error)
  }
}

for (const [lowerName, { make, asking, times, daily }] of Object.entries(kinds)) {
  const questions = questionsOf(asking)
  const compared = times ? (text: string): string => text : withoutAccessTimes
  for (const [name, layers] of Object.entries(stacks)) {
    test.serial(`${name}, over ${lowerName}`, async (t) => {
      await fc.assert(
        fc.asyncProperty(
          fc.scheduler(),
          operations(8),
          operations(8),
          questions,
          questions,
          async (s, first, second, third, fourth) => {
            const { bare, root, remove } = make()
            const under = exchangeOf(bare)
            if (under === undefined) throw new Error('no lower')
            const open = new Set<{ readonly asked: Operation; readonly truths: Set<string> }>()
            const changed = (): void => {
              for (const each of open) each.truths.add(compared(truth(bare, root, each.asked)))
            }
            const { exchange, mark } = compose(baseOf(scheduled(under.lower, s, changed)), layers())
            const fs = nodeFace(exchange, mark, exchange.caller)
            const actors: Actor[] = []
            const wrong: string[] = []
            const play = async (sequence: readonly Operation[]): Promise<void> => {
              const actor = new Actor(fs, root)
              actors.push(actor)
              for (const operation of sequence) {
                if (!isQuestion(operation.op) || !asking.includes(operation.op)) {
                  await actor.do(operation)
                  continue
                }
                const mine = { asked: operation, truths: new Set([compared(truth(bare, root, operation))]) }
                open.add(mine)
                const got = compared(await ask(fs, root, operation))
                open.delete(mine)
                if (!mine.truths.has(got))
                  wrong.push(`${JSON.stringify(operation)}: ${got}, not of ${[...mine.truths].join(' | ')}`)
              }
            }
            try {
              await s.waitFor(Promise.all([first, second, third, fourth].map(play)))
              const closing = Promise.resolve().then(() => {
                for (const actor of actors) actor.closeAll()
              })
              await s.waitFor(closing)
              if (times) {
                for (const path of everywhere) {
                  // One right after the other: following a link may move its access time.
                  for (const how of ['lstatSync', 'statSync'] as const) {
                    const got = attributes(fs, how, root + path)
                    const truly = attributes(bare, how, root + path)
                    if (got !== truly) wrong.push(`in the end, ${how} ${path}: ${got}, not ${truly}`)
                  }
                }
              }
              const expected = withoutAccessTimes(survey(bare, root, everywhere, false))
              const got = withoutAccessTimes(survey(fs, root, everywhere, false))
              if (wrong.length > 0 || got !== expected) {
                t.deepEqual(wrong, [])
                t.is(got, expected)
              }
            } finally {
              remove()
            }
          },
        ),
        { numRuns: runs(daily), endOnFailure: false },
      )
      t.pass()
    })
  }
}
