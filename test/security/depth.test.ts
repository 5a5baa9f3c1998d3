// Stacks on stacks without end: from separate copies of the package, behind Proxies, in circles.
import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import test from 'ava'
import { stackDepth } from '../../layers/index.js'
import { type Layer, layer, NEXT, type PlyFs, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'

type Package = Pick<typeof import('../../lib/index.js'), 'stack' | 'layer' | 'NEXT'>
type Layers = Pick<typeof import('../../layers/index.js'), 'stackDepth'>

const repository = fileURLToPath(new URL('../../', import.meta.url))
/** The package once more, as another dependency would bring it along. */
const copyIn = async (directory: string, name: string): Promise<Package & Layers> => {
  const at = join(directory, name)
  for (const part of ['lib', 'layers', 'package.json', 'tsconfig.json']) {
    cpSync(join(repository, part), join(at, part), { recursive: true })
  }
  symlinkSync(join(repository, 'node_modules'), join(at, 'node_modules'))
  const load = (file: string) => import(pathToFileURL(join(at, file)).href) as Promise<Package & Layers>
  return { ...(await load('lib/index.ts')), ...(await load('layers/index.ts')) }
}
const watching = ({ layer: make, NEXT: next }: Package): Layer =>
  make('watching', { getattr: { request: () => next as typeof NEXT } })

test('separate copies, a thousand deep: ELOOP when it gets too deep', async (t) => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'plyfs-copies-')))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const copies = [await copyIn(directory, 'one'), await copyIn(directory, 'two')] as const
  t.not(copies[0].stack, copies[1].stack)

  let fs: PlyFs = memory()
  let depth = 0
  const error = t.throws(
    () => {
      for (; depth < 1000; depth++) {
        const copy = copies[depth % 2] as Package
        fs = copy.stack(fs, [watching(copy)])
      }
    },
    { code: 'ELOOP' },
  )
  t.regex(String(error?.message), /another copy of the package/)
  // As deep as it may be, it works in every convention.
  t.true(depth > 100)
  t.true(fs.statSync('/').isDirectory())
  t.true((await fs.promises.stat('/')).isDirectory())
  t.true(await new Promise((resolve) => fs.stat('/', (_error, stats) => resolve(stats.isDirectory()))))
  t.throws(() => fs.readFileSync('/missing'), { code: 'ENOENT' })

  let limited: PlyFs = memory()
  let levels = 0
  t.throws(
    () => {
      for (; levels < 1000; levels++) {
        const copy = copies[levels % 2] as Package & Layers
        limited = copy.stack(limited, [copy.stackDepth({ max: 5 })])
      }
    },
    { code: 'ELOOP' },
  )
  t.is(levels, 5)
})

test('Proxies of stacks, a thousand deep', (t) => {
  let fs: PlyFs = memory()
  t.throws(
    () => {
      for (let k = 0; k < 1000; k++) fs = stack(new Proxy(fs, {}), [watching({ stack, layer, NEXT })])
    },
    { code: 'ELOOP' },
  )
  t.true(fs.statSync('/').isDirectory())
})

for (const [what, layers] of Object.entries({
  'nothing else': () => [stackDepth()],
  'a hook': () => [stackDepth(), watching({ stack, layer, NEXT })],
})) {
  test(`a lower that is the stack itself, with ${what}: ELOOP in every convention`, async (t) => {
    let top: PlyFs | undefined
    const call =
      (on: () => object, name: string) =>
      (...args: unknown[]): unknown =>
        (on() as Record<string, (...args: unknown[]) => unknown>)[name]?.(...args)
    const promises = new Proxy({}, { get: (_, name) => call(() => (top as PlyFs).promises, String(name)) })
    const circle = new Proxy(
      { statSync: () => undefined },
      {
        get: (_, name) => {
          if (typeof name === 'symbol') return undefined
          return name === 'promises' ? promises : call(() => top as PlyFs, name)
        },
        has: () => false,
      },
    )
    top = stack(circle, layers())
    const fs = top
    t.throws(() => fs.statSync('/'), { code: 'ELOOP' })
    t.throws(() => fs.readFileSync('/file'), { code: 'ELOOP' })
    t.throws(() => fs.readdirSync('/'), { code: 'ELOOP' })
    await t.throwsAsync(fs.promises.stat('/'), { code: 'ELOOP' })
    await t.throwsAsync(fs.promises.readFile('/file'), { code: 'ELOOP' })
    t.is(await new Promise((resolve) => fs.stat('/', (error) => resolve(error?.code))), 'ELOOP')
  })
}

test('a hook that calls the top of a stack above its own', (t) => {
  let top: PlyFs | undefined
  const codes: unknown[] = []
  const calling = layer('calling', {
    getattr: {
      request: () => {
        try {
          top?.statSync('/')
        } catch (error) {
          codes.push((error as NodeJS.ErrnoException).code)
        }
        return NEXT
      },
    },
  })
  const inner = stack(memory(), [calling])
  top = stack(inner, [stackDepth()])
  t.true(top.statSync('/').isDirectory())
  t.deepEqual(codes, ['ELOOP'])
})
