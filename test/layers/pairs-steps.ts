// A compact conformance sequence: what programs do to a small tree and are told, in any calling convention, as lines of text.
import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { PlyFs } from '../../lib/index.js'
import { invoke } from '../laws/model.js'

interface Told {
  readonly code?: string
  readonly syscall?: string
  readonly path?: string
  readonly dest?: string
}
interface Numbers {
  readonly mode: number
  readonly size: number
  readonly nlink: number
  readonly ino: number
  readonly mtimeMs: number
}
const ROOT = '/root'
const OLD = 1_000_000
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR, O_WRONLY } = constants
const S_IFMT = 0o170000
const S_IFDIR = 0o040000

/** What is there before the sequence. */
export const plant = (fs: PlyFs): void => {
  fs.mkdirSync(`${ROOT}/dir/deep`, { recursive: true })
  fs.writeFileSync(`${ROOT}/dir/file`, 'planted', { mode: 0o640 })
  fs.writeFileSync(`${ROOT}/dir/deep/file`, 'far down')
  fs.symlinkSync('dir/file', `${ROOT}/link`)
  fs.setxattrSync(`${ROOT}/dir/file`, 'user.kept', Buffer.from('value'))
  for (const path of ['dir/file', 'dir/deep/file', 'dir/deep', 'dir']) fs.utimesSync(`${ROOT}/${path}`, OLD, OLD)
}

/** All that is in a tree, times and attributes too. */
export const everythingIn = (fs: PlyFs, dir = '/'): string => {
  const lines: string[] = []
  const visit = (path: string): void => {
    const { mode, size, nlink, uid, gid, mtimeMs, ino } = fs.lstatSync(path)
    const type = mode & S_IFMT
    lines.push([path, mode, nlink, uid, gid, mtimeMs, ino, type === S_IFDIR ? '' : size].join(' '))
    if (type === constants.S_IFREG) lines.push(fs.readFileSync(path, 'latin1'))
    if (type === constants.S_IFLNK) lines.push(fs.readlinkSync(path))
    for (const name of fs.llistxattrSync(path).sort()) lines.push(`${name}=${fs.lgetxattrSync(path, name)}`)
    if (type === S_IFDIR) for (const name of fs.readdirSync(path).sort()) visit(`${path === '/' ? '' : path}/${name}`)
  }
  visit(dir)
  return lines.join('\n')
}

/** An open file, whatever it is called with. */
interface Handle {
  read(length: number, position: number | null): Promise<string>
  write(text: string, position: number | null): Promise<unknown>
  stat(): Promise<Numbers>
  truncate(size: number): Promise<unknown>
  sync(): Promise<unknown>
  close(): Promise<unknown>
}

class Sequence {
  readonly lines: string[] = []
  constructor(
    readonly fs: PlyFs,
    /** How the next call is made: 0 sync, 1 callback, 2 promise, and so on. */
    public how: number,
  ) {}

