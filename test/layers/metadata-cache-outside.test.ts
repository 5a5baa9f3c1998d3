// metadataCache: what is changed behind its back, and what of that `invalidate` and `watch` tell it.
import { constants } from 'node:fs'
import test from 'ava'
import { type MetadataCache, type MetadataCacheOptions, metadataCache } from '../../layers/index.js'
import { Failed, type Reply, type Request } from '../../lib/index.js'
import type { Lower } from '../../lib/lower.js'
import {
  Actor,
  type Asked,
  agree,
  file,
  get,
  link,
  list,
  lstat,
  mkdir,
  open,
  rename,
  rmdir,
  Scene,
  set,
  setattr,
  stat,
  symlink,
  there,
  unlink,
} from './orders.js'

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = constants
type Sink = Request<'watch'>['sink']

interface Stage {
  readonly scene: Scene
  readonly cache: MetadataCache
  /** Who watches each directory, and who has closed. */
  readonly sinks: Map<string, Sink>
  readonly closed: string[]
}
const TREE: readonly Asked[] = [
  ...['/d', '/d/s', '/e'].map(mkdir),
  ...['/d/f', '/d/g', '/d/s/x'].map(file),
  symlink('d', '/l'),
  symlink('d/f', '/to-f'),
  symlink('/e', '/d/k'),
]
/** The lower reports nothing by itself: that is up to each test. */
const make = (options: MetadataCacheOptions = {}, change = (lower: Lower): Lower => lower): Stage => {
  const cache = metadataCache({ ttlMs: 60_000, ...options })
  const sinks = new Map<string, Sink>()
  const closed: string[] = []
  const watched = (lower: Lower): Lower => {
    const sync = ({ path, sink }: Request<'watch'>): Reply<'watch'> => {
      sinks.set(path, sink)
      return { close: () => void closed.push(path) } as Reply<'watch'>
    }
    const async = (req: Request<'watch'>, done: (bug: null, out: Reply<'watch'>) => void): void => done(null, sync(req))
    return { ...lower, ops: { ...lower.ops, watch: { sync, async } as unknown as Lower['ops']['watch'] } }
  }
  return { scene: new Scene([cache], TREE, (lower) => watched(change(lower))), cache, sinks, closed }
}
const written = (scene: Scene, fd: number, text: string): void => {
  const buffer = Buffer.from(text)
  scene.ask(['write', { fd, buffer, offset: 0, length: buffer.length, position: 0 }])
}

interface Event {
  readonly changes: readonly Asked[]
  /** What `invalidate` is told; the names that are reported. */
  readonly path: string
  readonly reports: readonly string[]
  readonly questions: readonly Asked[]
}
const events: Record<string, Event> = {
  'a file is made': {
    changes: [file('/d/n')],
    path: '/d/n',
    reports: ['n'],
    questions: [there('/d/n'), lstat('/d/n'), list('/d'), lstat('/d')],
  },
  'a file is removed': {
    changes: [unlink('/d/f')],
    path: '/d/f',
    reports: ['f'],
    questions: [there('/d/f'), lstat('/d/f'), list('/d'), lstat('/d')],
  },
  'a file is changed': {
    changes: [setattr('/d/f', { size: 9 }), set('/d/f')],
    path: '/d/f',
    reports: ['f'],
    questions: [get('/d/f'), lstat('/d/f'), stat('/to-f')],
  },
  'a file is replaced': {
    changes: [set('/d/g'), rename('/d/g', '/d/f')],
    path: '/d/f',
    reports: ['g', 'f'],
    questions: [get('/d/f'), lstat('/d/f'), stat('/to-f'), list('/d')],
  },
  'a directory is replaced': {
    changes: [unlink('/d/s/x'), rmdir('/d/s'), mkdir('/d/s'), file('/d/s/y')],
    path: '/d/s',
    reports: ['s'],
    questions: [there('/d/s/x'), there('/d/s/y'), list('/d/s'), lstat('/d/s'), lstat('/d/s/x')],
  },
  'a link is replaced': {
    changes: [unlink('/d/k'), symlink('s', '/d/k')],
    path: '/d/k',
    reports: ['k'],
    questions: [there('/d/k/x'), lstat('/d/k'), stat('/d/k'), ['readlink', { path: '/d/k' }]],
  },
}
for (const [what, { changes, path, reports, questions }] of Object.entries(events)) {
  test(`${what}: asked about before, or just then`, (t) => {
    for (const watch of [false, true]) {
      // Each question under way at the time, and none.
      for (const asked of [undefined, ...questions]) {
        const { scene, cache, sinks } = make({ watch })
        for (const question of [lstat('/d/none'), lstat('/'), ...questions]) scene.ask(question)
        if (asked !== undefined) {
          // So that it is asked below.
          cache.invalidate()
          scene.ask(lstat('/d/none'))
          scene.ask(lstat(path))
        }
        const asking = asked && new Actor(scene, [asked])
        asking?.step()
        if (asking !== undefined && !asking.isDone) asking.step()
        for (const change of changes) scene.behind(change)
        if (watch) for (const name of reports) sinks.get('/d')?.change('rename', name)
        else cache.invalidate(path)
        asking?.until()
        agree(t, scene, questions, `${asked?.[0]}, ${watch}`)
      }
    }
  })
}

