// Every pair of layers, in both orders: together they answer as the bare lower does, or as the law between them says. Calls are
// made in each convention in turn, and begin with another one in another pair.
import test from 'ava'
import * as layers from '../../layers/index.js'
import { type Layer, type PlyFs, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { discard } from '../../lib/overlay.js'
import { record } from '../../lib/trace.js'
import { stackless } from '../laws/model.js'
import { runs } from '../runs.js'
import { conform, everythingIn, plant } from './pairs-steps.js'

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

/** What the two of a pair stand over. */
interface Ground {
  readonly lower: PlyFs
  /** What is mounted at /root. */
  readonly mounted: PlyFs
}
const allowed = { default: 'allow', rules: [{ deny: ['*'], paths: ['/nobody/**'] }] } as const
/**
 * By name, what makes each. What only watches, and what only waits or repeats, stands together: in one order above others, in
 * the other below them, so that each of these meets each other in both.
 */
const makers: Readonly<Record<string, (ground: Ground) => readonly Layer[]>> = {
  'retry, timeout, concurrencyLimit, faults': () => [
    layers.retry({ delayMs: 0 }),
    layers.timeout({ ms: 60_000 }),
    layers.concurrencyLimit({ max: 2 }),
    layers.faults({ seed: 1, rules: [{ path: '/nowhere/**', errno: 'EIO' }] }),
  ],
  'stackDepth, passthrough, requestCount, trace, record': () => [
    layers.stackDepth(),
    layers.passthrough(),
    layers.requestCount(),
    layers.trace(() => undefined),
    record(() => undefined),
  ],
  caseFold: () => [layers.caseFold()],
  encrypt: () => [layers.encrypt({ key: 'ab'.repeat(32), chunkBytes: 64 })],
  'encrypt with names': () => [layers.encrypt({ key: 'cd'.repeat(32), chunkBytes: 64, names: true })],
  metadataCache: () => [layers.metadataCache({ ttlMs: 60_000 })],
  mountPoints: ({ mounted }) => [layers.mountPoints({ '/root': mounted, '/other': mounted })],
  overlay: () => [layers.overlay()],
  powerLoss: () => [layers.powerLoss()],
  quota: () => [layers.quota({ bytes: 1e9, files: 1e6, handles: 1e3, watchers: 9, depth: 99 })],
  readOnly: () => [layers.readOnly()],
  sandbox: () => [layers.sandbox(allowed)],
  subdir: () => [layers.subdir('/base')],
  xattrElision: () => [layers.xattrElision({ ttlMs: 60_000 })],
}
const names = Object.keys(makers)
/** They answer by themselves what a guard below would refuse. */
const CACHES = ['metadataCache', 'xattrElision']
const GUARDS = ['quota', 'readOnly', 'sandbox']

const build = (ground: Ground, pair: readonly string[]): PlyFs =>
  stack(
    ground.lower,
    pair.flatMap((name, k) => {
      const made = (makers[name] as (ground: Ground) => readonly Layer[])(ground)
      return k === 0 ? made : [...made].reverse()
    }),
  )
/** What is seen through these is not what is below. */
const SHAPES = ['encrypt', 'encrypt with names', 'mountPoints', 'subdir']
/** The tree, planted so that it is seen through the pair, and is the lower's. */
const planted = (pair: readonly string[]): Ground => {
  const mounted = once(memory)
  const ground = {
    lower: memory(),
    get mounted() {
      return mounted()
    },
  }
  if (pair.includes('mountPoints')) ground.mounted.chmodSync('/', 0o755)
  const shapes = pair.filter((name) => SHAPES.includes(name))
  const through = (some: readonly string[]): PlyFs => (some.length === 0 ? ground.lower : build(ground, some))
  for (let k = shapes.length - 1; k >= 0; k--)
    if (shapes[k] === 'subdir') through(shapes.slice(k + 1)).mkdirSync('/base')
  plant(through(shapes))
  return ground
}

/** Nothing is refused where what is written does not come as far as the guard. */
const refuses = (pair: readonly string[]): boolean => {
  const [above, below] = pair
  return above === 'readOnly' || (below === 'readOnly' && above !== 'overlay' && above !== 'mountPoints')
}
/** What of the ground may not change. */
const kept = (pair: readonly string[], { lower, mounted }: Ground): string => {
  if (!pair.includes('overlay') && !refuses(pair)) return ''
  // What is mounted above an overlay is no business of its.
  return pair[0] === 'mountPoints' ? everythingIn(lower) : `${everythingIn(lower)}\n${everythingIn(mounted)}`
}

const differences = (lines: readonly string[], expected: readonly string[]): string[] =>
  lines.flatMap((line, k) => (line === expected[k] ? [] : [`${line} | expected ${expected[k]}`]))

/** What the bare lower, and a readOnly alone, answer where the first call is made so. */
const bare = Array.from({ length: 3 }, (_, how) => once(() => conform(build(planted([]), []), how)))
const refused = Array.from({ length: 3 }, (_, how) => once(() => conform(build(planted([]), ['readOnly']), how)))

/** What is wrong with a pair. */
const tried = async (pair: readonly string[], how: number): Promise<string[]> => {
  const ground = planted(pair)
  const before = kept(pair, ground)
  const fs = build(ground, pair)
  // Discarding goes round the caches above, and what is mounted above is no part of it.
  const discards = pair.includes('overlay') && ![...CACHES, 'mountPoints'].includes(pair[0] as string)
  const first = discards ? everythingIn(fs) : ''
  const lines = await conform(fs, how)
  const expected = await (refuses(pair) ? refused : bare)[how]?.()
  const wrong = differences(lines, expected ?? [])
  if (kept(pair, ground) !== before) wrong.push('what is below has changed')
  if (!discards) return wrong
  await discard(fs)
  return everythingIn(fs) === first ? wrong : [...wrong, 'discarded, something has happened']
}

for (const above of names) {
  test.serial(`${above} above each other layer`, async (t) => {
    const wrong: string[] = []
    await stackless(async () => {
      for (const below of names) {
        const pair = [above, below]
        const why = pair.join(' above ')
        if (CACHES.includes(above) && GUARDS.includes(below)) {
          t.throws(() => build(planted([]), pair), { code: 'ERR_PLYFS_ORDER' }, why)
          continue
        }
        for (let run = 0; run < runs(1); run++) {
          const how = (names.indexOf(above) + names.indexOf(below) + run) % 3
          for (const line of await tried(pair, how)) wrong.push(`${why}: ${line}`)
        }
      }
    })
    t.deepEqual(wrong, [])
  })
}
