/** An overlay: what it costs to read what nobody changed, to write for the first time, and to list what is on both sides. */
import * as nodeFs from 'node:fs'
import { join } from 'node:path'
import { type PlyFs, stack } from 'plyfs'
import { metadataCache, overlay, passthrough } from 'plyfs/layers'
import { host } from 'plyfs/lower'
import { discard } from 'plyfs/overlay'
import { type Area, fill } from '../fixture.js'
import { type Effort, FULL } from '../measure.js'
import type { Place } from '../peers.js'
import { race } from '../race.js'

const MIB = 1 << 20
/** A copy up runs through much code, and a round does it 8 times: only after thousands is all of that compiled. */
const IN_USE: Effort = { ...FULL, warmUpMs: 4000 }

export const overlaid: Area = async function* ({ dir, smoke }) {
  const files = smoke ? 20 : 200
  const at = join(dir, 'lower')
  fill(nodeFs, at, files, 1024)
  const uppers = { count: 0 }
  const upper = (): string => {
    const path = join(dir, `upper-${++uppers.count}`)
    nodeFs.mkdirSync(path)
    return path
  }
  const cache = () => metadataCache({ ttlMs: 600_000 })
  const over = (): PlyFs => stack(host(), [passthrough(), overlay({ upper: host(), dir: upper() }), cache()])
  const below: Place = { name: 'the lower, cached', fs: stack(host(), [passthrough(), cache()]), dir: at }
  const above: Place = { name: 'plyfs, overlay', fs: over(), dir: at }
  const paths = Array.from({ length: files }, (_, k) => `${at}/file-${k}.txt`)
  yield {
    name: 'overlay/stat',
    title: 'statSync of files that nobody changed',
    ops: files * 20,
    contenders: await race([below, above], (l, { fs }) => {
      let sum = 0
      for (let k = 0; k < 20; k++) sum += l.statKept(fs, paths)
      return sum
    }),
  }
  yield {
    name: 'overlay/read-file',
    title: 'readFileSync of 1 KiB files that nobody changed',
    ops: files,
    contenders: await race([below, above], (l, { fs }) => l.readKept(fs, paths)),
  }

  const big = Buffer.alloc(MIB, 'x')
  const bigs = smoke ? 2 : 8
  let round = 0
  const bigPath = (k: number): string => `${at}/big-${k}-${round}`
  for (let k = 0; k < bigs; k++) nodeFs.writeFileSync(bigPath(k), big)
  const copies = join(dir, 'copies')
  const used = over()
  yield {
    name: 'overlay/first-write',
    title: 'the first byte written to a 1 MiB file, through a stack in use',
    ops: bigs,
    effort: smoke ? undefined : IN_USE,
    contenders: [
      {
        name: 'a copy, and a byte',
        before: () => {
          nodeFs.rmSync(copies, { recursive: true, force: true })
          nodeFs.mkdirSync(copies)
        },
        run: () => {
          for (let k = 0; k < bigs; k++) {
            nodeFs.copyFileSync(bigPath(k), `${copies}/big-${k}`)
            writeByte(nodeFs, `${copies}/big-${k}`)
          }
          return bigs
        },
      },
      {
        name: 'plyfs, overlay',
        before: async () => {
          await discard(used)
          // Names that it has never seen.
          const before = Array.from({ length: bigs }, (_, k) => bigPath(k))
          round++
          for (const [k, path] of before.entries()) nodeFs.renameSync(path, bigPath(k))
          // The directories above are not this one's.
          writeByte(used, paths[0] as string)
        },
        run: () => {
          for (let k = 0; k < bigs; k++) writeByte(used, bigPath(k))
          return bigs
        },
      },
    ],
  }

  const names = smoke ? 50 : 1000
  const many = join(dir, 'many')
  fill(nodeFs, many, names, 0)
  const merged = stack(host(), [overlay({ upper: host(), dir: upper() })])
  for (let k = 0; k < names; k++) merged.writeFileSync(`${many}/new-${k}`, '')
  const lists = smoke ? 2 : 10
  yield {
    name: 'overlay/readdir',
    title: `readdirSync of ${names} names on each side`,
    ops: lists,
    contenders: await race(
      [
        { name: 'the lower', fs: stack(host(), []), dir: many },
        { name: 'plyfs, overlay', fs: merged, dir: many },
      ],
      (l, { fs, dir: path }) => l.listSame(fs, path, lists),
    ),
  }
}

const writeByte = (fs: Pick<typeof nodeFs, 'openSync' | 'writeSync' | 'closeSync'>, path: string): void => {
  const fd = fs.openSync(path, 'r+')
  fs.writeSync(fd, 'y', 0)
  fs.closeSync(fd)
}
