// What else programs and tests of node:fs look at: aborts, positions, handles, directories, watchers, classes, warnings.
import nodeFs from 'node:fs'
import { Readable } from 'node:stream'
import { isDeepStrictEqual, promisify } from 'node:util'
import { beside, called, type Fs, thrown, tried } from './beside.js'

// biome-ignore lint/suspicious/noExplicitAny: any function of node:fs, with any arguments
type Any = Record<string, (...args: any[]) => any>
const any = (fs: object): Any => fs as unknown as Any
const name = (value: unknown): unknown => (value as { name?: string } | undefined)?.name ?? value

for (const turns of [0, 1]) {
  beside(`a signal that fires ${turns === 0 ? 'at the next tick' : 'after a turn'}`, async (fs, dir) => {
    const f = `${dir}/f`
    fs.writeFileSync(f, 'Dogs running'.repeat(1000))
    const aborted = (run: (signal: AbortSignal) => unknown): Promise<unknown> => {
      const controller = new AbortController()
      const out = tried(() => run(controller.signal)).then(name)
      if (turns === 0) process.nextTick(() => controller.abort())
      else setImmediate(() => controller.abort())
      return out
    }
    const handle = await fs.promises.open(f, 'r+')
    const data = Buffer.from('Dogs running'.repeat(100_000))
    const out = [
      await aborted((signal) => fs.promises.readFile(f, { signal })),
      await aborted((signal) => handle.readFile({ signal, encoding: 'utf8' } as never)),
      await aborted((signal) => fs.promises.readFile(handle, { signal })),
      await aborted((signal) => called((cb) => fs.readFile(f, { signal }, cb)).then(([error]) => error)),
      await aborted((signal) => fs.promises.writeFile(`${dir}/g`, data, { signal })),
      await aborted((signal) => fs.promises.writeFile(handle, data, { signal })),
      await aborted((signal) => handle.writeFile(data, { signal } as never)),
      await aborted((signal) => fs.promises.appendFile(`${dir}/g`, data, { signal } as never)),
      await aborted((signal) => fs.promises.writeFile(`${dir}/g`, Readable.from(['a', 'b']), { signal })),
    ]
    await handle.close()
    return out
  })
}
beside('a signal that fires at once, in the same turn', async (fs, dir) => {
  const controller = new AbortController()
  const { signal } = controller
  fs.writeFileSync(`${dir}/f`, 'x')
  const calls = [
    called((cb) => fs.writeFile(`${dir}/g`, 'x', { signal }, cb)),
    called((cb) => fs.appendFile(`${dir}/g`, 'x', { signal } as never, cb)),
    called((cb) => fs.readFile(`${dir}/f`, { signal }, cb)),
    tried(() => fs.promises.readFile(`${dir}/f`, { signal })),
    tried(() => fs.promises.writeFile(`${dir}/g`, 'x', { signal })),
  ]
  controller.abort()
  return (await Promise.all(calls)).map((each) => name(Array.isArray(each) ? each[0] : each))
})

beside('whose memory the bytes of a small file are in', async (fs, dir) => {
  const f = `${dir}/small`
  fs.writeFileSync(f, 'abc')
  const place = ({ buffer }: Buffer): unknown => (buffer.byteLength === Buffer.poolSize ? 'the pool' : 'its own')
  const [, called1] = (await called((cb) => fs.readFile(f, cb))) as [unknown, Buffer]
  const [one, two] = [fs.readFileSync(f), fs.readFileSync(f)]
  one.fill('x')
  const handle = await fs.promises.open(f)
  const read = await handle.readFile()
  await handle.close()
  return [place(one), String(two), place(called1), place(await fs.promises.readFile(f)), place(read)]
})

beside('what an Error of a promise shows', async (fs, dir) => {
  const stacks: unknown[] = []
  const look = async (run: () => Promise<unknown>): Promise<void> => {
    try {
      await run()
    } catch (error) {
      stacks.push(/at async look/.test((error as Error).stack ?? ''), Object.keys(error as object))
    }
  }
  for (const each of ['access', 'stat', 'readFile', 'readdir', 'unlink', 'open', 'mkdtemp', 'realpath']) {
    await look(() => any(fs.promises)[each]?.(`${dir}/none/x`))
  }
  await look(() => fs.promises.mkdir(`${dir}/none/x`))
  await look(() => fs.promises.copyFile(`${dir}/none/x`, `${dir}/y`))
  await look(() => fs.promises.truncate(`${dir}/none/x`))
  await look(() => fs.promises.writeFile(`${dir}/none/x`, ''))
  return stacks
})

