// Random operations on a small tree, performed through any calling convention, and everything that can be asked about it.
import { constants } from 'node:fs'
import type { PlyFs } from '../../lib/index.js'
import { fc } from '../fc.js'

export interface Operation {
  readonly op: string
  readonly a: string
  readonly b: string
  readonly n: number
  /** How it is called: sync, callback or promise. */
  readonly how: number
}

const NAMES = ['a', 'b', 'c'] as const
const name = fc.constantFrom(...NAMES)
/** Paths as people spell them. */
export const paths: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: name.map((x) => `/${x}`) },
  { weight: 5, arbitrary: fc.tuple(name, name).map(([x, y]) => `/${x}/${y}`) },
  { weight: 2, arbitrary: fc.tuple(name, name, name).map(([x, y, z]) => `/${x}/${y}/${z}`) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(name, name, name)
      .chain(([x, y, z]) =>
        fc.constantFrom(`/${x}/../${y}`, `/${x}/`, `//${x}/./${y}`, `/${x}/${y}/../${z}`, `/${x}/${y}/`, `/${x}/..`),
      ),
  },
)
export const CHANGES = [
  'writeFile',
  'appendFile',
  'create',
  'mkdir',
  'unlink',
  'rmdir',
  'rename',
  'link',
  'symlink',
  'chmod',
  'utimes',
  'truncate',
  'copyFile',
  'setxattr',
  'removexattr',
  'mkdirs',
  'rm',
  'openWrite',
  'writeFd',
  'truncateFd',
  'chmodFd',
  'close',
] as const
export const QUESTIONS = [
  'stat',
  'lstat',
  'readlink',
  'readdir',
  'exists',
  'realpath',
  'getxattr',
  'listxattr',
  'read',
] as const

export const operations = (max: number): fc.Arbitrary<Operation[]> =>
  fc.array(
    fc.record({
      op: fc.constantFrom<string>(...CHANGES, ...QUESTIONS),
      a: paths,
      b: paths,
      n: fc.nat(7),
      how: fc.nat(2),
    }),
    { minLength: 5, maxLength: max },
  )

type Callback = (error: unknown, value?: unknown) => void
type Fn = (...args: unknown[]) => unknown

/** One call in the convention `how`: 0 sync, 1 callback, 2 promise. */
export const invoke = async (fs: PlyFs, how: number, method: string, ...args: unknown[]): Promise<unknown> => {
  const face = fs as unknown as Record<string, Fn> & { promises: Record<string, Fn> }
  if (how === 1 && face[method] !== undefined) {
    return new Promise((resolve, reject) => {
      const done: Callback = (error, value) => (error === null ? resolve(value) : reject(error))
      ;(face[method] as Fn)(...args, done)
    })
  }
  if (how === 2 && face.promises[method] !== undefined) return (face.promises[method] as Fn)(...args)
  return (face[`${method}Sync`] as Fn)(...args)
}

export const codeOf = (error: unknown): string => {
  const { code } = error as { code?: string }
  if (code === undefined) throw error
  return code
}

/** What a program holds: its tree, and the files it has open. */
export class Actor {
  readonly fds: number[] = []
  constructor(
    readonly fs: PlyFs,
    readonly root: string,
  ) {}

