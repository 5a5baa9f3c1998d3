// metadataCache: a change arrives, or is answered, while another of the same name or file is under way.
import { constants } from 'node:fs'
import test from 'ava'
import { metadataCache } from '../../layers/index.js'
import {
  Actor,
  type Asked,
  file,
  get,
  link,
  list,
  lstat,
  mkdir,
  mknod,
  open,
  rename,
  Scene,
  set,
  setattr,
  symlink,
  unlink,
} from './orders.js'

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = constants
const TREE: readonly Asked[] = [mkdir('/d'), mkdir('/e'), ...['/d/f', '/d/g'].map(file), symlink('d', '/l')]
const make = (more: readonly Asked[] = [], layers = [metadataCache({ ttlMs: 60_000 })]): Scene => {
  const scene = new Scene(layers, [...TREE, ...more])
  for (const path of ['/d/f', '/d/g', '/l', '/d/none']) scene.ask(lstat(path))
  return scene
}
/** The change is done, and nobody has been told yet. */
const arrived = (scene: Scene, asked: Asked): Actor => {
  const changing = new Actor(scene, [asked])
  changing.until(asked[0])
  changing.step()
  return changing
}
const written = (scene: Scene, fd: number): void => {
  const buffer = Buffer.from('text')
  scene.ask(['write', { fd, buffer, offset: 0, length: buffer.length, position: 0 }])
}

test('a file is made, and written, under a name that another file is just losing', (t) => {
  const leavings = [unlink('/d/f'), rename('/d/f', '/e/f'), rename('/d/f', '/d/g')]
  for (const leaving of leavings) {
    const scene = make()
    const going = arrived(scene, leaving)
    const fd = scene.raw(open('/d/f', O_RDWR | O_CREAT | O_EXCL)) as number
    t.is(typeof fd, 'number')
    going.until()
    for (const path of ['/d/f', '/e/f', '/d/g']) scene.ask(lstat(path))
    written(scene, fd)
    for (const path of ['/d/f', '/e/f', '/d/g']) {
      t.is(scene.ask(lstat(path)), scene.behind(lstat(path)), `${leaving[0]}: ${path}`)
    }
  }
})

test('a file goes before it is opened, which makes it anew', (t) => {
  for (const leaving of [unlink('/d/f'), rename('/d/f', '/e/f')]) {
    const scene = make()
    const questions = [...['/d/f', '/d', '/e/f'].map(lstat), list('/d')]
    const opening = new Actor(scene, [open('/d/f', O_RDWR | O_CREAT)])
    opening.until('create')
    scene.ask(leaving)
    const check = (when: string): void => {
      for (const question of questions) {
        t.is(scene.ask(question), scene.behind(question), `${leaving[0]}, ${when}: ${question[0]}`)
      }
    }
    check('gone')
    opening.step()
    check('there again')
    opening.until()
    check('told')
    written(scene, Number(opening.said[0]))
    check('written')
  }
})

test('everything is forgotten while something is made: that it was not there is not kept', (t) => {
  for (const making of [mknod('/d/n'), mkdir('/d/n'), link('/d/f', '/d/n'), rename('/d/f', '/d/n')]) {
    const cache = metadataCache({ ttlMs: 60_000 })
    const scene = make([], [cache])
    const questions = [...['/d/n', '/d/f', '/d'].map(lstat), list('/d')]
    const check = (when: string): void => {
      for (const question of questions) {
        t.is(scene.ask(question), scene.behind(question), `${making[0]}, ${when}: ${question[0]}`)
      }
    }
    const changing = new Actor(scene, [making])
    changing.until(making[0])
    cache.invalidate()
    check('not yet')
    changing.step()
    check('arrived')
    changing.until()
    check('ended')
    t.is(
      scene.count(['lookup', 'getattr', 'readdir'], () => check('again')),
      0,
      'it keeps things again',
    )
  }
})

test('a file is met by its other name while it is found out which one is to be changed', (t) => {
  for (const change of [unlink('/d/h'), rename('/d/h', '/e/n'), rename('/d/g', '/d/h'), link('/d/h', '/e/n')]) {
    const scene = make([file('/d/h'), link('/d/h', '/e/h'), setattr('/d/h', { mtimeMs: 1000, atimeMs: 1000 })])
    // Nothing is known of its directory: that is asked for first.
    scene.ask(mkdir('/x'))
    const changing = new Actor(scene, [change])
    changing.step()
    scene.ask(lstat('/e/h'))
    changing.until()
    t.is(scene.ask(lstat('/e/h')), scene.behind(lstat('/e/h')), change[0])
  }
})

test('a name is given to an open file before that which had it is changed', (t) => {
  const scene = new Scene([metadataCache({ ttlMs: 60_000 })], TREE)
  scene.ask(lstat('/d/f'))
  const fd = scene.raw(open('/d/g', O_RDONLY)) as number
  // Which file it is becomes known, but not by which name.
  scene.ask(['getattr', { path: '', fd, follow: true, precise: false }])
  const ofFile: Asked = ['getxattr', { path: '', fd, name: 'user.a', follow: true }]
  t.is(scene.ask(ofFile), 'ENODATA')
  const setting = new Actor(scene, [set('/d/f')])
  setting.until('setxattr')
  const renaming = arrived(scene, rename('/d/g', '/d/f'))
  setting.step()
  t.is(scene.ask(ofFile), "'new'", 'arrived')
  setting.until()
  t.is(scene.ask(ofFile), "'new'", 'told')
  renaming.until()
  t.is(scene.ask(ofFile), "'new'", 'all told')
})

test('a directory is made by several at once: nothing else is forgotten', (t) => {
  const scene = make()
  const first = arrived(scene, mkdir('/d/n'))
  scene.ask(mkdir('/d/n'))
  first.until()
  t.is(
    scene.count(['lookup', 'getattr'], () => scene.ask(lstat('/d/f'))),
    0,
  )
  t.is(scene.ask(lstat('/d/n')), scene.behind(lstat('/d/n')))
})

test('a file is changed by a name that it is about to get', (t) => {
  for (const making of [link('/d/f', '/d/n'), mknod('/d/n')]) {
    const scene = make()
    scene.ask(lstat('/d/n'))
    const changing = new Actor(scene, [making])
    changing.until(making[0])
    const setting = new Actor(scene, [set('/d/n')])
    setting.until('setxattr')
    changing.until()
    scene.ask(link('/d/n', '/e/n'))
    for (const when of ['not yet', 'set', 'told']) {
      for (const path of ['/e/n', '/d/f']) t.is(scene.ask(get(path)), scene.behind(get(path)), `${path}, ${when}`)
      setting.step()
    }
  }
})

test('what is looked up while a file is open that nobody knows is kept', (t) => {
  const scene = make()
  const fd = scene.raw(open('/d/n', O_RDWR | O_CREAT | O_EXCL)) as number
  const looks = (): number => scene.count(['lookup', 'getattr'], () => scene.ask(lstat('/e')))
  t.is(looks(), 2, 'which file it is, and what is asked')
  t.is(looks(), 0)
  scene.ask(['release', { fd }])
})