beside('a working directory that is gone', async (fs, dir) => {
  const before = process.cwd()
  nodeFs.mkdirSync(`${dir}/cwd`, { recursive: true })
  try {
    process.chdir(`${dir}/cwd`)
    nodeFs.rmdirSync(`${dir}/cwd`)
    if (fs.existsSync(`${dir}/cwd`)) fs.rmdirSync(`${dir}/cwd`)
    return [
      await tried(() => fs.mkdirSync('X')),
      await tried(() => fs.mkdirSync('X', { recursive: true })),
      await tried(() => fs.promises.mkdir('X', { recursive: true })),
      await called((cb) => fs.mkdir('X', { recursive: true }, cb)),
      await tried(() => fs.readFileSync('X')),
      await called((cb) => fs.stat('X', cb)),
      fs.existsSync('X'),
    ]
  } finally {
    process.chdir(before)
  }
})

beside('a stack that overflows', (fs) => {
  const deep = (run: () => unknown): void => {
    run()
    deep(run)
  }
  const out: unknown[] = []
  for (const run of [() => fs.readdirSync('/'), () => fs.statSync('/'), () => fs.existsSync('/')]) {
    try {
      deep(run)
    } catch (error) {
      out.push((error as Error).name, (error as Error).message)
    }
  }
  return out
})

beside('what a chain of appends and reads by descriptor gives', async (fs, dir) => {
  const f = `${dir}/f`
  const out: unknown[] = []
  const fd = fs.openSync(f, 'a+')
  fs.writeFileSync(fd, 'one')
  fs.appendFileSync(fd, 'two')
  out.push(fs.readSync(fd, Buffer.alloc(10), 0, 10, 0), fs.writeSync(fd, 'X', 0), fs.readFileSync(f, 'utf8'))
  fs.ftruncateSync(fd, 2)
  out.push(fs.writeSync(fd, 'end'), fs.readFileSync(f, 'utf8'))
  fs.closeSync(fd)
  const both = fs.openSync(f, 'r+')
  fs.writeSync(both, 'abc')
  out.push(fs.readFileSync(both, 'utf8'), fs.readFileSync(both, 'utf8'))
  fs.writeFileSync(both, 'Z')
  out.push(fs.readFileSync(f, 'utf8'))
  fs.unlinkSync(f)
  out.push(fs.fstatSync(both).nlink, fs.fstatSync(both).size, fs.existsSync(f))
  fs.writeSync(both, 'more', 0)
  out.push(fs.readSync(both, Buffer.alloc(4), 0, 4, 0))
  fs.closeSync(both)
  return out
})

beside('positions that are large, or bigint', async (fs, dir) => {
  const f = `${dir}/f`
  fs.writeFileSync(f, '0123456789')
  const fd = fs.openSync(f, 'r+')
  const out: unknown[] = []
  for (const position of [
    0xffffffff + 1,
    2 ** 53 - 1,
    2n ** 40n,
    2n ** 63n - 1n,
    3n,
    -1n,
    -1,
    -5,
    null,
    undefined,
    2n ** 63n,
    -(2n ** 63n),
  ]) {
    const buffer = Buffer.alloc(2)
    out.push(await tried(() => fs.readSync(fd, buffer, 0, 2, position as never)), String(buffer))
    out.push(await tried(() => fs.readSync(fd, buffer, { position: position as never })), String(buffer))
    out.push(thrown(() => fs.read(100_000, buffer, 0, 2, position as never, () => {})))
    out.push(
      await tried(() =>
        fs.writeSync(fd, 'zz', position === undefined || Number(position) > 100 ? 3 : (position as never)),
      ),
    )
  }
  fs.closeSync(fd)
  return [out, fs.readFileSync(f, 'utf8')]
})

