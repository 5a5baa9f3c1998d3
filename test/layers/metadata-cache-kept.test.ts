// metadataCache: what must not be kept, what must, and what goes for want of room.
import { constants } from 'node:fs'
import test from 'ava'
import { Failed, type Op } from '../../lib/index.js'
import type { Lower, LowerOp } from '../../lib/lower.js'
import { make } from './cached-scene.js'
import { Actor, type Asked, agree, file, get, list, lstat, mkdir, open, unlink } from './orders.js'

const { O_CREAT, O_RDONLY, O_RDWR } = constants
const failing = (op: Op, errno: string) => (lower: Lower) => {
  const own = lower.ops[op] as LowerOp<Op>
  let fails = true
  const sync: LowerOp<Op>['sync'] = (...args) => {
    if (!fails) return own.sync(...args)
    fails = false
    return Failed.of(errno as 'EIO') as never
  }
  return { ...lower, ops: { ...lower.ops, [op]: { ...own, sync } } as Lower['ops'] }
}
test('a failure that may pass is not kept', (t) => {
  const questions: readonly Asked[] = [
    ['access', { path: '/d/f', mask: 4 }],
    get('/d/f'),
    ['listxattr', { path: '/d/f', follow: true }],
    list('/d'),
    ['readlink', { path: '/l' }],
  ]
  for (const question of questions) {
    const { scene } = make({}, failing(question[0], 'EIO'))
    t.is(scene.ask(question), 'EIO', question[0])
    agree(t, scene, [question], 'passed')
  }
})

test('writing to a file takes its capability away', (t) => {
  let has = true
  const stripping = (lower: Lower): Lower => {
    const { getxattr, listxattr, write } = lower.ops
    const ops: Partial<Lower['ops']> = {
      getxattr: { ...getxattr, sync: () => (has ? Buffer.from('cap') : (Failed.of('ENODATA') as never)) },
      listxattr: { ...listxattr, sync: () => (has ? ['security.capability'] : []) },
      write: {
        ...write,
        sync: (...args) => {
          has = false
          return write.sync(...args)
        },
      },
    }
    return { ...lower, ops: { ...lower.ops, ...ops } }
  }
  const ways = ['/d/f', `/d/${'./'.repeat(600)}f`].flatMap((path) =>
    (['closed', 'open', 'written'] as const).map((when) => [path, when] as const),
  )
  for (const asked of [get('/d/f', 'security.capability'), ['listxattr', { path: '/d/f', follow: true }] as const]) {
    for (const [path, when] of ways) {
      has = true
      const { scene } = make({}, stripping)
      scene.ask(lstat('/d/f'))
      t.true(scene.ask(asked).includes('cap'))
      const fd = scene.raw(open(path, O_RDWR)) as number
      // Asked for while it is open, before it is written and then, and not asked for.
      if (when !== 'closed') t.true(scene.ask(asked).includes('cap'))
      scene.ask(['write', { fd, buffer: Buffer.from('x'), offset: 0, length: 1, position: 0 }])
      if (when === 'written') t.false(scene.ask(asked).includes('cap'))
      scene.ask(['release', { fd }])
      t.false(scene.ask(asked).includes('cap'))
    }
  }
})

test('what is beneath an invalidated directory is forgotten, also of what has another name or is open', (t) => {
  let value = 'old'
  const valued = (lower: Lower): Lower => {
    const getxattr = { ...lower.ops.getxattr, sync: () => Buffer.from(value) }
    return { ...lower, ops: { ...lower.ops, getxattr } as Lower['ops'] }
  }
  for (const path of ['/d/h', '/d/f']) {
    const { scene, cache } = make({}, valued)
    scene.ask(lstat('/d'))
    scene.ask(lstat('/e/h'))
    if (path === '/d/f') scene.raw(open(path, O_RDWR))
    value = 'old'
    t.is(scene.ask(get(path)), "'old'")
    value = 'new'
    t.is(scene.ask(get(path)), "'old'")
    cache.invalidate('/d')
    t.is(scene.ask(get(path)), "'new'", path)
  }
  for (const what of ['/d', undefined]) {
    const { scene, cache } = make({}, valued)
    scene.ask(lstat('/d/f'))
    const fd = scene.raw(open('/d/f', O_RDWR)) as number
    value = 'old'
    const asking = new Actor(scene, [['getxattr', { path: '', fd, name: 'user.a', follow: true }]])
    asking.step()
    asking.step()
    value = 'new'
    cache.invalidate(what)
    asking.until()
    t.deepEqual(asking.said, ["'old'"])
    t.is(scene.ask(get('/d/f')), "'new'", 'it set out before')
  }
})

