/** Random lives of FileHandles, Dirs, streams and watchers, and calls with abort signals: for live.ts. */
import { fc } from '../fc.js'
import {
  bool,
  bytes,
  data,
  flagNames,
  flags,
  id,
  length,
  lit,
  mode,
  path,
  plainPath,
  position,
  readOptions,
  record,
  seconds,
  space,
  stringPath,
  text,
  writeOptions,
} from './arguments.js'
import {
  type ActTerm,
  CONVENTIONS,
  type Convention,
  literal,
  type PathTerm,
  type PiecesTerm,
  type Step,
  type Term,
} from './terms.js'

type Weighed = readonly [number, fc.Arbitrary<ActTerm>]
const act = (does: string, ...args: fc.Arbitrary<Term>[]): fc.Arbitrary<ActTerm> =>
  fc.tuple(...args).map((terms) => ({ does, args: terms }))
const oneOf = (all: readonly Weighed[]): fc.Arbitrary<ActTerm> =>
  fc.oneof(...all.map(([weight, arbitrary]) => ({ weight, arbitrary })))
const life = (
  method: string,
  args: readonly fc.Arbitrary<Term>[],
  acts: fc.Arbitrary<readonly ActTerm[]>,
  convention: Convention = 'promise',
): fc.Arbitrary<Step> => fc.record({ args: fc.tuple(...args), acts }).map((made) => ({ method, convention, ...made }))

const pieces: fc.Arbitrary<PiecesTerm> = fc.record({
  pieces: fc.array(text, { maxLength: 3 }),
  as: fc.constantFrom('set', 'generator', 'async'),
})
const list = fc.oneof(
  fc.array(bytes, { maxLength: 3 }).map((all) => ({ list: all })),
  fc.array(text, { maxLength: 3 }).map(literal),
)
const whatever = fc.oneof({ weight: 3, arbitrary: data }, { weight: 1, arbitrary: pieces }, lit(undefined, 1, null, {}))

const common = {
  highWaterMark: fc.constantFrom(1, 3, 100, 65_536),
  autoClose: bool,
  emitClose: bool,
  encoding: fc.constantFrom('utf8', 'hex', undefined),
}
const readStreamOptions = record({
  ...common,
  start: fc.constantFrom(0, 1, 3, 100),
  end: fc.constantFrom(0, 3, 9, Number.POSITIVE_INFINITY),
})
/** A FileHandle that a stream refused for its bounds never closes in Node 20. */
const boundedOptions = record({ ...common, start: fc.constantFrom(0, 1, 3), end: fc.constantFrom(3, 9, 100_000) })
const writeStreamOptions = record({ ...common, start: fc.constantFrom(0, 1, 3, 100), flush: bool })
const cut = (events: readonly string[]) =>
  fc.oneof(
    { weight: 2, arbitrary: lit(undefined) },
    {
      weight: 3,
      arbitrary: record1({
        on: fc.constantFrom(...events),
        does: fc.constantFrom('destroy', 'fail', 'close', 'abort', 'pause'),
      }),
    },
  )
const record1 = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Term> => fc.record(fields).map(literal)
const readCut = cut(['before', 'made', 'open', 'ready', 'data', 'end', 'close'])
const writeCut = cut(['before', 'made', 'open', 'ready', 'data', 'finish', 'close', 'drain'])

const onHandle: readonly Weighed[] = [
  [4, act('read', space, lit(0, 1, undefined, null, { position: 1 }, { length: 2, offset: 1 }, {}), length, position)],
  [1, act('read', lit(undefined, {}, { position: 1 }, { length: 3, position: 0 }, null))],
  [2, act('readv', fc.constantFrom({ space: [2, 0, 3] }, { space: [1, 100] }), position)],
  [1, act('readv', lit([], undefined, 'x'))],
  [3, act('write', bytes, lit(0, undefined, 1, null, {}, { position: 2 }, { length: 1 }), length, position)],
  [2, act('write', text.map(literal), position, lit(undefined, 'utf8', 'hex', 'latin1'))],
  [1, act('write', lit(undefined, 1, null, {}))],
  [
    2,
    act(
      'writev',
      fc.array(bytes, { maxLength: 3 }).map((all) => ({ list: all })),
      position,
    ),
  ],
  [2, act('appendFile', whatever, writeOptions)],
  [2, act('readFile', readOptions)],
  [2, act('writeFile', whatever, writeOptions)],
  [2, act('truncate', length)],
  [2, act('stat', lit(undefined, { bigint: true }))],
  [1, act('chmod', mode)],
  [1, act('chown', id, id)],
  [1, act('utimes', seconds, seconds)],
  [1, act('sync')],
  [1, act('datasync')],
  [2, act('lines', fc.oneof(lit(undefined), boundedOptions), lit(undefined, 1))],
  [1, act('web', lit(undefined, { type: 'bytes' }))],
  [2, act('createReadStream', boundedOptions, lit([]), readCut)],
  [2, act('createWriteStream', writeStreamOptions, list, writeCut)],
  [1, act('close')],
  [1, act('dispose')],
]
const handleActs = fc.array(
  fc.tuple(oneOf(onHandle), fc.nat(9)).map(([made, n]) => {
    const alone = made.does.startsWith('create') || made.does === 'lines' || made.does === 'web'
    return n === 0 && !alone ? { ...made, besideClose: true } : made
  }),
  { minLength: 1, maxLength: 6 },
)

