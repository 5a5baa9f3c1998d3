/**
 * isomorphic-git's statusMatrix: the main job, on a repository of 300 committed files. And its log, on one of 200 commits
 * that is as a clone looks after some work: the older ones are in a pack, where each is first looked for in vain as a file.
 */
import * as nodeFs from 'node:fs'
import { join } from 'node:path'
import git from 'isomorphic-git'
import { stack } from 'plyfs'
import { host, memory } from 'plyfs/lower'
import { type Area, counted, fiveLayers, reachedLower, total } from '../fixture.js'
import type { Work } from '../measure.js'
import type { Fs } from '../peers.js'

const FILES = 300
const COMMITS = 200
const PACKED = 150

const author = (k: number) => ({
  name: 'bench',
  email: 'bench@example.org',
  timestamp: 1_700_000_000 + k,
  timezoneOffset: 0,
})

const commit = async (fs: Fs, dir: string): Promise<void> => {
  fs.mkdirSync(dir, { recursive: true })
  await git.init({ fs, dir })
  for (let k = 0; k < FILES; k++) fs.writeFileSync(join(dir, `file-${k}.txt`), `file ${k}\n`.repeat(20))
  await git.add({ fs, dir, filepath: '.' })
  await git.commit({ fs, dir, message: 'all', author: author(0) })
}

/** Commits, all of one tree: log reads no trees. */
const history = async (fs: Fs, dir: string): Promise<void> => {
  fs.mkdirSync(dir, { recursive: true })
  await git.init({ fs, dir })
  const blob = await git.writeBlob({ fs, dir, blob: Buffer.from('bench\n') })
  const tree = await git.writeTree({ fs, dir, tree: [{ mode: '100644', path: 'file', oid: blob, type: 'blob' }] })
  const oids = [tree, blob]
  for (let k = 0; k < COMMITS; k++) {
    oids.push(await git.commit({ fs, dir, message: `change ${k}`, author: author(k), tree }))
  }
  const packed = oids.slice(0, oids.length - (COMMITS - PACKED))
  const { filename } = await git.packObjects({ fs, dir, oids: packed, write: true })
  await git.indexPack({ fs, dir, filepath: `.git/objects/pack/${filename}` })
  for (const oid of packed) fs.unlinkSync(join(dir, '.git/objects', oid.slice(0, 2), oid.slice(2)))
}

const status = async (fs: Fs, dir: string): Promise<number> => {
  const rows = await git.statusMatrix({ fs, dir })
  const clean = rows.filter(([, head, workdir, stage]) => head === 1 && workdir === 1 && stage === 1)
  if (rows.length !== FILES || clean.length !== FILES)
    throw new Error(`statusMatrix: ${clean.length} of ${rows.length} clean`)
  return rows.length
}

const log = async (fs: Fs, dir: string): Promise<number> => {
  const { length } = await git.log({ fs, dir })
  if (length !== COMMITS) throw new Error(`log: ${length} of ${COMMITS} commits`)
  return length
}

export const gitStatus: Area = async function* ({ dir, smoke }) {
  const below = memory()
  await commit(below as Fs, '/repository')
  await history(below as Fs, '/history')
  yield* statuses('git/memory', 'memory', below as Fs, '/repository')
  yield* logs('git/memory', 'memory', below as Fs, '/history')
  if (smoke) return
  const at = (name: string): string => join(dir, name)
  await commit(nodeFs, at('repository'))
  await history(nodeFs, at('history'))
  yield* statuses('git/host', 'host', host() as Fs, at('repository'))
  yield* logs('git/host', 'host', host() as Fs, at('history'))
}

/** What there is without a stack. */
const bareOf = (lower: string, below: Fs): { readonly name: string; readonly fs: Fs } =>
  lower === 'host' ? { name: 'node:fs', fs: nodeFs } : { name: 'memory()', fs: below }

const statuses = async function* (
  name: string,
  lower: string,
  below: Fs,
  dir: string,
): AsyncGenerator<Work, void, void> {
  let cold = below
  const warm: Fs = stack(below, fiveLayers(dir))
  const bare = bareOf(lower, below)
  yield {
    name: `${name}-status`,
    title: `statusMatrix of ${FILES} committed files, over ${lower}`,
    ops: 1,
    contenders: [
      { name: bare.name, run: () => status(bare.fs, dir) },
      {
        name: 'plyfs, five layers, cold',
        before: () => {
          cold = stack(below, fiveLayers(dir))
        },
        run: () => status(cold, dir),
      },
      { name: 'plyfs, five layers, warm', run: () => status(warm, dir) },
    ],
    facts: async () => {
      const { above, below: reached, layers } = counted(fiveLayers(dir))
      const fs: Fs = stack(below, layers)
      await status(fs, dir)
      const first = {
        'requests above': total(above.counts()),
        'requests that reach the lower': reachedLower(above, reached),
      }
      above.reset()
      reached.reset()
      await status(fs, dir)
      return {
        ...first,
        'second run: requests above': total(above.counts()),
        'second run: requests that reach the lower': reachedLower(above, reached),
      }
    },
  }
}

const logs = async function* (name: string, lower: string, below: Fs, dir: string): AsyncGenerator<Work, void, void> {
  let cold = below
  const warm: Fs = stack(below, fiveLayers(dir))
  const bare = bareOf(lower, below)
  yield {
    name: `${name}-log`,
    title: `log of ${COMMITS} commits, ${PACKED} of them packed, over ${lower}`,
    ops: 1,
    contenders: [
      { name: bare.name, run: () => log(bare.fs, dir) },
      {
        name: 'plyfs, five layers, cold',
        before: () => {
          cold = stack(below, fiveLayers(dir))
        },
        run: () => log(cold, dir),
      },
      { name: 'plyfs, five layers, warm', run: () => log(warm, dir) },
    ],
  }
}