  /** The outcome as text: a value, or an error's code. */
  async do({ op, a, b, n, how }: Operation): Promise<string> {
    const { fs, root } = this
    const from = root + a
    const to = root + b
    const call = (method: string, ...args: unknown[]) => invoke(fs, how, method, ...args)
    const fd = this.fds[n % Math.max(1, this.fds.length)]
    try {
      switch (op) {
        case 'writeFile':
          return text(await call('writeFile', from, 'x'.repeat(n)))
        case 'appendFile':
          return text(await call('appendFile', from, 'yy'))
        case 'create':
          return text(await call('writeFile', from, 'z', { flag: 'wx' }))
        case 'mkdir':
          return text(await call('mkdir', from))
        case 'mkdirs':
          await call('mkdir', from, { recursive: true })
          return 'done'
        case 'rm':
          return text(await call('rm', from, { recursive: true, force: true }))
        case 'unlink':
        case 'rmdir':
          return text(await call(op, from))
        case 'rename':
        case 'link':
        case 'copyFile':
          return text(await call(op, from, to))
        case 'symlink':
          return text(await call('symlink', n % 2 === 0 ? b.slice(1) || '.' : to, from))
        case 'chmod':
          return text(await call('chmod', from, n % 2 === 0 ? 0o600 : 0o755))
        case 'utimes':
          return text(await call('utimes', from, 1000 + n, 2000 + n))
        case 'truncate':
          return text(await call('truncate', from, n))
        case 'setxattr':
          return text(await call('setxattr', from, `user.${n % 3}`, Buffer.from(b)))
        case 'removexattr':
          return text(await call('removexattr', from, `user.${n % 3}`))
        case 'getxattr':
          return text(String(await call('getxattr', from, `user.${n % 3}`)))
        case 'listxattr':
          return text(String([...((await call('listxattr', from)) as string[])].sort()))
        case 'openWrite': {
          if (this.fds.length > 3) return 'enough'
          const flags = [
            constants.O_RDWR | constants.O_CREAT,
            constants.O_WRONLY,
            constants.O_RDONLY,
            constants.O_RDWR | constants.O_TRUNC,
          ]
          this.fds.push((await invoke(fs, how === 2 ? 1 : how, 'open', from, flags[n % 4])) as number)
          return 'open'
        }
        case 'writeFd':
          if (fd === undefined) return 'none'
          await invoke(fs, how === 2 ? 1 : how, 'write', fd, Buffer.from('wrote'), 0, 5, n)
          return 'wrote'
        case 'truncateFd':
          return fd === undefined ? 'none' : text(await invoke(fs, how === 2 ? 1 : how, 'ftruncate', fd, n))
        case 'chmodFd':
          return fd === undefined
            ? 'none'
            : text(await invoke(fs, how === 2 ? 1 : how, 'fchmod', fd, n % 2 ? 0o640 : 0o600))
        case 'close':
          if (fd === undefined) return 'none'
          this.fds.splice(this.fds.indexOf(fd), 1)
          return text(await invoke(fs, how === 2 ? 1 : how, 'close', fd))
        case 'stat':
        case 'lstat':
          return describe(await call(op, from))
        case 'readlink':
        case 'realpath':
          return text(await call(op, from)).replaceAll(root, '')
        case 'readdir':
          return text(((await call('readdir', from)) as string[]).join())
        case 'exists':
          return String(fs.existsSync(from))
        default:
          return text(String(await call('readFile', from)))
      }
    } catch (error) {
      const code = codeOf(error)
      // Beneath a dangling link Node's own recursive mkdir says ENOENT when it is sync, and else ENOTDIR.
      return op === 'mkdirs' && code === 'ENOTDIR' ? 'ENOENT' : code
    }
  }

  closeAll(): void {
    for (const fd of this.fds.splice(0)) this.fs.closeSync(fd)
  }
}
const text = (value: unknown): string => (value === undefined ? 'done' : String(value))
const describe = (stats: unknown): string => {
  const { mode, nlink, size } = stats as { mode: number; nlink: number; size: number }
  // A directory's size and links are the filesystem's own affair, and twins differ in them.
  return (mode & 0o170000) === 0o040000 ? `dir ${mode}` : `${mode} ${nlink} ${size}`
}

/** Without stacks in the errors: where most of what is asked fails, they cost more than the answers. */
export const stackless = <T>(ask: () => T): T => {
  const { stackTraceLimit } = Error
  const restore = (): void => {
    Error.stackTraceLimit = stackTraceLimit
  }
  Error.stackTraceLimit = 0
  let out: T | undefined
  try {
    out = ask()
    return out instanceof Promise ? (out.finally(restore) as T) : out
  } finally {
    if (!(out instanceof Promise)) restore()
  }
}

/** Everything that can be asked about the tree, as `fs` answers it. */
export const survey = (fs: PlyFs, root: string, at: readonly string[], precise: boolean): string =>
  stackless(() => asked(fs, root, at, precise))
const asked = (fs: PlyFs, root: string, at: readonly string[], precise: boolean): string => {
  const out: string[] = []
  const add = (what: string, ask: () => unknown): void => {
    try {
      out.push(`${what} ${JSON.stringify(ask(), precise ? bigints : undefined)}`)
    } catch (error) {
      out.push(`${what} ${codeOf(error)}`)
    }
  }
  for (const path of at) {
    const p = root + path
    add(`exists ${path}`, () => fs.existsSync(p))
    add(`lstat ${path}`, () => fs.lstatSync(p, { bigint: precise }))
    add(`stat ${path}`, () => fs.statSync(p, { bigint: precise }))
    add(`access ${path}`, () => fs.accessSync(p, constants.W_OK))
    add(`readlink ${path}`, () => fs.readlinkSync(p))
    add(`getxattr ${path}`, () => fs.getxattrSync(p, 'user.1').toString())
    add(`listxattr ${path}`, () => fs.listxattrSync(p))
    add(`lgetxattr ${path}`, () => fs.lgetxattrSync(p, 'user.2').toString())
    add(`realpath ${path}`, () => fs.realpathSync(p))
    add(`readdir ${path}`, () =>
      fs.readdirSync(p, { withFileTypes: true }).map((e) => `${e.name} ${e.isDirectory()} ${e.isSymbolicLink()}`),
    )
  }
  return out.join('\n')
}
const bigints = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value)
export const everywhere: readonly string[] = [
  '/',
  ...NAMES.map((x) => `/${x}`),
  ...NAMES.flatMap((x) => NAMES.map((y) => `/${x}/${y}`)),
  ...NAMES.map((x) => `/${x}/`),
  '/a/../b',
  '/a/b/c',
  '/a/b/../c',
  '/b/a/c',
  '/c/./a//b',
]
