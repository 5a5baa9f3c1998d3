/** Random steps: every method of node:fs, its calling conventions, and whole lives of its objects. */
import { fc } from '../fc.js'
import {
  bool,
  bytes,
  data,
  encodings,
  flagNames,
  flags,
  freshPath,
  id,
  LATER,
  length,
  lit,
  make,
  mode,
  path,
  pathEncodings,
  plainPath,
  position,
  readOptions,
  record,
  seconds,
  slot,
  space,
  stringPath,
  text,
  unflushed,
  writeOptions,
} from './arguments.js'
import { lives } from './lives.js'
import { type Batch, literal, type Move, type SpaceTerm, type Step } from './terms.js'

/** By weight: what makes things comes often, so that there is something to look at. */
const onPaths: readonly (readonly [number, fc.Arbitrary<Step>])[] = [
  [4, make('writeFile', [path, data, writeOptions])],
  [2, make('appendFile', [path, data, writeOptions])],
  [4, make('mkdir', [path, fc.oneof(lit(undefined, 0o700, { recursive: false }), mode)])],
  [1, make('mkdir', [freshPath, lit({ recursive: true }, { recursive: true, mode: 0o700 })])],
  [3, make('symlink', [lit('a', 'd', 'd/e', 'l', 'k', 'nowhere', '../a', './d/', ''), plainPath])],
  [2, make('symlink', [path, plainPath])],
  [2, make('link', [path, path])],
  [3, make('rename', [path, path])],
  [2, make('unlink', [path])],
  [1, make('rmdir', [path, lit(undefined, {})])],
  [
    1,
    make('rm', [
      plainPath,
      record({ recursive: bool, force: bool, maxRetries: fc.nat(1), retryDelay: fc.constant(1) }),
    ]),
  ],
  [3, make('readFile', [path, readOptions])],
  [2, make('stat', [path, lit(undefined, { bigint: true }, { throwIfNoEntry: false })])],
  [2, make('lstat', [path, lit(undefined, { bigint: true }, { throwIfNoEntry: false })])],
  [1, make('access', [path, lit(undefined, 0, 4, 2, 1, 7)])],
  [1, make('exists', [path], { only: ['sync', 'callback'] })],
  [1, make('readlink', [path, lit(undefined, 'buffer', 'hex')])],
  [1, make('realpath', [path, lit(undefined, 'buffer')])],
  [1, make('realpath.native', [path, lit(undefined, 'buffer')], { only: ['sync', 'callback'] })],
  [2, make('readdir', [path, record({ withFileTypes: bool, encoding: encodings })])],
  // By callback, Node 20 lists a whole tree at once, and throws; it refuses bytes.
  [
    1,
    make('readdir', [stringPath, record({ withFileTypes: bool, recursive: bool, encoding: pathEncodings })], {
      only: ['sync', 'promise'],
    }),
  ],
  [1, make('opendir', [path, lit(undefined, { bufferSize: 1 }, { encoding: 'latin1' })])],
  [1, make('opendir', [stringPath, lit({ recursive: true })])],
  [1, make('opendir', [path, lit({ bufferSize: 0 })], { only: ['sync'] })],
  [1, make('copyFile', [path, path, lit(undefined, 0, 1, 2, 8)])],
  [
    1,
    make('cp', [
      stringPath,
      stringPath,
      record({
        recursive: bool,
        force: bool,
        dereference: bool,
        errorOnExist: bool,
        verbatimSymlinks: bool,
        preserveTimestamps: bool,
      }),
    ]),
  ],
  [1, make('truncate', [path, length])],
  [1, make('chmod', [path, mode])],
  [1, make('chown', [path, id, id])],
  [1, make('lchown', [path, id, id])],
  [1, make('utimes', [path, seconds, seconds])],
  [1, make('lutimes', [path, seconds, seconds])],
  [
    1,
    make(
      'createReadStream',
      [
        path,
        record({ start: fc.nat(3), end: fc.nat(9), highWaterMark: fc.nat(5).map((n) => n + 1), flags: flagNames }),
      ],
      { only: LATER },
    ),
  ],
  [
    1,
    make('createWriteStream', [path, record({ start: fc.nat(3), flags: flagNames, flush: bool }), data], {
      only: LATER,
    }),
  ],
]
/** By callback, Node 20 loses what readFile of a descriptor fails with. */
const onFiles: readonly (readonly [number, fc.Arbitrary<Step>])[] = [
  [3, make('close', [slot], { slot: 'closes' })],
  [3, make('read', [slot, space, lit(0, 1, undefined), length, position], { slot: 'uses' })],
  [
    1,
    make('read', [slot, space, record({ offset: fc.nat(3), length: fc.nat(5), position: fc.nat(3) })], {
      slot: 'uses',
    }),
  ],
  [3, make('write', [slot, bytes, lit(0, undefined, 1), length, position], { slot: 'uses' })],
  [2, make('write', [slot, text.map(literal), position, lit(undefined, 'utf8', 'hex', 'latin1')], { slot: 'uses' })],
  [
    1,
    make('readv', [slot, fc.constantFrom<SpaceTerm>({ space: [2, 0, 3] }, { space: [1, 100] }), position], {
      slot: 'uses',
    }),
  ],
  [
    1,
    make('writev', [slot, fc.array(bytes, { minLength: 0, maxLength: 3 }).map((list) => ({ list })), position], {
      slot: 'uses',
    }),
  ],
  [2, make('fstat', [slot, lit(undefined, { bigint: true })], { slot: 'uses' })],
  [1, make('ftruncate', [slot, length], { slot: 'uses' })],
  [1, make('fchmod', [slot, mode], { slot: 'uses' })],
  [1, make('fchown', [slot, id, id], { slot: 'uses' })],
  [1, make('futimes', [slot, seconds, seconds], { slot: 'uses' })],
  [1, make('fsync', [slot], { slot: 'uses' })],
  [1, make('fdatasync', [slot], { slot: 'uses' })],
  [2, make('readFile', [slot, readOptions], { slot: 'uses', only: ['sync', 'promise'] })],
  [1, make('writeFile', [slot, data, unflushed], { slot: 'uses' })],
  [1, make('appendFile', [slot, data, unflushed], { slot: 'uses' })],
]
const opening = make('open', [path, flags, lit(undefined, 0o600, 'odd')], { slot: 'opens' })
const weighed = (all: readonly (readonly [number, fc.Arbitrary<Step>])[]) =>
  fc.oneof(...all.map(([weight, arbitrary]) => ({ weight, arbitrary })))

const alone = weighed(onPaths)
const together: fc.Arbitrary<Batch> = fc
  .array(
    alone.filter(({ convention, method }) => convention !== 'sync' && method !== 'cp'),
    { minLength: 2, maxLength: 4 },
  )
  .map((steps) => ({ together: steps.map((step, k) => apart(step, `c${k}`)) }))

/** The same step within a directory that no other one of its batch uses. */
const apart = (step: Step, dir: string): Step => ({
  ...step,
  args: step.args.map((term) => ('path' in term && term.path !== '' ? { ...term, path: `${dir}/${term.path}` } : term)),
})

export const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: alone },
    { weight: 5, arbitrary: opening },
    { weight: 8, arbitrary: weighed(onFiles) },
    { weight: 1, arbitrary: together },
    { weight: 3, arbitrary: lives },
  ),
  { minLength: 1, maxLength: 14, size: 'max' },
)
/** Directories that are there from the start. */
export const SETTING = ['d', 'd/e', 'c0/d', 'c1/d', 'c2/d', 'c3/d'] as const
