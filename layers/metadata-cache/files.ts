/** Open files by inode. While a file is open its reads and writes are not watched, and its attributes are not kept. */
import { attempt, Failed } from '../../lib/layer.js'
import type { Asking } from './asking.js'
import type { DCache } from './dcache.js'
import type { Inode } from './entries.js'

export class Open {
  inode: Inode | undefined
  closed = false
  constructor(
    readonly fd: number,
    readonly writes: boolean,
  ) {}
}

export class Files {
  readonly byFd = new Map<number, Open>()
  /** Open for writing, and nobody has asked yet which inode it is. */
  readonly unidentified = new Set<Open>()
  readonly #closing = new WeakMap<object, Open>()

  constructor(readonly cache: DCache) {}

  /** A file was opened. Its inode may come to be known later. */
  opened(fd: number, writes: boolean, inode: Inode | undefined): Open {
    const stale = this.byFd.get(fd)
    if (stale !== undefined) this.closed(stale)
    const open = new Open(fd, writes)
    this.byFd.set(fd, open)
    if (!this.cache.stableInodes) {
      // It may be anything.
      if (writes) {
        this.cache.all.busy++
        this.cache.clear()
      }
    } else if (inode !== undefined) this.#hide(open, inode)
    else if (writes) this.#unknown(open)
    return open
  }
  #hide(open: Open, inode: Inode): void {
    open.inode = inode
    inode.hidden++
    inode.changed = ++this.cache.stamp
    this.cache.forgetAttrs(inode)
    this.cache.forgetXattrs(inode)
  }
  #unknown(open: Open): void {
    this.unidentified.add(open)
    this.cache.unidentified = this.unidentified.size
  }
  #known(open: Open): void {
    this.unidentified.delete(open)
    this.cache.unidentified = this.unidentified.size
  }

  identify(open: Open, inode: Inode): void {
    if (open.closed || !this.cache.stableInodes) return
    this.#known(open)
    if (open.inode === inode) return
    const before = open.inode
    this.#hide(open, inode)
    if (before !== undefined) this.#show(before)
  }
  #show(inode: Inode): void {
    inode.hidden--
    inode.changed = ++this.cache.stamp
    this.cache.forgetAttrs(inode)
    this.cache.forgetXattrs(inode)
    this.cache.settled(inode)
  }

  /** A name that was taken for `inode` is another's: so may be what was opened by it. */
  doubt(inode: Inode): void {
    if (inode.hidden === 0) return
    for (const open of this.byFd.values()) if (open.inode === inode && open.writes) this.#unknown(open)
  }

  /** The request to close it goes down: its number may be another file's before the reply. */
  closing(fd: number, req: object): void {
    const open = this.byFd.get(fd)
    if (open === undefined) return
    // Nothing is kept of a file that was never identified: nothing has to be forgotten after the reply.
    if (open.inode === undefined && this.cache.stableInodes) {
      this.closed(open)
      return
    }
    this.byFd.delete(fd)
    this.#closing.set(req, open)
  }
  /** Asks of every file that is open for writing and not yet known which inode it is. */
  *settle(): Asking<void> {
    for (const open of [...this.unidentified]) {
      const { cache } = this
      if (open.closed || this.byFd.get(open.fd) !== open) continue
      const stats = yield* attempt('getattr', { path: '', fd: open.fd, follow: true, precise: false })
      if (stats instanceof Failed || open.closed || this.byFd.get(open.fd) !== open) continue
      const inode = cache.inodeOf(stats)
      // A file without a usable number is none of those that the cache knows.
      if (inode === undefined) this.#known(open)
      else this.identify(open, inode)
    }
  }

  /** The reply to the request to close it. */
  released(req: object): void {
    const open = this.#closing.get(req)
    if (open !== undefined) this.closed(open)
  }
  closed(open: Open): void {
    if (open.closed) return
    open.closed = true
    if (this.byFd.get(open.fd) === open) this.byFd.delete(open.fd)
    if (!this.cache.stableInodes) {
      if (open.writes) this.cache.all.busy--
      this.cache.clear()
    }
    if (this.unidentified.has(open)) {
      // It may have written until now to what an answer under way is about.
      this.cache.all.changed = ++this.cache.stamp
      this.#known(open)
    }
    if (open.inode !== undefined) this.#show(open.inode)
  }
}
