// Decoding options: what is refused, and what the error says.
import test from 'ava'
import * as t from 'io-ts'
import { ConfigError, describeValue } from '../../lib/codec/error.js'
import {
  callable,
  closed,
  decodeOptions,
  flag,
  milliseconds,
  oneOf,
  positiveInteger,
  wholeNumber,
} from '../../lib/codec/options.js'

const rule = closed(
  { paths: t.array(t.string, 'a list of paths') },
  { allow: t.array(oneOf('read', 'write')) },
  'a rule',
)
const codec = closed(
  {},
  {
    ttlMs: milliseconds,
    max: positiveInteger,
    from: wholeNumber,
    on: flag,
    when: callable<() => boolean>(),
    rules: t.array(rule, 'a list of rules'),
    either: t.union([oneOf('all'), t.array(oneOf('some'))], "'all' or a list"),
  },
  'an object of options',
)

test('what is right is decoded, and nothing is shared', (t) => {
  const given = { ttlMs: Number.POSITIVE_INFINITY, rules: [{ paths: ['/a'] }], either: 'all', max: undefined }
  const decoded = decodeOptions('layer', codec, given)
  t.deepEqual(decoded, { ttlMs: Number.POSITIVE_INFINITY, rules: [{ paths: ['/a'] }], either: 'all' })
  t.not(decoded.rules?.[0], given.rules[0] as never)
  t.deepEqual(decodeOptions('layer', codec, undefined), {})
  t.deepEqual(decodeOptions('layer', codec, Object.create(null)), {})
})

const refused: readonly [unknown, string, string, string][] = [
  [{ ttlMs: -1 }, 'layer.ttlMs', 'a number of milliseconds, 0 or more', '-1'],
  [{ ttlMs: Number.NaN }, 'layer.ttlMs', 'a number of milliseconds, 0 or more', 'NaN'],
  [{ max: 1.5 }, 'layer.max', 'a whole number, 1 or more', '1.5'],
  [{ from: -1 }, 'layer.from', 'a whole number, 0 or more', '-1'],
  [{ on: 1 }, 'layer.on', 'true or false', '1'],
  [{ when: 'now' }, 'layer.when', 'a function', "'now'"],
  [{ tll: 1 }, 'layer.tll', 'one of the fields ttlMs, max, from, on, when, rules, either', '1'],
  [{ rules: [{ paths: [1] }] }, 'layer.rules[0].paths[0]', 'string', '1'],
  [{ rules: [{}] }, 'layer.rules[0].paths', 'a list of paths', 'nothing'],
  [{ rules: [{ paths: [], allow: ['fly'] }] }, 'layer.rules[0].allow[0]', "one of 'read', 'write'", "'fly'"],
  [{ rules: [{ paths: [], 'a b': 1 }] }, 'layer.rules[0]["a b"]', 'one of the fields allow, paths', '1'],
  [{ either: 3 }, 'layer.either', "'all' or a list", '3'],
  [{ either: ['none'] }, 'layer.either[0]', "'some'", "'none'"],
  [null, 'layer', 'an object of options', 'null'],
  [[], 'layer', 'an object of options', '[]'],
  [new Map(), 'layer', 'an object of options', 'Map(0) {}'],
  [
    JSON.parse('{"__proto__": 1}'),
    'layer.__proto__',
    'one of the fields ttlMs, max, from, on, when, rules, either',
    '1',
  ],
]
for (const [given, field, expected, found] of refused) {
  test(`refused: ${field}, ${found}`, (t) => {
    const error = t.throws(() => decodeOptions('layer', codec, given), { instanceOf: ConfigError })
    t.is(error.field, field)
    t.is(error.expected, expected)
    t.is(error.found, found)
    t.is(error.message, `${field}: expected ${expected}, found ${found}`)
    t.is(error.code, 'ERR_PLYFS_CONFIG')
  })
}

test('showing what was found runs nothing of it', (t) => {
  let ran = false
  const hostile = {
    get trap() {
      ran = true
      return 1
    },
    [Symbol.for('nodejs.util.inspect.custom')]: () => {
      ran = true
      return 'x'
    },
  }
  t.is(typeof describeValue(hostile), 'string')
  t.false(ran)
  t.true(describeValue('x'.repeat(1000)).length < 100)
})
