// What was changed can be kept, and put back.
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { overlay } from '../../layers/overlay/index.js'
import { fail, layer, NEXT, stack } from '../../lib/index.js'
import { memory, rooted } from '../../lib/lower/index.js'
import { changes, restore, SnapshotTooLarge, snapshot } from '../../lib/overlay.js'
import { fc } from '../fc.js'
import { Actor, operations } from '../laws/model.js'
import { difference, plantRich, survey } from './overlay-support.js'

for (const place of ['memory', 'host'] as const) {
  test(`restore gives back what was seen (${place})`, async (t) => {
    await fc.assert(
      fc.asyncProperty(operations(20), operations(20), async (first, second) => {
        const dir = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-')))
        try {
          const lower = memory()
          lower.mkdirSync('/root')
          plantRich(lower, '/root')
          const upper = place === 'memory' ? memory() : rooted(dir)
          const fs = stack(lower, [overlay({ upper })])
          const actor = new Actor(fs, '/root')
          for (const operation of first) await actor.do(operation)
          const seen = survey(fs, '/root', true)
          const inode = (): number | undefined => fs.statSync('/root/c', { throwIfNoEntry: false })?.ino
          const number = inode()
          const kept = await snapshot(fs)
          for (const operation of second) await actor.do(operation)
          await restore(fs, kept)
          t.is(difference(survey(fs, '/root', true), seen), '')
          // Where it is the lower's still, or a copy of that.
          if (number === lower.statSync('/root/c').ino) t.is(inode(), number)
          // With nothing in its memory, an overlay finds the same there.
          t.is(difference(survey(stack(lower, [overlay({ upper })]), '/root', true), seen), '')
          for (const operation of second) await actor.do(operation)
          await restore(fs, kept)
          t.is(difference(survey(fs, '/root', true), seen), '')
          actor.closeAll()
        } finally {
          nodeFs.rmSync(dir, { recursive: true })
        }
      }),
      { numRuns: place === 'memory' ? 20 : 8 },
    )
  })
}

test('says what it holds, and holds a file once', async (t) => {
  const lower = memory()
  const fs = stack(lower, [overlay()])
  fs.mkdirSync('/d')
  fs.writeFileSync('/d/one', 'x'.repeat(1000))
  fs.writeFileSync('/two', 'y'.repeat(500))
  const first = await snapshot(fs)
  t.like(first, { files: 2, directories: 1, bytes: 1500, shared: 0 })
  t.deepEqual([...first.paths].sort(), ['/d', '/d/one', '/two'])
  fs.appendFileSync('/two', 'z')
  const second = await snapshot(fs)
  t.like(second, { files: 2, bytes: 1501, shared: 1000 })
  for (const change of [
    () => fs.truncateSync('/d/one', 10),
    () => fs.writeFileSync('/d/one', 'other'),
    () => fs.copyFileSync('/two', '/d/one'),
  ]) {
    change()
    const now = fs.readFileSync('/d/one', 'utf8')
    const third = await snapshot(fs)
    fs.writeFileSync('/d/one', 'lost')
    await restore(fs, third)
    t.is(fs.readFileSync('/d/one', 'utf8'), now)
  }
  await restore(fs, first)
  t.is(fs.readFileSync('/two', 'utf8'), 'y'.repeat(500))
  await t.throwsAsync(() => snapshot(fs, { maxBytes: 1499 }), { instanceOf: SnapshotTooLarge })
  const stranger = stack(memory(), [overlay()])
  await t.throwsAsync(() => restore(stranger, first), { instanceOf: TypeError })
})

test('an open file stays what it is', async (t) => {
  const lower = memory()
  lower.writeFileSync('/f', 'below')
  const fs = stack(lower, [overlay()])
  fs.writeFileSync('/f', 'first')
  const fd = fs.openSync('/f', 'r+')
  const kept = await snapshot(fs)
  fs.writeSync(fd, 'FIRST', 0)
  await restore(fs, kept)
  t.is(fs.readFileSync('/f', 'utf8'), 'first')
  const buffer = Buffer.alloc(5)
  fs.readSync(fd, buffer, 0, 5, 0)
  t.is(String(buffer), 'FIRST')
  fs.writeSync(fd, 'lost.', 0)
  t.is(fs.readFileSync('/f', 'utf8'), 'first')
  fs.closeSync(fd)
  // A file that was open for writing while the snapshot was taken is held as it was.
  const other = fs.openSync('/f', 'a')
  fs.writeSync(other, ' one')
  const held = await snapshot(fs)
  fs.writeSync(other, ' two')
  fs.closeSync(other)
  const later = await snapshot(fs)
  await restore(fs, held)
  t.is(fs.readFileSync('/f', 'utf8'), 'first one')
  await restore(fs, later)
  t.is(fs.readFileSync('/f', 'utf8'), 'first one two')
  t.is((await changes(fs)).length, 1)
})

test('what cannot be restored leaves what was there', async (t) => {
  let full = false
  const upper = stack(memory(), [layer('full', { write: { request: () => (full ? fail('ENOSPC') : NEXT) } })])
  const fs = stack(memory(), [overlay({ upper })])
  fs.writeFileSync('/f', 'first')
  const kept = await snapshot(fs)
  fs.writeFileSync('/f', 'second')
  full = true
  await t.throwsAsync(() => restore(fs, kept), { code: 'ENOSPC' })
  full = false
  t.is(fs.readFileSync('/f', 'utf8'), 'second')
  t.deepEqual(upper.readdirSync('/'), ['f'])
  await restore(fs, kept)
  t.is(fs.readFileSync('/f', 'utf8'), 'first')
})
