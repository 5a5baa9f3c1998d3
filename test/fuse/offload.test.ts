import test from 'ava'
import {
  metadataCache,
  overlay,
  passthrough,
  readOnly,
  requestCount,
  sandbox,
  stackDepth,
  xattrElision,
} from '../../layers/index.js'
import { describeOffload, planOffload } from '../../lib/fuse/index.js'
import { type Layer, layer, NEXT } from '../../lib/layer.js'

const host = { stableInodes: true, xattr: true, renameFlags: true, noFollow: true, kernelFiles: true }
const memory = { ...host, kernelFiles: false }
const five = (): Layer[] => [
  stackDepth(),
  sandbox({ root: '/' }),
  passthrough(),
  xattrElision(),
  metadataCache({ ttlMs: 60_000, negativeTtlMs: 500 }),
]

test('without layers nothing is kept, and everything comes up', (t) => {
  const { knobs } = planOffload([], host)
  t.deepEqual(
    [knobs.entryTtl, knobs.attrTtl, knobs.negativeTtl, knobs.readdirplus, knobs.passthrough, knobs.killpriv],
    [0, 0, 0, false, false, false],
  )
  t.true(knobs.xattrs)
  t.false(knobs.keepCache || knobs.cacheDirectories || knobs.cacheSymlinks)
})

test('five layers hand everything down', (t) => {
  const { knobs } = planOffload(five(), host)
  t.like(knobs, { entryTtl: 60, attrTtl: 60, negativeTtl: 0.5, readdirplus: true, cacheDirectories: true })
  t.like(knobs, { cacheSymlinks: true, keepCache: true, killpriv: true, xattrs: true, passthrough: true })
  t.is(knobs.maxStackDepth, 1)
})

test('files that are not the kernel’s cannot be passed through', (t) => {
  const plan = planOffload(five(), memory)
  t.false(plan.knobs.passthrough)
  t.is(plan.knobs.maxStackDepth, 0)
  t.is(plan.reasons.passthrough, "the lower's files are not the kernel's")
})

test('a lower without extended attributes is asked once, where a layer elides them', (t) => {
  const bare = { ...host, xattr: false }
  t.false(planOffload(five(), bare).knobs.xattrs)
  t.true(planOffload([], bare).knobs.xattrs)
  t.false(planOffload(five(), host, { xattrs: false }).knobs.xattrs)
})

test('a policy that depends on the caller switches off what callers would share', (t) => {
  const rules = [{ allow: ['*' as const], paths: ['/**'], callers: { uid: [0] } }]
  const plan = planOffload([sandbox({ rules }), metadataCache()], host)
  t.is(plan.knobs.entryTtl, 0)
  t.false(plan.knobs.readdirplus)
  t.regex(plan.reasons.entryTtl, /'sandbox' decides by caller/)
})

test('a layer that looks at requests above the cache goes on seeing them', (t) => {
  const onlooker = layer('onlooker', { lookup: { request: () => NEXT } })
  t.is(planOffload([onlooker, metadataCache()], host).knobs.entryTtl, 0)
  t.is(planOffload([metadataCache(), onlooker], host).knobs.entryTtl, 1)
  t.is(planOffload([requestCount(), metadataCache()], host).knobs.entryTtl, 1)
})

test('directories are opened without a word where nobody looks at it, and the kernel judges', (t) => {
  t.true(planOffload(five(), host).knobs.noOpendir)
  t.false(planOffload([], host).knobs.noOpendir)
  const onlooker = layer('onlooker', { opendir: { request: () => NEXT } })
  const seen = planOffload([onlooker, metadataCache()], host)
  t.true(seen.knobs.cacheDirectories)
  t.false(seen.knobs.noOpendir)
  t.is(seen.reasons.noOpendir, "'onlooker' looks at it")
  t.true(planOffload([metadataCache(), onlooker], host).knobs.noOpendir, 'it does not see all as it is')
  t.false(planOffload(five(), host, { defaultPermissions: false }).knobs.noOpendir)
  t.false(planOffload(five(), host, { late: true }).knobs.noOpendir)
})

test('names come with a listing where all of it is kept, and the same for everybody', (t) => {
  const plan = (layers: Layer[], of = host, options = {}) => planOffload(layers, of, options)
  t.true(plan(five()).knobs.readAround)
  const why = (...args: Parameters<typeof plan>): string => {
    const { knobs, reasons } = plan(...args)
    t.false(knobs.readAround)
    return reasons.readAround
  }
  t.is(why([]), 'no layer keeps metadata')
  t.is(why(five(), host, { readAround: false }), 'switched off')
  t.is(why([metadataCache({ ttlMs: 500 })]), 'what is listed is kept for less than a second')
  t.is(why(five(), memory), "the lower's files are not the kernel's")
  t.is(why(five(), host, { defaultPermissions: false }), 'the layers judge who may open a directory')
  t.is(why(five(), host, { late: true }), 'the lower answers later')
  const rules = [{ allow: ['*' as const], paths: ['/**'], callers: { uid: [0] } }]
  t.regex(why([sandbox({ rules }), metadataCache()]), /'sandbox' decides by caller/)
})

test('passthrough over something that is stacked already takes a depth of 2, if that is allowed', (t) => {
  t.is(planOffload([passthrough()], host, { backingDepth: 1 }).knobs.maxStackDepth, 2)
  const plan = planOffload([stackDepth({ max: 1 }), passthrough()], host, { backingDepth: 1 })
  t.false(plan.knobs.passthrough)
  t.regex(plan.reasons.passthrough, /depth 2 is needed, 'stackDepth' allows 1/)
  t.false(planOffload([passthrough()], host, { backingDepth: 2 }).knobs.passthrough)
})

test('a mount is read-only where nothing above readOnly takes changes elsewhere', (t) => {
  t.false(planOffload(five(), host).knobs.readOnly)
  const cached = [sandbox({ root: '/' }), requestCount(), passthrough(), readOnly(), metadataCache()]
  t.true(planOffload(cached, host).knobs.readOnly)
  const plan = planOffload([overlay(), readOnly()], host)
  t.false(plan.knobs.readOnly)
  t.is(plan.reasons.readOnly, "'overlay' stands above 'readOnly'")
})

test('the plan as a table', (t) => {
  const lines = describeOffload(planOffload(five(), host)).split('\n')
  t.true(lines.some((line) => /^entryTtl +60 s +'metadataCache'$/.test(line)))
  t.true(lines.some((line) => /^passthrough +on +'passthrough'$/.test(line)))
})
