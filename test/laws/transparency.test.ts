// Any stack of caches and passthroughs answers as the bare lower does, whatever is done to it, in any calling convention.
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { metadataCache, passthrough, requestCount, stackDepth, xattrElision } from '../../layers/index.js'
import { type Layer, layer, NEXT, type PlyFs, stack } from '../../lib/index.js'
import { host, memory } from '../../lib/lower/index.js'
import { fc } from '../fc.js'
import { runs } from '../runs.js'
import { Actor, everywhere, operations, survey } from './model.js'

const stacks: Record<string, () => Layer[]> = {
  cache: () => [metadataCache({ ttlMs: 60_000 })],
  'elision over cache': () => [xattrElision({ ttlMs: 60_000 }), metadataCache({ ttlMs: 60_000 })],
  elision: () => [xattrElision({ ttlMs: 60_000 })],
  'all of them': () => [
    stackDepth(),
    passthrough(),
    layer('idle', { getattr: { request: () => NEXT }, write: { request: () => NEXT } }, { consents: 'watches' }),
    xattrElision({ ttlMs: 60_000 }),
    metadataCache({ ttlMs: 60_000 }),
    requestCount(),
  ],
  'cache over cache': () => [
    passthrough(),
    metadataCache({ ttlMs: 60_000 }),
    passthrough(),
    metadataCache({ ttlMs: 60_000 }),
  ],
  'a tiny cache': () => [metadataCache({ ttlMs: 60_000, maxEntries: 4 })],
  'nothing kept long': () => [metadataCache({ ttlMs: 0.05, negativeTtlMs: 0.01 })],
}
const lowers: Record<string, () => { bare: () => PlyFs; root: string; twin: string; remove: () => void }> = {
  memory: () => {
    const fs = memory()
    fs.mkdirSync('/one')
    fs.mkdirSync('/two')
    return { bare: () => fs as PlyFs, root: '/one', twin: '/two', remove: () => undefined }
  },
  host: () => {
    const dir = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-')))
    nodeFs.mkdirSync(join(dir, 'one'))
    nodeFs.mkdirSync(join(dir, 'two'))
    const fs = host()
    return {
      bare: () => fs as PlyFs,
      root: join(dir, 'one'),
      twin: join(dir, 'two'),
      remove: () => nodeFs.rmSync(dir, { recursive: true }),
    }
  },
}

/** Asking moves access times by itself; the order in which two are asked must not matter. */
const withoutAccessTimes = (survey: string): string => survey.replaceAll(/"atime(?:Ms|Ns)?":"?[^,"]*"?,?/g, '')

for (const [lowerName, lower] of Object.entries(lowers)) {
  for (const [name, layers] of Object.entries(stacks)) {
    test.serial(`${name}, over ${lowerName}`, async (t) => {
      await fc.assert(
        fc.asyncProperty(operations(30), fc.boolean(), fc.nat(3), async (sequence, precise, every) => {
          const { bare, root, twin, remove } = lower()
          const over = new Actor(stack(bare(), layers()), root)
          const plain = new Actor(bare(), twin)
          try {
            for (const [k, operation] of sequence.entries()) {
              const got = await over.do(operation)
              const expected = await plain.do(operation)
              if (got !== expected) t.is(got, expected, `${k}: ${JSON.stringify(operation)}`)
              if (k % (every + 1) !== 0 && k < sequence.length - 1) continue
              const truth = withoutAccessTimes(survey(bare(), root, everywhere, precise))
              const answers = withoutAccessTimes(survey(over.fs, root, everywhere, precise))
              if (answers !== truth) t.is(answers, truth, `${k}: after ${JSON.stringify(operation)}`)
            }
          } finally {
            over.closeAll()
            plain.closeAll()
            remove()
          }
        }),
        { numRuns: runs(lowerName === 'memory' ? 20 : 6), endOnFailure: false },
      )
      t.pass()
    })
  }
}
