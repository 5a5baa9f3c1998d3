// metadataCache: in whatever order requests arrive and are answered, it says what the bare lower says.
import { constants } from 'node:fs'
import test from 'ava'
import { metadataCache } from '../../layers/index.js'
import { fail, type Stats } from '../../lib/index.js'
import type { Lower } from '../../lib/lower.js'
import {
  Actor,
  type Ask,
  type Asked,
  asUser,
  everyOrder,
  file,
  get,
  getAll,
  link,
  list,
  lstat,
  mkdir,
  mknod,
  open,
  rename,
  rmdir,
  Scene,
  set,
  setattr,
  stat,
  symlink,
  unlink,
  unset,
  user,
} from './orders.js'

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC } = constants
const LONG = { ttlMs: 60_000 }

/** `/d/h` and `/e/h` are one file; `/l` leads to `/d`. */
const TREE: readonly Asked[] = [
  ...['/d', '/d/s', '/e'].map(mkdir),
  ...['/d/f', '/d/h', '/e/g'].map(file),
  link('/d/h', '/e/h'),
  symlink('d', '/l'),
  set('/d/f', 'user.a', 'a'),
  ...['/d/f', '/d/h', '/e/g'].map((path) => setattr(path, { size: path.length })),
]
const PATHS = ['/', '/d', '/d/f', '/d/h', '/d/s', '/d/new', '/e', '/e/g', '/e/h', '/l', '/new', '/new/f', '/k']
const QUESTIONS: readonly Asked[] = [
  ...PATHS.map(lstat),
  ...['/l', '/l/f', '/l/new', '/k/f'].map(stat),
  ...['/', '/d', '/e', '/l'].map(list),
  ...['/d/f', '/l/f', '/e/g'].map((path) => get(path)),
  getAll('/d/f'),
  ['readlink', { path: '/l' }],
  ['access', { path: '/d/f', mask: 4 }],
]
const named = ([op, req]: Asked): string => `${op} ${Object.values(req)}`
const said = (scene: Scene): string => QUESTIONS.map((asked) => `${named(asked)}: ${scene.ask(asked)}`).join('\n')
const truth = (scene: Scene): string => QUESTIONS.map((asked) => `${named(asked)}: ${scene.behind(asked)}`).join('\n')

const changes: readonly Asked[] = [
  setattr('/d/f', { mode: 0o600 }),
  setattr('/e/h', { mode: 0o600 }),
  setattr('/d/f', { size: 1 }),
  setattr('/l/f', { uid: 1, gid: 1 }),
  set('/d/f'),
  unset('/d/f'),
  unlink('/d/f'),
  unlink('/d/h'),
  unlink('/l'),
  rmdir('/d/s'),
  rename('/e/g', '/d/f'),
  rename('/d/f', '/d/new'),
  rename('/d/f', '/d/h'),
  rename('/d/h', '/e/h'),
  rename('/d/f', '/e/g', 2),
  rename('/d', '/new'),
  rename('/e', '/d/s'),
  rename('/l', '/k'),
  link('/d/f', '/d/new'),
  link('/e/h', '/d/new'),
  mkdir('/d/new'),
  mknod('/d/new'),
  symlink('f', '/d/new'),
  open('/d/new', O_RDWR | O_CREAT | O_EXCL),
  open('/d/f', O_RDWR | O_CREAT),
  open('/d/f', O_RDWR),
  open('/d/f', O_RDONLY),
  open('/d/f', O_RDONLY | O_TRUNC),
]
const make = (warm: boolean) => (): Scene => {
  const scene = new Scene([metadataCache(LONG)], TREE)
  if (warm) said(scene)
  return scene
}
/** What was opened is written, and closed. */
const use = (scene: Scene, { said: answers, asks }: Actor, check: (when: string) => void): void => {
  const [asked] = asks as [Asked]
  if (!/^\d+$/.test(answers[0] as string)) return
  const fd = Number(answers[0])
  const isOpenToWrite = ((asked[1] as { flags: number }).flags & O_RDWR) !== 0
  const buffer = Buffer.from('longer than it was')
  if (isOpenToWrite) scene.ask(['write', { fd, buffer, offset: 0, length: buffer.length, position: 0 }])
  check('written')
  scene.ask(['release', { fd }])
  check('closed')
}

test('before, while and after something changes', (t) => {
  // By another name; a link; onto itself.
  const more = [open('/e/h', O_RDONLY | O_TRUNC), rename('/e/g', '/l'), rename('/d', '/d')]
  for (const change of [...changes, ...more]) {
    for (const warm of [false, true]) {
      const scene = make(warm)()
      const changing = new Actor(scene, [change])
      while (!changing.isDone) {
        changing.step()
        t.is(said(scene), truth(scene), `${named(change)}, ${warm}`)
      }
      use(scene, changing, (when) => t.is(said(scene), truth(scene), `${named(change)}, ${warm}, ${when}`))
    }
  }
})

