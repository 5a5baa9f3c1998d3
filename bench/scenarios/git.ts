/** isomorphic-git's statusMatrix: the main job, on a repository of 300 committed files. */
import * as nodeFs from 'node:fs'
import { join } from 'node:path'
import git from 'isomorphic-git'
import { stack } from 'plyfs'
import { host, memory } from 'plyfs/lower'
import { type Area, counted, fiveLayers, reachedLower, total } from '../fixture.js'
import type { Work } from '../measure.js'
import type { Fs } from '../peers.js'

const FILES = 300

const commit = async (fs: Fs, dir: string): Promise<void> => {
  fs.mkdirSync(dir, { recursive: true })
  await git.init({ fs, dir })
  for (let k = 0; k < FILES; k++) fs.writeFileSync(join(dir, `file-${k}.txt`), `file ${k}\n`.repeat(20))
  await git.add({ fs, dir, filepath: '.' })
  const author = { name: 'bench', email: 'bench@example.org', timestamp: 1_700_000_000, timezoneOffset: 0 }
  await git.commit({ fs, dir, message: 'all', author })
}

const status = async (fs: Fs, dir: string): Promise<number> => {
  const rows = await git.statusMatrix({ fs, dir })
  const clean = rows.filter(([, head, workdir, stage]) => head === 1 && workdir === 1 && stage === 1)
  if (rows.length !== FILES || clean.length !== FILES)
    throw new Error(`statusMatrix: ${clean.length} of ${rows.length} clean`)
  return rows.length
}

const log = async (fs: Fs, dir: string): Promise<number> => (await git.log({ fs, dir })).length

export const gitStatus: Area = async function* ({ dir, smoke }) {
  const below = memory()
  await commit(below as Fs, '/repository')
  yield* compare('git/memory', 'memory', below as Fs, '/repository')
  if (smoke) return
  const at = join(dir, 'repository')
  await commit(nodeFs, at)
  yield* compare('git/host', 'host', host() as Fs, at)
}

const compare = async function* (
  name: string,
  lower: string,
  below: Fs,
  dir: string,
): AsyncGenerator<Work, void, void> {
  let cold = below
  const warm: Fs = stack(below, fiveLayers(dir))
  const bareName = lower === 'host' ? 'node:fs' : 'memory()'
  const bare = lower === 'host' ? nodeFs : below
  yield {
    name: `${name}-status`,
    title: `statusMatrix of ${FILES} committed files, over ${lower}`,
    ops: 1,
    contenders: [
      { name: bareName, run: () => status(bare, dir) },
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
  yield {
    name: `${name}-log`,
    title: `log, over ${lower}`,
    ops: 1,
    contenders: [
      { name: bareName, run: () => log(bare, dir) },
      { name: 'plyfs, five layers, warm', run: () => log(warm, dir) },
    ],
  }
}