  call(method: string, ...args: unknown[]): Promise<unknown> {
    return invoke(this.fs, this.how, method, ...args)
  }
  async open(name: string, flags: string | number, mode?: number): Promise<Handle> {
    const at = `${ROOT}/${name}`
    if (this.how === 2) {
      const handle = (await this.call('open', at, flags, mode)) as FileHandle
      return {
        read: async (length, position) => {
          const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position)
          return buffer.toString('latin1', 0, bytesRead)
        },
        write: async (text, position) => (await handle.write(text, position)).bytesWritten,
        stat: () => handle.stat(),
        truncate: (size) => handle.truncate(size),
        sync: () => handle.sync(),
        close: () => handle.close(),
      }
    }
    const fd = (await this.call('open', at, flags, mode)) as number
    return {
      read: async (length, position) => {
        const buffer = Buffer.alloc(length)
        const got = (await this.call('read', fd, buffer, 0, length, position)) as number
        return buffer.toString('latin1', 0, got)
      },
      write: (text, position) => {
        const bytes = Buffer.from(text)
        return this.call('write', fd, bytes, 0, bytes.length, position)
      },
      stat: () => this.call('fstat', fd) as Promise<Numbers>,
      truncate: (size) => this.call('ftruncate', fd, size),
      sync: () => this.call('fsync', fd),
      close: () => this.call('close', fd),
    }
  }

  /** Notes what `ask` comes to: the value, or all that the error says. Each in another calling convention. */
  async note(what: string, ask: () => unknown): Promise<void> {
    this.how = (this.how + 1) % 3
    try {
      this.lines.push(`${what}: ${told(await ask())}`)
    } catch (error) {
      const { code, syscall, path, dest } = error as Told
      if (code === undefined) throw error
      this.lines.push(`${what}: ${[code, syscall, path, dest].join(' ')}`)
    }
  }
  /** Calls a method on one path, or on two, and notes it. */
  async do(method: string, path: string, ...rest: unknown[]): Promise<void> {
    const args = TWO.has(method) ? [`${ROOT}/${rest[0]}`, ...rest.slice(1)] : rest
    await this.note([method, path, ...rest.map(String)].join(' '), () => this.call(method, `${ROOT}/${path}`, ...args))
  }
  async stat(path: string): Promise<Numbers> {
    return (await this.call('stat', `${ROOT}/${path}`)) as Numbers
  }
  /** A file that is opened, used and closed. */
  async during(name: string, flags: string | number, use: (handle: Handle) => Promise<unknown>): Promise<void> {
    await this.note(`open ${name} ${flags}`, async () => {
      const handle = await this.open(name, flags, 0o644)
      try {
        return await use(handle)
      } finally {
        await handle.close()
      }
    })
  }
}
const TWO = new Set(['rename', 'link', 'copyFile'])
const told = (value: unknown): string => {
  if (value === undefined) return 'done'
  if (Buffer.isBuffer(value)) return value.toString('latin1')
  if (Array.isArray(value)) return [...value].map(String).sort().join()
  if (typeof value !== 'object' || value === null || !('nlink' in value)) return String(value)
  const { mode, size, nlink } = value as Numbers
  // A directory's size and links are the filesystem's own affair.
  return (mode & S_IFMT) === S_IFDIR ? `dir ${mode.toString(8)}` : `${mode.toString(8)} ${size} ${nlink}`
}

/** Looking alone: it changes nothing. */
const look = async (s: Sequence): Promise<void> => {
  for (const path of ['', 'dir', 'dir/file', 'link', 'missing', 'dir/file/', 'dir/file/x', 'dir/../link']) {
    await s.do('stat', path)
    await s.do('lstat', path)
  }
  for (const path of ['dir', 'dir/file', 'link', 'missing']) {
    await s.do('readdir', path)
    await s.do('readFile', path, 'latin1')
  }
  for (const path of ['dir/file', 'link', 'missing/x']) {
    await s.do('readlink', path)
    await s.do('realpath', path)
    await s.do('access', path)
  }
  await s.do('listxattr', 'link')
  await s.do('getxattr', 'dir/file', 'user.kept')
  await s.do('getxattr', 'dir/file', 'user.missing')
  await s.do('readFile', 'dir/deep/file', 'latin1')
  await s.note('time', async () => {
    const { mtimeMs } = await s.stat('dir/file')
    return mtimeMs > OLD * 1000 ? 'new' : mtimeMs
  })
  await s.during('dir/file', 'r', async (f) => [await f.read(3, 1), await f.read(3, null), await f.read(9, null)])
  await s.during('link', O_NOFOLLOW, (f) => f.stat())
  await s.note('a long name', () => s.call('stat', `${ROOT}/${'x'.repeat(300)}`).catch(({ code }: Told) => code))
}