test('two things change at once, in every order', (t) => {
  const pairable = [
    setattr('/d/f', { mode: 0o600 }),
    setattr('/e/h', { mode: 0o600 }),
    unlink('/d/f'),
    rename('/e/g', '/d/f'),
    rename('/d/f', '/e/g', 2),
    rename('/d', '/new'),
    link('/e/h', '/d/new'),
    mkdir('/d/new'),
    open('/d/new', O_RDWR | O_CREAT | O_EXCL),
    open('/d/f', O_RDWR),
    open('/d/f', O_RDONLY),
    open('/d/f', O_RDONLY | O_TRUNC),
  ]
  pairable.forEach((one, k) => {
    for (const other of pairable.slice(k)) {
      const ended = (scene: Scene, first: Actor, second: Actor, order: string): void => {
        const check = (when: string): void => {
          const expected = truth(scene)
          const got = said(scene)
          if (got !== expected) t.is(got, expected, `${named(one)}; ${named(other)}: ${order}, ${when}`)
        }
        check('ended')
        for (const actor of [first, second]) use(scene, actor, check)
      }
      everyOrder(
        make(true),
        () => [one],
        () => [other],
        ended,
      )
    }
  })
  t.pass()
})

test('something is asked for while something changes, in every order', (t) => {
  const questions: readonly Ask[] = [lstat('/d/f'), lstat('/e/h'), list('/d')]
  for (const change of changes) {
    for (const question of questions as readonly Asked[]) {
      let truths: string[] = []
      const fresh = (): Scene => {
        const scene = make(false)()
        scene.ask(lstat('/d/none'))
        truths = [scene.behind(question)]
        return scene
      }
      const ended = (scene: Scene, asking: Actor, changing: Actor, order: string): void => {
        const when = `${named(change)}; ${named(question)}: ${order}`
        if (!truths.includes(asking.said[0] as string)) t.is(asking.said[0], truths.join(' or '), when)
        const check = (then: string): void => {
          const expected = truth(scene)
          const got = said(scene)
          if (got !== expected) t.is(got, expected, `${when}, ${then}`)
        }
        check('ended')
        use(scene, changing, check)
      }
      everyOrder(
        fresh,
        () => [question],
        () => [change],
        ended,
        (scene) => truths.push(scene.behind(question)),
      )
    }
  }
  t.pass()
})

test('a directory is moved while a walk is on its way into it', (t) => {
  const scene = make(false)()
  scene.ask(lstat('/none'))
  const walking = new Actor(scene, [lstat('/d/f')])
  const moving = new Actor(scene, [rename('/d', '/new')])
  walking.until('lookup')
  walking.step()
  moving.until('rename')
  // It finds the directory where it was, and nothing in it: it is gone.
  walking.step()
  moving.step()
  walking.until()
  moving.until()
  t.is(said(scene), truth(scene))
})

test('something changes that nobody can tell, while an open file is asked about', (t) => {
  const scene = make(true)()
  const fd = scene.raw(open('/d/f', O_RDONLY)) as number
  const [asked, req] = get('/d/f')
  const ofFile: Asked = [asked, { ...req, path: '', fd }]
  const changing = new Actor(scene, [set(`/d/${'./'.repeat(600)}f`)])
  changing.until('setxattr')
  t.is(scene.ask(ofFile), "'a'")
  changing.step()
  t.is(scene.ask(ofFile), "'new'")
  changing.until()
  t.is(scene.ask(ofFile), "'new'")
})

/** As `lower`, but where inode numbers tell nothing. */
const unstable = (lower: Lower): Lower => ({ ...lower, capabilities: { ...lower.capabilities, stableInodes: false } })
test('a file is written and closed, of which nobody knows which it is, while a walk is on its way to it', (t) => {
  const scene = new Scene([metadataCache(LONG)], TREE, unstable)
  const walking = new Actor(scene, [lstat('/d/f')])
  walking.until('lookup')
  const fd = scene.raw(open('/d/f', O_RDWR)) as number
  // The root, `/d`, `/d/f`.
  for (let k = 0; k < 5; k++) walking.step()
  const buffer = Buffer.from('longer than it was')
  scene.behind(['write', { fd, buffer, offset: 0, length: buffer.length, position: 0 }])
  scene.ask(['release', { fd }])
  walking.until()
  t.is(scene.ask(lstat('/d/f')), scene.behind(lstat('/d/f')))
})

test('a file is closed, though that is said to have failed, or nobody here sees it', (t) => {
  const failing = (lower: Lower): Lower => {
    const { release } = lower.ops
    const sync = (...args: Parameters<typeof release.sync>) => {
      release.sync(...args)
      return fail('EIO')
    }
    return { ...lower, ops: { ...lower.ops, release: { ...release, sync } as typeof release } }
  }
  const failed = new Scene([metadataCache(LONG)], TREE, failing)
  const unseen = new Scene([metadataCache(LONG)], TREE)
  for (const scene of [failed, unseen]) {
    scene.ask(lstat('/d/f'))
    const fd = scene.raw(open('/d/f', O_RDWR)) as number
    if (scene === failed) t.is(scene.ask(['release', { fd }]), 'EIO')
    else {
      scene.behind(['release', { fd }])
      t.is(scene.raw(open('/e/g', O_RDWR)), fd)
    }
    scene.ask(lstat('/d/f'))
    t.is(
      scene.count(['lookup', 'getattr'], () => scene.ask(lstat('/d/f'))),
      0,
    )
  }
})

