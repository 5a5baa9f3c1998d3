// Functions of fs that a program has replaced are called where Node calls them by their names, on a face and installed.
import nodeFs from 'node:fs'
import test from 'ava'
import { install, stack } from '../../lib/index.js'
import { beside, called, type Fs, tried } from './beside.js'
import { everything, scratch } from './everything.js'

// biome-ignore lint/suspicious/noExplicitAny: any function of node:fs, with any arguments
type Any = Record<string, (...args: any[]) => any>

/** Counts the calls of these functions while `run` runs. */
const spied = async (fs: Fs, names: readonly string[], run: () => unknown): Promise<unknown> => {
  const bag = fs as unknown as Any
  const seen: unknown[] = []
  const before = names.map((name) => [name, bag[name] as Any[string]] as const)
  for (const [name, original] of before) {
    bag[name] = function (this: unknown, ...args: unknown[]) {
      seen.push([name, args.map((each) => (typeof each === 'number' ? 'number' : typeof each))])
      return original.apply(this, args)
    }
  }
  try {
    return [await tried(run), seen]
  } finally {
    for (const [name, original] of before) bag[name] = original
  }
}
const ended = (stream: NodeJS.EventEmitter): Promise<unknown> => new Promise((resolve) => stream.on('close', resolve))

type Patched = (fs: Fs, dir: string) => unknown
const patched: Record<string, Patched> = {
  'fsyncSync, by writeFileSync and appendFileSync with flush': (fs, dir) =>
    spied(fs, ['fsyncSync'], () => {
      fs.writeFileSync(`${dir}/f`, 'abc', { flush: true } as never)
      fs.appendFileSync(`${dir}/f`, 'def', { flush: true } as never)
      fs.writeFileSync(`${dir}/f`, 'abc')
      return fs.readFileSync(`${dir}/f`, 'utf8')
    }),
  'fsync, by writeFile and appendFile with flush': (fs, dir) =>
    spied(fs, ['fsync'], async () => {
      await called((cb) => fs.writeFile(`${dir}/f`, 'abc', { flush: true } as never, cb))
      await called((cb) => fs.appendFile(`${dir}/f`, 'def', { flush: true } as never, cb))
      await called((cb) => fs.writeFile(`${dir}/f`, 'ghi', cb))
    }),
  'fsync, by write streams with flush': (fs, dir) =>
    spied(fs, ['fsync'], async () => {
      for (const flush of [true, false, undefined]) {
        await ended(fs.createWriteStream(`${dir}/f`, { flush } as never).end('x'))
      }
    }),
  'open, read, write and close, by streams': (fs, dir) =>
    spied(fs, ['open', 'read', 'write', 'close'], async () => {
      await ended(fs.createWriteStream(`${dir}/f`).end('x'))
      await ended(fs.createReadStream(`${dir}/f`).resume())
    }),
  'writev, by streams': (fs, dir) =>
    spied(fs, ['writev'], async () => {
      const stream = fs.createWriteStream(`${dir}/f`)
      stream.cork()
      stream.write('a')
      stream.write('b')
      stream.uncork()
      await ended(stream.end())
    }),
  'openSync, writeSync and closeSync, by writeFileSync of bytes': (fs, dir) =>
    spied(fs, ['openSync', 'writeSync', 'closeSync'], () => {
      fs.writeFileSync(`${dir}/f`, Buffer.from('x'))
      fs.appendFileSync(`${dir}/f`, Buffer.from('x'))
      return fs.readFileSync(`${dir}/f`, 'utf8')
    }),
  'openSync and closeSync, by readFileSync without an encoding': (fs, dir) => {
    fs.writeFileSync(`${dir}/f`, 'x')
    return spied(fs, ['openSync', 'closeSync'], () => String(fs.readFileSync(`${dir}/f`)))
  },
  'a descriptor is closed whatever fails': (fs, dir) => {
    fs.writeFileSync(`${dir}/f`, 'x')
    const bag = fs as unknown as Any
    const names = ['openSync', 'closeSync', 'writeSync', 'readSync']
    const before = names.map((name) => [name, bag[name] as Any[string]] as const)
    const seen: unknown[] = []
    bag.openSync = () => 42
    bag.closeSync = (fd: unknown) => seen.push(fd)
    bag.writeSync = () => {
      throw new Error('BAM')
    }
    try {
      for (const run of [
        () => fs.writeFileSync(`${dir}/f`, Buffer.from('x')),
        () => fs.writeFileSync(`${dir}/f`, 'x', { encoding: 'base64' }),
        () => fs.appendFileSync(`${dir}/f`, Buffer.from('x')),
      ]) {
        try {
          run()
        } catch (error) {
          seen.push((error as Error).message)
        }
      }
    } finally {
      for (const [name, original] of before) bag[name] = original
    }
    return seen
  },
  'open and close, by truncate': (fs, dir) => {
    fs.writeFileSync(`${dir}/f`, 'x')
    return spied(fs, ['open', 'close', 'openSync', 'closeSync'], async () => {
      await called((cb) => fs.truncate(`${dir}/f`, 0, cb))
      fs.truncateSync(`${dir}/f`, 3)
      return fs.statSync(`${dir}/f`).size
    })
  },
  'writeFile and writeFileSync, by appendFile and appendFileSync': (fs, dir) =>
    spied(fs, ['writeFile', 'writeFileSync'], async () => {
      fs.appendFileSync(`${dir}/f`, 'x')
      await called((cb) => fs.appendFile(`${dir}/f`, 'y', cb))
      return fs.readFileSync(`${dir}/f`, 'utf8')
    }),
  'lstat, stat and readlink, by realpath': (fs, dir) => {
    fs.symlinkSync('.', `${dir}/l`)
    return spied(fs, ['lstat', 'stat', 'readlink'], () => called((cb) => fs.realpath(`${dir}/l`, cb)))
  },
  'ReadStream.prototype.open': async (fs, dir) => {
    fs.writeFileSync(`${dir}/f`, 'x')
    const { prototype } = fs.ReadStream as unknown as { prototype: { open: unknown } }
    const before = prototype.open
    const seen: unknown[] = []
    prototype.open = function (this: Record<string, unknown>) {
      seen.push(this.path === `${dir}/f`, this.flags, this.fd)
      ;(this as unknown as { emit(name: string, error: Error): void }).emit('error', new Error('mine'))
    }
    try {
      const stream = fs.createReadStream(`${dir}/f`)
      await new Promise((resolve) => stream.on('error', (error) => resolve(seen.push(error.message))))
    } finally {
      prototype.open = before
    }
    return seen
  },
  'a stream class that was replaced': (fs, dir) => {
    const bag = fs as unknown as { ReadStream: unknown; createReadStream(path: string): object }
    const before = bag.ReadStream
    class Other {}
    bag.ReadStream = Other
    try {
      return bag.createReadStream(`${dir}/f`) instanceof Other
    } finally {
      bag.ReadStream = before
    }
  },
}
for (const [title, run] of Object.entries(patched)) {
  beside(title, run)
  test.serial(`${title}, installed`, async (t) => {
    const dir = scratch(t)
    const clear = (): void => {
      nodeFs.rmSync(dir, { recursive: true })
      nodeFs.mkdirSync(dir)
    }
    const expected = await run(nodeFs, dir)
    clear()
    const restore = install(stack(nodeFs, [everything()]))
    t.teardown(restore)
    const found = await run(nodeFs, dir)
    restore()
    t.deepEqual(found, expected)
  })
}
