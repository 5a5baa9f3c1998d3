// ReadStream and WriteStream, beside node:fs's own on the same steps.
import { once } from 'node:events'
import fs from 'node:fs'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { fail, layer, NEXT, stack } from '../../lib/index.js'
import { everything, outcome, scratch } from './everything.js'

const hooked = stack(fs, [everything()])

const same = (title: string, step: (of: typeof fs, file: string, dir: string) => unknown) =>
  test(title, async (t) => {
    const results: unknown[] = []
    for (const of of [fs, hooked]) {
      const dir = scratch(t)
      const file = `${dir}/file`
      fs.writeFileSync(file, '0123456789')
      const out = await outcome(async () => JSON.stringify(await step(of, file, dir)))
      results.push(JSON.parse(JSON.stringify([out, fs.readFileSync(file, 'utf8')]).replaceAll(dir, '')))
    }
    t.deepEqual(results[1], results[0])
  })

const text = async (stream: AsyncIterable<unknown>) => {
  let all = ''
  for await (const piece of stream) all += String(piece)
  return all
}
const events = async (stream: NodeJS.EventEmitter, last = 'close') => {
  const seen: string[] = []
  for (const name of ['open', 'ready', 'data', 'end', 'finish', 'close', 'error'])
    stream.on(name, () => seen.push(name))
  await once(stream, last).catch(() => {})
  return seen
}

same('reads it all', (of, file) => text(of.createReadStream(file)))
same('start and end', (of, file) => text(of.createReadStream(file, { start: 2, end: 4 })))
same('end alone', (of, file) => text(of.createReadStream(file, { end: 4 })))
same('an encoding as options', (of, file) => text(of.createReadStream(file, 'hex')))
same('highWaterMark', async (of, file) => {
  const sizes: number[] = []
  for await (const piece of of.createReadStream(file, { highWaterMark: 4 })) sizes.push((piece as Buffer).length)
  return sizes
})
same('events of a read', (of, file) => events(of.createReadStream(file).resume()))
same('events of a read without emitClose', (of, file) =>
  events(of.createReadStream(file, { emitClose: false }).resume(), 'end'),
)
same('a read stream over a descriptor', async (of, file) => {
  const fd = of.openSync(file, 'r')
  const stream = of.createReadStream('', { fd, autoClose: false, start: 3 })
  const all = await text(stream)
  of.closeSync(fd)
  return [all, stream.bytesRead]
})
same('a missing file', async (of, file) => text(of.createReadStream(`${file}x`)))
same('events of a missing file', (of, file) => events(of.createReadStream(`${file}x`)))
same('start beyond end', (of, file) => of.createReadStream(file, { start: 5, end: 2 }))
same('a start that is no number', (of, file) => of.createReadStream(file, { start: '5' as never }))
same('no path', (of) => of.createReadStream(5 as never))
same('options that are none', (of, file) => of.createReadStream(file, 5 as never))
same('an encoding that is none', (of, file) => of.createReadStream(file, 'bad' as never))
same('a descriptor that is none', (of) => of.createReadStream('', { fd: 'a' as never }))
same('aborted', async (of, file) => {
  const controller = new AbortController()
  const stream = of.createReadStream(file, { signal: controller.signal })
  controller.abort()
  return text(stream)
})
same('destroyed', async (of, file) => {
  const stream = of.createReadStream(file)
  stream.destroy()
  await once(stream, 'close')
  return [stream.destroyed, stream.pending]
})
same('what a read stream says of itself', async (of, file) => {
  const stream = of.createReadStream(file)
  const before = [stream.path, stream.pending, stream.bytesRead, (stream as { flags?: string }).flags]
  await text(stream)
  return [before, stream.bytesRead, stream.constructor.name]
})

