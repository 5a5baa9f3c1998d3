/** The price of a policy of twenty rules, against the bare lower and against yarn's jail, which checks names only. */
import * as nodeFs from 'node:fs'
import { dirname, join } from 'node:path'
import { type Layer, stack } from 'plyfs'
import { type AuditOptions, metadataCache, type Policy, passthrough, sandbox } from 'plyfs/layers'
import { host } from 'plyfs/lower'
import { type Area, fill } from '../fixture.js'
import { EACH_WORKS, furnish, PATH_WORKS } from '../path-loops.js'
import { type Fs, hostPeers, type Place } from '../peers.js'
import { race } from '../race.js'

/** Twenty rules of which one lets `dir` be used. */
const guard = (dir: string, audit?: AuditOptions): Layer => sandbox(policy(dir), audit)
const policy = (dir: string): Policy => ({
  default: 'deny',
  rules: [
    ...Array.from({ length: 9 }, (_, k) => ({
      allow: ['read' as const, 'stat' as const],
      paths: [`/srv/app-${k}/**`],
    })),
    { allow: ['read', 'list', 'stat', 'write', 'create', 'delete'], paths: [dir, `${dir}/**`] },
    ...Array.from({ length: 9 }, (_, k) => ({ deny: ['write' as const], paths: [`/srv/*/config-${k}.json`] })),
    { deny: ['*'], paths: ['**/.env'] },
  ],
})

/** Many of them: rounds are short, so that all take no longer than the rest. */
const BRIEF = { warmUpMs: 60, budgetMs: 700, minRounds: 9, maxRounds: 61 }

export const sandboxed: Area = async function* ({ dir, smoke }) {
  const n = smoke ? 200 : 5000
  const [path] = fill(nodeFs, dir, 100, 64 * 1024) as [string]
  const peers = await hostPeers(dir)
  const node: Place = { name: 'node:fs', fs: nodeFs, dir }
  const alone: Place = { name: 'plyfs, sandbox', fs: stack(host(), [guard(dir)]), dir }
  const cached: Place = {
    name: 'plyfs, sandbox over a warm cache',
    fs: stack(host(), [guard(dir), metadataCache({ ttlMs: 60_000 })]),
    dir,
  }
  const places = [node, alone, cached, peers.jail]
  const file = path.slice(dir.length)
  yield {
    name: 'sandbox/stat',
    title: 'statSync, parent seen lately',
    ops: n,
    contenders: await race(places, (l, { fs, dir: at }) => l.statSame(fs, `${at}${file}`, n)),
  }
  yield {
    name: 'sandbox/open',
    title: 'openSync and closeSync, parent seen lately',
    ops: n,
    contenders: await race(places, (l, { fs, dir: at }) => l.openClose(fs, `${at}${file}`, n)),
  }
  const passed: Place = { name: 'plyfs, sandbox', fs: stack(host(), [guard(dir), passthrough()]), dir }
  const buffer = Buffer.alloc(4096)
  const blocks = 16
  const fds = new Map([node, passed].map(({ fs }) => [fs, fs.openSync(path, 'r+')] as const))
  const times = Math.ceil(n / blocks)
  const io = (each: (fs: Fs, fd: number) => number) => (fs: Fs) => {
    const fd = fds.get(fs) as number
    let bytes = 0
    for (let k = 0; k < times; k++) bytes += each(fs, fd)
    return bytes
  }
  yield {
    name: 'sandbox/read',
    title: 'readSync 4 KiB, passed through',
    ops: times * blocks,
    contenders: await race([node, passed], (l, { fs }) => io((own, fd) => l.readAt(own, fd, buffer, blocks))(fs)),
  }
  yield {
    name: 'sandbox/write',
    title: 'writeSync 4 KiB, passed through',
    ops: times * blocks,
    contenders: await race([node, passed], (l, { fs }) => io((own, fd) => l.writeAt(own, fd, buffer, blocks))(fs)),
  }
  for (const [fs, fd] of fds) fs.closeSync(fd)

  const folders = smoke ? 20 : 500
  const files = Array.from({ length: folders }, (_, k) => fill(nodeFs, join(dir, `folder-${k}`), 1)[0] as string)
  const links = files.map((each) => join(dirname(each), 'link'))
  for (const link of links) nodeFs.symlinkSync('file-0.txt', link)
  for (const work of EACH_WORKS) {
    const paths = work === 'readlink' ? links : work === 'statfs' ? files.map(dirname) : files
    let unseen = alone.fs
    const [base, mine] = await race([node, alone], (l, { fs }) =>
      l.paths.each[work](fs === nodeFs ? fs : unseen, paths),
    )
    if (base === undefined || mine === undefined) return
    const before = (): void => {
      unseen = stack(host(), [guard(dir)])
    }
    yield {
      name: `sandbox/${work}-unseen`,
      title: `${work}, a parent not seen before`,
      ops: folders,
      contenders: [base, { ...mine, before }],
    }
  }

  const at = join(dir, 'paths')
  furnish(nodeFs, at)
  const brief = smoke ? 20 : 400
  const here = { ...node, dir: at }
  const there = { ...alone, dir: at }
  for (const work of PATH_WORKS) {
    yield {
      name: `sandbox/${work}`,
      title: `${work}, parent seen lately`,
      ops: brief,
      effort: smoke ? undefined : BRIEF,
      contenders: await race([here, there], (l, { fs, dir: own }) => l.paths[work](fs, own, brief)),
    }
  }

  let heard = 0
  const audited: Place = {
    name: 'plyfs, audited sandbox',
    fs: stack(host(), [guard(dir, { audit: () => heard++, record: 'all' })]),
    dir,
  }
  yield {
    name: 'sandbox/audit',
    title: 'statSync, every decision told to a callback',
    ops: n,
    contenders: await race([alone, audited], (l, { fs, dir: own }) => l.statSame(fs, `${own}${file}`, n)),
  }
}
