/** The same calls on a filesystem and on node:fs in a temporary directory, which says what is right. */
import nodeFs, { constants } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import type { PlyFs } from '../../lib/lower/index.js'

const { O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_RDWR, O_TRUNC, O_EXCL, O_WRONLY } = constants

/** One call: the method's name without `Sync`, and its arguments; `$` at the start of a string is the directory. */
export type Step = readonly [method: string, ...args: unknown[]]

const LONG = 'n'.repeat(256)

/** Files, directories and links to begin with. */
export const setting: readonly Step[] = [
  ['writeFile', '$/f', 'abc'],
  ['writeFile', '$/g', 'ghi'],
  ['link', '$/f', '$/f2'],
  ['mkdir', '$/dir'],
  ['mkdir', '$/dir/sub'],
  ['writeFile', '$/dir/sub/x', ''],
  ['mkdir', '$/e'],
  ['symlink', 'f', '$/sl'],
  ['symlink', 'dir', '$/sd'],
  ['symlink', 'dir/sub', '$/ss'],
  ['symlink', 'nope', '$/dang'],
  ['symlink', 'nope/', '$/dangs'],
  ['symlink', 'loop', '$/loop'],
]

const onEach = (method: string, paths: readonly string[], ...rest: unknown[]): Step[] =>
  paths.map((path) => [method, path, ...rest])

const everything = ['f', 'f/', 'f/.', 'f/..', 'f/x', 'dir', 'dir/', 'dir/.', 'dir/..', 'sl', 'sl/', 'sd', 'sd/']
  .concat(['sd/sub', 'sd/..', 'ss/..', 'ss/../sub/x', 'dang', 'dang/', 'dangs', 'loop', 'loop/x', 'no', 'no/', 'no/x'])
  .concat([LONG, `f/${LONG}`, `${LONG}/x`, '', '/', '//dir//sub//'])
  .map((name) => `$/${name}`)

/** Each is done on a setting of its own, on its own. */
export const singleSteps: readonly Step[] = [
  ...['stat', 'lstat', 'readlink', 'readdir', 'unlink', 'rmdir', 'mkdir', 'access', 'readFile'].flatMap((method) =>
    onEach(method, everything),
  ),
  ...onEach('readdir', everything, { withFileTypes: true }),
  ...onEach('truncate', everything, 2),
  ...onEach('chmod', everything, 0o600),
  ...onEach('utimes', everything, 1.5, 2.25),
  ...onEach('lutimes', everything, 1.5, 2.25),
  ...onEach('lchown', everything, 5, 6),
  ...onEach('open', everything, 'r+'),
  ...onEach('open', everything, 'r'),
  ...onEach('open', everything, 'w'),
  ...onEach('open', everything, 'wx'),
  ...onEach('open', everything, O_CREAT | O_DIRECTORY | O_RDWR),
  ...onEach('open', everything, O_DIRECTORY),
  ...onEach('open', everything, O_NOFOLLOW),
  ...onEach('open', everything, O_NOFOLLOW | O_DIRECTORY),
  ...onEach('open', everything, O_TRUNC),
  ...onEach('open', everything, O_CREAT | O_NOFOLLOW | O_WRONLY),
  ...onEach('open', everything, O_CREAT | O_EXCL | O_NOFOLLOW),
  ...['f', 'dir', 'e', 'sl', 'sd', 'f/', 'dir/', 'sd/', 'no/', 'f2', 'dir/sub', 'dir/sub/x', 'no/x']
    .flatMap((from, _k, names) => names.map((to) => [from, to] as const))
    .flatMap(([from, to]): Step[] => [
      ['rename', `$/${from}`, `$/${to}`],
      ['link', `$/${from}`, `$/${to}`],
    ]),
  ...onEach('rename', ['$/dir'], '$/dir/sub/y'),
  ...onEach('rename', ['$/dir', '$/f'], '/'),
  ...['x/', 'f/', 'dir', 'dang', 'no/x', 'new'].map((name): Step => ['symlink', 'target', `$/${name}`]),
  ['symlink', '', '$/new'],
  ['symlink', 'a'.repeat(4096), '$/new'],
  ['rmdir', '/'],
  ['lstat', `/${'a/'.repeat(2100)}`],
  ['mkdir', '$/p/q/r', { recursive: true }],
  ['mkdir', '$/m', 0o7777],
  ['writeFile', '$/m', 'x', { mode: 0o7777 }],
  ['rm', '$/dir', { recursive: true }],
  ['cp', '$/dir', '$/copy', { recursive: true }],
  ['readdir', '$', { recursive: true }],
  ['appendFile', '$/f', 'more'],
  ['access', '$/f', constants.X_OK],
  ['access', '$/dir', constants.X_OK],
]

