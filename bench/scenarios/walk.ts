/** Directories: one listing, and trees of many files. */
import * as nodeFs from 'node:fs'
import { join } from 'node:path'
import { stack } from 'plyfs'
import { host } from 'plyfs/lower'
import { type Area, fill, fiveLayers } from '../fixture.js'
import { hostPeers, type Place } from '../peers.js'
import { race } from '../race.js'
import { watchEverything } from '../watch.js'

export const walk: Area = async function* ({ dir, smoke }) {
  const listings = smoke ? 20 : 300
  const folders = smoke ? 5 : 100
  for (let k = 0; k < folders; k++) fill(nodeFs, join(dir, `folder-${k}`), 100)
  const peers = await hostPeers(dir)
  const places: Place[] = [
    { name: 'node:fs', fs: nodeFs, dir },
    { name: 'plyfs, all hooked', fs: stack(host(), [watchEverything('all')]), dir },
    { name: 'plyfs, five layers', fs: stack(host(), fiveLayers(dir)), dir },
    peers.node,
    peers.jail,
    peers.zen,
    peers.union,
  ]
  yield {
    name: 'walk/readdir',
    title: 'readdirSync with types, 100 entries',
    ops: listings,
    contenders: await race(places, (l, { fs, dir: at }) => l.readdirTyped(fs, `${at}/folder-0`, listings)),
  }
  yield {
    name: 'walk/recursive',
    title: `readdirSync recursive, ${folders * 100} files`,
    ops: 1,
    contenders: await race(places, (l, { fs, dir: at }) => l.walkNames(fs, `${at}/`)),
  }
  yield {
    name: 'walk/stats',
    title: `readdirSync with types and lstatSync of each file, ${folders * 100} files`,
    ops: 1,
    contenders: await race(places, (l, { fs, dir: at }) => l.walk(fs, at || '/')),
  }
}