test('all beneath a directory is forgotten with it', (t) => {
  const { scene, cache } = make()
  const questions = [there('/d/s/x'), there('/d/s/y'), get('/d/s/x'), stat('/l/s/x')]
  agree(t, scene, [...questions, lstat('/d')], 'before')
  for (const change of [set('/d/s/x'), file('/d/s/y')]) scene.behind(change)
  cache.invalidate('/d')
  agree(t, scene, questions, 'after')
  for (const change of [unlink('/d/s/y'), unlink('/d/s/x')]) scene.behind(change)
  agree(t, scene, [stat('/l')], 'a link to it')
  cache.invalidate('/l')
  agree(t, scene, questions, 'by a link to it')
})

test('of two links that lead to each other one is replaced', (t) => {
  const { scene, cache } = make()
  for (const change of [symlink('two', '/one'), symlink('one', '/two')]) scene.behind(change)
  t.is(scene.ask(lstat('/one/x')), 'ELOOP')
  for (const change of [unlink('/two'), mkdir('/two'), file('/two/x')]) scene.behind(change)
  cache.invalidate('/one/x')
  agree(t, scene, [lstat('/one/x')], 'replaced')
})

test('a file is told of by one of its names: before, or while, it is looked up by another', (t) => {
  for (const watch of [false, true]) {
    for (const isUnderWay of [false, true]) {
      const { scene, cache, sinks } = make({ watch })
      scene.behind(link('/d/f', '/e/h'))
      for (const path of ['/d/f', '/e']) scene.ask(lstat(path))
      const looking = new Actor(scene, [lstat('/e/h')])
      looking.until('lookup')
      looking.step()
      if (!isUnderWay) looking.until()
      scene.behind(setattr('/d/f', { size: 9 }))
      if (watch) sinks.get('/d')?.change('change', 'f')
      else cache.invalidate('/d/f')
      looking.until()
      agree(t, scene, ['/e/h', '/d/f'].map(lstat), `${watch}, ${isUnderWay}`)
    }
  }
})

test('what is forgotten is asked for once, and all else is kept', (t) => {
  const { scene, cache } = make()
  const all = ['/d/f', '/d/g', '/d/s', '/d/s/x', '/e'].map(lstat)
  for (const asked of all) scene.ask(asked)
  cache.invalidate('/d/f')
  const requests = () =>
    scene.count(['lookup', 'getattr'], () => {
      for (const asked of all) scene.ask(asked)
    })
  t.is(requests(), 1)
  t.is(requests(), 0)
})

test('an attribute of an open file is asked for when it is forgotten', (t) => {
  for (const watch of [false, true]) {
    const { scene, cache, sinks } = make({ watch })
    scene.behind(link('/d/f', '/e/h'))
    for (const path of ['/d/f', '/e/h']) scene.ask(lstat(path))
    const fd = scene.raw(open('/d/f', O_RDONLY)) as number
    const asking = new Actor(scene, [['getxattr', { path: '', fd, name: 'user.a', follow: true }]])
    asking.until('getxattr')
    asking.step()
    scene.behind(set('/d/f'))
    // It is kept where that leads, so that no more is forgotten than that.
    scene.ask(there('/d/f'))
    if (watch) sinks.get('/d')?.change('change', 'f')
    else cache.invalidate('/d/f')
    asking.until()
    t.is(asking.said[0], 'ENODATA')
    // By another name, since what is found anew is seen to have changed.
    t.is(scene.ask(get('/e/h')), "'new'", String(watch))
  }
})

/** It fails to say what a descriptor is of. */
const silent = (lower: Lower): Lower => {
  const { getattr } = lower.ops
  const sync: typeof getattr.sync = (req, cx) =>
    req.fd === undefined ? getattr.sync(req, cx) : (Failed.of('EIO') as never)
  return { ...lower, ops: { ...lower.ops, getattr: { ...getattr, sync } } }
}
/** What says, perhaps, that `/d/f` is another file. */
const told: Record<string, (stage: Stage) => void> = {
  'by its name, which is kept': ({ scene, cache }) => {
    scene.ask(there('/d/f'))
    cache.invalidate('/d/f')
  },
  'by its name': ({ cache }) => cache.invalidate('/d/f'),
  'by its directory': ({ cache }) => cache.invalidate('/d'),
  everything: ({ cache }) => cache.invalidate(),
  'as a report': ({ sinks }) => sinks.get('/d')?.change('rename', 'f'),
  'as a report of who knows what': ({ sinks }) => sinks.get('/d')?.change('rename', null),
  'as an error': ({ sinks }) => sinks.get('/d')?.error('EIO'),
}
/** Those that leave what is elsewhere alone. */
const narrow = new Set(['by its directory', 'as a report'])
const looks = (scene: Scene, path: string): number => scene.count(['lookup', 'getattr'], () => scene.ask(lstat(path)))
test('what was opened by a name that was another file’s is known for that one', (t) => {
  for (const [how, tell] of Object.entries(told)) {
    const stage = make({ watch: true })
    const { scene } = stage
    for (const path of ['/d', '/d/f']) scene.ask(lstat(path))
    for (const change of [rename('/d/g', '/d/f'), link('/d/f', '/e/h')]) scene.behind(change)
    const fd = scene.raw(open('/d/f', O_RDWR)) as number
    tell(stage)
    for (const text of ['one', 'three']) {
      agree(t, scene, ['/e/h', '/d/f'].map(lstat), `${how}, ${text}`)
      written(scene, fd, text)
    }
    agree(t, scene, ['/e/h', '/d/f'].map(lstat), how)
    scene.ask(['release', { fd }])
    agree(t, scene, ['/e/h', '/d/f'].map(lstat), `${how}, closed`)
  }
})

