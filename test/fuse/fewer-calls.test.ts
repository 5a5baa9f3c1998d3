/** What a mount's session does not ask the lower for, and when it asks all the same. */
import {
  chmodSync,
  constants as fs,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { metadataCache, sandbox, xattrElision } from '../../layers/index.js'
import type { Exchange } from '../../lib/exchange.js'
import { exchangeOf } from '../../lib/face/node-fs.js'
import { FATTR_MODE, OPCODES } from '../../lib/fuse/abi.js'
import type { Inode } from '../../lib/fuse/inode-table.js'
import {
  ATTR,
  ATTR_OUT,
  CREATE_IN,
  ENTRY_OUT,
  GETATTR_IN,
  GETXATTR_IN,
  RELEASE_IN,
  SETATTR_IN,
  SETXATTR_IN,
} from '../../lib/fuse/layout.js'
import type { Session } from '../../lib/fuse/session.js'
import { REPLY } from '../../lib/fuse/wire.js'
import { type Layer, layer, NEXT, stack } from '../../lib/index.js'
import { rooted } from '../../lib/lower/index.js'
import { native } from '../../lib/native/index.js'
import { Failed } from '../../lib/verdict.js'
import { ask, sessionOf, text } from './messages.js'

const rootedTest = native() === undefined ? test.skip : test
const { ENODATA } = constants.errno
const MODE = 0o100644
const USER = 1000

const folder = (t: ExecutionContext): string => {
  const dir = mkdtempSync(join(tmpdir(), 'plyfs-fewer-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  return dir
}
const u32 = (size: number, fields: readonly (readonly [number, number])[]): Buffer => {
  const body = Buffer.alloc(size)
  for (const [at, value] of fields) body.writeUInt32LE(value, at)
  return body
}
const chmod = u32(SETATTR_IN.SIZE, [
  [SETATTR_IN.valid, FATTR_MODE],
  [SETATTR_IN.mode, 0o600],
])
/** Makes `name` in the root, and leaves it open: its node. */
const create = (t: ExecutionContext, s: Session, name: string, flags: number, uid = 0): number => {
  const body = u32(CREATE_IN.SIZE, [
    [CREATE_IN.flags, flags | fs.O_CREAT],
    [CREATE_IN.mode, MODE],
  ])
  t.is(ask(s, OPCODES.create, 1, Buffer.concat([body, text(name)]), uid), 0)
  return s.out.view.getUint32(REPLY + ENTRY_OUT.nodeid, true)
}

rootedTest('what its caller has open to write is changed by that file, all else by name', (t) => {
  const dir = folder(t)
  const asked: (boolean | undefined)[] = []
  const onlooker: Layer = layer('onlooker', {
    setattr: {
      request: ({ fd }) => {
        asked.push(fd !== undefined)
        return NEXT
      },
    },
    getattr: {
      request: ({ fd }) => {
        looked = fd !== undefined
        return NEXT
      },
    },
  })
  let looked: boolean | undefined
  const s = sessionOf(stack(rooted(dir), [onlooker]))
  const byFile = (id: number, uid: number): boolean | undefined => {
    t.is(ask(s, OPCODES.setattr, id, chmod, uid), 0)
    return asked.pop()
  }
  const file = create(t, s, 'file', fs.O_WRONLY, USER)
  t.true(byFile(file, USER))
  t.false(byFile(file, 0), 'by another')
  const read = create(t, s, 'read', fs.O_RDONLY)
  const passed = s.table.get(read)?.handles?.[0]
  for (const io of ['cached', 'passed'] as const) {
    if (passed !== undefined) passed.io = io
    t.false(byFile(read, 0), 'open to be read only')
    t.is(ask(s, OPCODES.getattr, read, Buffer.alloc(GETATTR_IN.SIZE)), 0)
    t.is(looked, io === 'passed', 'the kernel reads from it, or not')
  }
  // Under its new name the caller may not be allowed what it was under the old one.
  t.is(ask(s, OPCODES.rename, 1, Buffer.concat([u32(8, [[0, 1]]), text('file'), text('moved')])), 0)
  t.false(byFile(file, USER), 'renamed since')
  const { fh } = s.handles.get(0) ?? t.fail()
  t.is(ask(s, OPCODES.release, file, u32(RELEASE_IN.SIZE, [[RELEASE_IN.fh, fh]])), 0)
  t.false(byFile(file, USER), 'closed')
})

rootedTest('an extended attribute that is not there is asked for once', async (t) => {
  const dir = folder(t)
  let asked = 0
  const counter: Layer = layer('counter', {
    getxattr: {
      request: () => {
        asked++
        return NEXT
      },
    },
  })
  const layersOf = (ttlMs: number) => [counter, xattrElision(), metadataCache({ ttlMs })]
  const s = sessionOf(stack(rooted(dir), layersOf(60_000)))
  const name = 'security.capability'
  /** What is answered, and how often the stack was asked for it. */
  const get = (id: number, of = s) => {
    asked = 0
    return [ask(of, OPCODES.getxattr, id, Buffer.concat([Buffer.alloc(GETXATTR_IN.SIZE), text(name)])), asked]
  }
  const first = create(t, s, 'first', fs.O_RDWR)
  t.deepEqual(get(first), [ENODATA, 1])
  t.deepEqual(get(first), [ENODATA, 0])
  t.deepEqual(get(create(t, s, 'second', fs.O_RDWR | fs.O_EXCL)), [ENODATA, 0], 'it is new')
  const set = Buffer.concat([Buffer.alloc(SETXATTR_IN.setxattr_flags), text('user.x')])
  ask(s, OPCODES.setxattr, first, set)
  t.deepEqual(get(first), [ENODATA, 1], 'another one was set')
  chmodSync(join(dir, 'first'), 0o600)
  t.is(ask(s, OPCODES.lookup, 1, text('first')), 0)
  t.deepEqual(get(first), [ENODATA, 1], 'it has changed behind the mount')
  chmodSync(join(dir, 'first'), 0o400)
  t.is(ask(s, OPCODES.getattr, first, Buffer.alloc(GETATTR_IN.SIZE)), 0)
  t.deepEqual(get(first), [ENODATA, 1], 'and again')
  t.is(ask(s, OPCODES.setattr, first, chmod), 0)
  t.deepEqual(get(first), [ENODATA, 0], 'changed through it, but none of those')
  const brief = sessionOf(stack(rooted(dir), layersOf(1)))
  const third = create(t, brief, 'third', fs.O_RDWR)
  t.deepEqual(get(third, brief), [ENODATA, 1])
  await setTimeout(5)
  t.deepEqual(get(third, brief), [ENODATA, 1], 'the time to live is over')
  const bare = sessionOf(stack(rooted(dir), [counter]))
  const fourth = create(t, bare, 'fourth', fs.O_RDWR)
  t.deepEqual(
    [get(fourth, bare), get(fourth, bare)],
    [
      [ENODATA, 1],
      [ENODATA, 1],
    ],
    'no layer says so',
  )
})

rootedTest('a directory that is listed is walked to once for all of its names', (t) => {
  const dir = folder(t)
  mkdirSync(join(dir, 'in'))
  for (const name of ['one', 'two']) writeFileSync(join(dir, 'in', name), name)
  symlinkSync('one', join(dir, 'in', 'link'))
  const { lower } = exchangeOf(stack(rooted(dir))) as Exchange
  const size = (path: string): number | string => {
    const out = lower.ops.lookup.sync({ path, dentry: undefined, precise: true })
    return out instanceof Failed ? out.errno : out.size
  }
  lower.listing?.('/in')
  t.is(size('/in/one'), 3)
  renameSync(join(dir, 'in'), join(dir, 'out'))
  t.is(size('/in/two'), 3)
  t.is(size('/in/link'), 3, 'the link itself')
  t.is(size('/in/none'), 'ENOENT')
  t.is(size('/out/two'), 3)
  t.is(size('/in'), 'ENOENT')
  lower.listing?.(undefined)
  t.is(size('/in/two'), 'ENOENT')
})

rootedTest('of the directories that are listed, the last few are held', (t) => {
  const dir = folder(t)
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) {
    mkdirSync(join(dir, name))
    writeFileSync(join(dir, name, 'file'), name)
  }
  const { lower } = exchangeOf(stack(rooted(dir))) as Exchange
  const isThere = (name: string): boolean =>
    !(lower.ops.lookup.sync({ path: `/${name}/file`, dentry: undefined, precise: true }) instanceof Failed)
  const held = (): string => names.filter(isThere).join('')
  const list = (name: string): void => {
    lower.listing?.(`/${name}`)
    t.true(isThere(name))
  }
  for (const name of ['a', 'b', 'c', 'd']) list(name)
  // Used once more: it is not the next to be let go of.
  list('a')
  list('e')
  for (const name of names) renameSync(join(dir, name), join(dir, `${name}-moved`))
  t.is(held(), 'acde')
  lower.listing?.(undefined)
  t.is(held(), '')
})

rootedTest('requests in a row are about a directory that is held, for a moment and no longer', async (t) => {
  const dir = folder(t)
  const make = (path: string): void => mkdirSync(join(dir, path))
  for (const path of ['in', 'in/one', 'in/two', 'other']) make(path)
  const lookupIn = (s: Session, nodeid: number, name: string): number => {
    const errno = ask(s, OPCODES.lookup, nodeid, text(name))
    return errno === 0 ? s.out.view.getUint32(REPLY + ENTRY_OUT.nodeid, true) : 0 - (errno as number)
  }
  const cached = (ttlMs: number): Session => {
    const made = sessionOf(stack(rooted(dir), [sandbox({ root: '/' }), xattrElision()]), [metadataCache({ ttlMs })])
    void made.prepare()
    return made
  }
  const s = cached(60_000)
  const at = lookupIn(s, 1, 'in')
  for (;;) {
    s.near.leave()
    const begun = performance.now()
    t.true(lookupIn(s, at, 'one') > 0)
    renameSync(join(dir, 'in'), join(dir, 'out'))
    const two = lookupIn(s, at, 'two')
    if (performance.now() - begun < 10) {
      t.true(two > 0, 'as the kernel goes on too')
      break
    }
    renameSync(join(dir, 'out'), join(dir, 'in'))
  }
  await setTimeout(15)
  t.is(lookupIn(s, at, 'one'), 0, 'its time is over: absent')
  renameSync(join(dir, 'out'), join(dir, 'in'))
  t.true(lookupIn(s, at, 'one') > 0)
  // By the mount itself: whatever is held is let go of.
  const moved = Buffer.concat([u32(8, [[0, 1]]), text('in'), text('new')])
  t.is(ask(s, OPCODES.rename, 1, moved), 0)
  make('in')
  make('in/three')
  const again = lookupIn(s, 1, 'in')
  t.not(again, at)
  t.true(lookupIn(s, again, 'three') > 0)
  t.true(lookupIn(s, at, 'two') > 0, 'under its new name')
  t.is(lookupIn(s, at, 'three'), 0, 'known to be absent')
  rmSync(join(dir, 'in/three'), { recursive: true })
  t.is(ask(s, OPCODES.rmdir, 1, text('in')), 0)
  make('in')
  make('in/four')
  t.true(lookupIn(s, lookupIn(s, 1, 'in'), 'four') > 0)
  // Nothing is kept: nothing is held.
  const bare = cached(1)
  const there = lookupIn(bare, 1, 'in')
  t.true(lookupIn(bare, there, 'four') > 0)
  renameSync(join(dir, 'in'), join(dir, 'out'))
  t.is(lookupIn(bare, there, 'four'), 0)
})

rootedTest('a directory beside others is asked about in the one that they are in', (t) => {
  const dir = folder(t)
  for (const path of ['in/one/sub', 'in/two/sub']) mkdirSync(join(dir, path), { recursive: true })
  const s = sessionOf(stack(rooted(dir), [xattrElision()]), [metadataCache({ ttlMs: 60_000 })])
  void s.prepare()
  const lookup = (nodeid: number, name: string): number => {
    t.is(ask(s, OPCODES.lookup, nodeid, text(name)), 0)
    return s.out.view.getUint32(REPLY + ENTRY_OUT.nodeid, true)
  }
  const getattr = (id: number): void => {
    t.is(ask(s, OPCODES.getattr, id, Buffer.alloc(GETATTR_IN.SIZE)), 0)
  }
  const at = lookup(1, 'in')
  const [one, two] = [lookup(at, 'one'), lookup(at, 'two')]
  const subs = [lookup(one, 'sub'), lookup(two, 'sub')]
  const inode = (id: number): Inode => s.table.get(id) as Inode
  /** Which of the first three are held after `act`, where that took no longer than directories are held. */
  const held = (act: () => void): boolean[] => {
    for (;;) {
      s.near.leave()
      s.askedIn = undefined
      const begun = performance.now()
      act()
      if (performance.now() - begun < 10) return [at, one, two].map((id) => s.near.holds(inode(id)))
    }
  }
  const ask3 = (): void => {
    for (const id of [at, one, two]) getattr(id)
  }
  t.deepEqual(held(ask3), [true, false, false])
  const again = (): void => {
    ask3()
    getattr(two)
  }
  t.deepEqual(held(again), [true, false, true], 'twice in a row')
  const four = (): void => {
    for (const id of [at, two, ...subs]) t.true(s.near.hold(inode(id)))
  }
  t.deepEqual(held(four), [true, false, true], 'four of them')
  const five = (): void => {
    four()
    s.near.hold(inode(one))
  }
  t.deepEqual(held(five), [false, true, true], 'the one that was of no use longest is let go of')
})

rootedTest('the directory whose attributes are asked for is held, and so is that of files in a row', async (t) => {
  const dir = folder(t)
  mkdirSync(join(dir, 'in', 'dir'), { recursive: true })
  mkdirSync(join(dir, 'other'))
  for (const name of ['one', 'two']) writeFileSync(join(dir, 'in', 'dir', name), name)
  for (const layers of [[sandbox({ root: '/' })], []]) {
    const s = sessionOf(stack(rooted(dir), [...layers, xattrElision()]), [metadataCache({ ttlMs: 60_000 })])
    void s.prepare()
    const lookup = (nodeid: number, name: string): number => {
      t.is(ask(s, OPCODES.lookup, nodeid, text(name)), 0)
      return s.out.view.getUint32(REPLY + ENTRY_OUT.nodeid, true)
    }
    const getattr = (id: number): number | undefined => ask(s, OPCODES.getattr, id, Buffer.alloc(GETATTR_IN.SIZE))
    const at = lookup(lookup(1, 'in'), 'dir')
    const [one, two] = [lookup(at, 'one'), lookup(at, 'two')]
    const move = (from: string, to: string): void => renameSync(join(dir, from), join(dir, to))
    await setTimeout(15)
    t.is(getattr(at), 0)
    move('in/dir', 'in/moved')
    t.is(getattr(one), 0, 'in the one that was asked about')
    await setTimeout(15)
    t.is(getattr(one), constants.errno.ESTALE, 'its time is over')
    move('in/moved', 'in/dir')
    t.is(getattr(one), 0)
    t.is(getattr(two), 0)
    move('in/dir', 'in/moved')
    t.is(getattr(one), 0, 'the third in a row')
    await setTimeout(15)
    symlinkSync('../other', join(dir, 'in', 'dir'))
    t.is(getattr(at), 0)
    const type = s.out.view.getUint32(REPLY + ATTR_OUT.attr + ATTR.mode, true) & fs.S_IFMT
    t.is(type, fs.S_IFLNK, 'what a link leads to is not what was asked about')
    rmSync(join(dir, 'in', 'dir'))
    move('in/moved', 'in/dir')
  }
})
