// Policies: what is refused at construction, what rules match, and what the sandbox tells about its decisions.
import test from 'ava'
import { fs as memfs } from 'memfs'
import { type Decision, type Policy, sandbox } from '../../layers/sandbox/index.js'
import { ConfigError } from '../../lib/codec/error.js'
import { runSync } from '../../lib/driver/sync.js'
import { nodeFsLower } from '../../lib/lower/node-fs.js'
import { Failed, NEXT } from '../../lib/verdict.js'
import { exchangeOver } from './harness.js'

const verdictOf = (out: unknown): string => (out === NEXT ? 'allow' : out instanceof Failed ? out.errno : String(out))
const says = (policy: Policy) => {
  const { check } = sandbox(policy)
  return (op: Parameters<typeof check>[0], path: string) => verdictOf(check(op, path))
}

const refusals: readonly (readonly [policy: unknown, field: string])[] = [
  [undefined, 'sandbox'],
  [null, 'sandbox'],
  ['/srv', 'sandbox'],
  [{ roots: '/srv' }, 'sandbox.roots'],
  [{ root: 'srv' }, 'sandbox.root'],
  [{ root: '/srv/../etc' }, 'sandbox.root'],
  [{ root: 7 }, 'sandbox.root'],
  [{ default: 'maybe' }, 'sandbox.default'],
  [{ symlinks: true }, 'sandbox.symlinks'],
  [{ denied: 'ENOWAY' }, 'sandbox.denied'],
  [{ rules: {} }, 'sandbox.rules'],
  [
    {
      rules: [
        { allow: ['read'], paths: ['/a'] },
        { allow: ['fly'], paths: ['/a'] },
      ],
    },
    'sandbox.rules[1].allow[0]',
  ],
  [{ rules: [{ allow: ['read'] }] }, 'sandbox.rules[0].paths'],
  [{ rules: [{ allow: ['read'], paths: ['srv/**'] }] }, 'sandbox.rules[0].paths[0]'],
  [{ rules: [{ allow: ['read'], paths: ['/srv/./x'] }] }, 'sandbox.rules[0].paths[0]'],
  [{ rules: [{ paths: ['/a'] }] }, 'sandbox.rules[0]'],
  [{ rules: [{ allow: ['read'], deny: ['read'], paths: ['/a'] }] }, 'sandbox.rules[0]'],
  [{ rules: [{ allow: ['read'], paths: ['/a'], callers: { uid: -1 } }] }, 'sandbox.rules[0].callers.uid'],
  [{ rules: [{ allow: ['read'], paths: ['/a'], callers: { user: 'x' } }] }, 'sandbox.rules[0].callers.user'],
]
for (const [policy, field] of refusals) {
  test(`refused: ${JSON.stringify(policy)}`, (t) => {
    const error = t.throws(() => sandbox(policy as Policy), { instanceOf: ConfigError })
    t.is(error.field, field)
  })
}

test('the policy of the manual', (t) => {
  const check = says({
    default: 'deny',
    rules: [
      { allow: ['read', 'list', 'stat'], paths: ['/srv/data/**'] },
      { allow: ['write', 'create', 'delete'], paths: ['/srv/data/out/**'] },
      { deny: ['*'], paths: ['**/.env'] },
    ],
    symlinks: 'contained',
    denied: 'EACCES',
  })
  t.is(check('open', '/srv/data/a'), 'allow')
  t.is(check('readdir', '/srv/data'), 'allow')
  t.is(check('unlink', '/srv/data/a'), 'EACCES')
  t.is(check('unlink', '/srv/data/out/a'), 'allow')
  t.is(check('open', '/srv/data/out/.env'), 'EACCES')
  t.is(check('open', '/srv/data/.hidden/.x'), 'allow')
  t.is(check('open', '/srv/database'), 'EACCES')
  t.is(check('open', '/srv/data/../data2/a'), 'EACCES')
  t.is(check('delete', '/srv/data/out/x'), 'allow')
  t.is(check('exec', '/srv/data/out/x'), 'EACCES')
})

test('check wants an opcode and an absolute path', (t) => {
  const { check } = sandbox({ root: '/srv' })
  t.throws(() => check('fly' as never, '/srv'), { instanceOf: TypeError, message: /fly/ })
  t.throws(() => check('open', 'srv'), { instanceOf: TypeError })
})

test('a line feed in a name gets past no rule', (t) => {
  const check = says({ default: 'allow', rules: [{ deny: ['*'], paths: ['**/.env', '/private/**'] }] })
  t.is(check('open', '/a\nb/.env'), 'EACCES')
  t.is(check('open', '/private/a\nb'), 'EACCES')
  t.is(check('open', '/private/\n/\n'), 'EACCES')
  t.is(check('open', '/a\n.env'), 'allow')
})

test('a final /** matches what stands before it', (t) => {
  for (const base of ['/srv/data', '/srv/*', '/srv/d*', '/srv/{data,x}', '**/data']) {
    const check = says({ rules: [{ allow: ['*'], paths: [`${base}/**`] }] })
    t.is(check('list', '/srv/data'), 'allow', base)
    t.is(check('list', '/srv/data/a/b'), 'allow', base)
    t.is(check('list', '/srv'), 'EACCES', base)
  }
})

test('a root is taken literally', (t) => {
  const check = says({ root: '/srv/*/[x]/' })
  t.is(check('open', '/srv/*/[x]/a'), 'allow')
  t.is(check('open', '/srv/y/x/a'), 'EACCES')
  t.is(check('open', '/srv/*/[x]y'), 'EACCES')
  t.is(check('delete', '/srv/*/[x]'), 'EACCES')
  t.is(check('list', '/srv/*/[x]'), 'allow')
})