const written = async (stream: Writable, ...pieces: (string | Buffer)[]) => {
  for (const piece of pieces) stream.write(piece)
  stream.end()
  await once(stream, 'close')
}
same('writes it all', (of, file) => written(of.createWriteStream(file), 'ab', Buffer.from('cd')))
same('writes many at once', async (of, file) => {
  const stream = of.createWriteStream(file)
  stream.cork()
  for (let k = 0; k < 50; k++) stream.write(`piece ${k}\n`)
  stream.uncork()
  await written(stream)
  return stream.bytesWritten
})
same('writes from a start', (of, file) => written(of.createWriteStream(file, { flags: 'r+', start: 4 }), 'XX', 'YY'))
same('appends', (of, file) => written(of.createWriteStream(file, { flags: 'a' }), 'tail'))
same('an encoding', (of, file) => written(of.createWriteStream(file, 'hex'), '6869'))
same('flush', (of, file) => written(of.createWriteStream(file, { flush: true } as never), 'x'))
same('a flush that is no boolean', (of, file) => of.createWriteStream(file, { flush: 5 } as never))
same('mode', async (of, _file, dir) => {
  await written(of.createWriteStream(`${dir}/new`, { mode: 0o600 }), 'x')
  return fs.statSync(`${dir}/new`).mode
})
same('events of a write', async (of, file) => {
  const stream = of.createWriteStream(file)
  stream.end('x')
  return events(stream)
})
same('no directory', async (of, file) => {
  const stream = of.createWriteStream(`${file}/x`)
  const [error] = await once(stream, 'error')
  throw error
})
same('a write stream over a descriptor', async (of, file) => {
  const fd = of.openSync(file, 'r+')
  const stream = of.createWriteStream('', { fd, start: 1, autoClose: false })
  stream.end('Z')
  await once(stream, 'finish')
  return of.closeSync(fd)
})
same('through a pipeline', (of, file, dir) =>
  pipeline(of.createReadStream(file), of.createWriteStream(`${dir}/copy`)).then(() =>
    fs.readFileSync(`${dir}/copy`, 'utf8'),
  ),
)
same(
  'close(callback)',
  (of, file) => new Promise((resolve) => of.createWriteStream(file).close(() => resolve('closed'))),
)
same('functions of one’s own', async (of, file) => {
  const seen: string[] = []
  const watched =
    (name: 'open' | 'read' | 'close') =>
    (...args: unknown[]) => {
      seen.push(name)
      ;(fs[name] as (...a: unknown[]) => void)(...args)
    }
  const own = { open: watched('open'), read: watched('read'), close: watched('close') }
  return [await text(of.createReadStream(file, { fs: own as never })), seen]
})

same('a FileHandle', async (of, file) => {
  const handle = await of.promises.open(file, 'r')
  return [await text(of.createReadStream('', { fd: handle })), handle.fd]
})
same('a FileHandle with functions of one’s own', async (of, file) => {
  const handle = await of.promises.open(file, 'r')
  try {
    return of.createReadStream('', { fd: handle, fs: of } as never)
  } finally {
    await handle.close()
  }
})
same('a FileHandle that closes ends its stream', async (of, file) => {
  const handle = await of.promises.open(file, 'r')
  const stream = of.createReadStream('', { fd: handle })
  const closed = once(stream, 'close')
  await handle.close()
  await closed
  return stream.destroyed
})

test('classes: with and without new, subclasses, instanceof', async (t) => {
  const file = `${scratch(t)}/file`
  fs.writeFileSync(file, 'abc')
  const { ReadStream, WriteStream } = hooked
  for (const stream of [
    new (ReadStream as unknown as new (path: string) => fs.ReadStream)(file),
    (ReadStream as unknown as (path: string) => fs.ReadStream)(file),
  ]) {
    t.true(stream instanceof ReadStream)
    t.true(stream instanceof Readable)
    t.is(await text(stream), 'abc')
  }
  class Shouting extends (ReadStream as unknown as new (path: string, options?: object) => fs.ReadStream) {
    override push(piece: Buffer | null): boolean {
      return super.push(piece && Buffer.from(String(piece).toUpperCase()))
    }
  }
  t.is(await text(new Shouting(file)), 'ABC')
  const stream = hooked.createWriteStream(file)
  t.true(stream instanceof WriteStream)
  t.true(stream instanceof Writable)
  await written(stream)
})

test('a class in the old style may inherit, as graceful-fs does', async (t) => {
  const file = `${scratch(t)}/file`
  fs.writeFileSync(file, 'abc')
  const Base = hooked.ReadStream as unknown as { prototype: object; apply(self: object, args: unknown): void }
  function Child(this: object, ...args: unknown[]) {
    Base.apply(this, args)
  }
  Child.prototype = Object.create(Base.prototype)
  t.is(await text(new (Child as unknown as new (path: string) => fs.ReadStream)(file)), 'abc')
})

test('createReadStream uses the class that stands on the face', (t) => {
  const face = stack(fs, [everything()])
  const Other = class {}
  ;(face as { ReadStream: unknown }).ReadStream = Other
  t.true((face.createReadStream('/') as unknown) instanceof Other)
})

test('from a stream no way leads to node:fs', (t) => {
  const guarded = stack(fs, [
    everything(),
    layer('no', { open: { request: () => fail('EACCES') }, create: { request: () => NEXT } }),
  ])
  const stream = guarded.createReadStream('/etc/hostname').on('error', () => {})
  const raw = new Set<unknown>([fs, fs.ReadStream, fs.WriteStream, fs.open, fs.openSync, fs.readFileSync, fs.promises])
  const seen = new Set<unknown>()
  const queue: unknown[] = [stream, guarded.ReadStream, guarded.WriteStream, guarded.Dir]
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    if ((typeof at !== 'object' && typeof at !== 'function') || at === null || seen.has(at)) continue
    seen.add(at)
    t.false(raw.has(at), 'reached node:fs')
    queue.push(Object.getPrototypeOf(at) ?? undefined)
    for (const { value, get } of Object.values(Object.getOwnPropertyDescriptors(at)))
      queue.push(value ?? null, get ?? null)
    for (const key of Object.getOwnPropertySymbols(at))
      queue.push(Object.getOwnPropertyDescriptor(at, key)?.value ?? null)
  }
  t.true(seen.size > 50)
})
