// Streams: what is checked, which events come in which order, what they say of themselves.
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { beside, type Fs, thrown, tried } from './beside.js'

// biome-ignore lint/suspicious/noExplicitAny: streams have fields that their types do not tell of
type AnyStream = any

const EVENTS = ['open', 'ready', 'end', 'finish', 'close', 'error']
/** Milliseconds without an event after which a stream that does not close is quiet. */
const QUIET = 250
/** Everything that it emits until it closes or is quiet. */
const story = async (stream: AnyStream, act?: (stream: AnyStream) => unknown): Promise<unknown> => {
  const seen: unknown[] = []
  const done = new Promise<void>((resolve) => {
    let timer = setTimeout(resolve, 3 * QUIET)
    for (const name of EVENTS) {
      stream.on(name, (value: unknown) => {
        seen.push(value instanceof Error ? [name, (value as NodeJS.ErrnoException).code, value.message] : name)
        clearTimeout(timer)
        if (name === 'close') resolve()
        else timer = setTimeout(resolve, QUIET)
      })
    }
  })
  await act?.(stream)
  await done
  return [
    seen,
    stream.destroyed,
    stream.closed,
    stream.pending,
    stream.fd === null,
    stream.bytesRead ?? stream.bytesWritten,
  ]
}
const shown = (stream: AnyStream): unknown => {
  const { path, flags, mode, start, end, pos, autoClose, pending, fd, readable, writable, flush } = stream
  const marks = [stream.readableHighWaterMark, stream.writableHighWaterMark, stream.readableEncoding]
  return [
    path,
    flags,
    mode,
    start,
    end,
    pos,
    autoClose,
    pending,
    typeof fd,
    readable,
    writable,
    flush,
    ...marks,
    Object.keys(stream).sort(),
  ]
}
const drain = (stream: AnyStream): AnyStream => stream.resume()
const setUp = (fs: Fs, dir: string): string => {
  fs.writeFileSync(`${dir}/f`, '0123456789')
  return `${dir}/f`
}

beside('what streams say of themselves', async (fs, dir) => {
  const f = setUp(fs, dir)
  const out: unknown[] = []
  for (const options of [
    undefined,
    'utf8',
    {},
    { start: 2, end: 4, highWaterMark: 3, encoding: 'hex', mode: 0o600, flags: 'r+' },
    { autoClose: false },
  ]) {
    const read = fs.createReadStream(f, options as never)
    const write = fs.createWriteStream(`${dir}/g`, { ...(options as object), flags: 'w', encoding: 'utf8' } as never)
    out.push(shown(read), shown(write))
    await Promise.all([once(read, 'ready'), once(write, 'ready')])
    for (const stream of [read, write]) {
      stream.destroy()
      await once(stream, 'close')
    }
  }
  return out
})

beside('options of streams', (fs, dir) => {
  const f = setUp(fs, dir)
  const out: unknown[] = []
  const quiet = (make: () => AnyStream): unknown =>
    thrown(() => {
      make()
        .on('error', () => {})
        .destroy()
    })
  const odd = [null, -1, 1.5, NaN, '1', {}, true, 2 ** 53, Infinity]
  for (const value of odd) {
    for (const field of [
      'start',
      'end',
      'highWaterMark',
      'fd',
      'flush',
      'fs',
      'signal',
      'encoding',
      'flags',
      'mode',
      'autoClose',
    ]) {
      if (field === 'fd' && value === 2 ** 53) continue
      out.push([field, value, quiet(() => fs.createReadStream(f, { [field]: value }))])
      out.push([field, value, quiet(() => fs.createWriteStream(`${dir}/g`, { [field]: value }))])
    }
    out.push(
      quiet(() => fs.createReadStream(f, value as never)),
      quiet(() => fs.createWriteStream(f, value as never)),
    )
  }
  for (const name of ['open', 'read', 'write', 'writev', 'close', 'fsync']) {
    const own = { open() {}, read() {}, write() {}, writev() {}, close() {}, fsync() {}, [name]: 'no function' }
    out.push([name, quiet(() => fs.createReadStream(f, { fs: own as never }))])
    out.push([name, quiet(() => fs.createWriteStream(f, { fs: own as never, flush: true } as never))])
  }
  out.push(
    quiet(() => fs.createReadStream(f, { start: 3, end: 2 })),
    quiet(() => fs.createReadStream(f, { start: 2 ** 53 })),
  )
  out.push(quiet(() => fs.createWriteStream(f, { fs: { open() {}, close() {} } as never })))
  return JSON.stringify(out)
})