const onDir: readonly Weighed[] = [
  [3, act('read', lit('callback', 'promise'))],
  [2, act('readSync')],
  [1, act('close', lit(...CONVENTIONS))],
  [2, act('iterate', lit(undefined), lit(0, 1, 2))],
  [1, act('several', lit('callback', 'promise'), lit(2, 3))],
  [1, act('beside', lit('read', 'close'))],
  [1, act('readThenClose')],
  [1, act('dispose')],
  [1, act('asyncDispose')],
]

const dirActs = fc.array(oneOf(onDir), { minLength: 1, maxLength: 5 })
const listing = { bufferSize: fc.constantFrom(1, 2, 32), encoding: fc.constantFrom('utf8', 'latin1') }

const watchedDir = fc.constantFrom<PathTerm>({ path: 'd', as: 'string' }, { path: 'd/e', as: 'string' })
const inDir: readonly Weighed[] = [
  [2, act('writeFile', stringPath, lit('x', ''))],
  [1, act('appendFile', stringPath, lit('y'))],
  [1, act('mkdir', stringPath)],
  [1, act('unlink', stringPath)],
  [1, act('rename', stringPath, stringPath)],
  [1, act('chmod', stringPath, lit(0o600, 0o644))],
  [1, act('symlink', lit('a'), stringPath)],
  [1, act('truncate', stringPath, lit(0))],
]
const watchOptions = record({ encoding: fc.constantFrom('utf8', 'hex', 'buffer', undefined), persistent: bool })

const onPath = ['path', 'fd', 'handle'] as const
const stream = (method: string, options: fc.Arbitrary<Term>, given: fc.Arbitrary<Term>, cuts: fc.Arbitrary<Term>) =>
  life(
    method,
    [lit(...onPath), plainPath, fc.tuple(options, flagNames).map(([term, flag]) => withFlags(term, flag)), given, cuts],
    fc.constant([]),
    'callback',
  )
const withFlags = (term: Term, flag: string | undefined): Term =>
  flag === undefined ? term : literal({ ...((term as { literal: object }).literal as object), flags: flag })

const signal = lit('before', 'atOnce', 'reason', 'tick', 'never')
const later = lit('callback', 'promise')

/** Polling takes a while, so it is rare. */
export const lives: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: life('FileHandle', [path, flags, lit(undefined, 0o600)], handleActs) },
  // With `recursive`, Node 20 refuses bytes when it comes to read.
  { weight: 2, arbitrary: life('Dir', [lit(...CONVENTIONS), path, record(listing)], dirActs) },
  {
    weight: 2,
    arbitrary: life('Dir', [lit(...CONVENTIONS), stringPath, record({ ...listing, recursive: bool })], dirActs),
  },
  { weight: 4, arbitrary: stream('createReadStream', readStreamOptions, lit([]), readCut) },
  { weight: 4, arbitrary: stream('createWriteStream', writeStreamOptions, list, writeCut) },
  {
    weight: 2,
    arbitrary: life('signal', [later, lit('readFile'), signal, path, lit({}, { encoding: 'utf8' })], fc.constant([])),
  },
  {
    weight: 2,
    arbitrary: life(
      'signal',
      [later, lit('writeFile', 'appendFile'), signal, path, data, lit({}, { flag: 'a' })],
      fc.constant([]),
    ),
  },
  {
    weight: 1,
    arbitrary: life('signal', [lit('promise'), lit('writeFile'), signal, path, pieces, lit({})], fc.constant([])),
  },
  {
    weight: 1,
    arbitrary: life(
      'FSWatcher',
      [watchedDir, watchOptions, lit('callback', 'promise')],
      fc.array(oneOf(inDir), { maxLength: 4 }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({
        path: fc.constantFrom<PathTerm>({ path: 'a', as: 'string' }, { path: 'd/a', as: 'url' }),
        options: record1({ interval: fc.constant(8), bigint: bool }),
        does: fc.constantFrom('writeFile', 'unlink'),
      })
      .map(({ path: watched, options, does }): Step => {
        const args = does === 'writeFile' ? [watched, literal('longer than before')] : [watched]
        return { method: 'StatWatcher', convention: 'callback', args: [watched, options], acts: [{ does, args }] }
      }),
  },
)
