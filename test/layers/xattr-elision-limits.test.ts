// xattrElision: what may not be concluded from what is known.
import test from 'ava'
import { metadataCache, xattrElision } from '../../layers/index.js'
import { fail, type Layer, layer, reply } from '../../lib/index.js'
import type { Lower } from '../../lib/lower.js'
import {
  Actor,
  type Asked,
  asUser,
  file,
  get,
  getAll,
  link,
  lstat,
  mkdir,
  rename,
  rmdir,
  Scene,
  set,
  setattr,
  stat,
  symlink,
  unlink,
  user,
} from './orders.js'

const LONG = { ttlMs: 60_000 }
const TREE: readonly Asked[] = [mkdir('/d'), ...['/f', '/g', '/d/f'].map(file)]

/** As `lower`, but that all files have this number, and were born then. */
const numbered =
  (of: (path: string) => { readonly ino?: number; readonly birthtimeMs?: number }) =>
  (lower: Lower): Lower => {
    const { getattr } = lower.ops
    const changed = {
      ...getattr,
      sync: (...[req, cx]: Parameters<typeof getattr.sync>) => {
        const stats = getattr.sync(req, cx)
        if ('mode' in stats) Object.assign(stats, of(req.path))
        return stats
      },
    }
    return { ...lower, ops: { ...lower.ops, getattr: changed } }
  }
test('a number that another file has got, which looks just as old', (t) => {
  for (const change of [unlink('/f'), rename('/g', '/f'), rmdir('/e')]) {
    const scene = new Scene(
      [xattrElision(LONG)],
      TREE,
      numbered(() => ({ ino: 7, birthtimeMs: 0 })),
    )
    scene.behind(mkdir('/e'))
    const path = change[0] === 'rmdir' ? '/e' : '/f'
    for (let k = 0; k < 2; k++) t.is(scene.ask(get(path)), 'ENODATA')
    t.is(scene.ask(change), 'done')
    // It was born with it, as files inherit access control lists.
    scene.behind(file(path))
    scene.behind(set(path, 'user.a', 'born'))
    t.is(scene.ask(get(path)), "'born'", change[0])
  }
})
test('a number that another file has got behind our back', (t) => {
  let birthtimeMs = 1
  const scene = new Scene(
    [xattrElision(LONG)],
    TREE,
    numbered(() => ({ ino: 7, birthtimeMs })),
  )
  for (let k = 0; k < 2; k++) t.is(scene.ask(get('/f')), 'ENODATA')
  birthtimeMs = 2
  scene.behind(set('/f', 'user.a', 'born'))
  t.is(scene.ask(get('/f')), "'born'")
})

/** Answers for extended attributes, whatever the file: of those that are there, and those that lists show. */
const answering = (says: { has: readonly string[]; lists: readonly string[]; refuses?: boolean }): Layer =>
  layer(
    'answering',
    {
      getxattr: {
        request: ({ name }) =>
          says.refuses ? fail('EACCES') : says.has.includes(name) ? reply(Buffer.from('there')) : fail('ENODATA'),
      },
      listxattr: { request: () => reply([...says.lists]) },
      setxattr: { request: () => reply(undefined) },
    },
    { answers: true },
  )
test('names that lists do not show, and those that the kernel sets by itself', (t) => {
  for (const [name, other] of [
    ['system.hidden', 'system.other'],
    ['security.ima', 'security.other'],
    ['security.evm', 'security.other'],
  ] as const) {
    const isHidden = name === 'system.hidden'
    const says = { has: isHidden ? [name as string] : [], lists: [] as string[] }
    const scene = new Scene([xattrElision(LONG), answering(says)], TREE)
    for (const path of ['/f', '/g']) {
      // What absence is called is known, the list is, and, of what may come later, that it was not there.
      t.is(scene.ask(get(path, other)), 'ENODATA')
      if (!isHidden) t.is(scene.ask(get(path, name)), 'ENODATA')
      t.is(scene.ask(getAll(path)), '[]')
    }
    says.has = [name]
    if (!isHidden) says.lists = [name]
    for (const path of ['/f', '/g', '/d/f']) t.is(scene.ask(get(path, name)), "'there'", `${name} ${path}`)
  }
})

const learn = (scene: Scene, path = '/f'): void => {
  for (const name of ['user.1', 'user.2', 'user.3']) scene.ask(get(path, name), user)
}
const ELIDED = [get('/f', 'user.1'), get('/f', 'user.2'), get('/f', 'user.4')]