/** A fresh place for both, under the same name. */
export const place = (fs: PlyFs): { dir: string; clean(): void } => {
  const dir = nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-oracle-'))
  fs.mkdirSync(dir, { recursive: true })
  return { dir, clean: () => nodeFs.rmSync(dir, { recursive: true, force: true }) }
}

const fill = (value: unknown, dir: string): unknown =>
  typeof value === 'string' && value.startsWith('$') ? dir + value.slice(1) : value

type Callable = Record<string, ((...args: unknown[]) => unknown) | undefined>
export type Convention = 'sync' | 'callback' | 'promise'

const perform = async (fs: PlyFs, convention: Convention, method: string, args: unknown[]): Promise<unknown> => {
  const all = fs as unknown as Callable
  if (convention === 'sync') return all[`${method}Sync`]?.(...args)
  if (convention === 'promise') return (fs.promises as unknown as Callable)[method]?.(...args)
  return new Promise((resolve, reject) =>
    all[method]?.(...args, (error: unknown, value: unknown) => (error ? reject(error as Error) : resolve(value))),
  )
}

/** What can be compared of a value: identities, times of now and the order of a listing cannot. */
const comparable = (value: unknown): unknown => {
  if (value instanceof nodeFs.Stats) {
    const { mode, nlink, uid, gid } = value
    return value.isDirectory() ? { mode, nlink, uid, gid } : { mode, nlink, uid, gid, size: value.size }
  }
  if (Array.isArray(value)) return value.map((entry) => inspect(entry, { depth: 0 })).sort()
  if (typeof value === 'number') return 'a descriptor'
  if (typeof value === 'object' && value !== null && 'fd' in value) return 'a descriptor'
  return value
}

export const outcome = async (
  fs: PlyFs,
  dir: string,
  [method, ...args]: Step,
  convention: Convention = 'sync',
): Promise<unknown> => {
  try {
    const filled = args.map((arg) => fill(arg, dir))
    const value = await perform(fs, convention, method, filled)
    if (typeof value === 'number') fs.closeSync(value)
    else if (typeof value === 'object' && value !== null && 'fd' in value) {
      await (value as unknown as { close(): Promise<void> }).close()
    }
    return comparable(value)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === undefined ? error : { code }
  }
}

/** Everything beneath `dir`, so that what a call did can be seen. */
export const treeOf = (fs: PlyFs, dir: string): Record<string, unknown> => {
  const tree: Record<string, unknown> = {}
  const visit = (path: string): void => {
    let names: string[] = []
    // Who is not root may be refused: on both.
    try {
      names = fs.readdirSync(path)
      fs.accessSync(path, constants.X_OK)
    } catch (error) {
      tree[`${path.slice(dir.length)}/`] = [names.sort(), (error as NodeJS.ErrnoException).code]
      return
    }
    for (const name of names.sort()) {
      const here = `${path}/${name}`
      const stats = fs.lstatSync(here)
      const { mode, nlink, uid, gid } = stats
      const content = stats.isFile()
        ? fs.readFileSync(here, 'utf8')
        : stats.isSymbolicLink()
          ? fs.readlinkSync(here)
          : ''
      tree[here.slice(dir.length)] = { mode, nlink, uid, gid, content }
      if (stats.isDirectory()) visit(here)
    }
  }
  visit(dir)
  return tree
}

/** Runs single steps on the setting, which is laid out anew after each one that changed it. */
export const runner = (fs: PlyFs, dir: string): ((step: Step, convention: Convention) => Promise<unknown>) => {
  const own = `${dir}/w`
  let clean: string | undefined
  return async (step, convention) => {
    if (clean === undefined) {
      for (const closed of ['', '/dir', '/dir/sub', '/e']) {
        if (fs.existsSync(own + closed)) fs.chmodSync(own + closed, 0o700)
      }
      fs.rmSync(own, { recursive: true, force: true })
      fs.mkdirSync(own)
      for (const each of setting) await outcome(fs, own, each)
      clean = JSON.stringify(treeOf(fs, own))
    }
    const result = await outcome(fs, own, step, convention)
    const tree = JSON.stringify(treeOf(fs, own))
    if (tree === clean) return { result, tree: 'as before' }
    clean = undefined
    return { result, tree: JSON.parse(tree) as unknown }
  }
}

export { nodeFs }
