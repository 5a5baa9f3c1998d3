import test from 'ava'
import { requestCount } from '../../layers/request-count.js'
import { ConfigError } from '../../lib/codec/error.js'
import { layer } from '../../lib/extension.js'
import { OPS } from '../../lib/op.js'
import { fail } from '../../lib/verdict.js'
import { Asker, conventions, exchangeOver, grounds } from './harness.js'

for (const convention of conventions) {
  for (const make of grounds) {
    const { name, remove } = make()
    remove()
    test(`counts what reaches its place (${convention}, ${name})`, async (t) => {
      const ground = make()
      try {
        const above = requestCount()
        const below = requestCount()
        const refusing = layer('refusing', { unlink: { request: () => fail('EPERM') } })
        const asker = new Asker(exchangeOver(ground.lower, [above, refusing, below]), convention)
        const path = `${ground.root}/x`
        await asker.ask('getattr', { path, follow: true, precise: false })
        await asker.ask('getattr', { path, follow: true, precise: false })
        await asker.ask('mkdir', { path, mode: 0o777 })
        await asker.ask('unlink', { path })
        t.deepEqual(above.counts(), { getattr: 2, mkdir: 1, unlink: 1 })
        t.deepEqual(below.counts(), { getattr: 2, mkdir: 1 })
        t.deepEqual(below.stats(), below.counts())
        above.reset()
        t.deepEqual(above.counts(), {})
        t.deepEqual(below.counts(), { getattr: 2, mkdir: 1 })
        await asker.ask('rmdir', { path })
        t.deepEqual(above.counts(), { rmdir: 1 })
      } finally {
        ground.remove()
      }
    })
  }
}

test('every opcode is counted, and its files may still be passed through', (t) => {
  const counter = requestCount()
  t.deepEqual(Object.keys(counter.extensions), [...OPS])
  t.is(counter.consents, 'watches')
})

test('it has no options', (t) => {
  t.throws(() => requestCount({ max: 1 } as never), { instanceOf: ConfigError })
  t.notThrows(() => requestCount({}))
})
