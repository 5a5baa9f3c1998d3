/** Which file a request is about. */
import { LRUCache } from 'lru-cache'
import {
  type Asking,
  attempt,
  type Context,
  type Dentry,
  Failed,
  type OpenFile,
  type Peek,
  type Site,
  type Stats,
} from '../../lib/layer.js'
import { Known, keyOf, type Target } from './known.js'

const NOENT = Failed.of('ENOENT')

export class Identities {
  /** How the fast paths below are asked; undefined where inode numbers do not tell files apart. */
  #below: { readonly resolve: Peek<'resolve'>; readonly getattr: Peek<'getattr'> } | undefined
  /** Counts the beginnings and ends of changes. */
  stamp = 1
  /** How many changes are under way of which it is not known to what, or of what is no longer in the table. */
  unknown = 0
  readonly table: LRUCache<string, Known>
  readonly #byDentry = new WeakMap<Dentry, Known>()
  readonly #byFile = new WeakMap<OpenFile, Known>()

  constructor(maxEntries: number) {
    this.table = new LRUCache({
      // Not `max`: it would set all of its room aside at once, which takes longer than a short-lived stack lives.
      maxSize: maxEntries,
      sizeCalculation: () => 1,
      dispose: (known) => {
        known.gone = true
        known.forget(known.changed)
        // What stands for the same inode from here on may learn nothing until these changes have ended.
        this.unknown += known.busy
      },
    })
  }

  attach(site: Site): void {
    if (site.capabilities.stableInodes) {
      this.#below = { resolve: site.peeker('resolve'), getattr: site.peeker('getattr') }
    }
  }

  of(stats: Stats): Known {
    const key = keyOf(stats)
    let known = this.table.get(key)
    if (known === undefined || known.birthtimeMs !== stats.birthtimeMs) {
      known = new Known(stats.dev, stats.birthtimeMs)
      this.table.set(key, known)
    }
    return known
  }

  /** The inode of a request's file, as far as it is known at once; a failure where there is no such file. */
  glance(req: Target, cx: Context): Known | Failed | undefined {
    if (req.fd !== undefined) {
      const open = req.file === undefined ? undefined : this.#byFile.get(req.file)
      return open?.gone === false ? open : undefined
    }
    const below = this.#below
    if (below === undefined) return undefined
    const { path, dentry } = req
    const follow = req.follow && dentry === undefined
    const at = below.resolve({ path, follow, dentry: undefined }, cx)
    if (at === undefined || at instanceof Failed) return at
    // Resolved above, no link may be in it: what was found by way of one is no answer.
    if (dentry !== undefined && at.path !== path) return undefined
    if (!at.exists) return NOENT
    const before = this.#byDentry.get(at)
    if (before?.gone === false) return before
    const stats = below.getattr({ path, dentry, follow, precise: false, fd: undefined, file: undefined }, cx)
    if (stats === undefined || stats instanceof Failed) return stats
    const known = this.of(stats)
    this.#byDentry.set(at, known)
    return known
  }
  *look(req: Target, cx: Context): Asking<Known | Failed | undefined> {
    const at = this.glance(req, cx)
    if (at !== undefined) return at
    if (this.#below === undefined) return undefined
    const { path, dentry, follow, fd, file } = req
    const stats = yield* attempt('getattr', { path, dentry, follow, fd, file, precise: false })
    if (stats instanceof Failed) return stats
    const known = this.of(stats)
    if (file !== undefined && !file.closed) this.#byFile.set(file, known)
    return known
  }

  /** Forgets what is kept of the file at `path`; of all, where the fast paths below do not know which that is. */
  forget(path: string, cx: Context): void {
    const at = { path, follow: true, precise: false, dentry: undefined, fd: undefined, file: undefined }
    const stats = this.#below?.getattr(at, cx)
    if (stats === undefined || stats instanceof Failed) this.clear()
    else this.table.get(keyOf(stats))?.forget(++this.stamp)
  }

  clear(): void {
    if (this.table.size > 0) this.table.clear()
  }
}
