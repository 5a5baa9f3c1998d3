// metadataCache: access times, while files and directories are being read.
import { constants } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import type { Stats } from '../../lib/index.js'
import type { Lower, LowerOp } from '../../lib/lower.js'
import { make } from './cached-scene.js'
import { Actor, list, lstat, open, rename, type Scene, setattr, unlink } from './orders.js'

const { O_RDONLY } = constants
/** As `lower`, but listing a directory moves its access time, as it may where nothing is said of that. */
const listing = (lower: Lower): Lower => {
  const { lookup, getattr, readdir } = lower.ops
  const listed = new Map<number, number>()
  const inodeOf = (path: string): number =>
    (getattr.sync({ path, follow: true, precise: false }, undefined as never) as Stats).ino
  const met = <O extends 'lookup' | 'getattr'>(own: LowerOp<O>): LowerOp<O> => ({
    ...own,
    sync: (...args) => {
      const out = own.sync(...args)
      return 'ino' in out ? Object.assign(out, { atimeMs: 1000 + (listed.get(out.ino) ?? 0), mtimeMs: 5000 }) : out
    },
  })
  const own: LowerOp<'readdir'> = {
    ...readdir,
    sync: (...args) => {
      const ino = inodeOf(args[0].path)
      listed.set(ino, (listed.get(ino) ?? 0) + 1)
      return readdir.sync(...args)
    },
  }
  const capabilities = { ...lower.capabilities, accessTimes: () => 'always' as const }
  return { ...lower, capabilities, ops: { ...lower.ops, lookup: met(lookup), getattr: met(getattr), readdir: own } }
}
const accessed = (scene: Scene, path: string): readonly [said: number, truly: number] => {
  const [op, req] = lstat(path)
  const cx = scene.x.context(scene.x.caller)
  const { sync } = scene.lower.ops[op as 'getattr']
  return [(scene.raw([op, req]) as Stats).atimeMs, (sync(req as never, cx) as Stats).atimeMs]
}
const isTrue = (t: ExecutionContext, scene: Scene, path: string, when: string): void => {
  t.is(...accessed(scene, path), `${path}, ${when}`)
}

test('a directory is looked up while it is listed', (t) => {
  const { scene } = make({}, listing)
  scene.ask(lstat('/d'))
  const reading = new Actor(scene, [list('/d')])
  reading.until('readdir')
  isTrue(t, scene, '/d', 'not yet')
  reading.step()
  isTrue(t, scene, '/d', 'listed')
  reading.until()
  isTrue(t, scene, '/d', 'told')
  const count = (): number => scene.count(['lookup', 'getattr'], () => scene.ask(lstat('/d')))
  scene.ask(lstat('/d'))
  t.is(count(), 0, 'nobody reads it now')
})

test('a directory is another by the time that it is listed', (t) => {
  const { scene } = make({}, listing)
  for (const path of ['/d', '/e']) scene.ask(lstat(path))
  const reading = new Actor(scene, [list('/d')])
  reading.until('readdir')
  for (const change of [rename('/d', '/was'), rename('/e', '/d')]) scene.ask(change)
  isTrue(t, scene, '/d', 'not yet')
  reading.until()
  for (const path of ['/d', '/was']) isTrue(t, scene, path, 'told')
})

test('a directory is listed that cannot be told, or by somebody else', (t) => {
  const { scene, cache } = make({}, listing)
  scene.ask(lstat('/d'))
  scene.ask(list(`/${'./'.repeat(600)}d`))
  isTrue(t, scene, '/d', 'by a long path')
  scene.raw(list('/d'), { uid: 1000, gid: 1000, pid: 1 })
  isTrue(t, scene, '/d', 'by somebody else')
  cache.invalidate()
  scene.ask(lstat('/none'))
  scene.raw(list('/d'), { uid: 1000, gid: 1000, pid: 1 })
  isTrue(t, scene, '/d', 'by somebody else, before it is known')
})

test('a directory without a number is met anew while it is listed', (t) => {
  const unstable = (lower: Lower): Lower => {
    const made = listing(lower)
    return { ...made, capabilities: { ...made.capabilities, stableInodes: false } }
  }
  const { now } = performance
  let at = 0
  performance.now = () => at
  try {
    const { scene } = make({ ttlMs: 20 }, unstable)
    scene.ask(lstat('/d'))
    const reading = new Actor(scene, [list('/d')])
    reading.until('readdir')
    at += 20
    isTrue(t, scene, '/d', 'not yet')
    reading.step()
    isTrue(t, scene, '/d', 'listed')
    reading.until()
    isTrue(t, scene, '/d', 'told')
  } finally {
    performance.now = now
  }
})

test('a file is read by what was opened by a name that is gone', (t) => {
  const { scene } = make({}, (lower) => ({
    ...lower,
    capabilities: { ...lower.capabilities, accessTimes: () => 'always' as const },
  }))
  scene.ask(setattr('/d/h', { atimeMs: 1000, mtimeMs: 2000 }))
  for (const path of ['/d/h', '/e']) scene.ask(lstat(path))
  const fd = scene.raw(open('/d/h', O_RDONLY)) as number
  scene.ask(unlink('/d/h'))
  isTrue(t, scene, '/e/h', 'open')
  scene.ask(['read', { fd, buffer: Buffer.alloc(4), offset: 0, length: 4, position: 0 }])
  isTrue(t, scene, '/e/h', 'read')
  scene.ask(['release', { fd }])
  isTrue(t, scene, '/e/h', 'closed')
})

test('what is read once is not asked about because of others that are read', (t) => {
  const { scene } = make()
  const getattrs = (act: () => void): number => scene.count(['getattr'], act)
  const read = (path: string): number =>
    getattrs(() => {
      const fd = scene.raw(open(path, O_RDONLY)) as number
      scene.ask(['release', { fd }])
    })
  // An access time that a reading moves: before the last change, or later than the last writing, but before the last change.
  for (const times of [
    { atimeMs: 1000, mtimeMs: 2000 },
    { atimeMs: Date.now() - 1000, mtimeMs: 1000 },
  ]) {
    for (const change of [setattr('/d/f', times), setattr('/d/g', times)]) scene.ask(change)
    for (const path of ['/d/f', '/d/g', '/e/f']) scene.ask(lstat(path))
    const fd = scene.raw(open('/d/f', O_RDONLY)) as number
    scene.ask(['read', { fd, buffer: Buffer.alloc(4), offset: 0, length: 4, position: 0 }])
    isTrue(t, scene, '/d/f', 'read')
    scene.ask(['release', { fd }])
    isTrue(t, scene, '/d/f', 'closed')
    t.is(read('/./e/f'), 1, 'what is kept of another file may move')
    for (const path of ['/d/f', '/d/g']) t.is(read(path), 0)
    t.is(read('/./e/f'), 0, 'nothing that is kept may move')
  }
})
