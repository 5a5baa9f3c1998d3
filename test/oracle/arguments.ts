/** Random arguments: odd paths, odd flags, odd numbers. */
import { constants } from 'node:fs'
import { fc } from '../fc.js'
import {
  type BytesTerm,
  CONVENTIONS,
  type Convention,
  literal,
  type PathTerm,
  type SlotTerm,
  type SpaceTerm,
  type Step,
  type Term,
} from './terms.js'

const LONG = 'n'.repeat(256)
const plainNames = ['a', 'b', 'd', 'e', 'd/a', 'd/b', 'd/e', 'd/e/a', 'l', 'k'] as const
const oddNames = [
  '',
  'a/',
  'd/',
  'l/',
  'k/',
  'd/.',
  'd/..',
  'd//a',
  './a',
  'd/../a',
  'l/a',
  'l/../b',
  'k/a',
  'a/x',
].concat(['d/e/../../b', 'no/x', 'no/', LONG, `d/${LONG}`, 'é'])
const name = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom<string>(...plainNames) },
  { weight: 2, arbitrary: fc.constantFrom<string>(...oddNames) },
)
const asPath = (names: fc.Arbitrary<string>): fc.Arbitrary<PathTerm> =>
  fc.record({
    path: names,
    as: fc.oneof(
      { weight: 8, arbitrary: fc.constant('string' as const) },
      { weight: 1, arbitrary: fc.constantFrom('buffer' as const, 'url' as const) },
    ),
  })
export const path = asPath(name)
export const stringPath = name.map((each): PathTerm => ({ path: each, as: 'string' }))
export const plainPath = asPath(fc.constantFrom<string>(...plainNames))
/** Never a link: Node's own mkdir -p does not end on one that leads nowhere. */
export const freshPath = asPath(fc.constantFrom('m', 'm/n', 'm/n/o', 'm/p/', 'm/a/../q'))
export const slot: fc.Arbitrary<SlotTerm> = fc.nat({ max: 3 }).map((k) => ({ slot: k }))
export const text = fc.constantFrom('', 'x', 'hello', 'é', 'z'.repeat(70_000))
export const bytes: fc.Arbitrary<BytesTerm> = text.map((each) => ({ bytes: each }))
export const data: fc.Arbitrary<Term> = fc.oneof(bytes, text.map(literal))
export const space: fc.Arbitrary<SpaceTerm> = fc.constantFrom(1, 4, 100).map((size) => ({ space: [size] }))
export const lit = (...values: unknown[]): fc.Arbitrary<Term> => fc.constantFrom(...values).map(literal)

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDWR, O_TRUNC, O_WRONLY, O_APPEND } = constants
export const flags = lit('r', 'r+', 'w', 'w+', 'wx', 'a', 'a+', 'ax', 'rs+', 'odd', undefined, null).chain((named) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant(named) },
    {
      weight: 1,
      arbitrary: lit(
        O_DIRECTORY,
        O_NOFOLLOW,
        O_RDWR | O_CREAT | O_EXCL,
        O_WRONLY | O_TRUNC,
        O_RDWR | O_APPEND | O_CREAT,
        O_TRUNC,
        O_CREAT | O_DIRECTORY,
      ),
    },
  ),
)
export const flagNames = fc.constantFrom('r', 'r+', 'w', 'wx', 'a', 'a+', 'ax', undefined)
export const mode = lit(0o644, 0o600, 0o755, 0o444, '0600', 0o7777, 'odd', -1)
export const position = lit(null, undefined, 0, 2, 100, -1, 1.5)
export const length = lit(undefined, null, 0, 3, 100, 80_000, -1)
/** In others, Node before 26 looks for the encoded names themselves. */
export const pathEncodings = fc.constantFrom('utf8', 'latin1', undefined)
export const encodings = fc.constantFrom('utf8', 'latin1', 'hex', 'base64', undefined)
export const readOptions = fc.oneof(
  lit(undefined, 'utf8', 'hex', 'odd'),
  fc.record({ encoding: encodings, flag: flagNames }, { requiredKeys: [] }).map(literal),
)
export const writeOptions = fc.oneof(
  lit(undefined, 'latin1'),
  fc
    .record(
      { encoding: encodings, flag: flagNames, mode: fc.constantFrom(0o600, 0o666), flush: fc.boolean() },
      { requiredKeys: [] },
    )
    .map(literal),
)
/** Synchronously, Node 20 flushes no string in UTF-8. */
export const unflushed = fc
  .record({ encoding: encodings, mode: fc.constantFrom(0o600, 0o666) }, { requiredKeys: [] })
  .map(literal)
export const bool = fc.boolean()
export const record = (fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Term> =>
  fc.record(fields, { requiredKeys: [] }).map(literal)

export const make = (
  method: string,
  args: readonly fc.Arbitrary<Term>[],
  extra: { slot?: Step['slot']; only?: readonly Convention[] } = {},
): fc.Arbitrary<Step> =>
  fc.record({ convention: fc.constantFrom(...(extra.only ?? CONVENTIONS)), args: fc.tuple(...args) }).map((step) => ({
    method,
    ...step,
    ...(extra.slot === undefined ? {} : { slot: extra.slot }),
  }))

export const LATER = ['callback', 'promise'] as const
export const seconds = lit(0, 1.5, 100, 2 ** 31, '7', -1)
export const id = lit(0, 1, 1000, -1, 1.5)
