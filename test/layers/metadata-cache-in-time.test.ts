// metadataCache: what others change is seen in time, by whatever way it was learnt. The clock is the test's own.
import { constants } from 'node:fs'
import test from 'ava'
import { metadataCache } from '../../layers/index.js'
import type { Lower, LowerOp } from '../../lib/lower.js'
import {
  Actor,
  type Asked,
  agree,
  file,
  get,
  getAll,
  link,
  list,
  lstat,
  mkdir,
  open,
  rename,
  Scene,
  set,
  setattr,
  stat,
  symlink,
  there,
  unlink,
} from './orders.js'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants
let now = 0
performance.now = () => now

const TTL = 20
const TREE: readonly Asked[] = [
  ...['/d', '/d/s', '/e'].map(mkdir),
  ...['/d/f', '/d/g'].map(file),
  symlink('d', '/l'),
  symlink('f', '/d/l'),
  link('/l', '/other'),
]
const make = (change?: (lower: Lower) => Lower, options: object = {}): Scene => {
  const scene = new Scene([metadataCache({ ttlMs: TTL, ...options })], TREE, change)
  scene.ask(lstat('/'))
  return scene
}
const strictly = (path: string): Asked => open(path, O_RDONLY | O_NOFOLLOW)

interface Case {
  /** What is asked, and how much later than what is before it. */
  readonly asked: readonly (readonly [after: number, asked: Asked])[]
  /** What happens outside after the first of them. */
  readonly changes: readonly Asked[]
  readonly question: Asked
}
const cases: Record<string, Case> = {
  'that a listing names it not': {
    asked: [
      [0, list('/d')],
      [19, lstat('/d/n')],
    ],
    changes: [file('/d/n')],
    question: lstat('/d/n'),
  },
  'that a name is not in the directory that another was replaced by': {
    asked: [
      [0, lstat('/d')],
      [12, lstat('/d/n')],
    ],
    changes: [file('/d/n'), rename('/d', '/was'), mkdir('/d')],
    question: lstat('/was/n'),
  },
  'what a listing says it is': {
    asked: [
      [0, list('/d')],
      [19, ['resolve', { path: '/d/f', follow: false }]],
    ],
    changes: [unlink('/d/f')],
    question: there('/d/f'),
  },
  'a list of attributes, and then one of them': {
    asked: [
      [0, getAll('/d/f')],
      [21, get('/d/f')],
    ],
    changes: [set('/d/f')],
    question: getAll('/d/f'),
  },
  'a permission, and then another': {
    asked: [
      [0, ['access', { path: '/d/f', mask: 4 }]],
      [21, ['access', { path: '/d/f', mask: 2 }]],
    ],
    changes: [unlink('/d/f')],
    question: ['access', { path: '/d/f', mask: 4 }],
  },
  'a link, and then what is behind it': {
    asked: [
      [0, stat('/l')],
      [19, lstat('/d/n')],
      [0, lstat('/l/n')],
    ],
    changes: [unlink('/l'), symlink('e', '/l'), file('/e/n')],
    question: lstat('/l/n'),
  },
  'a directory, and that something is not in it': {
    asked: [
      [0, lstat('/d')],
      [19, strictly('/d/n')],
    ],
    changes: [rename('/d', '/gone'), rename('/e', '/d'), file('/d/n')],
    question: lstat('/d/n'),
  },
  'a directory, and what is in another of its name': {
    asked: [
      [0, lstat('/d')],
      [19, lstat('/d/n')],
    ],
    changes: [rename('/d', '/was'), mkdir('/d'), file('/d/n')],
    question: lstat('/was/n'),
  },
  'a directory, and what another of its name consists of': {
    asked: [
      [0, lstat('/d')],
      [19, list('/d')],
    ],
    changes: [rename('/d', '/was'), mkdir('/d')],
    question: list('/was'),
  },
  'a directory, and an attribute of a file in another of its name': {
    asked: [
      [0, lstat('/d/f')],
      [19, get('/d/f')],
    ],
    changes: [rename('/d', '/was'), mkdir('/d'), file('/d/f'), set('/d/f')],
    question: get('/was/f'),
  },
  'a directory, and a permission of a file in another of its name': {
    asked: [
      [0, lstat('/d/f')],
      [19, ['access', { path: '/d/f', mask: 1 }]],
    ],
    changes: [rename('/d', '/was'), mkdir('/d'), file('/d/f'), setattr('/d/f', { mode: 0o777 })],
    question: ['access', { path: '/was/f', mask: 1 }],
  },
  'a directory, and what is made in another of its name': {
    asked: [
      [0, lstat('/d')],
      [19, mkdir('/d/n')],
    ],
    changes: [rename('/d', '/was'), mkdir('/d')],
    question: lstat('/was/n'),
  },
  'a directory, and a link in another of its name': {
    asked: [
      [0, lstat('/d/l')],
      [19, stat('/d/l')],
    ],
    changes: [rename('/d', '/was'), mkdir('/d'), symlink('g', '/d/l'), file('/d/g')],
    question: stat('/was/l'),
  },
  'a file, and an attribute of another of its name': {
    asked: [
      [0, lstat('/d/f')],
      [19, get('/d/f')],
    ],
    changes: [rename('/d/f', '/d/was'), file('/d/f'), set('/d/f')],
    question: get('/d/was'),
  },
}
for (const [what, { asked, changes, question }] of Object.entries(cases)) {
  test(what, (t) => {
    const scene = make()
    const begun = now
    for (const [k, [after, each]] of asked.entries()) {
      now += after
      scene.raw(each)
      if (k === 0) for (const change of changes) scene.behind(change)
    }
    now = Math.max(now, begun + TTL)
    agree(t, scene, [question], what)
    agree(t, scene, [question], `${what}, again`)
  })
}

