// What must hold of any policy: found paths are passable, and nothing gains by being moved.
import test from 'ava'
import picomatch from 'picomatch'
import { ALL, Decider, LEADS } from '../../layers/sandbox/decide.js'
import { patternOf } from '../../layers/sandbox/pattern.js'
import { actionNames, type PolicyRule } from '../../layers/sandbox/policy.js'
import { fc } from '../fc.js'

const names = ['a', 'b', 'c', '.env', 'x\ny', 'ab']
const name = fc.constantFrom(...names)
const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((parts) => `/${parts.join('/')}`)
const globPart = fc.constantFrom(
  ...names.slice(0, 4),
  '*',
  '**',
  '{a,b}',
  'a*',
  '?',
  '{a/b,c}',
  '@(a|b)',
  '!(a)',
  '[ab]',
)
const glob = fc
  .tuple(fc.boolean(), fc.array(globPart, { minLength: 1, maxLength: 4 }))
  .map(([floating, parts]) => `${floating ? '**' : ''}/${parts.join('/')}`)
const actions = fc.uniqueArray(fc.constantFrom(...actionNames, '*' as const), { minLength: 1, maxLength: 3 })
const rule: fc.Arbitrary<PolicyRule> = fc
  .tuple(fc.boolean(), actions, fc.array(glob, { minLength: 1, maxLength: 2 }))
  .map(([allows, list, paths]) => (allows ? { allow: list, paths } : { deny: list, paths }))
const policy = fc.record(
  { default: fc.constantFrom('allow' as const, 'deny' as const), rules: fc.array(rule, { maxLength: 5 }), root: path },
  { requiredKeys: ['default', 'rules'] },
)

test('a glob matches what picomatch says it does, and what it ends beneath', (t) => {
  let matched = 0
  fc.assert(
    fc.property(glob, path, (text, at) => {
      const says = (of: string) => picomatch.makeRe(of, { dot: true, nonegate: true, flags: 's' }).test(at)
      const wanted = says(text) || (text.endsWith('/**') && text !== '/**' && says(text.slice(0, -3)))
      if (wanted) matched++
      return patternOf(text).matches(at) === wanted
    }),
    { numRuns: 5000 },
  )
  t.true(matched > 200, `${matched}`)
})

const caller = { uid: 0, gid: 0, pid: 1 }

const ancestors = (of: string): string[] => {
  const out = ['/']
  for (let at = of.indexOf('/', 1); at !== -1; at = of.indexOf('/', at + 1)) out.push(of.slice(0, at))
  return out
}

test('whatever is allowed, or leads to it, can be reached: its ancestors lead there', (t) => {
  fc.assert(
    fc.property(policy, path, (given, at) => {
      const rules = new Decider(given).for(caller)
      if (rules.judge(at) === 0) return true
      return ancestors(at).every((above) => (rules.judge(above) & LEADS) !== 0)
    }),
    { numRuns: 500 },
  )
  t.pass()
})

test('a directory that may be moved takes nothing to where more is allowed with it', (t) => {
  let moved = 0
  fc.assert(
    fc.property(policy, path, path, fc.array(path, { minLength: 1, maxLength: 8 }), (given, from, to, tails) => {
      const rules = new Decider(given).for(caller)
      if (rules.loosens(from, to, true)) return true
      moved++
      return tails.every((tail) => (rules.judge(to + tail) & ~rules.judge(from + tail) & ALL) === 0)
    }),
    { numRuns: 500 },
  )
  t.true(moved > 50)
})

test('of two names that are one to all rules, neither is looser, nor is anything beneath it', (t) => {
  let same = 0
  let varied = 0
  const tails = fc.array(path, { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(policy, fc.oneof(path, fc.constant('')), name, name, tails, (given, above, from, to, beneath) => {
      const rules = new Decider(given).for(caller)
      const [a, b] = [`${above}/${from}`, `${above}/${to}`]
      if (!rules.isOneToAll(a, rules.judgeText(a), b, rules.judgeText(b))) return true
      same++
      if (given.rules?.some(({ paths }) => paths.some((glob) => glob.startsWith('**')))) varied++
      if (rules.loosens(a, b, false) || rules.loosens(b, a, false)) return false
      return beneath.every((tail) => (rules.judge(a + tail) & ALL) === (rules.judge(b + tail) & ALL))
    }),
    { numRuns: 10_000 },
  )
  t.true(same > 300 && varied > 30, `${same} ${varied}`)
})

test('a decision is the same when it is remembered', (t) => {
  fc.assert(
    fc.property(policy, path, (given, at) => {
      const rules = new Decider(given).for(caller)
      const dentry = { path: at, exists: true, isLink: false }
      const first = rules.judgeDentry(dentry)
      return (
        first === rules.judgeDentry(dentry) &&
        first === rules.judge(at) &&
        first === new Decider(given).for(caller).judge(at)
      )
    }),
    { numRuns: 200 },
  )
  t.pass()
})
