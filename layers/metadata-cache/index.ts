/** metadataCache: attributes, names, links, listings, xattrs and access results, kept as the kernel's dcache keeps them. */
import { closed, decodeOptions, flag, milliseconds, positiveInteger } from '../../lib/codec/options.js'
import { type Layer, layer } from '../../lib/layer.js'
import { coherence } from './coherence.js'
import { invalidate } from './invalidate.js'
import { reads } from './reads.js'
import { Cache } from './state.js'

export interface MetadataCacheOptions {
  /** How long an answer is kept, in whole milliseconds: what others change is seen after that. Below 1 keeps nothing. Default 1000. */
  readonly ttlMs?: number
  /** The same for names that are not there. Default: `ttlMs`. */
  readonly negativeTtlMs?: number
  /** The most names in the cache, and again as many spellings of paths. Default 65536. */
  readonly maxEntries?: number
  /** The most memory that it may take, in bytes, as estimated. Default 64 MiB. */
  readonly maxBytes?: number
  /** Watch every directory that is looked into, and forget what the lower reports as changed. Default false. */
  readonly watch?: boolean
}

export interface MetadataCache extends Layer {
  /** Forget what is known of `path` and of everything beneath it; of everything where it is left out. */
  invalidate(path?: string): void
  stats(): {
    /** Requests that were answered here, and those that were asked below. */
    hits: number
    misses: number
    /** Names, inodes, and spellings of paths kept. */
    entries: number
    inodes: number
    paths: number
    /** Estimated. */
    bytes: number
    maxEntries: number
    maxBytes: number
    evictions: number
  }
}

const codec = closed(
  {},
  {
    ttlMs: milliseconds,
    negativeTtlMs: milliseconds,
    maxEntries: positiveInteger,
    maxBytes: positiveInteger,
    watch: flag,
  },
  'an object of options',
)

/**
 * A cache of metadata. It gives no answer that the lower would not have given, for as long as all changes come through
 * the stack; changes from elsewhere are seen after `ttlMs`, by `invalidate`, or as the lower reports them with `watch`.
 * @throws {ConfigError} naming the option
 */
export const metadataCache = (options?: MetadataCacheOptions): MetadataCache => {
  const given = decodeOptions('metadataCache', codec, options)
  // Of whole milliseconds, as the clock's: nothing is kept longer than was said.
  const ttlMs = Math.floor(given.ttlMs ?? 1000)
  const limits = {
    ttlMs,
    negativeTtlMs: Math.floor(given.negativeTtlMs ?? ttlMs),
    maxEntries: given.maxEntries ?? 65536,
    maxBytes: given.maxBytes ?? 64 * 1024 * 1024,
  }
  const listeners: ((path: string | undefined) => void)[] = []
  const c = new Cache(limits, given.watch ?? false)
  const { cache } = c
  const stats = () => ({
    hits: c.hits,
    misses: c.misses,
    entries: cache.nameCount,
    inodes: cache.inodeCount,
    paths: cache.memo.size,
    bytes: cache.bytes,
    maxEntries: limits.maxEntries,
    maxBytes: limits.maxBytes,
    evictions: cache.evictions,
  })
  const made = layer('metadataCache', ttlMs === 0 ? {} : { ...reads(c), ...coherence(c) }, {
    answers: true,
    stateful: true,
    // While a file is open its attributes are not kept, so nobody needs to see its reads and writes.
    consents: true,
    attach: (site) => c.attach(site),
    stats,
    offload: {
      entryTtlMs: limits.ttlMs,
      attrTtlMs: limits.ttlMs,
      negativeTtlMs: limits.negativeTtlMs,
      cacheDirectories: true,
      cacheSymlinks: true,
      watch: given.watch ?? false,
      onInvalidate: (listener) => listeners.push(listener),
    },
  })
  return {
    ...made,
    stats,
    invalidate(path) {
      invalidate(c, path)
      for (const listener of listeners) listener(path)
    },
  }
}
