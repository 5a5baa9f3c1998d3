// metadataCache: a request arrives where its path leads elsewhere than when it set out, or at what is being dropped.
import { constants } from 'node:fs'
import test from 'ava'
import { make } from './cached-scene.js'
import {
  Actor,
  type Asked,
  agree,
  file,
  get,
  list,
  lstat,
  open,
  rename,
  set,
  setattr,
  stat,
  symlink,
  there,
  unlink,
} from './orders.js'

const { O_RDONLY, O_RDWR } = constants
const fstat = (fd: number): Asked => ['getattr', { path: '', fd, follow: true, precise: false }]
const ofFile = (fd: number): Asked => ['getxattr', { path: '', fd, name: 'user.a', follow: true }]

test('a link is made to lead elsewhere while a walk is beyond it', (t) => {
  const ways = [lstat('/l/n'), there('/l/n')].flatMap((asked) => [false, true].map((warm) => [asked, warm] as const))
  for (const [asked, warm] of ways) {
    const { scene } = make()
    scene.ask(lstat('/none'))
    if (warm) for (const path of ['/l', '/d/none']) scene.ask(stat(path))
    const walking = new Actor(scene, [asked])
    // The last that it asks.
    const requests = warm ? 1 : 4
    walking.step()
    for (let k = 1; k < requests; k++) {
      walking.step()
      walking.step()
    }
    t.true(walking.at === 'lookup' && walking.waiting?.arrived === false)
    // What is at the end of the way that it came was never to be found by its path.
    for (const change of [unlink('/l'), symlink('e', '/l'), file('/d/n')]) scene.ask(change)
    walking.until()
    t.is(walking.said[0], 'ENOENT')
  }
})

test('a link is read by a name that is another’s by then', (t) => {
  const { scene } = make()
  // It is known what becomes of '/m', so that it is not looked at.
  for (const path of ['/l', '/k', '/d/f', '/e/f', '/m']) scene.ask(lstat(path))
  const walking = new Actor(scene, [stat('/l/f')])
  walking.until('readlink')
  for (const change of [rename('/l', '/m'), rename('/k', '/l')]) scene.ask(change)
  walking.until()
  agree(t, scene, [['readlink', { path: '/m' }], stat('/m/h'), stat('/m/f'), stat('/l/f')], 'read')
})

test('something is asked of a file whose directory is another by then', (t) => {
  const questions: readonly Asked[] = [get('/d/f'), list('/d'), ['access', { path: '/d/f', mask: 1 }]]
  for (const question of questions) {
    const { scene } = make()
    for (const change of [set('/e/f'), setattr('/e/f', { mode: 0o755 })]) scene.behind(change)
    for (const path of ['/d/f', '/e/f']) scene.ask(lstat(path))
    const asking = new Actor(scene, [question])
    asking.until(question[0])
    for (const change of [rename('/d', '/was'), rename('/e', '/d')]) scene.ask(change)
    asking.until()
    const [op, req] = question
    const moved: Asked = [op, { ...req, path: (req as { path: string }).path.replace('/d', '/was') }]
    agree(t, scene, [moved, question], 'moved')
  }
})

test('a file is changed by a name that is about to be another’s', (t) => {
  const { scene } = make()
  scene.ask(lstat('/d/f'))
  const fd = scene.raw(open('/d/g', O_RDONLY)) as number
  scene.ask(fstat(fd))
  t.is(scene.ask(ofFile(fd)), 'ENODATA')
  const renaming = new Actor(scene, [rename('/d/g', '/d/f')])
  renaming.until('rename')
  renaming.step()
  scene.ask(set('/d/f'))
  t.is(scene.ask(ofFile(fd)), "'new'")
  renaming.until()
  t.is(scene.ask(ofFile(fd)), "'new'")
})

test('a file that only its descriptor is known of is changed and closed while it is looked up', (t) => {
  const { scene } = make()
  scene.ask(lstat('/d/none'))
  const fd = scene.raw(open('/d/g', O_RDONLY)) as number
  scene.ask(fstat(fd))
  const looking = new Actor(scene, [lstat('/d/g')])
  looking.until('lookup')
  looking.step()
  scene.ask(['setattr', { path: '', fd, follow: true, set: { mode: 0o600 } }])
  scene.ask(['release', { fd }])
  looking.until()
  agree(t, scene, [lstat('/d/g')], 'closed')
})

test('a file is written by a descriptor that nobody here opened while everything is forgotten', (t) => {
  const { scene, cache } = make()
  scene.ask(lstat('/d/f'))
  const fd = Number(scene.behind(open('/d/f', O_RDWR)))
  const buffer = Buffer.from('text')
  const writing = new Actor(scene, [['write', { fd, buffer, offset: 0, length: 4, position: 0 }]])
  writing.until('write')
  cache.invalidate()
  agree(t, scene, [lstat('/d/f')], 'not yet')
  writing.step()
  agree(t, scene, [lstat('/d/f')], 'arrived')
  writing.until()
  agree(t, scene, [lstat('/d/f')], 'ended')
})

test('an attribute is asked of an open file while everything is forgotten, or it is closed', (t) => {
  const { scene, cache } = make()
  scene.ask(lstat('/d/none'))
  const before = cache.stats().bytes
  for (let k = 0; k < 10; k++) {
    const fd = scene.raw(open('/d/g', O_RDONLY)) as number
    scene.ask(fstat(fd))
    const asking = new Actor(scene, [ofFile(fd)])
    asking.until('getxattr')
    asking.step()
    scene.ask(['release', { fd }])
    asking.until()
  }
  t.is(cache.stats().bytes, before, 'nothing is kept with what is gone')

  scene.ask(lstat('/d/g'))
  const fd = scene.raw(open('/d/g', O_RDONLY)) as number
  const asking = new Actor(scene, [ofFile(fd)])
  asking.until('getxattr')
  asking.step()
  scene.behind(set('/d/g'))
  cache.invalidate()
  asking.until()
  t.is(scene.ask(ofFile(fd)), "'new'")
})