test('a user is told what the kernel would tell', (t) => {
  const scene = new Scene(
    asUser(() => [xattrElision(LONG)]),
    TREE,
  )
  scene.behind(setattr('/g', { mode: 0o600 }))
  learn(scene)
  // It is readable, and the list is known.
  const asked = scene.count(['getxattr', 'listxattr'], () => {
    for (const question of ELIDED) t.is(scene.ask(question, user), 'ENODATA')
  })
  t.is(asked, 0)
  // This one is listed, and not readable.
  t.is(scene.ask(getAll('/g'), user), '[]')
  for (let k = 0; k < 2; k++) t.is(scene.ask(get('/g', 'user.1'), user), 'EACCES')
})

test('what may be read changes: before, while and after', (t) => {
  const failing = (lower: Lower): Lower => {
    const { setattr: own } = lower.ops
    const sync = (...args: Parameters<typeof own.sync>) => {
      own.sync(...args)
      return fail('EIO')
    }
    return { ...lower, ops: { ...lower.ops, setattr: { ...own, sync } as typeof own } }
  }
  for (const [attributes, mode, uid, lower] of [
    [{ mode: 0 }, 0o600, 1000, undefined],
    [{ mode: 0 }, 0o600, 1000, failing],
    [{ uid: 0 }, 0o600, 1000, undefined],
    [{ gid: 0 }, 0o060, 0, undefined],
  ] as const) {
    const scene = new Scene(
      asUser(() => [xattrElision(LONG)]),
      TREE,
      lower,
    )
    const said = () => ELIDED.map((question) => scene.ask(question, user)).join()
    for (const isLearntLate of [false, true]) {
      scene.behind(setattr('/f', { mode, uid, gid: 1000 }))
      learn(scene)
      const changing = new Actor(scene, [setattr('/f', attributes)])
      changing.until('setattr')
      if (isLearntLate) t.is(said(), 'ENODATA,ENODATA,ENODATA')
      changing.step()
      t.is(said(), 'EACCES,EACCES,EACCES', 'it is under way')
      changing.until()
      t.is(said(), 'EACCES,EACCES,EACCES')
    }
    scene.behind(setattr('/f', { mode: 0o600, uid: 1000 }))
    learn(scene)
    t.is(scene.count(['getxattr', 'listxattr'], said), 0, 'it learns again')
  }
})
test('who may read is learnt before it changes, and told after it', (t) => {
  const scene = new Scene(
    asUser(() => [xattrElision(LONG)]),
    TREE,
  )
  const asking = new Actor(scene, [get('/f', 'user.1')], user)
  asking.until('getxattr')
  asking.step()
  scene.ask(setattr('/f', { mode: 0 }))
  asking.until()
  t.is(asking.said[0], 'ENODATA')
  t.is(scene.ask(get('/f', 'user.1'), user), 'EACCES')

  scene.ask(setattr('/f', { mode: 0o644 }))
  const changing = new Actor(scene, [setattr('/f', { mode: 0 })])
  changing.until('setattr')
  const late = new Actor(scene, [get('/f', 'user.1')], user)
  late.until('getxattr')
  late.step()
  changing.until()
  late.until()
  t.is(late.said[0], 'ENODATA')
  t.is(scene.ask(get('/f', 'user.1'), user), 'EACCES', 'asked while it was under way')
})
test('who may read is changed by an access control list', (t) => {
  const says = { has: [], lists: [], refuses: false }
  const scene = new Scene(
    asUser(() => [xattrElision(LONG), answering(says)]),
    TREE,
  )
  learn(scene)
  scene.ask(set('/f', 'system.posix_acl_access'))
  says.refuses = true
  t.is(scene.ask(getAll('/f'), user), '[]')
  for (const question of ELIDED) t.is(scene.ask(question, user), 'EACCES')
})

test('what was found by way of a link is no answer for who may follow none', (t) => {
  const scene = new Scene([xattrElision(LONG), metadataCache(LONG)], TREE)
  scene.behind(symlink('d', '/l'))
  for (const question of [get('/l/f'), getAll('/l/f'), stat('/l/f'), lstat('/l')]) scene.ask(question)
  const dentry = { path: '/l/f', exists: true, isLink: false, security: undefined }
  for (const [op, req] of [get('/l/f'), getAll('/l/f')]) {
    const strictly: Asked = [op, { ...req, dentry }]
    t.is(scene.behind(strictly), 'ELOOP')
    t.is(scene.ask(strictly), 'ELOOP')
  }
})

