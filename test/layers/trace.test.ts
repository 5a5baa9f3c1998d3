import { channel } from 'node:diagnostics_channel'
import test from 'ava'
import { type TraceEvent, trace } from '../../layers/trace/index.js'
import { ConfigError, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { invoke } from '../laws/model.js'
import { conventions } from './harness.js'

for (const [how, convention] of conventions.entries()) {
  test(`tells each request once it is answered (${convention})`, async (t) => {
    const events: TraceEvent[] = []
    const layer = trace((event) => events.push(event))
    const fs = stack(memory(), [layer])
    await invoke(fs, how, 'mkdir', '/d')
    await t.throwsAsync(async () => invoke(fs, how, 'mkdir', '/d'), { code: 'EEXIST' })
    await invoke(fs, how, 'rename', '/d', '/e')
    t.deepEqual(
      events.map(({ op, path, newPath, errno }) => [op, path, newPath, errno]),
      [
        ['mkdir', '/d', undefined, undefined],
        ['mkdir', '/d', undefined, 'EEXIST'],
        ['rename', '/d', '/e', undefined],
      ],
    )
    t.true(events.every(({ durationMs, caller }) => durationMs >= 0 && caller.pid === process.pid))
    events.length = 0
    await invoke(fs, how, 'writeFile', '/f', 'four')
    t.like(
      events.find(({ op }) => op === 'write'),
      { bytes: 4, path: '/f' },
    )
    t.is(layer.stats().events, events.length + 3)
  })
}

test('nobody listens, nothing is told', (t) => {
  const layer = trace()
  const fs = stack(memory(), [layer])
  fs.mkdirSync('/d')
  t.deepEqual(layer.stats(), { events: 0 })
  const events: TraceEvent[] = []
  const stop = layer.listen((event) => events.push(event))
  fs.mkdirSync('/e')
  stop()
  fs.mkdirSync('/f')
  t.deepEqual(
    events.map(({ path }) => path),
    ['/e'],
  )
})

test('a diagnostics channel is a sink, and costs nothing without subscribers', (t) => {
  const tracing = channel('plyfs.test')
  const layer = trace(tracing)
  const fs = stack(memory(), [layer])
  fs.mkdirSync('/a')
  t.deepEqual(layer.stats(), { events: 0 })
  const seen: unknown[] = []
  const subscriber = (message: unknown): void => void seen.push((message as TraceEvent).path)
  tracing.subscribe(subscriber)
  fs.mkdirSync('/b')
  tracing.unsubscribe(subscriber)
  t.deepEqual(seen, ['/b'])
  t.throws(() => trace(7 as never), { instanceOf: ConfigError })
})
