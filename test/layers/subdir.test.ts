import test from 'ava'
import { metadataCache, passthrough } from '../../layers/index.js'
import { subdir } from '../../layers/subdir.js'
import { ConfigError, type Layer, type PlyFs, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { fc } from '../fc.js'
import { Actor, everywhere, operations, survey } from '../laws/model.js'

const numbers = (text: string): string => text.replaceAll(/"(ino|dev|[a-z]+(?:Ms|time))":"?[^,}]*"?,?/g, '')
const seen = (fs: PlyFs): string => numbers(survey(fs, '', everywhere.slice(1), false))

const places: Record<string, (lower: PlyFs) => Layer[]> = {
  'subdir(/x/y)': () => [subdir('/x/y')],
  'subdir(/y) over subdir(/x)': () => [subdir('/y'), subdir('/x')],
  'subdir over a cache': () => [passthrough(), subdir('/x/y'), metadataCache({ ttlMs: 60_000 })],
}
for (const [name, layers] of Object.entries(places)) {
  test(`is all that there is: ${name}`, async (t) => {
    await fc.assert(
      fc.asyncProperty(operations(25), async (sequence) => {
        const lower = memory()
        lower.mkdirSync('/x/y', { recursive: true })
        // What a link that was not re-rooted would lead to.
        for (const path of ['/a', '/b', '/c']) lower.writeFileSync(path, 'outside')
        const ours = new Actor(stack(lower, layers(lower)), '')
        const plain = new Actor(memory(), '')
        for (const [k, operation] of sequence.entries()) {
          const got = await ours.do(operation)
          const expected = await plain.do(operation)
          if (got !== expected) t.is(got, expected, `${k}: ${JSON.stringify(operation)}`)
        }
        t.is(seen(ours.fs), seen(plain.fs))
        ours.closeAll()
        plain.closeAll()
        for (const path of ['/a', '/b', '/c']) t.is(lower.readFileSync(path, 'utf8'), 'outside')
        t.deepEqual(lower.readdirSync('/').sort(), ['a', 'b', 'c', 'x'])
        t.deepEqual(lower.readdirSync('/x'), ['y'])
      }),
      { numRuns: 30 },
    )
  })
}

test('errors name the path that the caller gave', (t) => {
  const lower = memory()
  lower.mkdirSync('/x')
  const fs = stack(lower, [subdir('/x/')])
  t.throws(() => fs.readFileSync('/../missing'), { message: "ENOENT: no such file or directory, open '/../missing'" })
  t.throws(() => fs.rmdirSync('/'), { code: 'EBUSY' })
  fs.mkdirSync('/d')
  t.is(fs.realpathSync('/../d/./'), '/d')
})

test('takes an absolute path in its plain form', (t) => {
  for (const path of ['x', '', '/x/../y', '/x//y', '/./x', 7, undefined]) {
    t.throws(() => subdir(path as string), { instanceOf: ConfigError })
  }
  t.is(subdir('/').base, '/')
})
