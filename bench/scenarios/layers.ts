/** What layers cost by themselves: over a lower that does nothing, so that nothing else is measured. */
import * as nodeFs from 'node:fs'
import { type Extension, type Layer, layer, NEXT, stack } from 'plyfs'
import { faults, readOnly, trace } from 'plyfs/layers'
import { type Area, fill } from '../fixture.js'
import type { Fs, Place } from '../peers.js'
import { race } from '../race.js'

/** Answers every stat with the same Stats. */
const nullLower = (): Fs => {
  const stats = nodeFs.statSync('/')
  const statSync = (): nodeFs.Stats => stats
  const stat = (_path: unknown, options: unknown, done?: (error: null, stats: nodeFs.Stats) => void): void =>
    (done ?? (options as typeof done))?.(null, stats)
  const accessSync = (): void => undefined
  return {
    statSync,
    lstatSync: statSync,
    accessSync,
    stat,
    lstat: stat,
    promises: { stat: async () => stats },
  } as unknown as Fs
}

/** Eight functions, not one function eight times: layers are written by different people. */
const hooks: readonly Extension<'getattr'>[] = [
  { request: () => NEXT },
  { request: (req) => (req.path === '' ? NEXT : NEXT) },
  { request: (req) => (req.follow ? NEXT : NEXT) },
  { request: (_req, cx) => (cx.depth > 8 ? NEXT : NEXT) },
  { request: (req) => (req.fd === undefined ? NEXT : NEXT) },
  { request: (_req, cx) => (cx.epoch < 0 ? NEXT : NEXT) },
  { request: (req) => (req.precise ? NEXT : NEXT) },
  { request: (req, cx) => (req.path.length < cx.depth ? NEXT : NEXT) },
]
/** Each with nothing to do, over a layer that hooks the opcodes, so that what is measured is the layer's own cost. */
const quiet: Readonly<Record<string, () => Layer[]>> = {
  'one hook': () => [],
  'trace, nobody listens': () => [trace()],
  'faults, another opcode': () => [faults({ seed: 1, rules: [{ op: 'write', errno: 'EIO' }] })],
  'faults, another path': () => [faults({ seed: 1, rules: [{ path: '/db/**', errno: 'EIO' }] })],
  'faults, another suffix': () => [faults({ seed: 1, rules: [{ path: '/**/*.db', errno: 'EIO' }] })],
  readOnly: () => [readOnly()],
}
const quietPlaces = (): Place[] => {
  const hook = () => ({ request: (): typeof NEXT => NEXT })
  const made = () =>
    Object.entries(quiet).map(([name, layers]): Place => {
      const fs = stack(nullLower(), [...layers(), layer('hook', { getattr: hook(), access: hook() })])
      return { name, fs, dir: '/' }
    })
  // What V8 compiles for the first stack of a process is 70 ns faster than for all others: no contender may be that one.
  for (const { fs } of made()) {
    for (let k = 0; k < 30_000; k++) {
      fs.statSync('/a/b')
      fs.accessSync('/a/b')
    }
  }
  return made()
}
const nextLayers = (): Layer[] => hooks.map((getattr, k) => layer(`next-${k}`, { getattr }))
const idleLayers = (): Layer[] => hooks.map((_, k) => layer(`idle-${k}`, { symlink: { request: () => NEXT } }))

export const layers: Area = async function* ({ dir, smoke }) {
  const n = smoke ? 1000 : 100_000
  const [path] = fill(nodeFs, dir, 1) as [string]
  const places: Place[] = [
    { name: 'the lower', fs: nullLower(), dir: '/' },
    { name: '8 layers idle', fs: stack(nullLower(), idleLayers()), dir: '/' },
    { name: '1 layer NEXT', fs: stack(nullLower(), nextLayers().slice(0, 1)), dir: '/' },
    { name: '8 layers NEXT', fs: stack(nullLower(), nextLayers()), dir: '/' },
    { name: '8 layers NEXT, 8 idle', fs: stack(nullLower(), [...nextLayers(), ...idleLayers()]), dir: '/' },
  ]
  yield {
    name: 'layers/sync',
    title: 'statSync over a lower that does nothing',
    ops: n,
    contenders: await race(places, (l, { fs, dir: at }) => l.statSame(fs, at, n)),
  }
  yield {
    name: 'layers/quiet',
    title: 'statSync through a layer that has nothing to do',
    ops: n,
    contenders: await race(quietPlaces(), (l, { fs }) => l.statSame(fs, '/srv/data/file', n)),
  }
  yield {
    name: 'layers/quiet-access',
    title: 'accessSync through a layer that has nothing to do',
    ops: n,
    contenders: await race(quietPlaces(), (l, { fs }) => l.accessSame(fs, '/srv/data/file', n)),
  }
  const awaited = n / 10
  yield {
    name: 'layers/promises',
    title: 'promises.stat over a lower that does nothing',
    ops: awaited,
    contenders: await race(places, (l, { fs, dir: at }) => l.promiseStatSame(fs, at, awaited)),
  }
  const calls = n / 10
  yield {
    name: 'layers/host',
    title: 'statSync over node:fs',
    ops: calls,
    contenders: await race(
      [
        { name: 'node:fs', fs: nodeFs, dir },
        { name: '8 layers idle', fs: stack(nodeFs, idleLayers()), dir },
        { name: '8 layers NEXT', fs: stack(nodeFs, nextLayers()), dir },
      ],
      (l, { fs }) => l.statSame(fs, path, calls),
    ),
  }
}
