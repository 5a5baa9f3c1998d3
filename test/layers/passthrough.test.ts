import test from 'ava'
import { type PassthroughOptions, passthrough } from '../../layers/passthrough.js'
import { requestCount } from '../../layers/request-count.js'
import { ConfigError } from '../../lib/codec/error.js'
import { type Layer, type LayerOptions, layer } from '../../lib/extension.js'
import type { OpenFile } from '../../lib/file.js'
import { NEXT } from '../../lib/verdict.js'
import { Asker, conventions, exchangeOver, grounds } from './harness.js'

const hooked = (name: string, options: LayerOptions, seen: string[]): Layer =>
  layer(
    name,
    {
      read: {
        request() {
          seen.push(name)
          return NEXT
        },
      },
    },
    options,
  )

for (const convention of conventions) {
  for (const make of grounds) {
    const { name, remove } = make()
    remove()
    test(`reads of a passed-through file skip what is below, but not what is pinned (${convention}, ${name})`, async (t) => {
      const ground = make()
      try {
        const file = `${ground.root}/file`
        ground.fs.writeFileSync(file, 'contents')
        const seen: string[] = []
        const pass = passthrough({ when: ({ path }) => path === file })
        const x = exchangeOver(ground.lower, [
          hooked('above', {}, seen),
          pass,
          hooked('watcher', { consents: 'watches' }, seen),
          hooked('pinned', { consents: true, pinned: true }, seen),
        ])
        const asker = new Asker(x, convention)
        const read = async (path: string): Promise<OpenFile | undefined> => {
          const fd = await asker.ask('open', { path, flags: 0, mode: 0 })
          if (typeof fd === 'string') throw new Error(fd)
          const open = x.files.get(fd)
          const buffer = Buffer.alloc(8)
          t.is(await asker.ask('read', { fd, buffer, offset: 0, length: 8, position: 0 }), 8)
          t.is(String(buffer), 'contents')
          await asker.ask('release', { fd })
          return open
        }
        t.like(await read(file), { passed: true, direct: false })
        t.deepEqual(seen, ['above', 'pinned'])
        ground.fs.writeFileSync(`${ground.root}/other`, 'contents')
        seen.length = 0
        t.like(await read(`${ground.root}/other`), { passed: false, direct: false })
        t.deepEqual(seen, ['above', 'watcher', 'pinned'])
        t.deepEqual(pass.stats(), { opened: 2, passed: 1, refused: 0 })
      } finally {
        ground.remove()
      }
    })
  }
}

const openOver = (layers: readonly Layer[], flags = 0o102): OpenFile | undefined => {
  const ground = (grounds[0] as (typeof grounds)[0])()
  const x = exchangeOver(ground.lower, layers)
  const asker = new Asker(x, 'sync')
  let file: OpenFile | undefined
  void asker.ask('create', { path: `${ground.root}/new`, flags, mode: 0o666 })
  for (const open of x.files.values()) file = open
  return file
}

test('a file that nobody looks at goes straight down', (t) => {
  t.like(openOver([passthrough()]), { passed: true, direct: true })
  t.like(openOver([passthrough(), requestCount()]), { passed: true, direct: true })
  t.like(openOver([requestCount(), passthrough()]), { passed: true, direct: false })
})

test('a layer below that changes bytes keeps its files', (t) => {
  const pass = passthrough()
  t.like(openOver([pass, hooked('encryption', {}, [])]), { passed: false, direct: false })
  t.deepEqual(pass.stats(), { opened: 1, passed: 0, refused: 1 })
})

test('a layer below may agree to some files', (t) => {
  const readersOnly = () => hooked('cache', { consents: ({ flags }) => (flags & 3) === 0 }, [])
  t.like(openOver([passthrough(), readersOnly()], 0o100), { passed: true })
  t.like(openOver([passthrough(), readersOnly()], 0o102), { passed: false })
})

test('an exception in `when` surfaces as itself', async (t) => {
  const ground = (grounds[0] as (typeof grounds)[0])()
  const bug = new RangeError('when')
  const when = () => {
    throw bug
  }
  for (const convention of conventions) {
    const asker = new Asker(exchangeOver(ground.lower, [passthrough({ when })]), convention)
    const request = { path: `${ground.root}/new`, flags: 0o102, mode: 0o666 }
    t.is(await t.throwsAsync(async () => asker.ask('create', request)), bug)
  }
})

test('options are checked', (t) => {
  const refused = (options: unknown) =>
    t.throws(() => passthrough(options as PassthroughOptions), { instanceOf: ConfigError }).field
  t.is(refused({ when: true }), 'passthrough.when')
  t.is(refused({ if: () => true }), 'passthrough.if')
})
