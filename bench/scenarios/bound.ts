/** What the metadata cache takes: 1,000,000 look-ups over 100,000 paths, more than it may keep. */
import { stack } from 'plyfs'
import { metadataCache } from 'plyfs/layers'
import { memory } from 'plyfs/lower'
import type { Area } from '../fixture.js'
import type { Fs } from '../peers.js'

const PER_DIRECTORY = 100

/** Every path once, in an order that is neither sorted nor repeated: k times a number that has no divisor in common. */
const lookUp = (fs: Fs, paths: number, times: number, each: (k: number) => void): number => {
  let size = 0
  for (let k = 0; k < paths * times; k++) {
    const n = (k * 7919) % paths
    size += fs.statSync(`/d${Math.floor(n / PER_DIRECTORY)}/file-name-${n % PER_DIRECTORY}.txt`).size
    each(k)
  }
  return size
}
const heap = (): number => {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

export const bound: Area = async function* ({ smoke }) {
  const paths = smoke ? 2000 : 100_000
  const times = 10
  const below = memory() as Fs
  for (let n = 0; n < paths; n++) {
    const dir = `/d${Math.floor(n / PER_DIRECTORY)}`
    if (n % PER_DIRECTORY === 0) below.mkdirSync(dir)
    below.writeFileSync(`${dir}/file-name-${n % PER_DIRECTORY}.txt`, '')
  }
  const limits = smoke ? { maxEntries: 1000 } : {}
  const caching = () => {
    const cache = metadataCache({ ttlMs: 600_000, ...limits })
    return { cache, fs: stack(below, [cache]) as Fs }
  }
  let { fs } = caching()
  yield {
    name: 'bound/memory',
    title: `${paths} paths × ${times} statSync in a mixed order, cold cache`,
    ops: paths * times,
    contenders: [
      { name: 'memory()', run: () => lookUp(below, paths, times, () => undefined) },
      {
        name: 'plyfs, cache',
        before: () => {
          fs = caching().fs
        },
        run: () => lookUp(fs, paths, times, () => undefined),
      },
    ],
    facts: () => {
      fs = below
      const before = heap()
      const fresh = caching()
      let entries = 0
      let bytes = 0
      lookUp(fresh.fs, paths, times, (k) => {
        if (k % 1000 !== 0) return
        const now = fresh.cache.stats()
        entries = Math.max(entries, now.entries)
        bytes = Math.max(bytes, now.bytes)
      })
      const taken = heap() - before
      const { maxEntries, maxBytes, evictions } = fresh.cache.stats()
      return {
        'entries at most': entries,
        'entries at most, of their bound': entries / maxEntries,
        'bytes at most, as estimated, of their bound': bytes / maxBytes,
        'heap at the end, measured, of the bound in bytes': taken / maxBytes,
        evictions,
      }
    },
  }
}
