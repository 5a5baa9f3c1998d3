// What an overlay has changed is kept as a whole or not at all.
import test from 'ava'
import { overlay } from '../../layers/overlay/index.js'
import { type PlyFs, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { CommitConflict, changes, commit, discard } from '../../lib/overlay.js'
import { fc } from '../fc.js'
import { Actor, operations } from '../laws/model.js'
import { plantPlain as plant, contentsOf as survey } from './overlay-support.js'

test('overlay then commit: the lower is what was seen, and nothing is left on the upper', async (t) => {
  await fc.assert(
    fc.asyncProperty(operations(40), async (sequence) => {
      const lower = memory()
      plant(lower)
      const upper = memory()
      const fs = stack(lower, [overlay({ upper })])
      const actor = new Actor(fs, '/root')
      for (const operation of sequence) await actor.do(operation)
      actor.closeAll()
      const seen = survey(fs, '/root')
      await commit(fs)
      t.is(survey(lower, '/root'), seen)
      t.is(survey(fs, '/root'), seen)
      t.deepEqual(upper.readdirSync('/'), [])
      t.deepEqual(await changes(fs), [])
    }),
    { numRuns: 40 },
  )
})

test('overlay then discard: nothing has happened', async (t) => {
  await fc.assert(
    fc.asyncProperty(operations(40), async (sequence) => {
      const lower = memory()
      plant(lower)
      const upper = memory()
      const before = survey(lower, '/root')
      const fs = stack(lower, [overlay({ upper })])
      const actor = new Actor(fs, '/root')
      for (const operation of sequence) await actor.do(operation)
      actor.closeAll()
      await discard(fs)
      t.is(survey(lower, '/root'), before)
      t.is(survey(fs, '/root'), before)
      t.deepEqual(upper.readdirSync('/'), [])
    }),
    { numRuns: 25 },
  )
})

test('says what has changed', async (t) => {
  const lower = memory()
  plant(lower)
  const fs = stack(lower, [overlay()])
  t.deepEqual(await changes(fs), [])
  fs.closeSync(fs.openSync('/root/c', 'r+'))
  t.deepEqual(await changes(fs), [])
  fs.writeFileSync('/root/a/c', 'changed')
  fs.writeFileSync('/root/new', 'made')
  fs.unlinkSync('/root/b/b')
  fs.renameSync('/root/a/b', '/root/moved')
  fs.renameSync('/root/c', '/root/see')
  fs.chmodSync('/root/b', 0o700)
  t.deepEqual(await changes(fs), [
    { type: 'modified', path: '/root/a/c', kind: 'file', size: 7, before: 15 },
    { type: 'modified', path: '/root/b', kind: 'directory', size: 0, before: 0 },
    { type: 'deleted', path: '/root/b/b', kind: 'symlink', size: 0, before: 4 },
    { type: 'renamed', path: '/root/moved', from: '/root/a/b', kind: 'directory', size: 0, before: 0 },
    { type: 'added', path: '/root/new', kind: 'file', size: 4, before: 0 },
    { type: 'renamed', path: '/root/see', from: '/root/c', kind: 'file', size: 13, before: 13 },
  ])
})

test('a change is seen, and kept, that left the size and the times as they were', async (t) => {
  const lower = memory()
  for (const name of ['written', 'written-late', 'opened', 'tagged', 'untagged', 'rights']) {
    lower.writeFileSync(`/${name}`, `${'x'.repeat(300_000)} ${name} one`)
    lower.utimesSync(`/${name}`, 1e9, 1e9)
  }
  lower.symlinkSync('one', '/link')
  lower.lutimesSync('/link', 1e9, 1e9)
  lower.setxattrSync('/untagged', 'user.tag', Buffer.from('one'))
  const fs = stack(lower, [overlay({ upper: memory() })])
  const text = (name: string): string => fs.readFileSync(`/${name}`, 'utf8')
  fs.writeFileSync('/written', text('written').replace('x', 'y'))
  fs.writeFileSync('/written-late', text('written-late').replace('one', 'two'))
  fs.closeSync(fs.openSync('/opened', 'r+'))
  fs.setxattrSync('/tagged', 'user.tag', Buffer.from('two'))
  fs.removexattrSync('/untagged', 'user.tag')
  fs.chmodSync('/rights', 0o600)
  fs.unlinkSync('/link')
  fs.symlinkSync('two', '/link')
  for (const name of ['written', 'written-late', 'tagged', 'untagged', 'rights']) fs.utimesSync(`/${name}`, 1e9, 1e9)
  fs.lutimesSync('/link', 1e9, 1e9)

  const changed = (await changes(fs)).map(({ type, path }) => `${type} ${path}`)
  const all = ['/link', '/rights', '/tagged', '/untagged', '/written', '/written-late']
  t.deepEqual(
    changed,
    all.map((path) => `modified ${path}`),
  )
  const seen = [text('written'), text('written-late')]
  await commit(fs)
  t.deepEqual([lower.readFileSync('/written', 'utf8'), lower.readFileSync('/written-late', 'utf8')], seen)
  t.is(lower.readlinkSync('/link'), 'two')
  t.is(lower.getxattrSync('/tagged', 'user.tag').toString(), 'two')
  t.deepEqual(lower.listxattrSync('/untagged'), [])
  t.is(lower.statSync('/rights').mode & 0o777, 0o600)
  t.deepEqual(await changes(fs), [])
})

const conflicts: Record<string, { ours: (fs: PlyFs) => void; theirs: (lower: PlyFs) => void; paths: string[] }> = {
  'both wrote a file': {
    ours: (fs) => fs.writeFileSync('/root/c', 'ours'),
    theirs: (lower) => lower.writeFileSync('/root/c', 'theirs, and longer'),
    paths: ['/root/c'],
  },
  'both made a file': {
    ours: (fs) => fs.writeFileSync('/root/new', 'ours'),
    theirs: (lower) => lower.writeFileSync('/root/new', 'theirs'),
    paths: ['/root/new'],
  },
  'we deleted what they wrote': {
    ours: (fs) => fs.unlinkSync('/root/c'),
    theirs: (lower) => lower.writeFileSync('/root/c', 'theirs, and longer'),
    paths: ['/root/c'],
  },
  'they deleted what we wrote': {
    ours: (fs) => fs.writeFileSync('/root/c', 'ours'),
    theirs: (lower) => lower.unlinkSync('/root/c'),
    paths: ['/root/c'],
  },
  'we put another file in the place of what they wrote': {
    ours: (fs) => {
      fs.writeFileSync('/root/tmp', 'ours')
      fs.renameSync('/root/tmp', '/root/c')
    },
    theirs: (lower) => lower.writeFileSync('/root/c', 'theirs, and longer'),
    paths: ['/root/c'],
  },
  'we made anew what they wrote': {
    ours: (fs) => {
      fs.unlinkSync('/root/c')
      fs.writeFileSync('/root/c', 'ours')
    },
    theirs: (lower) => lower.writeFileSync('/root/c', 'theirs, and longer'),
    paths: ['/root/c'],
  },
  'we deleted a directory in which they wrote far down': {
    ours: (fs) => fs.rmSync('/root/a', { recursive: true }),
    theirs: (lower) => lower.writeFileSync('/root/a/b/a', 'theirs'),
    paths: ['/root/a'],
  },
  'they deleted the directory in which we made something': {
    ours: (fs) => fs.writeFileSync('/root/a/new', 'ours'),
    theirs: (lower) => lower.rmSync('/root/a', { recursive: true }),
    paths: ['/root/a'],
  },
  'we moved the directory that they deleted': {
    ours: (fs) => fs.renameSync('/root/a', '/root/z'),
    theirs: (lower) => lower.rmSync('/root/a', { recursive: true }),
    paths: ['/root/a'],
  },
}
for (const [name, { ours, theirs, paths }] of Object.entries(conflicts)) {
  for (const again of [false, true]) {
    test(`a conflict: ${name}${again ? ', told by another overlay over the same upper' : ''}`, async (t) => {
      const lower = memory()
      const upper = memory()
      plant(lower)
      const first = stack(lower, [overlay({ upper })])
      ours(first)
      // Clocks tick in milliseconds.
      const now = Date.now()
      while (Date.now() < now + 2);
      theirs(lower)
      const before = survey(lower, '/root')
      const fs = again ? stack(lower, [overlay({ upper })]) : first
      const error = await t.throwsAsync(() => commit(fs), { instanceOf: CommitConflict })
      t.deepEqual(error.paths, paths)
      t.is(survey(lower, '/root'), before)
      await discard(fs)
      t.is(survey(fs, '/root'), before)
    })
  }
}

test('what others changed elsewhere is no conflict', async (t) => {
  const lower = memory()
  plant(lower)
  const fs = stack(lower, [overlay()])
  fs.appendFileSync('/root/a/c', ' and ours')
  fs.renameSync('/root/b', '/root/z')
  lower.writeFileSync('/root/a/b/a', 'theirs')
  lower.writeFileSync('/root/b/theirs', 'theirs')
  await commit(fs)
  t.is(lower.readFileSync('/root/a/c', 'utf8'), 'contents of a/c and ours')
  t.is(lower.readFileSync('/root/z/theirs', 'utf8'), 'theirs')
  t.is(lower.readFileSync('/root/a/b/a', 'utf8'), 'theirs')
  await t.throwsAsync(() => commit(stack(lower)), { instanceOf: TypeError })
})

test('callers that do not wait copy a file up once', async (t) => {
  const lower = memory()
  plant(lower)
  const layers = overlay()
  const fs = stack(lower, [layers])
  const handles = await Promise.all(Array.from({ length: 20 }, () => fs.promises.open('/root/a/b/a', 'r+')))
  await Promise.all(handles.map((handle, k) => handle.write(String.fromCharCode(97 + k), k)))
  await Promise.all(handles.map((handle) => handle.close()))
  t.is(fs.readFileSync('/root/a/b/a', 'utf8'), 'abcdefghijklmnopqrst')
  t.is(lower.readFileSync('/root/a/b/a', 'utf8'), 'deep')
  await Promise.all(Array.from({ length: 20 }, (_, k) => fs.promises.appendFile('/root/made', `${k % 10}`)))
  t.is([...fs.readFileSync('/root/made', 'utf8')].sort().join(''), '00112233445566778899')
  await Promise.all(
    Array.from({ length: 20 }, (_, k) => fs.promises.mkdir(`/root/deep/${k % 3}/x`, { recursive: true })),
  )
  t.deepEqual(fs.readdirSync('/root/deep').sort(), ['0', '1', '2'])
})

test('a file that was open before it was copied up keeps reading what it opened; numbers stay', (t) => {
  const lower = memory()
  plant(lower)
  const fs = stack(lower, [overlay()])
  const { ino, dev } = fs.statSync('/root/c')
  const fd = fs.openSync('/root/c', 'r')
  fs.writeFileSync('/root/c', 'other contents')
  t.is(fs.readFileSync(fd, 'utf8').slice(0, 13), 'contents of c')
  t.is(fs.statSync('/root/c').ino, ino)
  t.is(fs.statSync('/root/c').dev, dev)
  fs.fchmodSync(fd, 0o600)
  t.is(fs.statSync('/root/c').mode & 0o777, 0o600)
  t.is(lower.statSync('/root/c').mode & 0o777, 0o644)
  fs.closeSync(fd)
  t.throws(() => fs.readSync(fd, Buffer.alloc(1)), { code: 'EBADF' })
})

test('redirect: false refuses to move what the lower has', (t) => {
  const lower = memory()
  plant(lower)
  const fs = stack(lower, [overlay({ redirect: false })])
  t.throws(() => fs.renameSync('/root/a', '/root/z'), { code: 'EXDEV' })
  fs.mkdirSync('/root/own')
  t.notThrows(() => fs.renameSync('/root/own', '/root/z'))
})
