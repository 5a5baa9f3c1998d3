// xattrElision: whatever is known, changed and asked meanwhile, it says what the bare lower says, and learns again afterwards.
import { constants } from 'node:fs'
import test from 'ava'
import { metadataCache, xattrElision } from '../../layers/index.js'
import type { Layer } from '../../lib/index.js'
import {
  Actor,
  type Ask,
  type Asked,
  everyOrder,
  file,
  get,
  getAll,
  link,
  mkdir,
  open,
  rename,
  rmdir,
  Scene,
  set,
  unlink,
  unset,
} from './orders.js'

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = constants
const LONG = { ttlMs: 60_000 }
const XATTRS = ['getxattr', 'listxattr'] as const

/** `/f` and `/h` are one file, which has `user.b`; `/g` and `/gg` are one that has `user.a`; `/d` and `/e/f` have none. */
const TREE: readonly Asked[] = [
  ...['/d', '/e'].map(mkdir),
  ...['/f', '/g', '/e/f'].map(file),
  link('/f', '/h'),
  link('/g', '/gg'),
  set('/f', 'user.b', 'b'),
  set('/g', 'user.a', 'a'),
]
const QUESTIONS: readonly Asked[] = ['/f', '/h', '/g', '/gg', '/d', '/e/f', '/new'].flatMap((path) => [
  get(path),
  get(path, 'user.b'),
  getAll(path),
])

/** With `/f` and `/e/f` open. */
interface Opened extends Scene {
  fd?: number
  other?: number
}
/** What changes, and a path that is asked about meanwhile. */
const changes: Readonly<Record<string, readonly [path: string, asks: (scene: Opened) => readonly Ask[]]>> = {
  set: ['/f', () => [set('/f')]],
  'set, by another name': ['/f', () => [set('/h')]],
  'set, through an open file': [
    '/f',
    ({ fd }) => [['setxattr', { path: '', fd, follow: true, name: 'user.a', value: Buffer.from('new'), flags: 0 }]],
  ],
  'set in vain': [
    '/f',
    () => [['setxattr', { path: '/f', follow: true, name: 'user.a', value: Buffer.from('new'), flags: 2 }]],
  ],
  remove: ['/f', () => [unset('/f', 'user.b')]],
  'remove from one that has no more': ['/g', () => [unset('/g')]],
  'rename onto': ['/f', () => [rename('/g', '/f')]],
  'rename, and back': ['/f', () => [rename('/f', '/new'), rename('/new', '/f')]],
  'rename away, and another takes its place': ['/f', () => [rename('/f', '/new'), rename('/g', '/f')]],
  'rename away, and make anew': [
    '/f',
    () => [rename('/f', '/new'), open('/f', O_RDONLY | O_CREAT | O_EXCL), set('/f')],
  ],
  'a directory takes the place of another': ['/e/f', () => [rename('/e', '/new'), mkdir('/e'), rename('/f', '/e/f')]],
  unlink: ['/h', () => [unlink('/f')]],
  'unlink, and make anew': ['/g', () => [unlink('/g'), open('/g', O_RDONLY | O_CREAT | O_EXCL)]],
  exchange: ['/g', () => [rename('/g', '/e/f', 2)]],
  rmdir: ['/d', () => [rmdir('/d')]],
  'rmdir, and make anew': ['/d', () => [rmdir('/d'), mkdir('/d'), set('/d')]],
}
const stacks: Readonly<Record<string, () => Layer[]>> = {
  alone: () => [xattrElision(LONG)],
  'over a cache': () => [xattrElision(LONG), metadataCache(LONG)],
  'bounded to one': () => [xattrElision({ ...LONG, maxEntries: 1 })],
}
const warmings: Readonly<Record<string, (scene: Scene) => void>> = {
  nothing: () => undefined,
  'one name': (scene) => void scene.ask(get('/f')),
  everything: (scene) => {
    for (const question of [...QUESTIONS, ...QUESTIONS]) scene.ask(question)
  },
}
const make = (stack: () => Layer[], warm: (scene: Scene) => void) => (): Opened => {
  const scene: Opened = new Scene(stack(), TREE)
  scene.fd = scene.raw(open('/f', O_RDWR)) as number
  scene.other = scene.raw(open('/e/f', O_RDWR)) as number
  warm(scene)
  return scene
}
const said = (scene: Scene, questions = QUESTIONS): string =>
  questions.map((question) => `${question[0]} ${Object.values(question[1])}: ${scene.ask(question)}`).join('\n')