const stories: Record<string, (fs: Fs, f: string, dir: string) => unknown> = {
  'a read': (fs, f) => story(drain(fs.createReadStream(f))),
  'a read in an encoding': async (fs, f) => {
    const pieces: unknown[] = []
    const stream = fs.createReadStream(f, { encoding: 'base64', highWaterMark: 4 })
    stream.on('data', (piece) => pieces.push(piece))
    return [await story(stream), pieces]
  },
  setEncoding: async (fs, f) => {
    const stream = fs.createReadStream(f)
    stream.setEncoding('hex')
    return (await stream.toArray()).join()
  },
  'without autoClose': (fs, f) => story(fs.createReadStream(f, { autoClose: false }), (s) => drain(s)),
  'a read without emitClose': (fs, f) => story(drain(fs.createReadStream(f, { emitClose: false }))),
  'a write without emitClose': (fs, f) => story(fs.createWriteStream(f, { emitClose: false }).end('x')),
  'destroyed at once': (fs, f) => story(fs.createReadStream(f), (s) => s.destroy()),
  'destroyed at once with an error': (fs, f) => story(fs.createReadStream(f), (s) => s.destroy(new Error('mine'))),
  'destroyed while it opens': (fs, f) => story(fs.createReadStream(f), (s) => process.nextTick(() => s.destroy())),
  'destroyed once open': (fs, f) => story(fs.createReadStream(f), (s) => s.on('open', () => s.destroy())),
  'destroyed once ready': (fs, f) =>
    story(fs.createReadStream(f), (s) => s.on('ready', () => s.destroy(new Error('mine')))),
  'closed at once': (fs, f) => story(fs.createReadStream(f), (s) => s.close()),
  'closed twice': (fs, f) =>
    story(fs.createReadStream(f), (s) => {
      s.close(() => {})
      return new Promise((resolve) => s.close(resolve))
    }),
  'closed after its end': async (fs, f) => {
    const stream = drain(fs.createReadStream(f))
    await once(stream, 'end')
    return new Promise((resolve) => stream.close((...args: unknown[]) => resolve(args)))
  },
  'a missing file': (fs, f) => story(drain(fs.createReadStream(`${f}x`))),
  'a missing file without autoClose': (fs, f) => story(drain(fs.createReadStream(`${f}x`, { autoClose: false }))),
  'a missing file without emitClose': (fs, f) => story(drain(fs.createReadStream(`${f}x`, { emitClose: false }))),
  'a directory': (fs, _f, dir) => story(drain(fs.createReadStream(dir))),
  'a write': (fs, f) => story(fs.createWriteStream(f).end('x')),
  'a write to a directory': (fs, _f, dir) => story(fs.createWriteStream(dir).end('x')),
  'a write that is destroyed at once': (fs, f) => story(fs.createWriteStream(f), (s) => s.destroy()),
  'a write that is destroyed with pending data': (fs, f) =>
    story(fs.createWriteStream(f), (s) => {
      s.write('x', () => {})
      s.destroy()
    }),
  'a write that is closed twice': (fs, f) =>
    story(fs.createWriteStream(f), (s) => {
      s.close()
      return new Promise((resolve) => s.close(resolve))
    }),
  'a write that is closed, without autoClose': (fs, f) =>
    story(fs.createWriteStream(f, { autoClose: false }), (s) => s.close(() => {})),
  'a write without autoClose': (fs, f) => story(fs.createWriteStream(f, { autoClose: false }).end('x')),
  'a write after its end': (fs, f) =>
    story(fs.createWriteStream(f), (s) => {
      s.end('x')
      s.write('y')
    }),
  'writes of what is no data': (fs, f) => {
    const stream = fs.createWriteStream(f)
    const out = [42, null, undefined, {}, true].map((odd) => thrown(() => void stream.write(odd as never)))
    return new Promise((resolve) =>
      stream
        .on('error', () => {})
        .destroy()
        .on('close', () => resolve(out)),
    )
  },
  'a write in order': async (fs, f) => {
    const stream = fs.createWriteStream(f, { highWaterMark: 10 })
    for (let k = 0; k < 100; k++) if (!stream.write(`${k},`)) await once(stream, 'drain')
    stream.end()
    await once(stream, 'close')
    return [fs.readFileSync(f, 'utf8'), stream.bytesWritten]
  },
  'writes with callbacks': async (fs, f) => {
    const seen: unknown[] = []
    const stream = fs.createWriteStream(f)
    stream.write('a', (error) => seen.push('a', error))
    stream.write(Buffer.from('b'), (error) => seen.push('b', error))
    stream.end('c', () => seen.push('end'))
    await once(stream, 'close')
    return [seen, fs.readFileSync(f, 'utf8'), stream.bytesWritten]
  },
  'default encoding': async (fs, f) => {
    const stream = fs.createWriteStream(f)
    stream.setDefaultEncoding('hex')
    stream.end('6162')
    await once(stream, 'close')
    return fs.readFileSync(f, 'utf8')
  },
  'a signal that has fired': (fs, f) => story(drain(fs.createReadStream(f, { signal: AbortSignal.abort() } as never))),
  'a signal that fires': (fs, f) => {
    const controller = new AbortController()
    const { signal } = controller
    return story(fs.createReadStream(f, { signal } as never), () => controller.abort(new Error('why')))
  },
  'a write with a signal that fires': (fs, f) => {
    const controller = new AbortController()
    const { signal } = controller
    return story(fs.createWriteStream(f, { signal } as never), () => controller.abort())
  },
  'a signal, iterated': async (fs, f) => {
    const controller = new AbortController()
    const stream = fs.createReadStream(f, { signal: controller.signal, highWaterMark: 2 } as never)
    const seen: string[] = []
    const out = await tried(async () => {
      for await (const piece of stream) {
        seen.push(String(piece))
        if (seen.length === 2) controller.abort()
      }
    })
    return [out, seen]
  },
  'a descriptor': async (fs, f) => {
    const fd = fs.openSync(f, 'r')
    const stream = fs.createReadStream('', { fd })
    const out = [stream.pending, stream.path]
    return [out, await story(drain(stream)), await tried(() => fs.fstatSync(fd).size)]
  },
  'a descriptor without autoClose': async (fs, f) => {
    const fd = fs.openSync(f, 'r')
    const out = await story(fs.createReadStream('', { fd, autoClose: false, start: 4 }), drain)
    fs.closeSync(fd)
    return out
  },
  'a bad descriptor': (fs) => story(drain(fs.createReadStream('', { fd: 100_000 }))),
  'a bad descriptor to write to': (fs) => story(fs.createWriteStream('', { fd: 100_000 }).end('x')),
  'a descriptor that goes on': async (fs, f) => {
    const fd = fs.openSync(f, 'r')
    fs.readSync(fd, Buffer.alloc(3))
    return String((await fs.createReadStream('', { fd, end: 2 }).toArray()).join(''))
  },
  'many at once': async (fs, f) => {
    fs.writeFileSync(f, 'x'.repeat(200_000))
    const all = await Promise.all(
      [1, 2, 3, 4].map((k) => fs.createReadStream(f, { start: k, highWaterMark: 1000 * k }).toArray()),
    )
    return all.map((pieces) => [pieces.length, Buffer.concat(pieces).length])
  },
  'paused and resumed': async (fs, f) => {
    const stream = fs.createReadStream(f, { highWaterMark: 3 })
    let text = ''
    stream.on('data', (piece) => {
      text += piece
      stream.pause()
      setTimeout(() => stream.resume(), 1)
    })
    await once(stream, 'close')
    return text
  },
  'an end that is nearer than the file’s': async (fs, f) =>
    (await fs.createReadStream(f, { start: 0, end: 0 }).toArray()).join(''),
  'an end beyond': async (fs, f) =>
    (await fs.createReadStream(f, { start: 5, end: 500, highWaterMark: 2 }).toArray()).join('|'),
  'a file that grows': async (fs, f) => {
    const stream = fs.createReadStream(f, { highWaterMark: 4 })
    let text = ''
    for await (const piece of stream) {
      if (text === '') fs.appendFileSync(f, 'abc')
      text += piece
    }
    return text
  },
  'a pipe from one to another': async (fs, f, dir) => {
    await pipeline(fs.createReadStream(f), fs.createWriteStream(`${dir}/g`))
    await finished(fs.createReadStream(`${dir}/g`).pipe(fs.createWriteStream(`${dir}/h`)))
    await pipeline(Readable.from(['a', 'b']), fs.createWriteStream(`${dir}/i`, { flags: 'a', flush: true } as never))
    return ['g', 'h', 'i'].map((name) => fs.readFileSync(`${dir}/${name}`, 'utf8'))
  },
  flags: async (fs, f, dir) => {
    const out: unknown[] = []
    for (const flags of ['w', 'wx', 'a', 'r+', 'ax', 'a+', 'w+', 'bad']) {
      fs.writeFileSync(f, '0123')
      out.push([
        flags,
        await tried(() => story(fs.createWriteStream(f, { flags }).end('x'))),
        fs.readFileSync(f, 'utf8'),
      ])
      out.push(await tried(() => story(fs.createWriteStream(`${dir}/n-${flags}`, { flags, start: 1 }).end('x'))))
    }
    return [out, fs.readdirSync(dir)]
  },
  'a FileHandle: read': async (fs, f) => {
    const handle = await fs.promises.open(f)
    const stream = handle.createReadStream({ start: 2, end: 5 })
    return [(await stream.toArray()).join(''), handle.fd, shown(stream)]
  },
  'a FileHandle without autoClose': async (fs, f) => {
    const handle = await fs.promises.open(f)
    const stream = handle.createReadStream({ autoClose: false })
    const text = (await stream.toArray()).join('')
    const open = handle.fd !== -1
    await handle.close()
    return [text, open, handle.fd]
  },
  'a FileHandle: its story': async (fs, f) => {
    const handle = await fs.promises.open(f, 'r+')
    const seen: string[] = []
    ;(handle as unknown as NodeJS.EventEmitter).on('close', () => seen.push('handle closed'))
    return [await story(drain(handle.createReadStream())), handle.fd, seen]
  },
  'a FileHandle: destroyed stream': async (fs, f) => {
    const handle = await fs.promises.open(f, 'r+')
    return [await story(handle.createWriteStream(), (s) => s.destroy()), handle.fd]
  },
  'a FileHandle with a flush': async (fs, f) => {
    const handle = await fs.promises.open(f, 'w')
    return [await story(handle.createWriteStream({ flush: true } as never).end('x')), fs.readFileSync(f, 'utf8')]
  },
  'a FileHandle that is closed': async (fs, f) => {
    const handle = await fs.promises.open(f)
    await handle.close()
    return [
      thrown(() => void handle.createReadStream().on('error', () => {})),
      thrown(() => void handle.readableWebStream()),
    ]
  },
  readLines: async (fs, f) => {
    fs.writeFileSync(f, 'a\nb\r\nc')
    const handle = await fs.promises.open(f)
    const lines: string[] = []
    for await (const line of handle.readLines({ start: 0 } as never)) lines.push(line)
    return [lines, handle.fd]
  },
  'readLines, broken off': async (fs, f) => {
    fs.writeFileSync(f, 'a\nb\r\nc')
    const handle = await fs.promises.open(f)
    for await (const line of handle.readLines()) if (line === 'a') break
    await handle.close()
    return handle.fd
  },
  'without new, and of subclasses': async (fs, f) => {
    const { ReadStream, WriteStream } = fs as AnyStream
    const out: unknown[] = []
    for (const stream of [ReadStream(f), new ReadStream(f), ReadStream(f, { start: 8 })]) {
      out.push(stream instanceof ReadStream, stream instanceof Readable, (await stream.toArray()).join(''))
    }
    class Sub extends (ReadStream as new (...args: unknown[]) => object) {}
    const sub: AnyStream = new Sub(f, { start: 7 })
    out.push(sub instanceof Sub, sub instanceof ReadStream, sub.constructor === Sub, (await sub.toArray()).join(''))
    function Old(this: object, ...args: unknown[]) {
      WriteStream.apply(this, args)
    }
    Old.prototype = Object.create(WriteStream.prototype)
    const old: AnyStream = new (Old as AnyStream)(f)
    old.end('old')
    await once(old, 'close')
    out.push(fs.readFileSync(f, 'utf8'), old instanceof WriteStream)
    out.push(
      thrown(() => ReadStream()),
      thrown(() => WriteStream(5)),
      ReadStream.length,
      WriteStream.name,
    )
    return out
  },
  'open of one’s own, in the old style': async (fs, f) => {
    const { ReadStream } = fs as AnyStream
    function Old(this: object, ...args: unknown[]) {
      ReadStream.apply(this, args)
    }
    Old.prototype = Object.create(ReadStream.prototype)
    Old.prototype.open = function (this: AnyStream) {
      fs.open(this.path, this.flags, this.mode, (error, fd) => {
        if (error) this.destroy(error)
        else {
          this.fd = fd
          this.emit('open', fd)
        }
      })
    }
    return [await story(drain(new (Old as AnyStream)(f))), await story(drain(new (Old as AnyStream)(`${f}x`)))]
  },
  'functions of one’s own': async (fs, f) => {
    const seen: string[] = []
    const own = Object.fromEntries(
      ['open', 'read', 'write', 'close', 'fsync'].map((name) => [
        name,
        (...args: unknown[]) => {
          seen.push(`${name} ${args.length}`)
          return (fs as AnyStream)[name](...args)
        },
      ]),
    )
    await once(drain(fs.createReadStream(f, { fs: own as never })), 'close')
    await once(fs.createWriteStream(f, { fs: own as never, flush: true } as never).end('x'), 'close')
    return seen
  },
  'a write that fails, and a close that fails': async (fs, f) => {
    const failing =
      (code: string) =>
      (...args: unknown[]) =>
        (args.at(-1) as (error: Error) => void)(Object.assign(new Error(code), { code }))
    const own = { open: fs.open, write: failing('EIO'), close: fs.close }
    const shut = {
      open: fs.open,
      write: fs.write,
      read: fs.read,
      close: (fd: number, cb: (error: Error) => void) => fs.close(fd, () => cb(new Error('not closed'))),
    }
    return [
      await story(fs.createWriteStream(f, { fs: own as never }).end('x')),
      await story(fs.createWriteStream(f, { fs: shut as never }).end('x')),
      await story(drain(fs.createReadStream(f, { fs: shut as never }))),
    ]
  },
  'short writes': async (fs, f) => {
    const sizes: unknown[] = []
    const own = {
      open: fs.open,
      close: fs.close,
      write: (fd: number, data: Buffer, at: number, length: number, position: unknown, cb: never) => {
        sizes.push([at, length, position])
        fs.write(fd, data, at, Math.min(length, 3), position as never, cb)
      },
    }
    await once(fs.createWriteStream(f, { fs: own as never, start: 2, flags: 'r+' }).end('abcdefgh'), 'close')
    return [fs.readFileSync(f, 'utf8'), sizes]
  },
  disposal: async (fs, f) => {
    const stream: AnyStream = fs.createReadStream(f).on('error', () => {})
    await once(stream, 'open')
    await stream[Symbol.asyncDispose]?.()
    return [stream.destroyed, Symbol.asyncDispose in stream]
  },
  'a web stream of it': async (fs, f) => {
    const pieces: string[] = []
    for await (const piece of Readable.toWeb(fs.createReadStream(f, { highWaterMark: 4 })))
      pieces.push(String(Buffer.from(piece)))
    return pieces
  },
}
for (const [title, run] of Object.entries(stories)) {
  beside(title, (fs, dir) => run(fs, setUp(fs, dir), dir))
}