beside('forms of read', async (fs, dir) => {
  fs.writeFileSync(`${dir}/f`, '0123456789')
  const fd = fs.openSync(`${dir}/f`, 'r')
  const handle = await fs.promises.open(`${dir}/f`)
  const out: unknown[] = []
  const bare = Object.create(null, { length: { value: 1, enumerable: true } })
  const forms = [
    {},
    null,
    undefined,
    { length: 2 },
    { offset: 1 },
    { offset: 1, length: 2, position: 3 },
    { position: null },
    bare,
  ]
  forms.push({ offset: null }, { length: null }, { position: undefined }, { offset: 5 }, { length: 5 }, { length: 0 })
  for (const form of forms) {
    const buffer = Buffer.alloc(4)
    out.push(await tried(() => fs.readSync(fd, buffer, form as never)), String(buffer))
    out.push(await tried(() => called((cb) => any(fs).read?.(fd, buffer, form, cb))))
    out.push(await tried(async () => (await called((cb) => any(fs).read?.(fd, { buffer, ...form }, cb)))[1]))
    out.push(await tried(async () => (await any(handle).read?.(buffer, form))?.bytesRead))
    out.push(await tried(async () => (await any(handle).read?.({ buffer, ...form }))?.bytesRead))
  }
  for (const odd of [false, true, Infinity, 42n, Symbol('x'), 'x', [], () => {}]) {
    out.push(thrown(() => fs.readSync(fd, Buffer.alloc(2), odd as never)))
    out.push(
      thrown(() => any(fs).read?.(fd, odd, () => {})),
      thrown(() => any(fs).read?.(fd, Buffer.alloc(1), odd, () => {})),
    )
    out.push(thrown(() => any(fs).read?.(fd, { buffer: odd }, () => {})))
    out.push(await tried(() => any(handle).read?.(odd)), await tried(() => any(handle).read?.({ buffer: odd })))
    out.push(await tried(() => any(handle).read?.(Buffer.alloc(1), { offset: odd })))
    out.push(
      await tried(() => any(handle).write?.(odd)),
      await tried(() => any(handle).write?.(Buffer.alloc(1), { offset: odd })),
    )
    out.push(
      thrown(() => any(fs).writeSync?.(100_000, odd)),
      thrown(() => any(fs).write?.(100_000, odd, () => {})),
    )
  }
  fs.closeSync(fd)
  await handle.close()
  return out
})

beside('FileHandle in detail', async (fs, dir) => {
  fs.writeFileSync(`${dir}/f`, '0123456789')
  const handle = await fs.promises.open(`${dir}/f`, 'r+')
  const proto = Object.getPrototypeOf(handle)
  const out: unknown[] = [
    Object.getOwnPropertyNames(proto).sort(),
    handle.constructor.name,
    typeof (handle as unknown as { getAsyncId(): number }).getAsyncId(),
    handle.toString(),
    (await handle.read(Buffer.alloc(0), 0, 0, 0)).bytesRead,
    (await handle.write('')).bytesWritten,
    Object.getPrototypeOf(await handle.read()),
    Object.keys(await handle.read()),
    Object.keys(await handle.write('x')),
    await tried(() => handle.readFile('utf8')),
    await tried(() => handle.appendFile('y')),
    await tried(() => handle.truncate()),
  ]
  let closes = 0
  ;(handle as unknown as NodeJS.EventEmitter).on('close', () => closes++)
  const first = handle.close()
  const second = handle.close()
  out.push(first === second, await first, await handle.close(), closes, handle.fd)
  for (const method of ['stat', 'read', 'write', 'sync', 'chmod']) out.push(await tried(() => any(handle)[method]?.(0)))
  return out
})

beside('Dir in detail', async (fs, dir) => {
  for (const each of ['a', 'b', 'c']) fs.mkdirSync(`${dir}/${each}`)
  const out: unknown[] = []
  const opened = await fs.promises.opendir(dir)
  out.push(opened.constructor === fs.Dir)
  const reading = opened.read()
  out.push(
    thrown(() => opened.readSync()),
    thrown(() => opened.closeSync()),
    (await reading)?.isDirectory(),
  )
  out.push(
    thrown(() => any(opened).close?.('x')),
    thrown(() => any(opened).read?.('x')),
  )
  await opened.close()
  out.push(
    await tried(() => opened.read()),
    await tried(() => opened.close()),
    thrown(() => opened.readSync()),
  )
  out.push(
    await called((cb) => opened.close(cb as never)),
    thrown(() => opened.read(() => {})),
  )
  for (const bufferSize of [0, -1, 1.5, '2', null, 2 ** 33, true]) {
    out.push(thrown(() => fs.opendirSync(dir, { bufferSize } as never).closeSync()))
  }
  const iterator = (await fs.promises.opendir(dir))[Symbol.asyncIterator]()
  out.push((await iterator.next()).done, await iterator.return?.(undefined as never))
  const thrower = await fs.promises.opendir(dir)
  out.push(
    await tried(async () => {
      for await (const _ of thrower) throw new Error('mine')
    }),
    await tried(() => thrower.read()),
  )
  const dirent = fs.readdirSync(dir, { withFileTypes: true })[0] as nodeFs.Dirent
  out.push(
    Object.keys(dirent),
    dirent.constructor.name,
    dirent instanceof fs.Dirent,
    JSON.stringify(dirent).replaceAll(dir, ''),
  )
  out.push(fs.readdirSync(dir, { encoding: 'buffer' }), fs.readdirSync(Buffer.from(dir)), fs.readdirSync(dir, 'hex'))
  return out
})

