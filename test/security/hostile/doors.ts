// Every method of node:fs that takes a path, as something to call with one; in each convention that it has.
import { once } from 'node:events'
import type * as NodeFs from 'node:fs'
import { finished } from 'node:stream/promises'
import type { PlyFs } from '../../../lib/index.js'

export type Convention = 'sync' | 'callback' | 'promise'
export const conventions: readonly Convention[] = ['sync', 'callback', 'promise']

// biome-ignore lint/suspicious/noExplicitAny: methods of any signature
type Any = any

export interface Door {
  readonly name: string
  /** What it is about when it is used as it should be. */
  readonly on: 'file' | 'directory' | 'new' | 'link' | 'empty'
  /** It changes what it is about. */
  readonly changes: boolean
  /** It is about the name itself: a link in the last component is not followed. */
  readonly stays?: boolean
  /** undefined where the method has no such convention. */
  run(fs: PlyFs, convention: Convention, path: unknown, inside: (name: string) => string): Promise<unknown> | undefined
}

type Args = (path: unknown, inside: (name: string) => string) => readonly unknown[]

/** A method that has the three conventions under one name. */
const plain = (
  name: string,
  on: Door['on'],
  changes: boolean,
  args: Args = (path) => [path],
  more: { stays?: boolean; title?: string } = {},
): Door => ({
  name: more.title ?? name,
  on,
  changes,
  ...(more.stays === true ? { stays: true } : {}),
  run(fs, convention, path, inside) {
    const all = args(path, inside)
    const owner: Any = convention === 'promise' ? fs.promises : fs
    const method = owner[convention === 'sync' ? `${name}Sync` : name]
    if (typeof method !== 'function') return undefined
    if (convention === 'sync') return (async () => method.apply(owner, all))()
    if (convention === 'promise') return (async () => method.apply(owner, all))()
    return new Promise((resolve, reject) => {
      const back = (...values: unknown[]): void => {
        if (name === 'exists') resolve(values[0])
        else if (values[0] === null || values[0] === undefined) resolve(values[1])
        else reject(values[0])
      }
      try {
        method.call(owner, ...all, back)
      } catch (thrown) {
        reject(thrown)
      }
    })
  },
})

/** A door of its own, by the name of the convention that it stands for. */
const own = (
  name: string,
  on: Door['on'],
  changes: boolean,
  convention: Convention,
  run: (fs: PlyFs, path: Any, inside: (name: string) => string) => Promise<unknown>,
): Door => ({
  name,
  on,
  changes,
  run: (fs, asked, path, inside) => (asked === convention ? run(fs, path, inside) : undefined),
})

const collect = async (stream: NodeFs.ReadStream): Promise<Buffer> => {
  const chunks: Buffer[] = []
  stream.on('data', (chunk) => chunks.push(chunk as Buffer))
  await finished(stream)
  return Buffer.concat(chunks)
}

/** What streams and handles hold is looked at too. */
const held = async (handle: NodeFs.promises.FileHandle, use: (h: Any) => Promise<unknown>): Promise<unknown> => {
  try {
    return await use(handle)
  } finally {
    await handle.close()
  }
}

const O_CREAT = 0o100
const O_TRUNC = 0o1000
const O_EXCL = 0o200
const O_NONBLOCK = 0o4000
const O_TMPFILE = 0o20200000

const first = (path: unknown): readonly unknown[] => [path]

