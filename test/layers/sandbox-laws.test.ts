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

/** Whether picomatch says that `at` matches or, where the glob ends with a slash and two asterisks, is beneath what does. */
const saysOf = (expression: (of: string) => RegExp) => (of: string, at: string) => {
  if (expression(of).test(at)) return true
  if (!of.endsWith('/**') || of === '/**') return false
  const base = expression(of.slice(0, -3))
  // Beneath, by the manual: picomatch forgets some of that where a name is negated.
  const isNegated = of.includes('!(')
  return base.test(at) || (isNegated && ancestors(at).some((above) => above !== '/' && base.test(above)))
}

test('a glob matches what picomatch says it does, and what it ends beneath', (t) => {
  let matched = 0
  const says = saysOf((of) => picomatch.makeRe(of, { dot: true, nonegate: true, flags: 's' }))
  fc.assert(
    fc.property(glob, path, (text, at) => {
      const wanted = says(text, at)
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

const bits = (list: readonly string[] | undefined): number =>
  (list ?? []).reduce((mask, action) => mask | (action === '*' ? ALL : 1 << actionNames.indexOf(action as 'read')), 0)
const memo = <A>(make: (glob: string) => A) => {
  const made = new Map<string, A>()
  return (of: string): A => made.get(of) ?? (made.set(of, make(of)).get(of) as A)
}
const expressionOf = memo((of) => picomatch.makeRe(of, { dot: true, nonegate: true, flags: 's' }))
const saysKnown = saysOf(expressionOf)
const knownPattern = memo(patternOf)
/** The manual's words: the last rule that matches decides, rule by rule and glob by glob, by picomatch alone. */
const naively = (rules: readonly PolicyRule[], fallback: 'allow' | 'deny', at: string): number => {
  let mask = fallback === 'allow' ? ALL : 0
  for (const { allow, deny, paths } of rules) {
    if (!paths.some((glob) => saysKnown(glob, at))) continue
    mask = allow === undefined ? mask & ~bits(deny) : mask | bits(allow)
  }
  return mask
}
/** Whether something beneath may be allowed, as each pattern says by itself. */
const mayLead = (rules: readonly PolicyRule[], fallback: 'allow' | 'deny', at: string): boolean => {
  let open = ALL
  for (const { allow, deny, paths } of [...rules].reverse()) {
    const patterns = paths.map(knownPattern)
    if ((bits(allow ?? deny) & open) === 0) continue
    if (allow !== undefined && patterns.some((pattern) => pattern.leads(at))) return true
    if (patterns.some((pattern) => pattern.covers(at))) open &= ~bits(allow ?? deny)
  }
  return open !== 0 && fallback === 'allow'
}

test('of many rules, those that are asked say what all of them would', (t) => {
  // Heads that begin alike, end within one another, and are all that there is.
  const stem = fc.constantFrom('a', 'ab', 'abc', 'b', 'a.b', 'é', '.env', 'x\ny')
  const stems = fc.array(stem, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`)
  const tail = fc.constantFrom('', '', '/**', '/*', '/**/ab', '/{a,b}/**', '/a*/.env', '/!(ab)', '/**/a/**', '/?')
  const literal = fc.tuple(stems, tail).map(([head, end]) => (head === '/' && end !== '' ? end : head + end))
  const anywhere = fc.constantFrom('**', '/**', '**/.env', '**/ab/**', '**/a*', '**/a/ab')
  const globs = fc.array(fc.oneof({ weight: 4, arbitrary: literal }, anywhere), { minLength: 1, maxLength: 3 })
  const many = fc.array(
    fc
      .tuple(fc.boolean(), actions, globs)
      .map(([allows, list, paths]): PolicyRule => (allows ? { allow: list, paths } : { deny: list, paths })),
    { maxLength: 30 },
  )
  const said = new Map<number, number>()
  fc.assert(
    fc.property(many, fc.constantFrom('allow', 'deny'), fc.array(stems, { minLength: 1 }), (rules, fallback, asked) => {
      const set = new Decider({ default: fallback, rules }).for(caller)
      return ['/', ...asked].every((at) => {
        const mask = set.judge(at)
        said.set(mask, (said.get(mask) ?? 0) + 1)
        return mask === (naively(rules, fallback, at) | (mayLead(rules, fallback, at) ? LEADS : 0))
      })
    }),
    { numRuns: 600 },
  )
  t.true(said.size > 100, `${said.size}`)
})

test('what is beneath a match of a glob that ends with two asterisks is a match', (t) => {
  let negated = 0
  fc.assert(
    fc.property(glob, path, path, (text, at, beneath) => {
      const pattern = patternOf(`${text}/**`)
      if (!pattern.matches(at)) return true
      if (text.includes('!(')) negated++
      return pattern.covers(at) && pattern.matches(at + beneath)
    }),
    { numRuns: 5000 },
  )
  t.true(negated > 100, `${negated}`)
  const rules = new Decider({ default: 'allow', rules: [{ deny: ['*'], paths: ['/data/!(public)/**'] }] }).for(caller)
  t.deepEqual(
    ['/data/public/x', '/data/private/x', '/data/publications', '/data/publications/x'].map(
      (at) => (rules.judge(at) & ALL) !== 0,
    ),
    [true, false, false, false],
  )
})

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