test('the text of a link, and then another name of it', (t) => {
  let text = 'd'
  const changing = (lower: Lower): Lower => {
    const { readlink } = lower.ops
    const own: LowerOp<'readlink'> = { ...readlink, sync: () => text }
    return { ...lower, ops: { ...lower.ops, readlink: own } }
  }
  const scene = make(changing)
  for (const path of ['/d/n', '/e/n']) scene.ask(lstat(path))
  t.is(scene.ask(lstat('/l/f')), scene.behind(lstat('/d/f')))
  text = 'e'
  now += 15
  scene.ask(lstat('/other'))
  scene.ask(lstat('/other/f'))
  now += 5
  t.is(scene.ask(lstat('/other/f')), 'ENOENT')
})

test('what takes long is as old as when it was asked for', (t) => {
  const slow: Record<string, Asked> = {
    'not there': strictly('/d/n'),
    'look-up': lstat('/d/n'),
    made: open('/d/n', O_RDWR | O_CREAT | O_EXCL),
  }
  for (const [what, asked] of Object.entries(slow)) {
    // A name that is missing is not kept for as long as what leads there.
    const scene = make(undefined, { negativeTtlMs: 15 })
    for (const path of ['/d', '/d/f']) scene.ask(lstat(path))
    const asking = new Actor(scene, [asked])
    asking.step()
    asking.step()
    scene.behind(what === 'made' ? unlink('/d/n') : file('/d/n'))
    now += 15
    scene.ask(lstat('/e'))
    asking.until()
    if (what === 'made') now += 5
    agree(t, scene, [there('/d/n')], what)
  }
})

test('a directory was replaced, and is found to be another while something in it is looked up', (t) => {
  const scene = make()
  for (const path of ['/d', '/was']) scene.ask(lstat(path))
  for (const change of [rename('/d', '/was'), mkdir('/d'), file('/d/n')]) scene.behind(change)
  now += 19
  const asking = new Actor(scene, [lstat('/d/n')])
  asking.until('lookup')
  asking.step()
  now += 1
  // Both are looked for again: the one that is gone lives on by its new name.
  for (const path of ['/was', '/d']) scene.ask(lstat(path))
  asking.until()
  agree(t, scene, ['/was/n', '/d/n'].map(lstat), 'found')
})

test('a file that was opened by a path which led to another by then is known for that one', (t) => {
  const moves: readonly Asked[] = [rename('/d', '/was'), rename('/e', '/d'), file('/d/f'), link('/d/f', '/h')]
  const turns: readonly Asked[] = [unlink('/l'), symlink('e', '/l'), file('/e/f'), link('/e/f', '/h')]
  const cases = [
    { path: '/d/f', changes: moves, first: '/d', maxEntries: 100 },
    { path: '/d/f', changes: moves, first: '/was', maxEntries: 100 },
    { path: '/d/f', changes: moves, first: '/was', maxEntries: 4 },
    { path: '/l/f', changes: moves, first: '/was', maxEntries: 100 },
    { path: '/l/f', changes: turns, first: '/d', maxEntries: 100 },
  ]
  for (const { path, changes, first, maxEntries } of cases) {
    const scene = make(undefined, { maxEntries })
    scene.ask(lstat(path))
    for (const change of changes) scene.behind(change)
    const fd = scene.raw(open(path, O_RDWR)) as number
    if (maxEntries === 4) for (const name of ['a', 'b', 'c', 'd', 'e']) scene.ask(lstat(`/${name}`))
    now += 20
    scene.ask(lstat(first))
    for (const text of ['one', 'three']) {
      agree(t, scene, [path, '/h'].map(lstat), `${path}, ${first}, ${maxEntries}, ${text}`)
      const buffer = Buffer.from(text)
      scene.ask(['write', { fd, buffer, offset: 0, length: buffer.length, position: 0 }])
    }
    agree(t, scene, [path, '/h'].map(lstat), path)
  }
})

