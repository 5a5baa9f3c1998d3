/** A workload that a cache cannot help: it only creates and deletes. */
import * as nodeFs from 'node:fs'
import { stack } from 'plyfs'
import { metadataCache, xattrElision } from 'plyfs/layers'
import { host, memory } from 'plyfs/lower'
import { type Area, fiveLayers } from '../fixture.js'
import type { Fs, Place } from '../peers.js'
import { race } from '../race.js'

const content = Buffer.alloc(100, 'x')
const caches = () => [xattrElision(), metadataCache({ ttlMs: 60_000 })]

export const createDelete: Area = async function* ({ dir, smoke }) {
  const files = smoke ? 50 : 500
  nodeFs.mkdirSync(dir, { recursive: true })
  const onHost: Place[] = [
    { name: 'node:fs', fs: nodeFs, dir },
    { name: 'plyfs, caches', fs: stack(host(), caches()), dir },
    { name: 'plyfs, five layers', fs: stack(host(), fiveLayers(dir)), dir },
  ]
  yield {
    name: 'create-delete/host',
    title: 'mkdir, open wx, write, close, unlink, rmdir, sync',
    ops: files,
    contenders: await race(onHost, (l, { fs }) => l.createDelete(fs, dir, content, files)),
  }
  yield {
    name: 'create-delete/host-promises',
    title: 'promises.writeFile, promises.unlink',
    ops: files,
    contenders: await race(onHost, (l, { fs }) => l.promiseCreateDelete(fs, dir, content, files)),
  }
  const at = '/work'
  const fresh = (): Fs => {
    const fs = memory() as Fs
    fs.mkdirSync(at)
    return fs
  }
  yield {
    name: 'create-delete/memory',
    title: 'mkdir, open wx, write, close, unlink, rmdir, sync, in memory',
    ops: files,
    contenders: await race(
      [
        { name: 'memory()', fs: fresh(), dir: at },
        { name: 'plyfs, caches', fs: stack(fresh(), caches()), dir: at },
      ],
      (l, { fs }) => l.createDelete(fs, at, content, files),
    ),
  }
}