beside('watchers that fail, and what they are', async (fs, dir) => {
  const out: unknown[] = []
  for (const recursive of ['true', 1, null, {}, false]) {
    out.push([recursive, thrown(() => any(fs).watch?.(dir, { recursive }).close())])
    out.push([recursive, await tried(() => any(fs.promises).watch?.(`${dir}/none`, { recursive }).next())])
  }
  for (const [key, value] of [
    ['persistent', 'x'],
    ['persistent', null],
    ['signal', 1],
    ['signal', {}],
    ['signal', null],
    ['encoding', 1],
    ['encoding', 'none'],
  ] as const) {
    for (const recursive of [true, false]) {
      out.push([
        key,
        value,
        thrown(() =>
          any(fs)
            .watch?.(dir, { [key]: value, recursive })
            .close(),
        ),
      ])
      out.push([
        key,
        value,
        await tried(() =>
          any(fs.promises)
            .watch?.(`${dir}/none`, { [key]: value, recursive })
            .next(),
        ),
      ])
    }
  }
  for (const options of [5, true, 'bad', [], null, () => {}]) {
    out.push(thrown(() => any(fs).watch?.(dir, options).close()))
    out.push(await tried(() => any(fs.promises).watch?.(`${dir}/none`, options).next()))
  }
  for (const listener of [5, 'x', {}, null])
    out.push(thrown(() => any(fs).watch?.(dir, { persistent: false }, listener).close()))
  return out
})

beside('a watcher’s handle', async (fs, dir) => {
  // biome-ignore lint/suspicious/noExplicitAny: a field that no type tells of
  const watcher = fs.watch(dir) as any
  const out: unknown[] = [
    typeof watcher._handle,
    watcher._handle.constructor.name,
    watcher._handle.initialized,
    Object.keys(watcher).includes('_handle'),
  ]
  const failed = new Promise((resolve) => watcher.on('error', (error: Error) => resolve(error)))
  watcher._handle.onchange(-2, 'ENOENT', `${dir}/gone`)
  const { message, code, errno, syscall, path, filename } = (await failed) as NodeJS.ErrnoException & {
    filename: string
  }
  out.push(message, code, errno, syscall, path, filename, watcher._handle)
  watcher.close()
  // biome-ignore lint/suspicious/noExplicitAny: a field that no type tells of
  const other = fs.watch(dir) as any
  const handle = other._handle
  other._handle = { close() {} }
  out.push(String((thrown(() => other.close()) as { message: string }).message).split('\n')[0])
  const start = Object.getOwnPropertySymbols(Object.getPrototypeOf(other)).find((each) =>
    String(each).includes('kFSWatchStart'),
  )
  out.push(String(start), (thrown(() => other[start as symbol]()) as { code: string }).code)
  handle.close()
  return out
})

beside('StatWatcher', async (fs, dir) => {
  const out: unknown[] = []
  const watcher = fs.watchFile(`${dir}/none`, { interval: 20 }, () => {})
  out.push(watcher.constructor.name, typeof watcher.ref, typeof any(watcher).start, typeof any(watcher).stop)
  let stopped = false
  ;(watcher as unknown as NodeJS.EventEmitter).once('stop', () => {
    stopped = true
  })
  any(watcher).stop?.()
  out.push(stopped)
  await new Promise((resolve) => setImmediate(resolve))
  out.push(stopped, watcher.ref() === watcher, watcher.unref() === watcher)
  fs.unwatchFile(`${dir}/none`)
  for (const interval of ['x', null, NaN, 2 ** 33, 1.5, {}])
    out.push(thrown(() => void fs.watchFile(`${dir}/g`, { interval } as never, () => {})))
  fs.unwatchFile(`${dir}/g`)
  for (const listener of [undefined, 5, {}, null])
    out.push(
      thrown(() => void any(fs).watchFile?.(dir, listener)),
      thrown(() => void any(fs).watchFile?.(dir, {}, listener)),
    )
  return out
})

