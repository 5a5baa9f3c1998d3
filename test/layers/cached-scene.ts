// A tree, seen through a metadataCache: two names of one file, and links to directories.
import { metadataCache } from '../../layers/index.js'
import type { Lower } from '../../lib/lower.js'
import { type Asked, file, link, mkdir, Scene, symlink } from './orders.js'

export const TREE: readonly Asked[] = [
  ...['/d', '/d/s', '/e'].map(mkdir),
  ...['/d/f', '/d/g', '/e/f', '/d/h'].map(file),
  link('/d/h', '/e/h'),
  symlink('d', '/l'),
  symlink('e', '/k'),
]
export const make = (options: object = {}, change?: (lower: Lower) => Lower) => {
  const cache = metadataCache({ ttlMs: 60_000, ...options })
  return { cache, scene: new Scene([cache], TREE, change) }
}