test('what was opened by a name that was another file’s is written: what was kept of that one is told no longer', (t) => {
  const taking: Record<string, (lower: Lower) => Lower> = {
    'which can be asked': (lower) => lower,
    'which says nothing of itself': silent,
  }
  for (const [which, change] of Object.entries(taking)) {
    for (const [how, tell] of Object.entries(told)) {
      for (const isAsked of [false, true]) {
        const stage = make({ watch: true }, change)
        const { scene } = stage
        scene.behind(link('/d/g', '/e/h'))
        for (const path of ['/d', '/d/f', '/e/h']) scene.ask(lstat(path))
        scene.behind(rename('/d/g', '/d/f'))
        const fd = scene.raw(open('/d/f', O_RDWR)) as number
        tell(stage)
        if (isAsked) agree(t, scene, [lstat('/e/h')], `${how}, ${which}`)
        written(scene, fd, 'text')
        if (isAsked) agree(t, scene, [lstat('/e/h')], `${how}, ${which}, written`)
        written(scene, fd, 'longer')
        scene.ask(['release', { fd }])
        if (which === 'which can be asked' && narrow.has(how))
          t.is(looks(scene, '/e'), 0, `${how}: another file is kept`)
        agree(t, scene, [lstat('/e/h')], `${how}, ${which}, closed`)
        t.is(looks(scene, '/e/h'), 0, 'it is kept again')
      }
    }
  }
})

test('a file is made, written and closed while it is looked up, and says nothing of itself', (t) => {
  const { scene } = make({}, silent)
  scene.ask(lstat('/d/none'))
  const fd = scene.raw(open('/d/n', O_RDWR | O_CREAT | O_EXCL)) as number
  const looking = new Actor(scene, [lstat('/d/n')])
  looking.until('lookup')
  looking.step()
  written(scene, fd, 'text')
  scene.ask(['release', { fd }])
  looking.until()
  agree(t, scene, [lstat('/d/n')], 'closed')
})

test('an attribute of what was opened by a name that was another file’s', (t) => {
  const { scene, sinks } = make({ watch: true })
  for (const change of [link('/d/f', '/e/f'), set('/d/f'), set('/d/g', 'user.a', 'other')]) scene.behind(change)
  for (const path of ['/d/f', '/e/f']) scene.ask(lstat(path))
  scene.behind(rename('/d/g', '/d/f'))
  const fd = scene.raw(open('/d/f', O_RDONLY)) as number
  sinks.get('/d')?.change('rename', 'f')
  const ofFile: Asked = ['getxattr', { path: '', fd, name: 'user.a', follow: true }]
  for (const asked of ['first', 'then']) {
    t.is(scene.ask(get('/e/f')), "'new'", asked)
    t.is(scene.ask(ofFile), "'other'", asked)
  }
})

test('a directory is watched once, and no longer than it is kept', (t) => {
  const { scene, cache, sinks, closed } = make({ watch: true })
  for (const path of ['/d/f', '/d/g', '/d/s/x', '/d']) scene.ask(lstat(path))
  t.is(scene.sent.watch, 3)
  t.deepEqual([...sinks.keys()].sort(), ['/', '/d', '/d/s'])
  cache.invalidate('/d/s')
  t.deepEqual(closed, ['/d/s'])
  scene.ask(lstat('/d/s/x'))
  t.is(scene.sent.watch, 4)
  cache.invalidate()
  t.deepEqual(closed.sort(), ['/', '/d', '/d/s', '/d/s'])
})

test('a descriptor is asked once which file it is', (t) => {
  const { scene, cache } = make()
  scene.ask(lstat('/d/f'))
  const fd = scene.raw(open('/d/f', O_RDWR)) as number
  const asked = () => {
    cache.invalidate()
    scene.ask(lstat('/d/none'))
  }
  t.is(scene.count(['getattr'], asked), 1)
  t.is(scene.count(['getattr'], asked), 0)
  scene.ask(['release', { fd }])
})

test('the root is watched as any directory', (t) => {
  const { scene, sinks } = make({ watch: true })
  t.is(scene.ask(lstat('/n')), 'ENOENT')
  scene.behind(file('/n'))
  sinks.get('/')?.change('rename', 'n')
  agree(t, scene, [lstat('/n'), list('/')], 'made')
})
