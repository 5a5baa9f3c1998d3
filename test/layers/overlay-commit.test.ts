// What an overlay has changed is kept as a whole or not at all.
import test from 'ava'
import fc from 'fast-check'
import { overlay } from '../../layers/overlay/index.js'
import { fail, type Layer, layer, NEXT, OP, OPS, type PlyFs, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { CommitConflict, changes, commit, discard, recover } from '../../lib/overlay.js'
import { Actor, operations } from '../laws/model.js'

/** A tree with its contents, modes and links. */
const survey = (fs: PlyFs, dir: string): string => {
  const lines: string[] = []
  const visit = (path: string): void => {
    const { mode, size } = fs.lstatSync(path)
    const isDirectory = (mode & 0o170000) === 0o040000
    lines.push(`${path} ${mode} ${isDirectory ? '' : size}`)
    if ((mode & 0o170000) === 0o100000) lines.push(fs.readFileSync(path, 'latin1'))
    if ((mode & 0o170000) === 0o120000) lines.push(fs.readlinkSync(path))
    if (isDirectory) for (const name of fs.readdirSync(path).sort()) visit(`${path}/${name}`)
  }
  visit(dir)
  return lines.join('\n')
}
const plant = (fs: PlyFs): void => {
  fs.mkdirSync('/root/a/b', { recursive: true })
  fs.mkdirSync('/root/b/a', { recursive: true })
  fs.writeFileSync('/root/a/c', 'contents of a/c', { mode: 0o640 })
  fs.writeFileSync('/root/a/b/a', 'deep')
  fs.writeFileSync('/root/b/a/c', 'deep, too')
  fs.writeFileSync('/root/c', 'contents of c')
  fs.symlinkSync('../c', '/root/b/b')
}
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

/** Lets `n` changes through, then nothing at all: the machine is off. */
const crashAfter = (n: number): { guard: Layer; crashed: () => boolean } => {
  let left = n
  let off = false
  const hook = (writes: boolean) => ({
    request: () => {
      if (writes && !off && left-- <= 0) off = true
      return off ? fail('EIO') : NEXT
    },
  })
  const extensions = Object.fromEntries(OPS.map((op) => [op, hook(OP[op].effect === 'write' && op !== 'open')]))
  return { guard: layer('crash', extensions), crashed: () => off }
}

for (const side of ['lower', 'upper'] as const) {
  test(`a crash at any step of commit leaves all or nothing (at the ${side})`, async (t) => {
    const act = (fs: PlyFs): void => {
      fs.writeFileSync('/root/a/c', 'changed')
      fs.writeFileSync('/root/new', 'made')
      fs.mkdirSync('/root/d/e', { recursive: true })
      fs.writeFileSync('/root/d/e/f', 'far down')
      fs.rmSync('/root/b/a', { recursive: true })
      fs.renameSync('/root/a/b', '/root/moved')
      fs.writeFileSync('/root/moved/a', 'moved and changed')
      fs.rmSync('/root/c')
      fs.mkdirSync('/root/c')
      fs.chmodSync('/root/b', 0o700)
    }
    let finished = 0
    let undone = 0
    for (let n = 0; ; n++) {
      const lower = memory()
      plant(lower)
      const upper = memory()
      act(stack(lower, [overlay({ upper })]))
      const before = survey(lower, '/root')
      const seen = survey(stack(lower, [overlay({ upper })]), '/root')
      const { guard, crashed } = crashAfter(n)
      const [under, over] = side === 'lower' ? [stack(lower, [guard]), upper] : [lower, stack(upper, [guard])]
      const fs = stack(under, [overlay({ upper: over })])
      let failed = false
      await commit(fs).catch((error: NodeJS.ErrnoException) => {
        t.is(error.code, 'EIO')
        failed = true
      })
      // The next start: another overlay over what is left.
      const again = stack(lower, [overlay({ upper })])
      const outcome = await recover(again)
      const after = survey(lower, '/root')
      if (after === before) {
        undone++
        t.is(survey(again, '/root'), seen, `after ${n}`)
        await commit(again)
        t.is(survey(lower, '/root'), seen, `after ${n}, and again`)
      } else {
        finished++
        t.is(after, seen, `after ${n} (${outcome})`)
        t.is(survey(again, '/root'), seen)
      }
      t.deepEqual(lower.readdirSync('/'), ['root'])
      t.deepEqual(upper.readdirSync('/'), [])
      if (!crashed()) {
        t.false(failed)
        break
      }
    }
    t.true(undone >= 3)
    t.true(finished > 3)
  })
}

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

test('refuses to commit over what others have changed meanwhile', async (t) => {
  const lower = memory()
  plant(lower)
  const fs = stack(lower, [overlay()])
  fs.writeFileSync('/root/c', 'ours')
  fs.writeFileSync('/root/new', 'ours')
  lower.writeFileSync('/root/c', 'theirs, and longer')
  const before = survey(lower, '/root')
  const error = await t.throwsAsync(() => commit(fs), { instanceOf: CommitConflict })
  t.deepEqual(error.paths, ['/root/c'])
  t.is(survey(lower, '/root'), before)
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