beside('writeFile of what is no data', async (fs, dir) => {
  const f = `${dir}/f`
  const out: unknown[] = []
  const oddData = [
    undefined,
    null,
    5,
    1n,
    true,
    {},
    [],
    () => {},
    Symbol('x'),
    { toString: () => 'own' },
    new Map(),
    new Date(0),
    Promise.resolve('x'),
  ]
  for (const odd of oddData) {
    const data = odd as never
    out.push(await tried(() => fs.writeFileSync(f, data)), await tried(() => fs.appendFileSync(f, data)))
    out.push(
      thrown(() => fs.writeFile(`${dir}/none/x`, data, () => {})),
      thrown(() => fs.appendFile(`${dir}/none/x`, data, () => {})),
    )
    out.push(await tried(() => fs.promises.writeFile(f, data)), await tried(() => fs.promises.appendFile(f, data)))
    out.push(fs.existsSync(f) && fs.readFileSync(f, 'utf8'))
  }
  const iterables = [
    ['a', 'b'],
    new Set(['c']),
    [Buffer.from('d'), 'e'],
    'text',
    new Uint16Array([65, 66]),
    new DataView(new ArrayBuffer(2)),
    [1],
    [null],
    ['x', {}],
  ]
  for (const data of iterables) {
    out.push(await tried(() => fs.promises.writeFile(f, data as never)), fs.readFileSync(f, 'latin1'))
    out.push(
      await tried(() =>
        fs.promises.writeFile(
          f,
          (async function* () {
            yield* data as never as string[]
          })(),
        ),
      ),
      fs.readFileSync(f, 'latin1'),
    )
  }
  return out
})

beside('cp, in its corners', async (fs, dir) => {
  const out: unknown[] = []
  fs.mkdirSync(`${dir}/src/sub`, { recursive: true })
  fs.writeFileSync(`${dir}/src/a`, 'a', { mode: 0o444 })
  fs.symlinkSync('a', `${dir}/src/l`)
  fs.symlinkSync(`${dir}/src/sub`, `${dir}/src/abs`)
  const cp = async (from: string, to: string, options?: object): Promise<void> => {
    const sorted = (path: string): unknown =>
      fs.existsSync(path) && fs.statSync(path).isDirectory() ? fs.readdirSync(path).sort() : fs.existsSync(path)
    for (const run of [
      () => fs.cpSync(`${dir}/${from}`, `${dir}/${to}1`, options as never),
      () => fs.promises.cp(`${dir}/${from}`, `${dir}/${to}2`, options as never),
      () =>
        promisify(fs.cp as never as (a: string, b: string, o: object, cb: (e: unknown) => void) => void)(
          `${dir}/${from}`,
          `${dir}/${to}3`,
          options ?? {},
        ),
    ]) {
      const got = (await tried(run)) as { path?: string }
      out.push([from, to, got, sorted(`${dir}/${to}1`), sorted(`${dir}/${to}2`), sorted(`${dir}/${to}3`)])
    }
  }
  await cp('src', 'plain')
  await cp('src', 'deep', { recursive: true })
  await cp('src', 'deep', { recursive: true })
  await cp('src', 'deep', { recursive: true, force: false })
  await cp('src/sub', 'deep', { recursive: true, force: false, errorOnExist: true })
  await cp('src/a', 'one/two/three', { force: false, errorOnExist: true })
  await cp('src', 'verbatim', { recursive: true, verbatimSymlinks: true })
  await cp('src', 'followed', { recursive: true, dereference: true })
  await cp('src', 'times', { recursive: true, preserveTimestamps: true })
  await cp('src', 'chosen', { recursive: true, filter: (from: string) => !from.endsWith('/a') })
  await cp('src', 'none', { recursive: true, filter: () => false })
  await cp('src', 'src/inner', { recursive: true })
  await cp('src/a', 'one/two/three')
  await cp('src/a', 'deep1/sub')
  await cp('src/l', 'link', { verbatimSymlinks: true })
  await cp('src', 'modes', { recursive: true, mode: fs.constants.COPYFILE_EXCL })
  for (const odd of ['x', 5, null, true, [], () => {}]) {
    out.push(
      await tried(() => fs.cpSync(`${dir}/src/a`, `${dir}/x`, odd as never)),
      await tried(() => fs.promises.cp(`${dir}/src/a`, `${dir}/x`, odd as never)),
    )
    out.push(
      await tried(() => fs.cpSync(`${dir}/src`, `${dir}/x`, { recursive: true, filter: odd } as never)).then(
        (got) => typeof odd === 'function' || got,
      ),
    )
  }
  out.push(
    await tried(() => fs.cpSync(`${dir}/src`, `${dir}/x`, { recursive: true, filter: async () => true } as never)),
  )
  out.push(
    await tried(() => fs.promises.cp(`${dir}/src`, `${dir}/late`, { recursive: true, filter: async () => true })),
    fs.readdirSync(`${dir}/late`).sort(),
  )
  for (const [key, value] of Object.entries({
    mode: 8,
    dereference: 1,
    force: 'x',
    recursive: null,
    preserveTimestamps: {},
    errorOnExist: 0,
    verbatimSymlinks: [],
  })) {
    out.push([
      key,
      await tried(() => fs.cpSync(`${dir}/src/a`, `${dir}/y`, { [key]: value } as never)),
      await tried(() => fs.promises.cp(`${dir}/src/a`, `${dir}/y`, { [key]: value } as never)),
    ])
  }
  return out
})