test('nothing outside the root is allowed by a rule', (t) => {
  const check = says({ root: '/srv', default: 'allow', rules: [{ allow: ['*'], paths: ['/etc/**'] }] })
  t.is(check('open', '/etc/passwd'), 'EACCES')
  t.is(check('open', '/srv/a'), 'allow')
})

test('a policy is copied, each field read once', (t) => {
  let reads = 0
  const paths = ['/srv/data/**']
  const policy = {
    get root() {
      return ++reads === 1 ? '/srv/data' : '/'
    },
    rules: [{ deny: ['write' as const], paths }],
  }
  const { check } = sandbox(policy)
  t.is(reads, 1)
  paths[0] = '/nowhere'
  policy.rules.length = 0
  t.is(verdictOf(check('write', '/srv/data/a')), 'EACCES')
  t.is(verdictOf(check('read', '/etc/passwd')), 'EACCES')
})

test('patched prototypes decide nothing', (t) => {
  // Sets of rules for callers are put together when they first ask.
  const callers = { name: 'guest' }
  const { check } = sandbox({
    default: 'allow',
    rules: [
      { deny: ['*'], paths: ['/etc/**', '/srv/*/private'], callers },
      { allow: ['*'], paths: ['/srv/*/pub/**'], callers },
    ],
  })
  const { exec, test: testRe } = RegExp.prototype
  const { startsWith, slice } = String.prototype
  const { get } = Map.prototype
  const arrays = Array.prototype
  const names = ['push', 'map', 'flatMap', 'filter', 'find', 'findIndex', 'some', 'every', 'concat', 'slice'] as const
  const were = names.map((name) => [name, arrays[name]] as const)
  const iterator = arrays[Symbol.iterator]
  const paths = ['/srv/a/pub', '/etc/passwd', '/srv/a/private']
  const EMPTY: unknown[] = []
  let asked = 0
  const outcomes: unknown[] = []
  try {
    RegExp.prototype.exec = () => [''] as unknown as RegExpExecArray
    RegExp.prototype.test = () => true
    String.prototype.startsWith = () => true
    String.prototype.slice = () => '/srv/a/pub'
    Map.prototype.get = function (this: Map<unknown, unknown>) {
      asked++
      return get.call(this, '/srv/a/pub')
    }
    for (let k = 0; k < names.length; k++) Object.assign(arrays, { [names[k] as string]: () => ++asked && [] })
    arrays[Symbol.iterator] = () => {
      asked++
      return EMPTY.values()
    }
    for (let k = 0; k < 3; k++) outcomes[k] = check('open', paths[k] as string, { name: 'guest' })
  } finally {
    RegExp.prototype.exec = exec
    RegExp.prototype.test = testRe
    String.prototype.startsWith = startsWith
    String.prototype.slice = slice
    Map.prototype.get = get
    arrays[Symbol.iterator] = iterator
    for (const [name, was] of were) Object.assign(arrays, { [name]: was })
  }
  t.deepEqual(outcomes.map(verdictOf), ['allow', 'EACCES', 'EACCES'])
  t.is(asked, 0)
})

test('decisions are kept, told, and bounded', (t) => {
  memfs.mkdirSync('/srv/data', { recursive: true })
  const told: Decision[] = []
  const audit = (decision: Decision) => {
    told.push(decision)
    throw new Error('a broken callback')
  }
  const policy: Policy = {
    rules: [
      { allow: ['*'], paths: ['/srv/**'] },
      { deny: ['stat'], paths: ['/srv/data/**'] },
    ],
  }
  const guard = sandbox(policy, { audit, record: 'all', recordSize: 3 })
  const x = exchangeOver(nodeFsLower(memfs), [guard])
  const stat = (path: string) => runSync(x, 'getattr', { path, follow: true, precise: false }, x.context(x.caller))
  t.is(verdictOf(stat('/srv/./data')), 'EACCES')
  t.false(stat('/srv') instanceof Failed)
  t.is(verdictOf(stat('/etc')), 'EACCES')
  t.is(told.length, 3)
  const [first, second, third] = told as [Decision, Decision, Decision]
  t.like(first, { serial: 1, op: 'getattr', asked: '/srv/./data', resolved: '/srv/data', verdict: 'deny' })
  t.deepEqual(first.actions, ['stat'])
  t.deepEqual(first.rules, [1])
  t.is(first.caller.uid, x.caller.uid)
  t.like(second, { verdict: 'allow', resolved: '/srv' })
  t.deepEqual(second.rules, [0])
  t.deepEqual(third.rules, [undefined])
  t.deepEqual(guard.decisions(), told)
  stat('/srv')
  t.deepEqual(
    guard.decisions().map(({ serial }) => serial),
    [2, 3, 4],
  )
  t.like(guard.stats(), { refused: 2, auditErrors: 4 })
})

test('by default refusals are kept', (t) => {
  memfs.mkdirSync('/srv/data', { recursive: true })
  const guard = sandbox({ root: '/srv' })
  const x = exchangeOver(nodeFsLower(memfs), [guard])
  for (const path of ['/srv', '/etc', '/srv/data']) runSync(x, 'access', { path, mask: 0 }, x.context(x.caller))
  t.deepEqual(
    guard.decisions().map(({ asked, verdict }) => `${asked} ${verdict}`),
    ['/etc deny'],
  )
  t.throws(() => sandbox({ root: '/srv' }, { recordSize: -1 }), { instanceOf: ConfigError })
})