test('what is seen to have been changed from outside is asked for anew', (t) => {
  let birthtimeMs = 1
  const recycling = (lower: Lower): Lower => {
    const { lookup, getattr } = lower.ops
    const another = (path: string, out: Stats | object) =>
      path === '/d' ? Object.assign(out, { ino: 99, birthtimeMs }) : out
    const ops = {
      ...lower.ops,
      lookup: {
        ...lookup,
        sync: (...args: Parameters<typeof lookup.sync>) => another(args[0].path, lookup.sync(...args)),
      },
      getattr: {
        ...getattr,
        sync: (...args: Parameters<typeof getattr.sync>) => another(args[0].path, getattr.sync(...args)),
      },
    }
    return { ...lower, ops: ops as Lower['ops'] }
  }
  const scene = new Scene([metadataCache(LONG)], [...TREE, symlink('/e', '/d/up')], recycling)
  const see = (path: string) => scene.ask(['getattr', { path, follow: false, precise: true }])
  const questions = [get('/d/f'), stat('/d/up/g'), lstat('/d/s')]
  for (const question of questions) scene.ask(question)
  scene.behind(set('/d/f'))
  see('/d/f')
  t.is(scene.ask(get('/d/f')), "'new'")
  // Another directory has got the number of one that is gone.
  for (const change of [unlink('/d/up'), symlink('/', '/d/up'), rmdir('/d/s')]) scene.behind(change)
  birthtimeMs = 2
  see('/d')
  for (const question of questions) t.is(scene.ask(question), scene.behind(question), named(question))
})

test('a path stopped at a name that somebody has made since', (t) => {
  const beyond: readonly Asked[] = [
    open('/none/x', O_RDWR | O_CREAT | O_EXCL),
    open('/none/x', O_RDWR | O_CREAT),
    mkdir('/none/x'),
    mknod('/none/x'),
    symlink('f', '/none/x'),
    link('/d/f', '/none/x'),
    link('/none/f', '/d/new'),
    rename('/d/f', '/none/x'),
    rename('/none/f', '/d/new'),
    unlink('/none/f'),
    rmdir('/none/s'),
    setattr('/none/f', { mode: 0o600 }),
    set('/none/f'),
    unset('/none/f'),
  ]
  const questions = [...QUESTIONS, ...['/none', '/none/x', '/none/f', '/none/s'].map(lstat), list('/none')]
  for (const change of beyond) {
    const scene = make(true)()
    for (const question of questions) scene.ask(question)
    scene.ask(change)
    const count = (): number =>
      scene.count(['lookup', 'getattr', 'readdir'], () => {
        for (const question of questions) scene.ask(question)
      })
    t.is(count(), 0, `${named(change)} fails as it must, and nothing is forgotten`)
    for (const made of [mkdir('/none'), mkdir('/none/s'), file('/none/f'), set('/none/f')]) scene.behind(made)
    const changing = new Actor(scene, [change])
    changing.until(change[0])
    changing.step()
    const check = (when: string): void => {
      for (const question of questions) {
        t.is(scene.ask(question), scene.behind(question), `${named(change)}, ${when}: ${named(question)}`)
      }
    }
    check('arrived')
    changing.until()
    t.false(/^E/.test(changing.said[0] as string), named(change))
    check('ended')
    use(scene, changing, check)
  }
})

test('a directory that may no longer be searched', (t) => {
  const questions = ['/d/f', '/d/none', '/d/s', '/d/s/none', '/l/f', '/d/f/x'].flatMap((path): Asked[] => [
    lstat(path),
    ['access', { path, mask: 0 }],
    ['access', { path, mask: 4 }],
    ['open', { path, flags: O_RDONLY, mode: 0 }],
  ])
  const shuts: readonly ((fd: number) => Asked)[] = [
    () => setattr('/d', { mode: 0 }),
    () => setattr('/d', { uid: 0 }),
    () => setattr('/d/s', { mode: 0 }),
    (fd) => ['setattr', { path: '', fd, follow: true, set: { mode: 0 } }],
  ]
  for (const shut of shuts) {
    const owned = ['/d', '/d/s'].map((dir) => setattr(dir, { mode: 0o700, uid: 1000, gid: 1000 }))
    const scene = new Scene(
      asUser(() => [metadataCache(LONG)]),
      [...TREE, ...owned],
    )
    const change = shut(scene.raw(open('/d', O_RDONLY)) as number)
    const check = (when: string): void => {
      for (const question of questions) {
        const what = `${named(change)}, ${when}: ${named(question)}`
        if (question[0] !== 'open') t.is(scene.ask(question, user), scene.behind(question, user), what)
        else t.is(/^E/.exec(scene.ask(question, user))?.[0], /^E/.exec(scene.behind(question, user))?.[0], what)
      }
    }
    for (let k = 0; k < 2; k++) check('before')
    const changing = new Actor(scene, [change])
    changing.until('setattr')
    check('not yet')
    changing.step()
    check('arrived')
    changing.until()
    check('ended')
  }
})
