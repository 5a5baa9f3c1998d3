// Several callers over one stack: what one was told does not answer another, with a cache beneath and permission bits below.
import test from 'ava'
import { metadataCache, type Policy, sandbox } from '../../layers/index.js'
import { type PlyFs, stack, withCaller } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'

type Tried = (fs: PlyFs, path: string) => unknown
const conventions: Readonly<Record<string, { readonly stat: Tried; readonly read: Tried; readonly write: Tried }>> = {
  sync: {
    stat: (fs, path) => fs.statSync(path),
    read: (fs, path) => fs.readFileSync(path, 'utf8'),
    write: (fs, path) => fs.writeFileSync(path, 'new'),
  },
  callback: {
    stat: (fs, path) => new Promise((done, fail) => fs.stat(path, (error, out) => (error ? fail(error) : done(out)))),
    read: (fs, path) =>
      new Promise((done, fail) => fs.readFile(path, 'utf8', (error, out) => (error ? fail(error) : done(out)))),
    write: (fs, path) =>
      new Promise((done, fail) => fs.writeFile(path, 'new', (error) => (error ? fail(error) : done(undefined)))),
  },
  promise: {
    stat: (fs, path) => fs.promises.stat(path),
    read: (fs, path) => fs.promises.readFile(path, 'utf8'),
    write: (fs, path) => fs.promises.writeFile(path, 'new'),
  },
}
const codeOf = async (run: () => unknown): Promise<string | undefined> => {
  try {
    await run()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}
const lower = (): PlyFs => {
  const raw = memory()
  raw.mkdirSync('/d')
  raw.writeFileSync('/d/shared', 'all')
  raw.writeFileSync('/d/mine', 'mine')
  raw.mkdirSync('/d/private')
  raw.writeFileSync('/d/private/file', 'private')
  return raw
}

for (const [convention, { stat, read, write }] of Object.entries(conventions)) {
  for (const cached of [false, true]) {
    const layers = (policy: Policy) => [sandbox(policy), ...(cached ? [metadataCache()] : [])]
    const where = `${convention}${cached ? ', over a cache' : ''}`

    test(`rules by uid, gid and name hold whoever asked before: ${where}`, async (t) => {
      const fs = stack(
        lower(),
        layers({
          rules: [
            { allow: ['*'], paths: ['/d/**'] },
            { deny: ['*'], paths: ['/d/mine'], callers: { uid: [1001, 1002] } },
            { deny: ['*'], paths: ['/d/private/**'], callers: { gid: 2000 } },
            { deny: ['write'], paths: ['**'], callers: { name: 'reader' } },
          ],
        }),
      )
      const views: Readonly<Record<string, readonly [PlyFs, readonly string[]]>> = {
        nobody: [withCaller(fs, { uid: 1001, gid: 1 }), ['/d/mine']],
        group: [withCaller(fs, { uid: 5, gid: 2000 }), ['/d/private/file']],
        both: [withCaller(fs, { uid: 1002, gid: 2000 }), ['/d/mine', '/d/private/file']],
        free: [withCaller(fs, { uid: 7, gid: 7 }), []],
      }
      // Each after each of the others, and again when everything is known.
      for (let round = 0; round < 3; round++) {
        for (const [name, [view, denied]] of Object.entries(views)) {
          for (const path of ['/d/shared', '/d/mine', '/d/private/file']) {
            const expected = denied.includes(path) ? 'EACCES' : undefined
            t.is(await codeOf(() => stat(view, path)), expected, `${name} stat ${path}`)
            t.is(await codeOf(() => read(view, path)), expected, `${name} read ${path}`)
          }
        }
      }
      const reader = withCaller(fs, { name: 'reader' })
      t.is(await codeOf(() => read(reader, '/d/shared')), undefined)
      t.is(await codeOf(() => write(reader, '/d/shared')), 'EACCES')
      t.is(await codeOf(() => write(fs, '/d/shared')), undefined)
      t.is(await codeOf(() => write(reader, '/d/shared')), 'EACCES')
    })

    test(`permission bits of the lower are asked for each caller: ${where}`, async (t) => {
      const raw = lower()
      raw.chownSync('/d/mine', 1001, 1001)
      raw.chmodSync('/d/mine', 0o600)
      raw.chownSync('/d/private', 1001, 1001)
      raw.chmodSync('/d/private', 0o700)
      const fs = stack(raw, layers({ root: '/d' }))
      const owner = withCaller(fs, { uid: 1001, gid: 1001 })
      const other = withCaller(fs, { uid: 1002, gid: 1002 })
      for (let round = 0; round < 3; round++) {
        t.is(await codeOf(() => read(owner, '/d/mine')), undefined)
        t.is(await codeOf(() => read(other, '/d/mine')), 'EACCES')
        t.is(await codeOf(() => stat(owner, '/d/private/file')), undefined)
        t.is(await codeOf(() => stat(other, '/d/private/file')), 'EACCES', `round ${round}`)
        t.is(await codeOf(() => stat(other, '/d/private/missing')), 'EACCES')
        t.is(await codeOf(() => stat(owner, '/d/private/missing')), 'ENOENT')
      }
    })

    test(`create apart from write, exec, and views that only read: ${where}`, async (t) => {
      const raw = lower()
      const fs = stack(
        raw,
        layers({
          rules: [
            { allow: ['read', 'list', 'stat'], paths: ['/d/**'] },
            { allow: ['create', 'write'], paths: ['/d/**'], callers: { name: 'author' } },
            { allow: ['create'], paths: ['/d/**'], callers: { name: 'adder' } },
            { allow: ['write'], paths: ['/d/**'], callers: { name: 'editor' } },
            { allow: ['exec'], paths: ['/d/shared'], callers: { name: 'runner' } },
          ],
        }),
      )
      const as = (name: string): PlyFs => withCaller(fs, { name })
      t.is(await codeOf(() => write(fs, '/d/shared')), 'EACCES')
      t.is(await codeOf(() => write(fs, '/d/new')), 'EACCES')
      t.is(await codeOf(() => write(as('editor'), '/d/shared')), undefined)
      t.is(await codeOf(() => write(as('editor'), '/d/new')), 'EACCES')
      t.false(raw.existsSync('/d/new'))
      t.is(await codeOf(() => write(as('adder'), '/d/shared')), 'EACCES')
      t.is(await codeOf(() => as('adder').mkdirSync('/d/made')), undefined)
      t.is(await codeOf(() => write(as('author'), '/d/new')), undefined)
      t.is(raw.readFileSync('/d/new', 'utf8'), 'new')
      raw.chmodSync('/d/shared', 0o755)
      const runs = (view: PlyFs) => codeOf(() => view.accessSync('/d/shared', view.constants.X_OK))
      t.is(await runs(as('runner')), undefined)
      t.is(await runs(as('author')), 'EACCES')
    })
  }
}

test('an audit callback that throws, or asks the sandbox again, changes no answer', async (t) => {
  for (const record of ['refused', 'all'] as const) {
    let told = 0
    const guard = sandbox(
      { root: '/d' },
      {
        record,
        recordSize: 4,
        audit: () => {
          told++
          guard.decisions()
          throw new Error('from the audit')
        },
      },
    )
    const fs = stack(lower(), [guard])
    for (const { stat, read } of Object.values(conventions)) {
      t.is(await read(fs, '/d/shared'), 'all')
      t.is(await codeOf(() => stat(fs, '/d/missing')), 'ENOENT')
      t.is(await codeOf(() => stat(fs, '/etc/passwd')), 'EACCES')
    }
    t.true(told >= (record === 'all' ? 6 : 3))
    t.is(guard.stats().auditErrors, told)
    t.true(guard.decisions().length <= 4)
  }
})

test('what is recorded of a link: where it led, once', (t) => {
  const raw = lower()
  raw.symlinkSync('/d/shared', '/d/link')
  raw.symlinkSync('/outside', '/d/out')
  const guard = sandbox({ root: '/d' }, { record: 'all' })
  const fs = stack(raw, [guard])
  fs.statSync('/d/link')
  fs.statSync('/d/shared')
  t.throws(() => fs.statSync('/d/out'), { code: 'EACCES' })
  t.deepEqual(
    guard.decisions().map(({ asked, resolved, verdict }) => `${asked} ${resolved} ${verdict}`),
    ['/d/link /d/shared allow', '/d/shared /d/shared allow', '/d/out /outside deny'],
  )
})