const truth = (scene: Scene, questions = QUESTIONS): string =>
  questions.map((question) => `${question[0]} ${Object.values(question[1])}: ${scene.behind(question)}`).join('\n')

for (const [stackName, stack] of Object.entries(stacks)) {
  test(`before, while and after something changes (${stackName})`, (t) => {
    for (const [what, [, change]] of Object.entries(changes)) {
      for (const [known, warm] of Object.entries(warmings)) {
        const scene = make(stack, warm)()
        const changing = new Actor(scene, change(scene))
        const when = `${what}, ${known} being known`
        while (!changing.isDone) {
          changing.step()
          t.is(said(scene), truth(scene), when)
        }
        if (stackName === 'bounded to one') continue
        // Only what is there is asked for again, and that only where no cache has it.
        const answers = QUESTIONS.map((question) => scene.behind(question))
        const there = answers.filter((answer) => !/^E|^\[\]$/.test(answer)).length
        said(scene)
        t.is(
          scene.count(stackName === 'alone' ? XATTRS : ['getxattr'], () => said(scene)),
          stackName === 'alone' ? there : 0,
          `${when}: it learns again`,
        )
      }
    }
  })
}

test('something is asked for while something changes, in every order', (t) => {
  for (const [what, [path, change]] of Object.entries(changes)) {
    for (const question of [get(path), getAll(path)]) {
      for (const known of ['nothing', 'one name'] as const) {
        let truths: string[] = []
        const fresh = (): Opened => {
          const scene = make(stacks.alone as () => Layer[], warmings[known] as (scene: Scene) => void)()
          truths = [scene.behind(question)]
          return scene
        }
        const ended = (scene: Scene, asking: Actor, _changing: Actor, order: string): void => {
          const when = `${what}, ${question[0]} ${Object.values(question[1])}, ${order}`
          if (!truths.includes(asking.said[0] as string)) t.is(asking.said[0], truths.join(' or '), when)
          const expected = truth(scene)
          const got = said(scene)
          if (got !== expected) t.is(got, expected, when)
        }
        const between = (scene: Scene): void => {
          truths.push(scene.behind(question))
        }
        t.true(everyOrder(fresh, () => [question], change, ended, between) > 1)
      }
    }
  }
})

test('two things change at once, in every order, and somebody learns meanwhile', (t) => {
  const pairs: readonly (readonly [readonly Ask[], readonly Ask[]])[] = [
    [[set('/f')], [rename('/e/f', '/f')]],
    [[unset('/f', 'user.b')], [rename('/e/f', '/f')]],
    [[unlink('/f')], [rename('/g', '/f')]],
    [[rename('/e/f', '/f')], [rename('/g', '/f')]],
    [[rmdir('/d')], [set('/d')]],
    [[set('/f')], [set('/h', 'user.c')]],
  ]
  for (const [stackName, stack] of Object.entries(stacks)) {
    for (const [first, second] of pairs) {
      for (const known of ['nothing', 'one name'] as const) {
        const ended = (scene: Scene, _first: Actor, _second: Actor, order: string): void => {
          const expected = truth(scene)
          const got = said(scene)
          if (got !== expected) t.is(got, expected, `${stackName}, ${known}: ${first}, ${second}, ${order}`)
        }
        const between = (scene: Opened): void => {
          for (const path of ['/f', '/h']) scene.ask(get(path))
          scene.ask([
            'getxattr',
            { path: '', fd: scene.other, file: scene.x.files.get(scene.other as number), name: 'user.a', follow: true },
          ])
        }
        const fresh = make(stack, warmings[known] as (scene: Scene) => void)
        t.true(
          everyOrder(
            fresh,
            () => first,
            () => second,
            ended,
            between,
          ) > 1,
        )
      }
    }
  }
})