test('what is missing is kept for a shorter time than the way there, however it was found', (t) => {
  for (const path of ['/d/n', '/./d/n']) {
    const scene = make(undefined, { negativeTtlMs: 5 })
    t.is(scene.ask(lstat(path)), 'ENOENT')
    scene.behind(file('/d/n'))
    now += 5
    agree(t, scene, [lstat(path)], path)
  }
})

test('what is beneath a directory is kept again once the directory has been looked for anew', (t) => {
  const scene = make()
  const questions = ['/d/f', '/d/g', '/d/n'].map(lstat)
  const looks = (): number => scene.count(['lookup', 'getattr'], () => agree(t, scene, questions, String(now)))
  for (let k = 0; k < 3; k++) {
    t.not(looks(), 0)
    t.is(looks(), 0)
    now += TTL
    // Each is once the first that is asked about again, and the last.
    questions.reverse()
  }
})

/** `/l` leads elsewhere by the time that what was found of it is told; `asked` has the root looked for anew meanwhile. */
const replacedWhileLookedUp = (scene: Scene, asked: string): void => {
  const looking = new Actor(scene, [lstat('/l')])
  looking.until('lookup')
  looking.step()
  for (const change of [unlink('/l'), symlink('e', '/l')]) scene.behind(change)
  now += 1
  scene.ask(lstat(asked))
  now += 1
  looking.until()
}

test('a link was replaced while it was looked up, and is then read by its name: it is another by its other name', (t) => {
  const scene = make()
  for (const path of ['/d/f', '/e']) scene.ask(lstat(path))
  now += TTL - 1
  replacedWhileLookedUp(scene, '/other')
  for (const path of ['/l/f', '/other/f']) scene.ask(lstat(path))
  now += TTL - 2
  agree(t, scene, ['/other/f', '/l/f'].map(lstat), 'in time')
})

test('a file was replaced while it was looked up, and is then asked about by its name: it is another by its other name', (t) => {
  const mode = (mask: number) => (path: string) => ['access', { path, mask }] as const
  const ways = [
    { before: get, question: (path: string) => get(path, 'user.b') },
    { before: mode(4), question: mode(1) },
  ]
  for (const { before, question } of ways) {
    const scene = make()
    for (const change of [file('/f'), link('/f', '/h'), set('/f', 'user.b', 'old')]) scene.behind(change)
    now += TTL - 1
    const looking = new Actor(scene, [lstat('/f')])
    looking.until('lookup')
    looking.step()
    const other = [unlink('/f'), file('/f'), set('/f', 'user.b', 'other'), setattr('/f', { mode: 0o755 })]
    for (const change of other) scene.behind(change)
    now += 1
    // The root is looked for anew meanwhile.
    scene.ask(lstat('/none'))
    now += 1
    looking.until()
    for (const asked of [lstat('/h'), before('/h'), question('/f')]) scene.ask(asked)
    now += TTL - 2
    agree(t, scene, [question('/h'), question('/f')], question('/f')[0])
  }
})

test('a list of attributes is as old as it is, though one of them has been asked for since', (t) => {
  // So coarse are the times of some file systems that no change shows in them.
  const coarse = (lower: Lower): Lower => {
    const timeless = <O extends 'lookup' | 'getattr'>(own: LowerOp<O>): LowerOp<O> => ({
      ...own,
      sync: (...args) => {
        const out = own.sync(...args)
        return 'ino' in out ? Object.assign(out, { ctimeMs: 1000 }) : out
      },
    })
    const { lookup, getattr } = lower.ops
    return { ...lower, ops: { ...lower.ops, lookup: timeless(lookup), getattr: timeless(getattr) } }
  }
  const scene = make(coarse)
  agree(t, scene, [getAll('/d/f')], 'before')
  scene.behind(set('/d/f'))
  now += TTL
  agree(t, scene, [get('/d/f'), getAll('/d/f')], 'after')
})

test('a directory is listed by a link that was replaced: what is not listed is missing for no longer than that', (t) => {
  const scene = make()
  scene.behind(file('/d/n'))
  now += TTL - 1
  replacedWhileLookedUp(scene, '/d')
  for (const asked of [lstat('/other'), lstat('/other/f'), list('/l'), lstat('/d/n')]) scene.ask(asked)
  now += TTL - 2
  agree(t, scene, [lstat('/d/n')], 'in time')
})