test('what is forgotten while something changes is kept again once that has changed', (t) => {
  for (const orders of [
    [0, 1],
    [1, 0],
  ]) {
    const { scene } = make()
    scene.ask(lstat('/d/f'))
    // The second of two on one name does not know what it will find, and forgets everything.
    const both = [0, 1].map(() => new Actor(scene, [unlink('/d/f')]))
    for (const each of both) each.until('unlink')
    for (const k of orders) both[k]?.until()
    scene.ask(lstat('/d/g'))
    t.is(
      scene.count(['lookup', 'getattr'], () => scene.ask(lstat('/d/g'))),
      0,
    )
  }
})

test('a known file that is opened as if it might have to be made is known to be the one that is open', (t) => {
  const { scene } = make()
  for (const path of ['/d/f', '/d/g']) scene.ask(lstat(path))
  scene.raw(open('/d/f', O_RDWR | O_CREAT))
  t.is(
    scene.count(['lookup', 'getattr'], () => scene.ask(lstat('/d/g'))),
    0,
  )
  for (const path of ['/d/h', '/e/h']) scene.ask(lstat(path))
  const fd = scene.raw(open('/d/h', O_RDWR | O_CREAT)) as number
  scene.ask(['write', { fd, buffer: Buffer.from('more'), offset: 0, length: 4, position: 100 }])
  agree(t, scene, [lstat('/e/h')], 'written by its other name')
})

test('where a file has two names, what is removed is looked at first, and nothing else is forgotten', (t) => {
  const { scene } = make()
  for (const path of ['/d/h', '/d/g', '/e']) scene.ask(lstat(path))
  t.is(scene.ask(unlink('/e/f')), 'done')
  t.is(
    scene.count(['lookup', 'getattr'], () => scene.ask(lstat('/d/g'))),
    0,
  )
})

test('a request that must follow no link meets one that is known', (t) => {
  const { scene } = make()
  const strictly = (path: string): Asked => [
    'getattr',
    { path, follow: false, precise: false, dentry: { path, exists: true, isLink: false, security: undefined } },
  ]
  for (const path of ['/l/f', '/d/f']) scene.ask(lstat(path))
  t.is(scene.ask(strictly('/l/f')), 'ELOOP')
  t.is(scene.ask(strictly('/d/f')), scene.behind(lstat('/d/f')))
})

test('what a listing says of a link is not enough to follow it', (t) => {
  const { scene } = make()
  const resolve = (): unknown => scene.raw(['resolve', { path: '/l', follow: true }])
  scene.ask(list('/'))
  resolve()
  t.is(
    scene.count(['lookup', 'getattr', 'readlink', 'resolve'], () => resolve()),
    0,
  )
})

test('what is dropped for want of room: nothing is told by a path, and nothing stays', (t) => {
  const { scene } = make({ maxEntries: 12 })
  scene.ask(lstat('/d/none'))
  t.is(scene.ask(lstat('/x')), 'ENOENT')
  for (let k = 1; k <= 15; k++) scene.behind(mkdir('/y'.repeat(k)))
  // Many names, and one path.
  scene.ask(lstat('/y'.repeat(15)))
  scene.ask(mkdir('/x'))
  agree(t, scene, [lstat('/x')], 'made')

  const tiny = make({ maxEntries: 1 })
  for (let k = 0; k < 1500; k++) {
    tiny.scene.behind(file(`/d/${k}`))
    tiny.scene.ask(lstat(`/d/${k}`))
  }
  t.true(tiny.cache.stats().inodes < 1100, String(tiny.cache.stats().inodes))
})

test('a file that only a descriptor is known of is forgotten with it', (t) => {
  const { scene, cache } = make()
  scene.ask(lstat('/d/none'))
  const { inodes } = cache.stats()
  for (const flags of [O_RDONLY, O_RDWR]) {
    const fd = scene.raw(open('/d/g', flags)) as number
    scene.ask(['getattr', { path: '', fd, follow: true, precise: false }])
    if (flags === O_RDWR) scene.ask(unlink('/d/g'))
    t.is(cache.stats().inodes, inodes + 1)
    scene.ask(['release', { fd }])
    t.is(cache.stats().inodes, inodes)
  }
})
