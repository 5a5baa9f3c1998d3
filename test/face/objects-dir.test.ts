// Dir, beside node:fs's own on the same steps.
import fs from 'node:fs'
import { promisify } from 'node:util'
import test from 'ava'
import { stack } from '../../lib/index.js'
import { everything, outcome, scratch } from './everything.js'

const hooked = stack(fs, [everything()])

const tree = (dir: string): void => {
  fs.mkdirSync(`${dir}/a/b`, { recursive: true })
  fs.writeFileSync(`${dir}/a/b/deep`, '')
  fs.writeFileSync(`${dir}/a/inner`, '')
  fs.writeFileSync(`${dir}/file`, '')
  fs.symlinkSync('file', `${dir}/link`)
}

/** The same steps on the same directory through both. */
const same = (title: string, step: (of: typeof fs, dir: string) => unknown) =>
  test(title, async (t) => {
    const dir = scratch(t)
    tree(dir)
    t.deepEqual(await outcome(() => step(hooked, dir)), await outcome(() => step(fs, dir)))
  })

const shown = (entry: fs.Dirent | null) =>
  entry && [
    entry.name,
    (entry as { parentPath?: string }).parentPath,
    entry.isFile(),
    entry.isDirectory(),
    entry.isSymbolicLink(),
    entry instanceof fs.Dirent,
  ]
const sorted = (entries: (fs.Dirent | null)[]) => entries.map(shown).sort()

same('async iteration', async (of, dir) => {
  const entries: fs.Dirent[] = []
  for await (const entry of await of.promises.opendir(dir)) entries.push(entry)
  return sorted(entries)
})
same('iteration closes it', async (of, dir) => {
  const opened = await of.promises.opendir(dir)
  for await (const _ of opened) break
  return opened.close()
})
same('each bufferSize entries are an operation of their own', async (of, dir) => {
  const opened = of.opendirSync(dir, { bufferSize: 2 })
  const busy: unknown[] = []
  for (let k = 0; k < 4; k++) {
    const reading = opened.read()
    try {
      opened.closeSync()
      busy.push('closed')
    } catch (error) {
      busy.push((error as NodeJS.ErrnoException).code)
    }
    await reading
    if (busy.at(-1) === 'closed') break
  }
  return busy
})
same('readSync to the end, and beyond', (of, dir) => {
  const opened = of.opendirSync(dir)
  const entries: (fs.Dirent | null)[] = []
  for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) entries.push(entry)
  const after = opened.readSync()
  opened.closeSync()
  return [sorted(entries), after]
})
same('recursive, with a small buffer', (of, dir) => {
  const opened = of.opendirSync(dir, { recursive: true, bufferSize: 2 } as never)
  const entries: (fs.Dirent | null)[] = []
  for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) entries.push(entry)
  opened.closeSync()
  return sorted(entries)
})
same('recursive and asynchronous', async (of, dir) => {
  const entries: fs.Dirent[] = []
  for await (const entry of await of.promises.opendir(dir, { recursive: true } as never)) entries.push(entry)
  return sorted(entries)
})
same('callbacks', async (of, dir) => {
  const opened = await promisify<string, fs.Dir>(of.opendir)(dir)
  const read = promisify((cb: (error: Error | null, entry: fs.Dirent | null) => void) => opened.read(cb as never))
  const entries = [await read(), await read(), await read(), await read()]
  await promisify((cb: (error: Error | null) => void) => opened.close(cb as never))()
  return [sorted(entries.slice(0, 3)), entries[3]]
})
same('reads that are asked for at once', async (of, dir) => {
  const opened = await of.promises.opendir(dir)
  const entries = await Promise.all([opened.read(), opened.read(), opened.read(), opened.read()])
  await opened.close()
  return [sorted(entries.slice(0, 3)), entries[3]]
})
same('encoding buffer', async (of, dir) => {
  const opened = of.opendirSync(`${dir}/a/b`, { encoding: 'buffer' } as never)
  const entry = opened.readSync()
  opened.closeSync()
  return entry?.name
})
same('path', (of, dir) => {
  const opened = of.opendirSync(`${dir}/a/`)
  opened.closeSync()
  return [opened.path === `${dir}/a/`, opened.constructor.name, opened instanceof of.Dir]
})
same('closed: readSync', (of, dir) => {
  const opened = of.opendirSync(dir)
  opened.closeSync()
  return opened.readSync()
})
same('closed: read', async (of, dir) => {
  const opened = of.opendirSync(dir)
  await opened.close()
  return opened.read()
})
same('closed: close', async (of, dir) => {
  const opened = of.opendirSync(dir)
  await opened.close()
  return opened.close()
})
same('closed: closeSync', (of, dir) => {
  const opened = of.opendirSync(dir)
  opened.closeSync()
  return opened.closeSync()
})
same('sync work beside work under way', async (of, dir) => {
  const opened = of.opendirSync(dir)
  const reading = opened.read()
  const refused = [await outcome(() => opened.readSync()), await outcome(() => opened.closeSync())]
  await reading
  await opened.close()
  return refused
})
same('what is no callback', (of, dir) => {
  const opened = of.opendirSync(dir)
  try {
    return opened.read('no' as never)
  } finally {
    opened.closeSync()
  }
})
same('a missing directory', (of, dir) => of.opendirSync(`${dir}/missing`))
same('a missing directory, awaited', (of, dir) => of.promises.opendir(`${dir}/missing`))
same('a file', (of, dir) => of.promises.opendir(`${dir}/file`))
same('no path', (of) => of.opendirSync(5 as never))
same('no callback', (of, dir) => (of.opendir as unknown as (path: string) => void)(dir))
same('a bad buffer size', (of, dir) => of.opendirSync(dir, { bufferSize: 0 }))
same('a Dir out of nothing', (of) => new (of.Dir as new () => object)())
same('disposal, where Node has it', (of) => [
  Symbol.dispose in of.Dir.prototype,
  Symbol.asyncDispose in of.Dir.prototype,
  Symbol.asyncIterator in of.Dir.prototype,
])

test('more entries than the buffer holds', (t) => {
  const dir = scratch(t)
  const names = Array.from({ length: 100 }, (_, k) => `f${k}`).sort()
  for (const name of names) fs.writeFileSync(`${dir}/${name}`, '')
  const opened = hooked.opendirSync(dir)
  const found: string[] = []
  for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) found.push(entry.name)
  opened.closeSync()
  t.deepEqual(found.sort(), names)
})

test('a name that is no UTF-8 can be gone into', (t) => {
  const dir = scratch(t)
  const odd = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0x66, 0xff])])
  fs.mkdirSync(odd)
  fs.writeFileSync(Buffer.concat([odd, Buffer.from('/in')]), '')
  const opened = hooked.opendirSync(dir, { recursive: true } as never)
  const found: string[] = []
  for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) found.push(entry.name)
  opened.closeSync()
  t.true(found.includes('in'))
})