const change = async (s: Sequence): Promise<void> => {
  // Of what was planted.
  await s.during('dir/file', 'r+', async (f) => [
    await f.write('PL', 0),
    await f.read(20, 0),
    await f.truncate(5),
    await f.sync(),
    told(await f.stat()),
  ])
  await s.do('appendFile', 'link', ' more')
  await s.do('readFile', 'dir/file', 'latin1')
  await s.do('chmod', 'dir/deep/file', 0o600)
  await s.do('utimes', 'dir/deep/file', 5, 6)
  await s.do('stat', 'dir/deep/file')
  await s.note('mtime', async () => (await s.stat('dir/deep/file')).mtimeMs)
  await s.do('setxattr', 'dir/file', 'user.new', Buffer.from('made'))
  await s.do('getxattr', 'dir/file', 'user.new')
  await s.do('removexattr', 'dir/file', 'user.kept')
  await s.do('removexattr', 'dir/file', 'user.kept')
  await s.do('listxattr', 'dir/file')
  await s.do('truncate', 'dir/file', 2)
  await s.do('truncate', 'dir/file', 6)
  await s.do('readFile', 'dir/file', 'latin1')
  await s.do('truncate', 'missing', 2)
  await s.do('rename', 'dir', 'moved')
  await s.do('readFile', 'moved/deep/file', 'latin1')
  await s.do('stat', 'dir/deep/file')
  await s.do('rename', 'moved', 'dir')
  // Made anew.
  await s.do('mkdir', 'a')
  await s.do('mkdir', 'a')
  await s.do('mkdir', 'missing/a')
  await s.do('mkdir', 'a/b/c', { recursive: true })
  await s.do('writeFile', 'a/f', 'x'.repeat(70))
  await s.do('writeFile', 'a/f', 'again', { flag: 'wx' })
  await s.do('writeFile', 'a/', 'a directory')
  await s.do('writeFile', 'a', 'a directory')
  await s.do('writeFile', 'a/f/x', 'a file above')
  await s.note('symlink', () => s.call('symlink', 'f', `${ROOT}/a/s`))
  await s.note('symlink again', () => s.call('symlink', 'f', `${ROOT}/a/s`))
  await s.note('loop', () => s.call('symlink', 'loop', `${ROOT}/a/loop`))
  await s.do('stat', 'a/loop')
  await s.do('lstat', 'a/s')
  await s.do('stat', 'a/s')
  await s.do('link', 'a/f', 'a/g')
  await s.do('link', 'a/f', 'a/g')
  await s.do('link', 'a/none', 'a/h')
  await s.do('link', 'a', 'a/h')
  await s.note('one file', async () => (await s.stat('a/f')).ino === (await s.stat('a/g')).ino)
  await s.do('appendFile', 'a/g', '!')
  await s.do('stat', 'a/f')
  await s.do('rename', 'a/g', 'a/b/g')
  await s.do('rename', 'a/none', 'a/g')
  await s.do('rename', 'a', 'a/b/c/d')
  await s.do('rename', 'a/f', 'a/b')
  await s.do('rename', 'a/b', 'a/f')
  await s.do('rename', 'dir', 'a')
  await s.do('rename', 'a/b/g', 'dir/deep/file')
  await s.do('readFile', 'dir/deep/file', 'latin1')
  await s.do('copyFile', 'a/f', 'a/copy')
  await s.do('copyFile', 'a/f', 'a/copy', constants.COPYFILE_EXCL)
  await s.do('readFile', 'a/copy', 'latin1')
  await s.do('readdir', 'a')
  await s.during('a/new', O_RDWR | O_CREAT | O_EXCL, async (f) => [
    await f.write('one', null),
    await f.write('two', null),
    await s.call('unlink', `${ROOT}/a/new`),
    (await f.stat()).nlink,
    await f.read(9, 0),
  ])
  await s.during('a/log', 'a', async (f) => [await f.write('one', null), await f.write('two', null)])
  await s.do('readFile', 'a/log', 'latin1')
  await s.during('a', O_WRONLY, (f) => f.stat())
  await s.during('a/f', O_WRONLY, (f) => f.read(1, 0))
  await s.during('a/f', 'r', (f) => f.write('x', 0))
  // Taken away.
  await s.do('rmdir', 'a')
  await s.do('rmdir', 'a/f')
  await s.do('unlink', 'a')
  await s.do('unlink', 'a/none')
  await s.do('unlink', 'a/s')
  await s.do('unlink', 'a/f')
  await s.do('stat', 'a/f')
  await s.do('rm', 'a', { recursive: true })
  await s.do('rm', 'none')
  await s.do('readdir', '')
}

/** Looks, changes, and looks again; `how` is the convention of the first call. */
export const conform = async (fs: PlyFs, how: number): Promise<readonly string[]> => {
  const s = new Sequence(fs, how)
  await look(s)
  await change(s)
  await look(s)
  return s.lines
}
