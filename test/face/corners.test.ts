// What is easily forgotten: done on node:fs and on a stack with a hook on every opcode, and compared.
import nodeFs from 'node:fs'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { fail, layer, NEXT } from '../../lib/layer.js'
import { stack } from '../../lib/plyfs.js'
import { everything, NEWER, outcome, scratch } from './everything.js'

type Fs = typeof nodeFs
type Run = (fs: Fs, dir: string) => unknown

const hooked = stack(nodeFs, [everything()])
const same = (title: string, run: Run): void =>
  test(title, async (t) => {
    const there = scratch(t)
    const expected = await outcome(() => run(nodeFs, there))
    const found = await outcome(() => run(hooked, scratchAgain(t, there)))
    t.deepEqual(found, expected)
  })
/** The same path, empty again, so that Errors show the same. */
const scratchAgain = (_t: ExecutionContext, dir: string): string => {
  nodeFs.rmSync(dir, { recursive: true })
  nodeFs.mkdirSync(dir)
  return dir
}

same('util.promisify gives read, readv, write and writev their results by name', async (fs, dir) => {
  const fd = fs.openSync(`${dir}/f`, 'w+')
  const results = [
    await promisify(fs.write)(fd, Buffer.from('hello')),
    await promisify(fs.write)(fd, 'text'),
    await promisify(fs.writev)(fd, [Buffer.from('a'), Buffer.from('b')]),
    await promisify(fs.read)(fd, Buffer.alloc(3), 0, 3, 0),
    await promisify(fs.readv)(fd, [Buffer.alloc(2), Buffer.alloc(20)], 0),
    await promisify(fs.exists)(`${dir}/f`),
  ]
  fs.closeSync(fd)
  return results
})

same('promises.writeFile takes iterables, async iterables and streams', async (fs, dir) => {
  const write = fs.promises.writeFile
  await write(`${dir}/a`, ['one ', 'two'])
  await write(
    `${dir}/b`,
    (async function* () {
      yield 'three '
      yield Buffer.from('four')
    })(),
  )
  await write(`${dir}/c`, Readable.from(['five', ' six']))
  await write(`${dir}/d`, ['e9'], 'hex')
  return ['a', 'b', 'c', 'd'].map((name) => fs.readFileSync(`${dir}/${name}`, 'latin1'))
})

same('an iterable of what is no data', (fs, dir) => fs.promises.writeFile(`${dir}/a`, [1] as never))

same('FileHandles for paths', async (fs, dir) => {
  const handle = await fs.promises.open(`${dir}/f`, 'w+')
  await fs.promises.writeFile(handle, 'written')
  await fs.promises.appendFile(handle, ' and more')
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(30), 0, 30, 0)
  const rest = await fs.promises.readFile(handle, 'utf8')
  await handle.close()
  return [bytesRead, buffer.toString(), rest, fs.readFileSync(`${dir}/f`, 'utf8')]
})

same('options of a call with a FileHandle are checked first', async (fs, dir) => {
  const handle = await fs.promises.open(`${dir}/f`, 'w+')
  const errors = []
  for (const run of [
    () => fs.promises.readFile(handle, 'odd' as never),
    () => fs.promises.writeFile(handle, 'x', { flush: 1 } as never),
    () => fs.promises.writeFile(handle, {} as never),
  ]) {
    errors.push(await outcome(run))
  }
  await handle.close()
  return [errors, fs.readFileSync(`${dir}/f`, 'utf8')]
})

same('handle.readv and writev', async (fs, dir) => {
  const handle = await fs.promises.open(`${dir}/f`, 'w+')
  const { bytesWritten } = await handle.writev([Buffer.from('abc'), Buffer.from('defg')])
  const buffers = [Buffer.alloc(2), Buffer.alloc(0), Buffer.alloc(9)]
  const { bytesRead } = await handle.readv(buffers, 1)
  const nothing = await outcome(() => handle.readv([]))
  await handle.close()
  return [bytesWritten, bytesRead, buffers.map(String), nothing]
})

same('realpath.native, sync and by callback', async (fs, dir) => {
  fs.mkdirSync(`${dir}/d`)
  fs.symlinkSync('d', `${dir}/l`)
  const later = (path: string) => outcome(() => promisify(fs.realpath.native)(path))
  return [
    fs.realpathSync.native(`${dir}/l/../l`),
    await later(`${dir}/l`),
    await later(`${dir}/nothing`),
    await later(''),
    await outcome(() => fs.realpathSync.native(`${dir}/nothing`)),
  ]
})

