// A root with every kind of way out in it, and a canary tree outside that must never change, be read or be named.
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lower, LowerOp } from '../../lib/lower.js'
import type { Op, Reply, Request } from '../../lib/op.js'
import { Failed } from '../../lib/verdict.js'

export const SECRET = 'canary-7c1f'

export interface Fixture {
  readonly base: string
  readonly root: string
  readonly outside: string
  /** A descriptor on `outside`, for links by way of /proc. */
  readonly outsideFd: number
  /** Everything that can be seen of the canary tree. */
  snapshot(): string
  /** Puts the root's contents back. */
  restore(): void
  /** Inode numbers of the canary tree. */
  readonly inodes: ReadonlySet<number>
  remove(): void
}

const describe = (path: string): string => {
  const stats = fs.lstatSync(path, { bigint: true })
  const { mode, size, uid, gid, nlink, mtimeNs, ctimeNs, ino } = stats
  const own = [path, mode, size, uid, gid, nlink, mtimeNs, ctimeNs, ino].join(' ')
  if (stats.isSymbolicLink()) return `${own} ${fs.readlinkSync(path)}`
  if (stats.isFile()) return `${own} ${fs.readFileSync(path, 'utf8')}`
  return [own, ...fs.readdirSync(path).map((name) => describe(join(path, name)))].join('\n')
}

export const makeFixture = (): Fixture => {
  const base = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'plyfs-rooted-')))
  const root = join(base, 'root')
  const outside = join(base, 'outside')
  fs.mkdirSync(root)
  fs.mkdirSync(join(outside, 'dir'), { recursive: true })
  fs.writeFileSync(join(outside, `${SECRET}.txt`), SECRET)
  fs.writeFileSync(join(outside, 'dir', 'inner.txt'), SECRET)
  fs.symlinkSync('dir', join(outside, 'link'))
  const outsideFd = fs.openSync(outside, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  const inodes = new Set(
    ['', 'dir', `${SECRET}.txt`, 'dir/inner.txt', 'link'].map((name) => fs.lstatSync(join(outside, name)).ino),
  )
  inodes.add(fs.lstatSync(base).ino)
  const restore = (): void => {
    for (const name of fs.readdirSync(root)) fs.rmSync(join(root, name), { recursive: true, force: true })
    const file = (name: string) => fs.writeFileSync(join(root, name), 'inside')
    const link = (target: string, name: string) => fs.symlinkSync(target, join(root, name))
    fs.mkdirSync(join(root, 'dir/sub'), { recursive: true })
    fs.mkdirSync(join(root, 'empty'))
    file('file')
    file('dir/file')
    link(join(outside, `${SECRET}.txt`), 'abs-file')
    link(`../outside/${SECRET}.txt`, 'rel-file')
    link(outside, 'abs-dir')
    link('../outside', 'rel-dir')
    link('../../outside', 'dir/up')
    link('chain2', 'chain1')
    link('dir/../abs-dir', 'chain2')
    link(join(outside, 'new'), 'abs-new')
    link('../outside/new', 'rel-new')
    link(`/proc/self/root${outside}`, 'proc-root')
    link(`/proc/self/fd/${outsideFd}`, 'proc-fd')
    link('/proc/self/cwd', 'proc-cwd')
    link('dir', 'in-dir')
    link('/dir/file', 'in-abs')
    link(join(root, 'dir/file'), 'in-host')
    link('loop2', 'loop1')
    link('loop1', 'loop2')
    link('nowhere', 'dangling')
  }
  restore()
  return {
    base,
    root,
    outside,
    outsideFd,
    inodes,
    restore,
    snapshot: () => describe(outside),
    remove: () => {
      fs.closeSync(outsideFd)
      fs.rmSync(base, { recursive: true, force: true })
    },
  }
}

/** Paths that try to get out. */
export const escapes = (f: Fixture): readonly string[] => [
  `/../outside/${SECRET}.txt`,
  `/dir/../../outside/${SECRET}.txt`,
  `/in-dir/../../outside/${SECRET}.txt`,
  `//..//.//outside/${SECRET}.txt`,
  `${f.outside}/${SECRET}.txt`,
  '/abs-file',
  '/abs-file/',
  '/rel-file',
  `/abs-dir/${SECRET}.txt`,
  `/rel-dir/${SECRET}.txt`,
  '/abs-dir',
  '/rel-dir/',
  '/rel-dir/dir/inner.txt',
  `/rel-dir/link/inner.txt`,
  `/dir/up/${SECRET}.txt`,
  '/dir/up/new',
  `/chain1/${SECRET}.txt`,
  '/chain1/dir',
  '/abs-new',
  '/rel-new',
  `/proc-root/${SECRET}.txt`,
  `/proc-fd/${SECRET}.txt`,
  '/proc-fd/new',
  '/proc-cwd/package.json',
  `/dir/up/../outside/${SECRET}.txt`,
]

export type Convention = 'sync' | 'async'
export type Ask = <O extends Op>(op: O, req: Request<O>) => Promise<Reply<O> | Failed>

/** One request in a calling convention. */
export const asker =
  (lower: Lower, convention: Convention): Ask =>
  async (op, req) => {
    const perform = lower.ops[op] as LowerOp<Op>
    if (convention === 'sync') return perform.sync(req) as never
    return new Promise((resolve, reject) => {
      perform.async(req, (bug, out) => (bug === null ? resolve(out as never) : reject(bug)))
    })
  }

export const code = (out: unknown): unknown => (out instanceof Failed ? out.errno : out)
export const openDescriptors = (): number => fs.readdirSync('/proc/self/fd').length