export const doors: readonly Door[] = [
  plain('access', 'file', false),
  plain('access', 'file', false, (path) => [path, 6], { title: 'access rw' }),
  plain('exists', 'file', false),
  plain('stat', 'file', false),
  plain('stat', 'file', false, (path) => [path, { bigint: true }], { title: 'stat bigint' }),
  plain('lstat', 'file', false, first, { stays: true }),
  plain('statfs', 'directory', false),
  plain('realpath', 'file', false),
  plain('readlink', 'link', false, first, { stays: true }),
  plain('readFile', 'file', false),
  plain('readFile', 'file', false, (path) => [path, { flag: 'r+' }], { title: 'readFile r+' }),
  plain('writeFile', 'file', true, (path) => [path, 'x']),
  plain('writeFile', 'new', true, (path) => [path, 'x', { flag: 'wx' }], { title: 'writeFile wx' }),
  plain('appendFile', 'file', true, (path) => [path, 'x']),
  plain('truncate', 'file', true, (path) => [path, 1]),
  plain('open', 'file', false, (path) => [path, 'r']),
  plain('open', 'file', true, (path) => [path, 'r+'], { title: 'open r+' }),
  plain('open', 'file', true, (path) => [path, 'w'], { title: 'open w' }),
  plain('open', 'new', true, (path) => [path, 'ax'], { title: 'open ax' }),
  plain('open', 'file', true, (path) => [path, O_CREAT], { title: 'open O_CREAT|O_RDONLY' }),
  plain('open', 'file', true, (path) => [path, O_TRUNC], { title: 'open O_TRUNC|O_RDONLY' }),
  plain('open', 'new', true, (path) => [path, O_CREAT | O_EXCL], { title: 'open O_CREAT|O_EXCL' }),
  plain('open', 'directory', true, (path) => [path, O_TMPFILE | 2], { title: 'open O_TMPFILE' }),
  plain('open', 'file', false, (path) => [path, O_NONBLOCK], { title: 'open O_NONBLOCK' }),
  plain('chmod', 'file', true, (path) => [path, 0o777]),
  plain('chown', 'file', true, (path) => [path, 7, 7]),
  plain('lchown', 'file', true, (path) => [path, 7, 7], { stays: true }),
  plain('utimes', 'file', true, (path) => [path, 1, 2]),
  plain('lutimes', 'file', true, (path) => [path, 1, 2], { stays: true }),
  plain('mkdir', 'new', true, first, { stays: true }),
  plain('mkdir', 'new', true, (path) => [path, { recursive: true }], { title: 'mkdir recursive' }),
  plain('mkdtemp', 'new', true, first, { stays: true }),
  plain('rmdir', 'empty', true, first, { stays: true }),
  plain('unlink', 'file', true, first, { stays: true }),
  plain('rm', 'file', true, first, { stays: true }),
  plain('rm', 'directory', true, (path) => [path, { recursive: true, force: true }], {
    stays: true,
    title: 'rm recursive',
  }),
  plain('readdir', 'directory', false),
  plain('readdir', 'directory', false, (path) => [path, { withFileTypes: true }], { title: 'readdir types' }),
  plain('readdir', 'directory', false, (path) => [path, { recursive: true }], { title: 'readdir recursive' }),
  plain('rename', 'file', true, (path, inside) => [path, inside('moved')], { stays: true, title: 'rename from' }),
  plain('rename', 'new', true, (path, inside) => [inside('other'), path], { stays: true, title: 'rename to' }),
  plain('rename', 'new', true, (path, inside) => [inside('empty'), path], {
    stays: true,
    title: 'rename directory to',
  }),
  plain('link', 'file', true, (path, inside) => [path, inside('linked')], { stays: true, title: 'link from' }),
  plain('link', 'new', true, (path, inside) => [inside('other'), path], { stays: true, title: 'link to' }),
  plain('symlink', 'new', true, (path) => ['target', path], { stays: true }),
  plain('copyFile', 'file', true, (path, inside) => [path, inside('copied')], { title: 'copyFile from' }),
  plain('copyFile', 'file', true, (path, inside) => [inside('other'), path], { title: 'copyFile to' }),
  plain('cp', 'file', true, (path, inside) => [path, inside('copied')], { title: 'cp from' }),
  plain('cp', 'file', true, (path, inside) => [inside('other'), path], { title: 'cp to' }),
  plain('cp', 'directory', true, (path, inside) => [path, inside('tree'), { recursive: true, dereference: true }], {
    title: 'cp recursive from',
  }),
  plain('cp', 'directory', true, (path, inside) => [inside('empty'), path, { recursive: true }], {
    title: 'cp recursive to',
  }),
  plain('getxattr', 'file', false, (path) => [path, 'user.plyfs']),
  plain('setxattr', 'file', true, (path) => [path, 'user.plyfs', Buffer.from('x')]),
  plain('listxattr', 'file', false),
  plain('removexattr', 'file', true, (path) => [path, 'user.plyfs']),
  plain('glob', 'directory', false, (path) => [`${String(path)}/*`]),
  own('opendir', 'directory', false, 'promise', async (fs, path) => {
    const names: string[] = []
    for await (const entry of await fs.promises.opendir(path)) names.push(`${entry.parentPath} ${entry.name}`)
    return names
  }),
  own('opendirSync', 'directory', false, 'sync', async (fs, path) => {
    const dir = fs.opendirSync(path)
    try {
      const names: string[] = [dir.path]
      for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) names.push(entry.name)
      return names
    } finally {
      dir.closeSync()
    }
  }),
  own('createReadStream', 'file', false, 'callback', (fs, path) => collect(fs.createReadStream(path))),
  own('createWriteStream', 'file', true, 'callback', async (fs, path) => {
    const stream = fs.createWriteStream(path)
    stream.end('x')
    await finished(stream)
  }),
  own('new ReadStream', 'file', false, 'callback', (fs, path) =>
    collect(new (fs as Any).ReadStream(path, { flags: 'r' })),
  ),
  own('openAsBlob', 'file', false, 'promise', async (fs, path) => (await fs.openAsBlob(path)).text()),
  own('watch', 'file', false, 'callback', async (fs, path) => {
    const watcher = fs.watch(path, { persistent: false })
    const failed = once(watcher, 'error').then(([error]) => Promise.reject(error))
    failed.catch(() => undefined)
    try {
      return await Promise.race([failed, new Promise((resolve) => setImmediate(resolve))])
    } finally {
      watcher.close()
    }
  }),
  own('promises.watch', 'file', false, 'promise', async (fs, path) => {
    const stop = new AbortController()
    setImmediate(() => stop.abort())
    try {
      for await (const event of fs.promises.watch(path, { persistent: false, signal: stop.signal })) return event
    } catch (error) {
      if ((error as Error).name !== 'AbortError') throw error
    }
    return undefined
  }),
  own('FileHandle read', 'file', false, 'promise', async (fs, path) =>
    held(await fs.promises.open(path, 'r'), async (h) => [await h.readFile(), await h.stat()]),
  ),
  own('FileHandle write', 'file', true, 'promise', async (fs, path) =>
    held(await fs.promises.open(path, 'r+'), async (h) => {
      await h.write('x')
      await h.chmod(0o777)
      await h.utimes(1, 2)
      await h.truncate(1)
    }),
  ),
  own('FileHandle stream', 'file', false, 'promise', async (fs, path) => {
    const handle = await fs.promises.open(path, 'r')
    return collect(handle.createReadStream() as unknown as NodeFs.ReadStream)
  }),
]
