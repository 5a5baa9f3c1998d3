// Where attacks are made: a tree inside, a canary tree outside that must never change, be read or be named.
import * as nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { metadataCache, type Policy, sandbox } from '../../../layers/index.js'
import { type PlyFs, stack } from '../../../lib/index.js'
import { host, memory, rooted } from '../../../lib/lower/index.js'

/** What the canary files hold. */
export const CANARY = 'canary-9b31c0'
/** A name that only a listing of the outside tells. */
export const HIDDEN = 'hidden-4f7e'

type Fs = typeof nodeFs

export interface Ground {
  readonly name: string
  /** The guarded filesystem. */
  readonly fs: PlyFs
  /** The unguarded one, to set scenes and to look from outside. */
  readonly raw: Fs
  /** The directory that may be used, as `fs` names it. */
  readonly root: string
  /** The same as `raw` names it. */
  readonly rawRoot: string
  /** As both name it; beneath a `rooted` there is no such thing. */
  readonly outside: string
  /** The errnos that may answer an escape. */
  readonly refusals: ReadonlySet<string>
  /** It is the real filesystem, whose descriptors are this process's. */
  readonly real: boolean
  /** All that can be seen of the canary tree. */
  snapshot(): string
  /** Puts the inside back. */
  restore(): void
  /** Inode numbers of the outside. */
  readonly inodes: ReadonlySet<number>
  remove(): void
}

const describe = (fs: Fs, path: string): string => {
  const stats = fs.lstatSync(path, { bigint: true })
  const { mode, size, uid, gid, nlink, mtimeNs, ctimeNs, ino } = stats
  const own = [path, mode, size, uid, gid, nlink, mtimeNs, ctimeNs, ino].join(' ')
  if (stats.isSymbolicLink()) return `${own} ${fs.readlinkSync(path)}`
  if (stats.isFile()) return `${own} ${String(fs.readFileSync(path))}`
  return [
    own,
    ...fs
      .readdirSync(path)
      .sort()
      .map((name) => describe(fs, `${path}/${name}`)),
  ].join('\n')
}

const scene = (
  name: string,
  fs: PlyFs,
  raw: Fs,
  base: string,
  at: { root: string; refusals: string[]; real: boolean; restored?: () => void },
): Ground => {
  const rawRoot = `${base}/root`
  const outside = `${base}/outside`
  raw.mkdirSync(`${outside}/dir`, { recursive: true })
  raw.mkdirSync(`${base}/root-sibling`, { recursive: true })
  for (const file of ['file', 'dir/inner', HIDDEN]) raw.writeFileSync(`${outside}/${file}`, CANARY)
  raw.writeFileSync(`${base}/root-sibling/file`, CANARY)
  raw.symlinkSync('file', `${outside}/link`)
  raw.mkdirSync(rawRoot, { recursive: true })
  const restore = (): void => {
    // The directory itself stays: it may be held.
    for (const left of raw.readdirSync(rawRoot)) raw.rmSync(`${rawRoot}/${left}`, { recursive: true, force: true })
    raw.mkdirSync(`${rawRoot}/dir/sub`, { recursive: true })
    raw.mkdirSync(`${rawRoot}/deep`)
    raw.mkdirSync(`${rawRoot}/empty`)
    for (const file of ['file', 'dir/inner', 'other']) raw.writeFileSync(`${rawRoot}/${file}`, 'inside')
    const link = (target: string, path: string): void => raw.symlinkSync(target, `${rawRoot}/${path}`)
    link(`${outside}/file`, 'abs-file')
    link('../outside/file', 'rel-file')
    link(outside, 'abs-dir')
    link('../outside', 'rel-dir')
    link('../../outside', 'deep/up')
    link('chain2', 'chain1')
    link('dir/../abs-dir', 'chain2')
    link(`${outside}/new`, 'abs-new')
    link('../outside/new', 'rel-new')
    link(`/proc/self/root${outside}`, 'proc-root')
    link('dir', 'in-dir')
    link('file', 'in-file')
    link('loop2', 'loop1')
    link('loop1', 'loop2')
    at.restored?.()
  }
  restore()
  const inodes = new Set(['', '/dir', '/file', '/dir/inner', `/${HIDDEN}`].map((p) => raw.lstatSync(outside + p).ino))
  inodes.add(raw.lstatSync(`${base}/root-sibling/file`).ino)
  return {
    name,
    fs,
    raw,
    root: at.root,
    rawRoot,
    outside,
    refusals: new Set(at.refusals),
    real: at.real,
    inodes,
    restore,
    snapshot: () => `${describe(raw, outside)}\n${describe(raw, `${base}/root-sibling`)}`,
    remove: () => raw.rmSync(base, { recursive: true, force: true }),
  }
}

// The tree is made anew thousands of times: in memory, where the system has a directory for that.
const scratch = nodeFs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const temporary = (): string => nodeFs.realpathSync(nodeFs.mkdtempSync(join(scratch, 'plyfs-hostile-')))

/** Twenty rules, of which one lets the inside be used. */
const ruled = (base: string): Policy => ({
  default: 'deny',
  rules: [
    ...Array.from({ length: 9 }, (_, k) => ({ allow: ['*' as const], paths: [`/srv/app-${k}/**`] })),
    { allow: ['*'], paths: [`${base}/root/**`] },
    ...Array.from({ length: 9 }, (_, k) => ({ deny: ['write' as const], paths: [`/srv/*/config-${k}.json`] })),
    { deny: ['*'], paths: ['**/.env'] },
  ],
})

const ofHost = (name: string, policy: (base: string) => Policy, cached: boolean) => (): Ground => {
  const base = temporary()
  const cache = metadataCache({ ttlMs: 60_000 })
  return scene(name, stack(host(), [sandbox(policy(base)), ...(cached ? [cache] : [])]), nodeFs, base, {
    root: `${base}/root`,
    refusals: ['EACCES'],
    real: true,
    restored: () => cache.invalidate(),
  })
}
const rootOnly = (base: string): Policy => ({ root: `${base}/root` })

export const grounds: Readonly<Record<string, () => Ground>> = {
  'host, root': ofHost('host, root', rootOnly, false),
  'host, rules': ofHost('host, rules', ruled, false),
  'host, root over a cache': ofHost('host, root over a cache', rootOnly, true),
  rooted: () => {
    const base = temporary()
    nodeFs.mkdirSync(`${base}/root`)
    const fs = rooted(`${base}/root`)
    const refusals = [
      'ENOENT',
      'ENOTDIR',
      'EACCES',
      'ELOOP',
      'EEXIST',
      'EBUSY',
      'EISDIR',
      'ENOTEMPTY',
      'EINVAL',
      'EPERM',
    ]
    return { ...scene('rooted', fs, nodeFs, base, { root: '', refusals, real: true }), root: '' }
  },
  memory: () => {
    const raw = memory()
    const fs = stack(raw, [sandbox({ root: '/base/root' })])
    return scene('memory', fs, raw, '/base', { root: '/base/root', refusals: ['EACCES'], real: false })
  },
}
