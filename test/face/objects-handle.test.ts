// FileHandle, beside node:fs's own on the same steps.
import { EventEmitter, once } from 'node:events'
import fs from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import test from 'ava'
import { stack } from '../../lib/index.js'
import { everything, outcome, scratch, shownError } from './everything.js'

const hooked = stack(fs, [everything()])

type Step = (handle: FileHandle, of: typeof fs, dir: string) => unknown

/** The same steps on both, each on a file of its own with the same content. */
const same = (title: string, step: Step, flags = 'r+') =>
  test(title, async (t) => {
    const results: unknown[] = []
    for (const of of [fs, hooked]) {
      const dir = scratch(t)
      fs.writeFileSync(`${dir}/file`, 'line one\nline two\nline three\n')
      const handle = await of.promises.open(`${dir}/file`, flags)
      try {
        results.push({
          out: await outcome(() => step(handle, of, dir)),
          content: fs.readFileSync(`${dir}/file`, 'utf8'),
        })
      } finally {
        await handle.close()
      }
    }
    t.deepEqual(results[1], results[0])
  })

const emitter = (handle: FileHandle) => handle as unknown as EventEmitter
const buffers = (...texts: string[]) => texts.map((text) => Buffer.from(text))

same('read(buffer)', async (h) => (await h.read(Buffer.alloc(4))).buffer.toString())
same(
  'read(options)',
  async (h) => (await h.read<Buffer>({ buffer: Buffer.alloc(4), position: 5, length: 2 })).bytesRead,
)
same('read() into a buffer of its own', async (h) => (await h.read()).bytesRead)
same('read past the buffer', (h) => h.read(Buffer.alloc(4), 2, 9, 0))
same('read into what is no buffer', (h) => h.read('no' as never))
same('read into an empty buffer', (h) => h.read(Buffer.alloc(0), 0, 1, 0))
same('reads in order', async (h) => {
  const a = Buffer.alloc(4)
  const b = Buffer.alloc(4)
  await h.read(a, 0, 4)
  await h.read(b, 0, 4)
  return `${a}${b}`
})
same('readv', async (h) => {
  const into = [Buffer.alloc(4), Buffer.alloc(100)]
  return [(await h.readv(into, 1)).bytesRead, String(into[0])]
})
same('readv of what are no buffers', (h) => h.readv([1] as never))
same('write bytes at a position', async (h) => (await h.write(Buffer.from('XYZ'), 1, 2, 3)).bytesWritten)
same('write a string at a position', async (h) => (await h.write('6869', 2, 'hex')).bytesWritten)
same('write an empty string to a file that may not be written', (h) => h.write(''), 'r')
same('write at a position that is no whole number', async (h) => [
  (await h.write(Buffer.from('ab'), 0, 2, 1.5)).bytesWritten,
  (await h.write('cd', 1.5)).bytesWritten,
])
same('write what is neither', (h) => h.write(5 as never))
same('write past the buffer', (h) => h.write(Buffer.from('abc'), 2, 9, 0))
same(
  'write({ offset })',
  async (h) => (await h.write(Buffer.from('abcdef'), { offset: 2, length: 3 } as never)).bytesWritten,
)
same('writev', async (h) => (await h.writev(buffers('a', '', 'bc'), 2)).bytesWritten)
same('writev of nothing', async (h) => (await h.writev([])).bytesWritten)
same('readFile', async (h) => (await h.readFile()).toString())
same('readFile in an encoding', (h) => h.readFile('base64'))
same('readFile from where it is', async (h) => {
  await h.read(Buffer.alloc(5), 0, 5)
  return h.readFile({ encoding: 'utf8' })
})
same('readFile, aborted before', (h) => h.readFile({ signal: AbortSignal.abort() } as never))
same('writeFile', (h) => h.writeFile('new'))
same('writeFile of an async iterable', (h) =>
  h.writeFile(
    (async function* () {
      yield 'a'
      yield Buffer.from('b')
    })() as never,
  ),
)
same('writeFile of what is no data', (h) => h.writeFile(5 as never))
same('writeFile, aborted before', (h) => h.writeFile('x', { signal: AbortSignal.abort() }))
same('appendFile', (h) => h.appendFile('more'), 'a+')
same('stat', async (h) => [(await h.stat()).size, (await h.stat()) instanceof fs.Stats])
same('stat with bigint', async (h) => (await h.stat({ bigint: true })).size)
same('truncate', (h) => h.truncate(4))
same('truncate to what is no length', (h) => h.truncate('4' as never))
same('chmod', async (h) => {
  await h.chmod(0o640)
  return (await h.stat()).mode
})
same('chmod of what is no mode', (h) => h.chmod('abc'))
same('chown', async (h) => {
  await h.chown(process.getuid?.() ?? 0, process.getgid?.() ?? 0)
  return (await h.stat()).uid
})
same('chown of what is no id', (h) => h.chown('a' as never, 1))
same('utimes', async (h) => {
  await h.utimes(1.5, new Date(2500))
  const { atimeMs, mtimeMs } = await h.stat()
  return [atimeMs, mtimeMs]
})
same('sync and datasync', async (h) => [await h.sync(), await h.datasync()])
same('write on a read-only one', (h) => h.write('x'), 'r')
same('read on a write-only one', (h) => h.read(Buffer.alloc(1)), 'a')
same('fs.promises.readFile of a handle', (h, of) => of.promises.readFile(h, 'utf8'))
same('fs.promises.writeFile of a handle', (h, of) => of.promises.writeFile(h, 'via'))
same('fs.promises.appendFile of a handle', (h, of) => of.promises.appendFile(h, 'via'), 'a')
same('readLines', async (h) => {
  const lines: string[] = []
  for await (const line of h.readLines()) lines.push(line)
  return lines
})
same('createReadStream', async (h) => {
  let text = ''
  for await (const piece of h.createReadStream({ encoding: 'utf8', start: 5, highWaterMark: 4 })) text += piece
  return [text, h.fd]
})
same('createWriteStream', async (h) => {
  const stream = h.createWriteStream({ start: 2 })
  stream.end('XX')
  await once(stream, 'close')
  return h.fd
})
same('a second read stream', async (h) => {
  const stream = h.createReadStream({ autoClose: false })
  for await (const _ of stream) _.length
  return (await h.stat()).size
})
const drained = async (stream: AsyncIterable<unknown>) => {
  const pieces: unknown[] = []
  for await (const piece of stream) {
    pieces.push((piece as object).constructor.name, Buffer.from(piece as Uint8Array).toString())
  }
  return pieces
}
same('readableWebStream', (h) => drained(h.readableWebStream()))
same('readableWebStream of bytes', (h) => drained(h.readableWebStream({ type: 'bytes' } as never)))
same('a second readableWebStream', (h) => {
  // Of bytes: Node 20 itself aborts when a handle with the other kind is closed.
  h.readableWebStream({ type: 'bytes' } as never)
  return h.readableWebStream()
})
same('what it is', (h) => [
  h.constructor.name,
  typeof h.fd,
  typeof (h as unknown as { getAsyncId(): number }).getAsyncId(),
  typeof emitter(h).on,
  Object.hasOwn(h, 'close'),
  Symbol.asyncDispose in h,
  Symbol.asyncIterator in h,
])

