/** Metadata answered by the cache, against the bare lower and against peers, which have none. */
import * as nodeFs from 'node:fs'
import { join } from 'node:path'
import { makeStats, stack } from 'plyfs'
import { host, memory } from 'plyfs/lower'
import { type Area, counted, fileName, fill, fiveLayers, total } from '../fixture.js'
import type { Work } from '../measure.js'
import { type Fs, hostPeers, memfs, type Place, zenMemory } from '../peers.js'
import { ownLoops, type Run, race } from '../race.js'

const FILES = 10_000
const COLD = 'plyfs, five layers, cold'
const SEEN = 'plyfs, five layers, once seen'

/** What any answer costs that nobody may share: a Stats of the running Node's, which has four Dates of its own up to Node 21. */
const answering = (stats: nodeFs.Stats): Fs => {
  const statSync = (): nodeFs.Stats => makeStats(stats)
  return { statSync } as unknown as Fs
}

const hits = async function* (
  area: string,
  places: readonly Place[],
  smoke: boolean,
): AsyncGenerator<Work, void, void> {
  const n = smoke ? 500 : 10_000
  const files = smoke ? 500 : FILES
  const same = (what: string, title: string, ops: number, run: Run, floor: readonly Place[] = []) =>
    race([...places, ...floor], run).then((contenders): Work => ({ name: `${area}/${what}`, title, ops, contenders }))
  yield await same(
    'stat-same',
    'statSync hit, the same path string',
    n,
    (l, { fs, dir }) => l.statSame(fs, `${dir}/${fileName(0)}`, n),
    [{ name: 'a Stats, and no look-up', fs: answering(nodeFs.statSync(import.meta.filename)), dir: '' }],
  )
  yield await same(
    'stat-fresh',
    `statSync hit, path strings built afresh over ${files} paths`,
    files,
    (l, { fs, dir }) => l.statFresh(fs, dir, files),
  )
  yield await same('exists-missing', 'existsSync of a name known to be missing', n, (l, { fs, dir }) =>
    l.existsSame(fs, `${dir}/missing`, n),
  )
  const awaited = Math.ceil(n / 10)
  yield await same('promises-stat', 'promises.stat hit', awaited, (l, { fs, dir }) =>
    l.promiseStatSame(fs, `${dir}/${fileName(0)}`, awaited),
  )
}

export const metadata: Area = async function* ({ dir, smoke }) {
  const at = join(dir, 'hits')
  fill(nodeFs, at, smoke ? 500 : FILES)
  const peers = await hostPeers(at)
  yield* hits(
    'metadata/host',
    [
      { name: 'node:fs', fs: nodeFs, dir: at },
      { name: 'plyfs, five layers', fs: stack(host(), fiveLayers(at)), dir: at },
      ...Object.values(peers),
    ],
    smoke,
  )

  const bare = memfs()
  const below = memory()
  const zen = await zenMemory()
  for (const fs of [bare, below, zen]) fill(fs as Fs, '/work', smoke ? 500 : FILES)
  yield* hits(
    'metadata/memory',
    [
      { name: 'memfs', fs: bare, dir: '/work' },
      { name: 'plyfs, five layers', fs: stack(below, fiveLayers('/work')), dir: '/work' },
      { name: 'zenfs InMemory', fs: zen, dir: '/work', peer: true },
    ],
    smoke,
  )
  yield* storm(join(dir, 'storm'), smoke)
}

/**
 * Every file of many, again and again: through a stack that knows nothing at first (a twentieth of the work is then the
 * lower's, whatever a cache does), and through one that has seen each file once.
 */
const storm = async function* (dir: string, smoke: boolean): AsyncGenerator<Work, void, void> {
  const files = smoke ? 200 : FILES
  const times = 20
  fill(nodeFs, dir, files)
  const cold = (): Fs => stack(host(), fiveLayers(dir))
  let fresh = cold()
  const before = (): void => {
    fresh = cold()
  }
  const seen = cold()
  const see = (): void => {
    for (let k = 0; k < files; k++) seen.statSync(join(dir, fileName(k)))
  }
  const [a, b, c] = [await ownLoops(), await ownLoops(), await ownLoops()]
  yield {
    name: 'storm/sync',
    title: `${files} files × ${times} statSync, path strings built afresh`,
    ops: files * times,
    contenders: [
      { name: 'node:fs', run: () => repeat(times, () => a.statFresh(nodeFs, dir, files)) },
      { name: COLD, before, run: () => repeat(times, () => b.statFresh(fresh, dir, files)) },
      { name: SEEN, before: see, run: () => repeat(times, () => c.statFresh(seen, dir, files)) },
    ],
    facts: () => stormCounts(dir, files, times),
  }
  yield {
    name: 'storm/promises',
    title: `${files} files × ${times} promises.stat, path strings built afresh`,
    ops: files * times,
    contenders: [
      { name: 'node:fs', run: () => repeatAsync(times, () => a.promiseStatFresh(nodeFs, dir, files)) },
      { name: COLD, before, run: () => repeatAsync(times, () => b.promiseStatFresh(fresh, dir, files)) },
      { name: SEEN, before: see, run: () => repeatAsync(times, () => c.promiseStatFresh(seen, dir, files)) },
    ],
  }
}

const repeat = (times: number, pass: () => number): number => {
  let sum = 0
  for (let k = 0; k < times; k++) sum += pass()
  return sum
}
const repeatAsync = async (times: number, pass: () => Promise<number>): Promise<number> => {
  let sum = 0
  for (let k = 0; k < times; k++) sum += await pass()
  return sum
}

const XATTR = 'security.capability'

/** How much of a storm reaches the lower: over all of it, and once each file has been seen. */
const stormCounts = (dir: string, files: number, times: number): Record<string, number> => {
  const { above, below, layers } = counted(fiveLayers(dir))
  const fs = stack(host(), layers)
  const pass = (): void => {
    for (let k = 0; k < files; k++) {
      const path = join(dir, fileName(k))
      fs.statSync(path)
      try {
        fs.getxattrSync(path, XATTR)
      } catch {
        // ENODATA: that there is none is the answer
      }
    }
  }
  pass()
  const asked = (counter: typeof above) => ({
    attributes: total(counter.counts(), ['getattr', 'lookup']),
    xattrs: total(counter.counts(), ['getxattr', 'listxattr']),
  })
  const seen = { above: asked(above), below: asked(below) }
  for (let k = 1; k < times; k++) pass()
  const all = { above: asked(above), below: asked(below) }
  const removed = (kind: 'attributes' | 'xattrs', from?: typeof seen): number => {
    const up = all.above[kind] - (from?.above[kind] ?? 0)
    const down = all.below[kind] - (from?.below[kind] ?? 0)
    return (100 * (up - down)) / up
  }
  return {
    'attribute requests removed, %': removed('attributes'),
    'attribute requests removed once seen, %': removed('attributes', seen),
    'xattr requests removed, %': removed('xattrs'),
    'xattr requests removed once seen, %': removed('xattrs', seen),
  }
}