same('a directory, an empty file, and one that is larger than any buffer', async (fs, dir) => {
  const sizes = [0, 1, 65_535, 65_536, 65_537, 1_000_000]
  const results: unknown[] = [await outcome(() => fs.readFileSync(dir)), await outcome(() => fs.promises.readFile(dir))]
  results.push(await outcome(() => promisify(fs.readFile)(dir)))
  for (const size of sizes) {
    fs.writeFileSync(`${dir}/f`, Buffer.alloc(size, 'é'))
    const fd = fs.openSync(`${dir}/f`, 'r')
    fs.readSync(fd, Buffer.alloc(1))
    const handle = await fs.promises.open(`${dir}/f`)
    const texts = [
      fs.readFileSync(`${dir}/f`, 'utf8'),
      fs.readFileSync(fd, 'latin1'),
      await promisify(fs.readFile)(`${dir}/f`, 'utf8'),
      await fs.promises.readFile(`${dir}/f`, 'utf8'),
      String(await handle.readFile()),
      String(await handle.readFile()),
    ]
    await handle.close()
    fs.closeSync(fd)
    results.push(texts.map((text) => [text.length, text.slice(-3)]))
  }
  return results
})

same('files whose size the kernel does not know', async (fs) => [
  fs.readFileSync('/proc/version', 'utf8'),
  await fs.promises.readFile('/proc/version', 'utf8'),
  String(await promisify(fs.readFile)('/proc/version')),
])

same('too large a file', async (fs, dir) => {
  fs.closeSync(fs.openSync(`${dir}/f`, 'w'))
  fs.truncateSync(`${dir}/f`, 2 ** 31)
  return [
    await outcome(() => fs.readFileSync(`${dir}/f`)),
    await outcome(() => fs.promises.readFile(`${dir}/f`)),
    await outcome(() => promisify(fs.readFile)(`${dir}/f`)),
  ]
})

same('a signal that fires while a file is read or written', async (fs, dir) => {
  fs.writeFileSync(`${dir}/f`, Buffer.alloc(4_000_000))
  const aborted = async (run: (signal: AbortSignal) => Promise<unknown>): Promise<unknown> => {
    const controller = new AbortController()
    const running = outcome(() => run(controller.signal))
    process.nextTick(() => controller.abort())
    return running
  }
  return [
    await aborted((signal) => fs.promises.readFile(`${dir}/f`, { signal })),
    await aborted((signal) => promisify(fs.readFile)(`${dir}/f`, { signal } as object)),
    await aborted((signal) => fs.promises.writeFile(`${dir}/g`, Buffer.alloc(4_000_000), { signal })),
  ]
})

test('a small file costs no getattr, in any convention', async (t) => {
  const dir = scratch(t)
  nodeFs.writeFileSync(`${dir}/f`, 'small')
  const seen: string[] = []
  const watch = (op: string) => ({
    request: (): typeof NEXT => {
      seen.push(op)
      return NEXT
    },
  })
  const fs = stack(nodeFs, [
    layer('seen', { open: watch('open'), getattr: watch('getattr'), read: watch('read'), release: watch('release') }),
  ])
  const requests = ['open', 'read', 'read', 'release']
  fs.readFileSync(`${dir}/f`)
  t.deepEqual(seen.splice(0), requests)
  await fs.promises.readFile(`${dir}/f`)
  t.deepEqual(seen.splice(0), requests)
  await promisify(fs.readFile)(`${dir}/f`)
  t.deepEqual(seen.splice(0), requests)
  const handle = await fs.promises.open(`${dir}/f`)
  await handle.readFile()
  await handle.close()
  t.deepEqual(seen.splice(0), requests)
})

test('rm tries again as often as maxRetries says', async (t) => {
  const dir = scratch(t)
  let left = 0
  const fs = stack(nodeFs, [
    layer('busy', { unlink: { error: () => NEXT, request: () => (left-- > 0 ? fail('EBUSY') : NEXT) } }),
  ])
  const attempt = (busy: number, maxRetries: number) => {
    nodeFs.writeFileSync(`${dir}/f`, '')
    left = busy
    return outcome(() => fs.promises.rm(`${dir}/f`, { recursive: true, maxRetries, retryDelay: 1 }))
  }
  t.deepEqual(await attempt(2, 2), { value: undefined })
  t.false(nodeFs.existsSync(`${dir}/f`))
  t.like(await attempt(3, 2), { error: NEWER ? { code: 'EBUSY' } : { code: 'EBUSY', syscall: 'unlink' } })
  nodeFs.writeFileSync(`${dir}/f`, '')
  left = 1
  fs.rmSync(`${dir}/f`, { recursive: true, maxRetries: 1, retryDelay: 1 })
  t.false(nodeFs.existsSync(`${dir}/f`))
})
