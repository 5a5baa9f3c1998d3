// A recording answers what was asked when it was made, and nothing else.
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SpanStatusCode } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import test from 'ava'
import { metadataCache } from '../../layers/index.js'
import { trace } from '../../layers/trace/index.js'
import { ConfigError, fail, layer, type PlyFs, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { fromFile, NotRecorded, openTelemetry, record, replay, toFile } from '../../lib/trace.js'
import { fc } from '../fc.js'
import { Actor, operations, survey } from '../laws/model.js'
import { plant } from './overlay-support.js'

test('a replay answers as what was recorded did, in its order and by key', async (t) => {
  await fc.assert(
    fc.asyncProperty(operations(25), async (sequence) => {
      const lower = memory()
      plant(lower, '')
      const lines: string[] = []
      const run = async (fs: PlyFs): Promise<string[]> => {
        const actor = new Actor(fs, '')
        const out: string[] = []
        for (const operation of sequence) out.push(await actor.do(operation))
        out.push(survey(fs, '', ['/', '/a', '/b/b', '/c'], true))
        actor.closeAll()
        return out
      }
      const expected = await run(stack(lower, [record((line) => lines.push(line))]))
      for (const order of ['strict', 'key'] as const) {
        const replayed = replay(lines.join('\n'), { order })
        t.deepEqual(await run(stack(memory(), [replayed])), expected)
        if (order === 'strict') t.is(replayed.left(), 0)
      }
    }),
    { numRuns: 20 },
  )
})

test('what was not recorded is refused by name', async (t) => {
  const dir = nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-'))
  t.teardown(() => nodeFs.rmSync(dir, { recursive: true }))
  const file = join(dir, 'fixture.jsonl')
  const lower = memory()
  lower.writeFileSync('/f', 'contents')
  const recorded = stack(lower, [record(toFile(file))])
  recorded.readFileSync('/f')
  recorded.mkdirSync('/d')
  const fs = stack(memory(), [replay(fromFile(file))])
  t.is(fs.readFileSync('/f', 'utf8'), 'contents')
  const error = t.throws(() => fs.statSync('/other'), { instanceOf: NotRecorded })
  t.regex(String(error?.message), /getattr \{.*"path":"\/other".*\} was never recorded/)
  await t.throwsAsync(fs.promises.readdir('/'), { code: 'ERR_PLYFS_NOT_RECORDED' })
  fs.mkdirSync('/d')
  t.throws(() => fs.mkdirSync('/d'), { message: /recorded fewer times/ })
  const strict = stack(memory(), [replay(fromFile(file), { order: 'strict' })])
  t.throws(() => strict.mkdirSync('/d'), { message: /line 1 of the recording is open/ })
  t.throws(() => replay('no line'), { instanceOf: ConfigError })
  t.throws(() => replay([], { order: 'any' as never }), { instanceOf: ConfigError })
  t.throws(() => record(1 as never), { instanceOf: ConfigError })
})

test('says which layer answered', async (t) => {
  const told: string[] = []
  const guard = layer('guard', { unlink: { request: () => fail('EPERM') } })
  const fs = stack(memory(), [trace(({ op, answeredBy }) => told.push(`${op} ${answeredBy}`)), guard, metadataCache()])
  fs.writeFileSync('/f', 'x')
  told.length = 0
  fs.statSync('/f')
  fs.statSync('/f')
  t.throws(() => fs.unlinkSync('/f'), { code: 'EPERM' })
  await fs.promises.stat('/f')
  await t.throwsAsync(fs.promises.unlink('/f'), { code: 'EPERM' })
  t.deepEqual(told, [
    'getattr metadataCache',
    'getattr metadataCache',
    'unlink guard',
    'getattr metadataCache',
    'unlink guard',
  ])
  const below: string[] = []
  const bare = stack(memory(), [trace(({ answeredBy }) => below.push(answeredBy))])
  bare.mkdirSync('/d')
  await bare.promises.stat('/d')
  t.deepEqual(below, ['memory', 'memory'])
})

test('OpenTelemetry: a span for each request', (t) => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const fs = stack(memory(), [trace(openTelemetry(provider.getTracer('plyfs')))])
  fs.mkdirSync('/d')
  t.throws(() => fs.mkdirSync('/d'), { code: 'EEXIST' })
  fs.writeFileSync('/d/f', 'four')
  const spans = exporter.getFinishedSpans()
  const [made, refused] = spans
  t.is(made?.name, 'fs.mkdir')
  t.like(made?.attributes, { 'plyfs.opcode': 'mkdir', 'file.path': '/d', 'plyfs.answered_by': 'memory' })
  t.is(refused?.status.code, SpanStatusCode.ERROR)
  t.is(refused?.attributes['error.type'], 'EEXIST')
  const write = spans.find(({ name }) => name === 'fs.write')
  t.is(write?.attributes['plyfs.bytes'], 4)
  const [seconds = 0, nanoseconds = 0] = write?.startTime ?? []
  t.true(Math.abs(seconds * 1000 + nanoseconds / 1e6 - Date.now()) < 60_000)
  t.true((write?.duration[0] ?? -1) >= 0)
})
