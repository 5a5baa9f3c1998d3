// Owners, permission bits, sticky directories, set-id bits, umask and groups: random steps of several users, beside node:fs.
import nodeFs, { constants } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import test from 'ava'
import { memory, type PlyFs } from '../../lib/lower/index.js'
import { withCaller } from '../../lib/plyfs.js'
import { fc } from '../fc.js'

const { O_CREAT, O_EXCL, O_NOATIME = 0, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants

type User = readonly [uid: number, gid: number]
const USERS: readonly User[] = [
  [0, 0],
  [1000, 1000],
  [1000, 2000],
  [2000, 1000],
  [65534, 65534],
]
interface Step {
  readonly user: User
  readonly umask: number
  readonly method: string
  readonly args: readonly unknown[]
}

const name = fc
  .constantFrom('f', 'g', 'd', 'd/f', 'd/g', 'e', 'e/f', 'e/s', 'd/s', 'l', 'e/l')
  .map((each) => `$/${each}`)
const mode = fc.constantFrom(
  0o777,
  0o755,
  0o750,
  0o700,
  0o555,
  0o644,
  0o600,
  0o444,
  0o070,
  0o007,
  0o1777,
  0o2775,
  0o2755,
  0o3777,
  0o4755,
  0o4711,
  0o6755,
  0o2644,
  0o6777,
  0,
)
const id = fc.constantFrom(0, 1000, 2000, 65534, -1)
const flags = fc.constantFrom(
  O_RDONLY,
  O_WRONLY,
  O_RDWR,
  O_WRONLY | O_CREAT,
  O_RDWR | O_CREAT | O_EXCL,
  O_WRONLY | O_TRUNC,
  O_RDONLY | O_TRUNC,
  O_RDONLY | O_NOATIME,
  O_RDONLY | O_CREAT,
)
const protectedLinks = (): boolean => {
  try {
    return nodeFs.readFileSync('/proc/sys/fs/protected_hardlinks', 'latin1') === '1\n'
  } catch {
    return false
  }
}
const data = fc.constantFrom('', 'x', 'hello')
const times = fc.constantFrom(0, 1.5, 1_600_000_000.123456, 2 ** 32)
const calls: readonly (readonly [number, string, readonly fc.Arbitrary<unknown>[]])[] = [
  [4, 'writeFile', [name, data, fc.record({ mode, flag: fc.constantFrom('w', 'a', 'wx', 'r+') })]],
  [3, 'mkdir', [name, mode]],
  [1, 'mkdir', [fc.constantFrom('$/e/p/q', '$/d/p/q'), fc.record({ recursive: fc.constant(true), mode })]],
  [3, 'open', [name, flags, mode]],
  [4, 'chmod', [name, mode]],
  [2, 'fchmod', [name, mode]],
  [3, 'chown', [name, id, id]],
  [1, 'lchown', [name, id, id]],
  [2, 'truncate', [name, fc.constantFrom(0, 3)]],
  [2, 'ftruncate', [name, fc.constantFrom(0, 3)]],
  [2, 'utimes', [name, times, times]],
  [1, 'lutimes', [name, times, times]],
  [3, 'rename', [name, name]],
  // Linking to a file of somebody else's is forbidden by fs.protected_hardlinks, as distributions set it.
  ...(protectedLinks() ? [[2, 'link', [name, name]] as const] : []),
  [1, 'symlink', [fc.constantFrom('f', 'd', '../d/f', 'no'), name]],
  [2, 'unlink', [name]],
  [1, 'rmdir', [name]],
  [1, 'rm', [name, fc.record({ recursive: fc.boolean(), force: fc.boolean() })]],
  [2, 'readdir', [name]],
  [2, 'readFile', [name, fc.constant('utf8')]],
  [2, 'access', [name, fc.nat(7)]],
  [1, 'copyFile', [name, name, fc.constantFrom(0, 1)]],
  [1, 'cp', [name, name, fc.record({ recursive: fc.boolean(), preserveTimestamps: fc.boolean() })]],
  [1, 'stat', [name]],
  [1, 'readlink', [name]],
  [1, 'realpath', [name]],
  [1, 'opendir', [name]],
  [1, 'mkdtemp', [fc.constantFrom('$/d/t', '$/t')]],
]
const step: fc.Arbitrary<Step> = fc.oneof(
  ...calls.map(([weight, method, args]) => ({
    weight,
    arbitrary: fc.record({
      // access(2) asks for the real user, who is root here.
      user: fc.constantFrom(...(method === 'access' ? USERS.slice(0, 1) : USERS)),
      umask: fc.constantFrom(0o022, 0o022, 0, 0o077),
      method: fc.constant(method),
      args: fc.tuple(...args),
    }),
  })),
)

/** Runs `run` as somebody else; the process itself stays root's. */
const as = <T>([uid, gid]: User, umask: number, run: () => T): T => {
  process.setegid?.(gid)
  process.seteuid?.(uid)
  const before = process.umask(umask)
  try {
    return run()
  } finally {
    process.umask(before)
    process.seteuid?.(0)
    process.setegid?.(0)
  }
}

const statsOf = ({ mode: bits, uid, gid, nlink, size, atimeMs, mtimeMs }: nodeFs.Stats, timed: boolean) => {
  const file = (bits & constants.S_IFMT) === constants.S_IFREG
  return [bits.toString(8), uid, gid, nlink, file && size, ...(timed ? [atimeMs, mtimeMs] : [])]
}
type Fn = (...args: unknown[]) => unknown
const perform = (fs: PlyFs, dir: string, { method, args }: Step): unknown => {
  const all = fs as unknown as Record<string, Fn>
  const filled = args.map((arg) => (typeof arg === 'string' && arg.startsWith('$') ? dir + arg.slice(1) : arg))
  const call = (fn: string, ...given: unknown[]): unknown => all[`${fn}Sync`]?.(...given)
  const onOpen = (open: number): unknown => {
    try {
      if (method === 'open') return [fs.writeSync(open, '')]
      return call(method, open, ...filled.slice(1))
    } finally {
      fs.closeSync(open)
    }
  }
  if (method === 'fchmod') return onOpen(fs.openSync(filled[0] as string, 'r'))
  if (method === 'ftruncate') return onOpen(fs.openSync(filled[0] as string, 'r+'))
  const value = call(method, ...filled)
  if (method === 'open') fs.closeSync(value as number)
  else if (method === 'opendir') (value as nodeFs.Dir).closeSync()
  else if (method === 'mkdtemp') fs.renameSync(value as string, `${dir}/made`)
  else if (method === 'stat') return statsOf(value as nodeFs.Stats, false)
  else if (method === 'readdir') return (value as string[]).sort()
  else if (method === 'utimes' || method === 'lutimes') {
    return statsOf(method === 'utimes' ? fs.statSync(filled[0] as string) : fs.lstatSync(filled[0] as string), true)
  } else return typeof value === 'string' ? value.replaceAll(dir, '$') : value
  return undefined
}
const outcome = (fs: PlyFs, dir: string, each: Step): unknown => {
  try {
    return [perform(fs, dir, each)]
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException
    return [code, syscall, message.replaceAll(dir, '$')]
  }
}
const treeOf = (fs: PlyFs, top: string): unknown[] => {
  const out: unknown[] = []
  const visit = (dir: string): void => {
    for (const entry of fs.readdirSync(dir).sort()) {
      const here = `${dir}/${entry}`
      const stats = fs.lstatSync(here)
      out.push([here.slice(top.length), ...statsOf(stats, false)])
      if (stats.isDirectory()) visit(here)
    }
  }
  visit(top)
  return out
}

const setUp = (fs: PlyFs, dir: string): void => {
  fs.chmodSync(dir, 0o777)
  for (const [path, bits, uid, gid] of [
    ['d', 0o1777, 0, 0],
    ['e', 0o755, 1000, 1000],
    ['e/s', 0o2775, 1000, 2000],
  ] as const) {
    fs.mkdirSync(`${dir}/${path}`)
    fs.chownSync(`${dir}/${path}`, uid, gid)
    fs.chmodSync(`${dir}/${path}`, bits)
  }
  for (const [path, bits, uid, gid] of [
    ['f', 0o4755, 1000, 1000],
    ['d/f', 0o666, 1000, 1000],
    ['e/f', 0o6775, 2000, 2000],
  ] as const) {
    fs.writeFileSync(`${dir}/${path}`, 'content')
    fs.chownSync(`${dir}/${path}`, uid, gid)
    fs.chmodSync(`${dir}/${path}`, bits)
  }
}

const firstDifference = (steps: readonly Step[]): unknown => {
  const dir = nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-callers-'))
  const fs = memory()
  fs.mkdirSync(dir, { recursive: true })
  fs.chmodSync(tmpdir(), 0o777)
  try {
    setUp(nodeFs as PlyFs, dir)
    setUp(fs, dir)
    for (const each of steps) {
      const { user, umask } = each
      const [uid, gid] = user
      const expected = as(user, umask, () => outcome(nodeFs as PlyFs, dir, each))
      const found = as(user, umask, () => outcome(withCaller(fs, { uid, gid }), dir, each))
      if (!isDeepStrictEqual(found, expected)) return { each, found, expected }
      const right = treeOf(nodeFs as PlyFs, dir)
      const got = treeOf(fs, dir)
      if (!isDeepStrictEqual(got, right)) {
        const other = (a: unknown[], b: unknown[]) => a.filter((row) => !b.some((one) => isDeepStrictEqual(row, one)))
        return { each, found: other(got, right), expected: other(right, got) }
      }
    }
    return undefined
  } finally {
    nodeFs.rmSync(dir, { recursive: true, force: true })
  }
}

const root = process.getuid?.() === 0
const check = root ? test : test.skip
check(`users in memory${root ? '' : ' (needs root, to be others)'}`, (t) => {
  process.setgroups?.([])
  const property = fc.property(
    fc.array(step, { minLength: 1, maxLength: 12, size: 'max' }),
    (steps) => firstDifference(steps) === undefined,
  )
  const { failed, counterexample } = fc.check(property, { numRuns: Number(process.env.RUNS ?? 60) })
  const [steps = []] = counterexample ?? []
  t.false(failed, JSON.stringify([steps, failed && firstDifference(steps)], null, 1))
})
