/** Forgetting what the lower reports as changed. */
import { type Asking, attempt, Failed, hardened, S_IFDIR, S_IFLNK } from '../../lib/layer.js'
import type { DCache } from './dcache.js'
import type { Inode } from './entries.js'

/** Watch the directory `inode`, found at `path`, for as long as it is kept. */
export function* watch(cache: DCache, inode: Inode, path: string): Asking<void> {
  if (inode.watcher !== undefined) return
  const drop = (): void => cache.clear()
  const handle = yield* attempt('watch', {
    path,
    recursive: false,
    persistent: false,
    sink: {
      change(_type, filename) {
        if (filename === null) drop()
        else {
          // Made where there is none: an answer that is under way must meet the change.
          const name = cache.child(inode, filename)
          inode.changed = ++cache.stamp
          cache.forgetInode(inode)
          if (name.inode !== undefined) {
            cache.forgetInode(name.inode)
            name.inode.changed = cache.stamp
          }
          if (name.type === S_IFDIR || name.type === S_IFLNK) cache.space.changed = cache.stamp
          cache.touch(name)
          cache.setUnknown(name)
        }
      },
      error: drop,
    },
  })
  if (handle instanceof Failed) return
  if (inode.watcher === undefined) inode.watcher = handle
  else handle.close()
}
hardened(watch)