const methods = [
  'chmod',
  'chown',
  'datasync',
  'read',
  'readFile',
  'readv',
  'stat',
  'sync',
  'truncate',
  'utimes',
  'write',
  'writeFile',
  'appendFile',
  'writev',
] as const
for (const method of methods) {
  same(`${method} once it is closed`, async (h) => {
    await h.close()
    return (h[method] as (...args: unknown[]) => unknown)(1, 1)
  })
}
same('closed: fd is -1, closing again does nothing', async (h) => {
  let closed = 0
  emitter(h).on('close', () => closed++)
  await h.close()
  await h.close()
  return [h.fd, closed]
})
same('readableWebStream once it is closed', async (h) => {
  await h.close()
  return h.readableWebStream()
})
same('close waits for what is in flight', async (h) => {
  const order: string[] = []
  const read = h.read(Buffer.alloc(3)).then(() => order.push('read'))
  const closing = h.close().then(() => order.push('close'))
  await Promise.all([read, closing])
  return order
})
same('async disposal', async (h) => {
  await h[Symbol.asyncDispose]()
  return h.fd
})

test('open fails as node:fs does', async (t) => {
  const dir = scratch(t)
  const cases: [unknown, unknown, unknown][] = [
    [`${dir}/missing`, 'r', undefined],
    [`${dir}/missing/x`, 'w', 0o600],
    [5, 'r', undefined],
    [`${dir}/x`, 'bad', undefined],
    [`${dir}/x`, 'w', 'bad'],
    [dir, 'w', undefined],
  ]
  for (const args of cases) {
    const [theirs, ours] = await Promise.all(
      [fs, hooked].map((of) => outcome(() => (of.promises.open as (...a: unknown[]) => unknown)(...args))),
    )
    t.deepEqual(ours, theirs)
  }
})

test('a FileHandle is an EventEmitter', async (t) => {
  const handle = await hooked.promises.open('/', 'r')
  t.true(handle instanceof EventEmitter)
  await handle.close()
})

test('the lower’s descriptor is closed', async (t) => {
  const handle = await hooked.promises.open(scratch(t), 'r')
  const { fd } = handle
  await handle.close()
  t.is((shownError(t.throws(() => fs.fstatSync(fd))) as { code: string }).code, 'EBADF')
})
