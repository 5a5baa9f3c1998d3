/** Bytes: passed-through reads, whole files, streams. */
import * as nodeFs from 'node:fs'
import { join } from 'node:path'
import { stack } from 'plyfs'
import { host, memory } from 'plyfs/lower'
import { type Area, fill, fiveLayers } from '../fixture.js'
import { type Fs, hostPeers, memfs, type Place, zenMemory } from '../peers.js'
import { race } from '../race.js'
import { watchEverything } from '../watch.js'

const BLOCK = 4096
const KIB = 1024

export const io: Area = async function* ({ dir, smoke }) {
  const n = smoke ? 100 : 2000
  const blocks = 256
  const size = (smoke ? 1 : 8) * KIB * KIB
  fill(nodeFs, dir, 1, KIB)
  const [small, big, out] = ['file-0.txt', 'big', 'out'] as const
  nodeFs.writeFileSync(join(dir, big), Buffer.alloc(size, 'x'))
  const peers = await hostPeers(dir)
  const node: Place = { name: 'node:fs', fs: nodeFs, dir }
  const five: Place = { name: 'plyfs, five layers', fs: stack(host(), fiveLayers(dir)), dir }
  const hooked: Place = { name: 'plyfs, all hooked', fs: stack(host(), [watchEverything('all')]), dir }
  const places = [node, five, hooked, peers.node, peers.jail, peers.zen, peers.union]

  const buffer = Buffer.alloc(BLOCK)
  const fds = new Map<Fs, number>()
  const descriptor = ({ fs, dir: at }: Place): number => {
    const known = fds.get(fs) ?? fs.openSync(`${at}/${big}`, 'r')
    fds.set(fs, known)
    return known
  }
  yield {
    name: 'io/read',
    title: 'readSync 4 KiB on an open file, passed through',
    ops: blocks * 8,
    contenders: await race(places, (l, place) => {
      const fd = descriptor(place)
      let bytes = 0
      for (let k = 0; k < 8; k++) bytes += l.readAt(place.fs, fd, buffer, blocks)
      return bytes
    }),
  }
  for (const [fs, fd] of fds) fs.closeSync(fd)

  const mine = memory()
  const inMemory: Place[] = [
    { name: 'memfs', fs: memfs(), dir: '/work' },
    { name: 'plyfs, five layers', fs: stack(mine, fiveLayers('/work')), dir: '/work' },
    { name: 'zenfs InMemory', fs: await zenMemory(), dir: '/work', peer: true },
  ]
  for (const { fs } of [...inMemory.filter(({ fs }) => fs !== inMemory[1]?.fs), { fs: mine as Fs }]) {
    fill(fs, '/work', 1, KIB)
    fs.writeFileSync(`/work/${big}`, Buffer.alloc(KIB * KIB, 'x'))
  }
  fds.clear()
  yield {
    name: 'io/read-memory',
    title: 'readSync 4 KiB on an open file, passed through, in memory',
    ops: blocks * 8,
    contenders: await race(inMemory, (l, place) => {
      const fd = descriptor(place)
      let bytes = 0
      for (let k = 0; k < 8; k++) bytes += l.readAt(place.fs, fd, buffer, blocks)
      return bytes
    }),
  }

  await hostPeers(dir)
  yield {
    name: 'io/read-file',
    title: 'readFileSync 1 KiB',
    ops: n,
    contenders: await race(places, (l, { fs, dir: at }) => l.readFileSame(fs, `${at}/${small}`, n)),
  }
  yield {
    name: 'io/read-text',
    title: "readFileSync 1 KiB, 'utf8' (node:fs has one native call for it)",
    ops: n,
    contenders: await race(places, (l, { fs, dir: at }) => l.readTextSame(fs, `${at}/${small}`, n)),
  }
  const awaited = Math.ceil(n / 10)
  yield {
    name: 'io/promises-read-file',
    title: 'promises.readFile 1 KiB',
    ops: awaited,
    contenders: await race(places, (l, { fs, dir: at }) => l.promiseReadFileSame(fs, `${at}/${small}`, awaited)),
  }
  yield {
    name: 'io/read-stream',
    title: 'createReadStream 8 MiB',
    ops: 1,
    contenders: await race(places, (l, { fs, dir: at }) => l.readStream(fs, `${at}/${big}`)),
  }
  const chunk = Buffer.alloc(64 * KIB, 'x')
  yield {
    name: 'io/write-stream',
    title: 'createWriteStream 8 MiB',
    ops: 1,
    contenders: await race(places, (l, { fs, dir: at }) =>
      l.writeStream(fs, `${at}/${out}`, chunk, size / chunk.length),
    ),
  }
}
