/** When a directory is listed because names in it are looked up one by one, without a mount. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { metadataCache, sandbox, xattrElision } from '../../layers/index.js'
import { OPCODES } from '../../lib/fuse/abi.js'
import { HeldReplies } from '../../lib/fuse/held-replies.js'
import { Inode } from '../../lib/fuse/inode-table.js'
import { ENTRY_OUT, GETATTR_IN, READ_IN } from '../../lib/fuse/layout.js'
import { ReadAround } from '../../lib/fuse/read-around.js'
import type { Session } from '../../lib/fuse/session.js'
import { REPLY, Wire } from '../../lib/fuse/wire.js'
import { stack } from '../../lib/index.js'
import { rooted } from '../../lib/lower/index.js'
import { native } from '../../lib/native/index.js'
import { ask, sessionOf, text } from './messages.js'

const rootedTest = native() === undefined ? test.skip : test
const { lookup, getattr, readdirplus, rmdir } = OPCODES

const fill = (dir: string, names: number): void => {
  mkdirSync(dir)
  for (let k = 0; k < names; k++) writeFileSync(join(dir, `f${k}`), '')
}
interface Scene {
  readonly dir: string
  readonly s: Session
  /** What was asked to be listed: paths, and the nodes whose listings are to be dropped. */
  readonly asked: [string, number][]
  /** Looks `name` up: its node, 0 where it is absent. */
  find(at: number, name: string): number
  list(id: number): void
  around: ReadAround
  pending: boolean
}
const scene = (t: ExecutionContext): Scene => {
  const dir = mkdtempSync(join(tmpdir(), 'plyfs-around-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const s = sessionOf(stack(rooted(dir), [sandbox({ root: '/' }), xattrElision()]), [metadataCache({ ttlMs: 60_000 })])
  s.noOpendir = true
  const asked: Scene['asked'] = []
  const made: Scene = {
    dir,
    s,
    asked,
    pending: false,
    around: new ReadAround({
      list: (path, node) => asked.push([path, node]),
      isPending: (ticket) => ticket > 0 && made.pending,
    }),
    find(at, name) {
      const errno = ask(s, lookup, at, text(name))
      return errno === 0 ? s.out.view.getUint32(REPLY + ENTRY_OUT.nodeid, true) : 0
    },
    list(id) {
      const body = Buffer.alloc(READ_IN.SIZE)
      body.writeUInt32LE(1 << 20, READ_IN.size)
      t.is(ask(s, readdirplus, id, body), 0)
    },
  }
  s.around = made.around
  return made
}

rootedTest('a directory is listed once enough of its names have been looked up', (t) => {
  const { dir, asked, find, list } = scene(t)
  fill(join(dir, 'in'), 30)
  const at = find(1, 'in')
  for (let k = 0; k < 7; k++) t.true(find(at, `f${k}`) > 0)
  for (let k = 0; k < 50; k++) t.is(find(at, `none${k}`), 0, 'an absent name is in no listing')
  t.deepEqual(asked, [])
  // Some filesystems have a block for few names as for many: it takes more than 8 there.
  for (let k = 7; k < 30; k++) find(at, `f${k}`)
  t.deepEqual(asked[0], ['/in', 0])
  asked.length = 0
  list(at)
  for (let k = 0; k < 7; k++) find(at, `f${k}`)
  t.deepEqual(asked, [], 'counted anew')
  find(at, 'f7')
  t.deepEqual(asked, [['/in', at]], 'the kernel has a listing by now, and is to drop it')
})

rootedTest('the more names there are, the more must have been looked up; and none is enough for very many', (t) => {
  const { dir, asked, find, list } = scene(t)
  fill(join(dir, 'in'), 400)
  fill(join(dir, 'huge'), 8193)
  const [at, huge] = [find(1, 'in'), find(1, 'huge')]
  list(at)
  list(huge)
  for (let k = 0; k < 49; k++) find(at, `f${k}`)
  t.deepEqual(asked, [])
  find(at, 'f49')
  t.deepEqual(asked, [['/in', at]])
  for (let k = 0; k < 3000; k++) find(huge, `f${k}`)
  t.is(asked.length, 1)
})

rootedTest('a reply waits for a listing that is about to tell the same, and for no other', (t) => {
  const made = scene(t)
  const { dir, s, find, list, around, asked } = made
  fill(join(dir, 'in'), 60)
  mkdirSync(join(dir, 'in', 'sub'))
  const at = find(1, 'in')
  /** Whether the reply about `name` may wait. */
  const waits = (name: string): boolean => {
    around.awaits = undefined
    find(at, name)
    return around.awaits === s.table.get(at)
  }
  for (let k = 0; asked.length === 0; k++) t.is(waits(`f${k}`), asked.length > 0)
  t.false(waits('f50'), 'it has been listed')
  made.pending = true
  t.true(waits('f51'))
  t.false(waits('sub'), 'who lists asks for directories as well')
  list(at)
  t.is(around.told, s.table.get(at))
  t.false(waits('f51'), 'who lists may wait for it')
  writeFileSync(join(dir, 'in', 'new'), '')
  t.true(waits('new'))
})

rootedTest('directories are asked about one by one, where many were listed: what is above is listed once more', (t) => {
  const { dir, s, asked, find, list } = scene(t)
  for (let k = 0; k < 130; k++) mkdirSync(join(dir, 'in', String(k)), { recursive: true })
  for (let k = 0; k < 20; k++) mkdirSync(join(dir, 'few', String(k)), { recursive: true })
  fill(join(dir, 'files'), 130)
  for (const [name, count, expected] of [
    ['in', 16, 1],
    ['few', 20, 0],
    ['files', 130, 0],
  ] as const) {
    asked.length = 0
    const at = find(1, name)
    list(at)
    const children = [...(s.table.get(at)?.children?.values() ?? [])].slice(0, count)
    for (const { id } of children) t.is(ask(s, getattr, id, Buffer.alloc(GETATTR_IN.SIZE)), 0)
    t.deepEqual(asked, expected === 0 ? [] : [[`/${name}`, at]], name)
  }
})

rootedTest('a directory that is being emptied is not listed', (t) => {
  const { dir, s, asked, find, list } = scene(t)
  for (let k = 0; k < 200; k++) mkdirSync(join(dir, 'in', String(k)), { recursive: true })
  const at = find(1, 'in')
  list(at)
  for (const { id, name } of [...(s.table.get(at)?.children?.values() ?? [])].slice(0, 100)) {
    t.is(ask(s, getattr, id, Buffer.alloc(GETATTR_IN.SIZE)), 0)
    t.is(ask(s, rmdir, at, text(name)), 0)
  }
  t.deepEqual(asked, [])
})

test('replies are kept back until their directory is listed, and not again soon where it is not', async (t) => {
  const held = new HeldReplies()
  const out = new Wire(Buffer.from('abcdef'))
  const [one, two] = [new Inode(2, 0), new Inode(3, 0)]
  const sent: string[] = []
  const send = (reply: Uint8Array): void => void sent.push(Buffer.from(reply).toString())
  t.true(held.hold(one, out, 3))
  out.bytes.write('xyz')
  t.true(held.hold(two, out, 2))
  held.release(new Inode(4, 0), send)
  t.deepEqual(sent, [])
  t.true(held.left > 0)
  held.release(one, send)
  t.deepEqual(sent, ['abc'])
  t.is(held.size, 1)
  await setTimeout(12)
  t.is(held.left, 0)
  held.giveUp(send)
  t.deepEqual(sent, ['abc', 'xy'])
  t.is(held.size, 0)
  let passed = 0
  while (!held.hold(one, out, 3)) passed++
  t.is(passed, 8)
  held.giveUp(send)
  while (!held.hold(one, out, 3)) passed++
  t.is(passed, 8 + 16)
  held.release(one, send)
  t.true(held.hold(one, out, 3))
  held.giveUp(send)
  for (passed = 0; !held.hold(one, out, 3); ) passed++
  t.is(passed, 8, 'one that came makes good for those that did not')
})
