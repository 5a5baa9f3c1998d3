// A path that is spelled canonically is looked up at once: it must lead where the walk, name by name, leads.
import test from 'ava'
import { requestCount, sandbox } from '../../layers/index.js'
import { Decider, type Ruleset } from '../../layers/sandbox/decide.js'
import type { PolicyRule } from '../../layers/sandbox/policy.js'
import { find } from '../../layers/sandbox/straight.js'
import { FOLLOW, NAME, type Place, type Question, STAY, walk } from '../../layers/sandbox/walk.js'
import { runSync } from '../../lib/driver/sync.js'
import type { Exchange } from '../../lib/exchange.js'
import type { Call } from '../../lib/extension.js'
import { exchangeOf } from '../../lib/face/node-fs.js'
import { stack } from '../../lib/index.js'
import { memoryLower } from '../../lib/lower/memory.js'
import type { Op, Reply } from '../../lib/op.js'
import { lowerFace } from '../../lib/plyfs.js'
import { Failed } from '../../lib/verdict.js'
import { fc } from '../fc.js'

type Steps = Generator<Call<Op>, Place | Failed, Reply<Op> | Failed>
const caller = { uid: 0, gid: 0, pid: 1 }

const tree = () => {
  const lower = memoryLower()
  const fs = lowerFace(lower)
  fs.mkdirSync('/a/b/c', { recursive: true })
  fs.mkdirSync('/out/b', { recursive: true })
  fs.writeFileSync('/a/b/f', '1')
  fs.writeFileSync('/out/f', '2')
  fs.symlinkSync('/a/b', '/l')
  fs.symlinkSync('../out', '/a/l')
  fs.symlinkSync('f', '/a/b/l')
  fs.symlinkSync('/none', '/out/l')
  return lower
}
const { ops } = tree()

const run = (steps: Steps) => {
  const asked: string[] = []
  let at = steps.next()
  while (at.done !== true) {
    const { op, request } = at.value
    asked.push((request as { path: string }).path)
    at = steps.next(ops[op].sync(request as never))
  }
  return { found: at.value, asked }
}
const told = (found: Place | Failed) =>
  found instanceof Failed
    ? found.errno
    : { path: found.path, dentry: found.dentry, isDirectory: found.isDirectory, ino: found.stats?.ino }

const part = fc.constantFrom('a', 'b', 'c', 'f', 'l', 'out', 'none')
const paths = fc.oneof(
  fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => `/${parts.join('/')}`),
  fc.constantFrom('/a/b/f', '/a/b/c', '/a/b/none', '/a/b/l', '/a/l/f', '/l/c', '/out/b/none', '/out/f', '/a/none/f'),
)
const globs = fc.constantFrom('/**', '/a/**', '/a/b', '/a/b/*', '/out', '/out/**', '/l/**', '/a/*/c', '**/f', '/none')
const rules: fc.Arbitrary<PolicyRule[]> = fc.array(
  fc
    .tuple(fc.boolean(), fc.constantFrom('*' as const, 'read' as const, 'create' as const, 'delete' as const), globs)
    .map(([allows, action, glob]) => (allows ? { allow: [action], paths: [glob] } : { deny: [action], paths: [glob] })),
  { maxLength: 4 },
)
const masks = fc.constantFrom(0, 1, 4, 8, 16, 32)

test('found at once or name by name, a path leads to the same place', (t) => {
  let straight = 0
  fc.assert(
    fc.property(
      rules,
      fc.constantFrom('allow' as const, 'deny' as const),
      paths,
      fc.record({ all: masks, any: masks, leads: fc.boolean(), look: fc.boolean(), noLinks: fc.boolean() }),
      fc.constantFrom(FOLLOW, STAY, NAME),
      (list, otherwise, path, { all, any, leads, look, noLinks }, mode) => {
        fc.pre((all | any) !== 0)
        const set: Ruleset = new Decider({ default: otherwise, rules: list }).for(caller)
        const q: Question = { op: 'rename', caller, path, rules: set, all, any, leads, mode, look }
        const warden = { enforced: true, noLinks, refuse: () => Failed.of('EACCES') }
        const one = run(find(q, warden))
        const other = run(walk(q, warden))
        const a = told(one.found)
        const b = told(other.found)
        if (one.asked.length < other.asked.length) straight++
        // A walk that need not look at the last name leaves it to the request to find what is there.
        if (typeof a === 'object' && typeof b === 'object' && b.ino === undefined && !look) {
          t.is(a.path, b.path)
        } else if (typeof a === 'string' && typeof b === 'object' && !look && b.ino === undefined) {
          t.fail(`${path}: ${a}`)
        } else t.deepEqual(a, b)
        // And nothing is asked about that the policy does not let be seen.
        for (const at of one.asked) t.not(set.judge(at), 0)
      },
    ),
    { numRuns: 2000 },
  )
  t.true(straight > 100, `${straight}`)
})

test('a path of directories is looked up once', (t) => {
  const set = new Decider({ default: 'allow' }).for(caller)
  const warden = { enforced: true, noLinks: false, refuse: () => Failed.of('EACCES') }
  const q = { op: 'rename', caller, rules: set, all: 32, any: 0, leads: false, mode: NAME, look: true } as const
  t.deepEqual(run(find({ ...q, path: '/a/b/f' }, warden)).asked, ['/a/b/f'])
  t.deepEqual(run(find({ ...q, path: '/a/b/none' }, warden)).asked, ['/a/b/none', '/a/b'])
  t.deepEqual(run(find({ ...q, path: '/a/b/f' }, { ...warden, enforced: false })).asked, ['/a', '/a/b', '/a/b/f'])
})

const sum = (counts: object): number => Object.values(counts).reduce((all: number, each: number) => all + each, 0)

/** A change on a tree of its own. Paths with a dot in front of them are not sent by their text: both ends are found first. */
const changed = (
  list: PolicyRule[],
  otherwise: 'allow' | 'deny',
  [op, from, to]: readonly ['link' | 'rename', string, string],
  before: '' | '/.',
) => {
  const lower = tree()
  const count = requestCount()
  const guard = sandbox({ default: otherwise, rules: list }, { record: 'all' })
  const x = exchangeOf(stack(lowerFace(lower), [guard, count])) as Exchange
  const req = { path: before + from, dentry: undefined, newPath: before + to, newDentry: undefined, flags: 0 }
  const out = runSync(x, op, req, x.context(x.caller))
  const seen = lowerFace(lower).readdirSync('/', { recursive: true }).map(String).sort()
  return {
    out: out instanceof Failed ? out.errno : 'done',
    seen,
    // What fails below was let go there or not, as it was found.
    noted: out instanceof Failed ? [] : guard.decisions().map((d) => [d.op, d.resolved, d.verdict, ...d.actions]),
    refused: guard.stats().refused,
    asked: sum(count.counts()),
  }
}
const change = fc.tuple(fc.constantFrom('link' as const, 'rename' as const), paths, paths)

test('link and rename come to the same by their text and by what is there', (t) => {
  let fewer = 0
  fc.assert(
    fc.property(rules, fc.constantFrom('allow' as const, 'deny' as const), change, (list, otherwise, wanted) => {
      const { asked, ...text } = changed(list, otherwise, wanted, '')
      const { asked: askedThen, ...found } = changed(list, otherwise, wanted, '/.')
      t.deepEqual(text, found)
      if (asked < askedThen) fewer++
    }),
    { numRuns: 200 },
  )
  t.true(fewer > 10, `${fewer}`)
  const one = changed([], 'allow', ['link', '/a/b/f', '/out/new'], '')
  t.like(one, { out: 'done', asked: 1 })
})