test('none at all, until ttl', (t) => {
  const scene = new Scene([xattrElision({ ttlMs: 10 })], TREE)
  for (const path of ['/f', '/g']) {
    scene.ask(get(path, 'user.1'))
    scene.ask(getAll(path))
    scene.behind(set(path, 'user.1', 'there'))
  }
  const end = performance.now() + 11
  while (performance.now() < end);
  t.is(scene.ask(getAll('/f')), '["user.1"]')
  // Something else is learnt anew.
  for (const path of ['/f', '/g']) {
    t.is(scene.ask(get(path, 'user.2')), 'ENODATA')
    t.is(scene.ask(get(path, 'user.1')), "'there'")
  }
})

test('what is known of a file is dropped while it is changed', (t) => {
  for (const isAsking of [false, true]) {
    const scene = new Scene([xattrElision({ ...LONG, maxEntries: 1 })], TREE)
    for (let k = 0; k < 2; k++) t.is(scene.ask(get('/f')), 'ENODATA')
    const changing = new Actor(scene, [set('/f')])
    changing.until('setxattr')
    scene.ask(get('/g'))
    t.is(scene.ask(get('/f')), 'ENODATA')
    const asking = new Actor(scene, isAsking ? [get('/f')] : [])
    asking.until('getxattr')
    if (isAsking) asking.step()
    changing.step()
    if (!isAsking) t.is(scene.ask(get('/f')), "'new'")
    changing.until()
    asking.until()
    t.is(scene.ask(get('/f')), "'new'")
    const again = scene.count(['getxattr', 'listxattr'], () => {
      for (let k = 0; k < 5; k++) scene.ask(get('/g'))
    })
    t.true(again <= 1, 'it learns again')
  }
})
test('what was dropped is not found by another way', (t) => {
  const scene = new Scene([xattrElision({ ...LONG, maxEntries: 1 }), metadataCache(LONG)], [...TREE, link('/f', '/h')])
  for (const path of ['/f', '/h', '/f', '/g', '/f', '/f']) t.is(scene.ask(get(path)), 'ENODATA')
  scene.ask(set('/h'))
  t.is(scene.ask(get('/f')), "'new'")
})
test('which file is changed cannot be told', (t) => {
  for (const [change, path] of [
    [set('/f'), '/f'],
    [rename('/d/f', '/f'), '/f'],
  ] as const) {
    let fails = false
    const broken = (lower: Lower): Lower => {
      const numberless = numbered(() => ({ ino: 7, birthtimeMs: 0 }))(lower)
      const { getattr } = numberless.ops
      const sync = (...args: Parameters<typeof getattr.sync>) => (fails ? fail('EIO') : getattr.sync(...args))
      return { ...numberless, ops: { ...numberless.ops, getattr: { ...getattr, sync } as typeof getattr } }
    }
    const scene = new Scene([xattrElision(LONG)], [...TREE, set('/d/f')], broken)
    for (let k = 0; k < 2; k++) t.is(scene.ask(get(path)), 'ENODATA')
    fails = true
    const changing = new Actor(scene, [change])
    changing.until(change[0])
    fails = false
    t.is(scene.ask(get(path)), 'ENODATA')
    changing.step()
    t.is(scene.ask(get(path)), "'new'", 'it is under way')
    changing.until()
    t.is(scene.ask(get(path)), "'new'")
    for (let k = 0; k < 3; k++) scene.ask(get(path, 'user.b'))
    t.is(
      scene.count(['getxattr', 'listxattr'], () => scene.ask(get(path, 'user.b'))),
      0,
      'it learns again',
    )
  }
})
test('a name that was not there is taken, and nothing else is forgotten', (t) => {
  const scene = new Scene([xattrElision(LONG)], TREE)
  for (let k = 0; k < 2; k++) scene.ask(get('/g'))
  t.is(scene.ask(rename('/f', '/new')), 'done')
  t.is(
    scene.count(['getxattr', 'listxattr'], () => scene.ask(get('/g'))),
    0,
  )
})
test('lists are each caller’s own', (t) => {
  const theirs = layer(
    'theirs',
    { listxattr: { request: (_req, { caller }) => reply(caller.uid === 1000 ? ['user.theirs'] : []) } },
    { answers: true },
  )
  for (const beneath of [[], [metadataCache(LONG)]]) {
    const scene = new Scene([xattrElision(LONG), ...beneath, theirs], TREE)
    for (let k = 0; k < 2; k++) t.is(scene.ask(getAll('/f')), '[]')
    t.is(scene.ask(getAll('/f'), user), '["user.theirs"]')
  }
})
