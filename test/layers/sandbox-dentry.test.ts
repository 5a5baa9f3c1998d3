// The fast path: a dentry that somebody below has at hand, and the decision that is kept beside it.
import test from 'ava'
import { memfs } from 'memfs'
import { type Policy, sandbox } from '../../layers/sandbox/index.js'
import type { Caller } from '../../lib/context.js'
import { runSync } from '../../lib/driver/sync.js'
import { layer } from '../../lib/extension.js'
import type { Dentry } from '../../lib/file.js'
import { nodeFsLower } from '../../lib/lower/node-fs.js'
import type { Op, Request } from '../../lib/op.js'
import { Failed, NEXT, reply } from '../../lib/verdict.js'
import { exchangeOver } from './harness.js'

const entry = (path: string, exists = true, isLink = false): Dentry => ({ path, exists, isLink, security: undefined })

const scene = (policy: Policy, kept: Record<string, Dentry>) => {
  const { fs } = memfs({ '/srv/data/a': 'a', '/srv/data/dir/b': 'b', '/etc/passwd': 'secret' })
  const asked: string[] = []
  const below: Request<'getattr'>[] = []
  const dentries = layer(
    'dentries',
    {
      resolve: {
        request({ path }) {
          const dentry = kept[path]
          return dentry === undefined ? NEXT : reply<'resolve'>(dentry)
        },
      },
      lookup: {
        request({ path }) {
          asked.push(path)
          return NEXT
        },
      },
      getattr: {
        request(req) {
          below.push(req)
          return NEXT
        },
      },
    },
    { answers: true },
  )
  const guard = sandbox(policy)
  const x = exchangeOver(nodeFsLower(fs), [guard, dentries])
  const perform = <O extends Op>(op: O, req: Request<O>, caller: Caller = x.caller) => {
    const out = runSync(x, op, req, x.context(caller))
    return out instanceof Failed ? out.errno : out
  }
  const stat = (path: string, caller?: Caller) =>
    typeof perform('getattr', { path, follow: true, precise: false, dentry: undefined }, caller) === 'string'
      ? perform('getattr', { path, follow: true, precise: false, dentry: undefined }, caller)
      : 'ok'
  return { guard, asked, below, perform, stat }
}

test('a canonical path with a dentry is decided without a look-up, and goes down with it', (t) => {
  const dentry = entry('/srv/data/a')
  const { stat, asked, below, guard } = scene({ root: '/srv/data' }, { '/srv/data/a': dentry })
  t.is(stat('/srv/data/a'), 'ok')
  t.deepEqual(asked, [])
  t.is(below[0]?.dentry, dentry)
  t.not(dentry.security, undefined)
  t.is(guard.stats().fast, 1)
})

test('an outside path is refused whether its dentry is there, negative, or missing', (t) => {
  const { stat, asked, below } = scene(
    { root: '/srv/data' },
    { '/etc/passwd': entry('/etc/passwd'), '/etc/nothing': entry('/etc/nothing', false) },
  )
  t.deepEqual(
    ['/etc/passwd', '/etc/nothing', '/etc/other'].map((path) => stat(path)),
    ['EACCES', 'EACCES', 'EACCES'],
  )
  t.deepEqual(asked, [])
  t.deepEqual(below, [])
})

test('a dentry that another spelling led to is no proof of the way', (t) => {
  const { stat, asked } = scene(
    { root: '/srv/data' },
    { '/srv/data/../../etc/../srv/data/a': entry('/srv/data/a'), '/srv/data/out': entry('/etc/passwd') },
  )
  t.is(stat('/srv/data/../../etc/../srv/data/a'), 'EACCES')
  t.is(stat('/srv/data/out'), 'ENOENT')
  t.true(asked.includes('/srv/data/out'))
})

test('decisions beside a dentry belong to one sandbox, one caller and one path', (t) => {
  const shared = entry('/srv/data/a')
  const kept = { '/srv/data/a': shared }
  const open = scene({ root: '/srv/data' }, kept)
  const closed = scene({ root: '/srv/data', rules: [{ deny: ['*'], paths: ['/srv/data/a'] }] }, kept)
  for (let round = 0; round < 2; round++) {
    t.is(open.stat('/srv/data/a'), 'ok')
    t.is(closed.stat('/srv/data/a'), 'EACCES')
  }
  const note = shared.security
  const other = { ...entry('/srv/data/dir/b'), security: note }
  const dir = scene({ root: '/srv/data', rules: [{ deny: ['*'], paths: ['**/b'] }] }, { '/srv/data/dir/b': other })
  t.is(dir.stat('/srv/data/dir/b'), 'EACCES')
  const named = scene({ rules: [{ allow: ['*'], paths: ['/**'], callers: { name: 'in' } }] }, kept)
  const as = (name: string): Caller => ({ uid: 0, gid: 0, pid: 1, name })
  for (let round = 0; round < 2; round++) {
    t.is(named.stat('/srv/data/a', as('in')), 'ok')
    t.is(named.stat('/srv/data/a', as('out')), 'EACCES')
  }
})

test('a forged note decides nothing', (t) => {
  const dentry = entry('/etc/passwd')
  for (const security of [127, { allowed: 127 }, Object.create(null), true]) {
    dentry.security = security
    t.is(scene({ root: '/srv/data' }, { '/etc/passwd': dentry }).stat('/etc/passwd'), 'EACCES')
  }
})

test('create with a negative dentry needs create', (t) => {
  const kept = { '/srv/data/new': entry('/srv/data/new', false) }
  const may = scene({ root: '/srv/data' }, kept)
  const request = { path: '/srv/data/new', flags: 0o1101, mode: 0o666 }
  t.is(typeof may.perform('create', request), 'number')
  const mayNot = scene({ rules: [{ allow: ['read', 'write', 'stat'], paths: ['/srv/data/**'] }] }, kept)
  t.is(mayNot.perform('create', request), 'EACCES')
})

test('symlinks: deny refuses a dentry that is a link', (t) => {
  const kept = { '/srv/data/l': entry('/srv/data/l', true, true) }
  const { perform } = scene({ root: '/srv/data', symlinks: 'deny' }, kept)
  // Not taken on trust: the walk finds that nothing is there.
  t.is(perform('getattr', { path: '/srv/data/l', follow: false, precise: false }), 'ENOENT')
})

test('a request that cannot be written to goes down as a copy', (t) => {
  const dentry = entry('/srv/data/a')
  const { perform, below } = scene({ root: '/srv/data' }, { '/srv/data/a': dentry })
  const frozen = Object.freeze({ path: '/srv/data/a', follow: true, precise: false })
  t.not(perform('getattr', frozen), 'EACCES')
  t.is(below[0]?.dentry, dentry)
  t.false('dentry' in frozen)
})
