/** Forgetting on request. */
import type { Name, Resolved } from './entries.js'
import type { Cache } from './state.js'

/** Forget what is known of `path` and everything beneath it. */
export const invalidate = (c: Cache, path: string | undefined): void => {
  const { cache } = c
  const found = path === undefined ? undefined : whole(c, path)
  if (found === undefined) {
    cache.clear()
    return
  }
  // Whatever was asked for by a path, and is under way.
  cache.space.changed = ++cache.stamp
  for (const name of found) {
    const { dir, inode } = name
    cache.forgetAttrs(dir)
    cache.forgetListing(dir)
    if (inode !== undefined) {
      cache.doubt(inode)
      cache.forgetInode(inode)
      cache.forgetBelow(inode)
      inode.changed = cache.stamp
    }
    name.until = 0
  }
}

/** The name itself, and what it leads to if it is a link; undefined where the cache cannot tell. */
const whole = (c: Cache, path: string): readonly Name[] | undefined => {
  const names: Name[] = []
  for (const follow of [false, true]) {
    const r: Resolved | undefined = c.walker.known(path, undefined, follow)
    if (r === undefined) return undefined
    // A path that leads nowhere may have stopped anywhere on its way.
    if (r.failed !== undefined) return undefined
    if (c.cache.holds(r.name)) names.push(r.name)
  }
  return names
}