beside('rm and rmdir, in their corners', async (fs, dir) => {
  const out: unknown[] = []
  const each = async (run: (fs: Fs, path: string) => unknown): Promise<void> => {
    for (const kind of ['file', 'dir', 'full', 'link', 'dangling', 'none', 'full/', 'link/']) {
      fs.rmSync(`${dir}/t`, { recursive: true, force: true })
      fs.mkdirSync(`${dir}/t/full/in`, { recursive: true })
      fs.mkdirSync(`${dir}/t/dir`)
      fs.writeFileSync(`${dir}/t/file`, '')
      fs.symlinkSync('full', `${dir}/t/link`)
      fs.symlinkSync('nothing', `${dir}/t/dangling`)
      out.push([kind, await tried(() => run(fs, `${dir}/t/${kind}`)), fs.readdirSync(`${dir}/t`).sort()])
    }
  }
  for (const options of [undefined, {}, { force: true }, { recursive: true }, { recursive: true, force: true }]) {
    await each((of, path) => of.rmSync(path, options))
    await each((of, path) => of.promises.rm(path, options))
    await each((of, path) => called((cb) => (options === undefined ? of.rm(path, cb) : of.rm(path, options, cb))))
  }
  await each((of, path) => of.rmdirSync(path))
  await each((of, path) => of.promises.rmdir(path))
  await each((of, path) => called((cb) => of.rmdir(path, cb)))
  return out
})

beside('warnings', async (fs, dir) => {
  const seen: unknown[] = []
  const listen = (warning: Error & { code?: string }): void => {
    seen.push([warning.name, warning.code, warning.message])
  }
  process.on('warning', listen)
  fs.writeFileSync(`${dir}/f`, 'abc')
  const fd = fs.openSync(`${dir}/f`, 'r+')
  fs.promises.rmdir(`${dir}/none`, {}).catch(() => {})
  await tried(() => fs.rmdirSync(`${dir}/none`, {}))
  await new Promise((resolve) => setTimeout(resolve, 20))
  process.off('warning', listen)
  fs.closeSync(fd)
  return seen
})

beside('classes and constants', (fs) => {
  const out: unknown[] = [isDeepStrictEqual(fs.constants, nodeFs.constants), fs.promises.constants === fs.constants]
  const descriptors = Object.getOwnPropertyDescriptors(fs) as Record<string, PropertyDescriptor>
  out.push(
    Object.entries(descriptors)
      .filter(([key]) => key in nodeFs)
      .map(([key, d]) => [key, d.enumerable, key === 'promises' || d.configurable, d.writable === false]),
  )
  out.push(
    Object.entries(Object.getOwnPropertyDescriptors(fs.promises))
      .filter(([key]) => key in nodeFs.promises)
      .map(([key, d]) => [key, d.enumerable, d.configurable, d.writable]),
  )
  out.push(Object.isFrozen(fs.promises), Object.isExtensible(fs), typeof any(fs)._toUnixTimestamp)
  const { mtime, mtimeMs } = fs.statSync('/')
  out.push(
    mtime instanceof Date,
    mtime.getTime() === Math.round(mtimeMs),
    Object.keys(fs.statSync('/')),
    Object.keys(fs.statSync('/', { bigint: true })),
  )
  out.push(
    Object.keys(fs.statfsSync('/')),
    fs.statfsSync('/').constructor.name,
    typeof fs.statfsSync('/', { bigint: true }).bsize,
  )
  return out
})
