/** Open files by inode. Their reads and writes are not watched: what those may change is not kept meanwhile. */
import { type Asking, attempt, type Dentry, Failed } from '../../lib/layer.js'
import type { DCache } from './dcache.js'
import type { Inode } from './entries.js'

export class Open {
  inode: Inode | undefined
  closed = false
  /** It was asked by its descriptor which inode it is; else a name said so. */
  asked = false
  constructor(
    readonly fd: number,
    readonly writes: boolean,
    /** What it was opened by. */
    readonly dentry: Dentry | undefined,
    /** It was made by being opened: nothing can be kept of it from before. */
    readonly isNew: boolean,
  ) {}
}

export class Files {
  readonly byFd = new Map<number, Open>()
  /** Open for writing, and nobody has asked yet which inode it is. */
  readonly unidentified = new Set<Open>()
  /** Those of them that were not just made. */
  readonly #doubted = new Set<Open>()
  /** The same of those that only read. */
  readonly anonymous = new Set<Open>()
  /** Opens under way that only read; the stamp and the time at which the first of them set out. */
  opening = 0
  openingSince = 0
  openingAt = 0
  readonly #closing = new WeakMap<object, Open>()

  constructor(readonly cache: DCache) {
    cache.doubt = (inode) => this.#doubt(inode)
  }

  /** A file was opened. Its inode may come to be known later. */
  opened(fd: number, writes: boolean, inode: Inode | undefined, dentry: Dentry | undefined, isNew = false): Open {
    const stale = this.byFd.get(fd)
    if (stale !== undefined) this.closed(stale)
    const open = new Open(fd, writes, dentry, isNew)
    this.byFd.set(fd, open)
    if (!this.cache.stableInodes) {
      // It may be anything.
      if (writes) {
        this.cache.all.busy++
        this.cache.clear()
      } else this.#unknown(open)
    } else if (inode !== undefined) this.#hide(open, inode)
    else this.#unknown(open)
    return open
  }
  #hide(open: Open, inode: Inode): void {
    open.inode = inode
    if (!open.writes) {
      this.cache.beginRead(inode)
      return
    }
    inode.hidden++
    this.cache.forgetAttrs(inode)
  }
  #unknown(open: Open): void {
    if (!open.writes) {
      this.anonymous.add(open)
      this.cache.beginRead(undefined)
      return
    }
    this.unidentified.add(open)
    if (!open.isNew) this.#doubted.add(open)
    this.#count()
  }
  /** Its inode is known from now on: nobody else's is read or written by it, nor has been. */
  #known(open: Open): void {
    if (this.anonymous.delete(open)) this.cache.reading.busy--
    this.unidentified.delete(open)
    this.#doubted.delete(open)
    this.#count()
  }
  #count(): void {
    this.cache.unidentified = this.unidentified.size
    this.cache.doubted = this.#doubted.size
  }
  /** What is open as `fd`; undefined where that is not known. */
  inodeOf(fd: number): Inode | undefined {
    const open = this.byFd.get(fd)
    return open !== undefined && this.isKnown(open) ? open.inode : undefined
  }
  isKnown(open: Open): boolean {
    return open.inode !== undefined && !this.unidentified.has(open) && !this.anonymous.has(open)
  }

  identify(open: Open, inode: Inode): void {
    if (open.closed || !this.cache.stableInodes) return
    this.#known(open)
    open.asked = true
    if (open.inode === inode) return
    const before = open.inode
    this.#hide(open, inode)
    if (before !== undefined) this.#show(open, before)
  }
  #show({ writes }: Open, inode: Inode): void {
    if (!writes) {
      this.cache.endRead(inode)
      return
    }
    inode.hidden--
    // No attributes were kept meanwhile; an answer that is under way may be older than what was written.
    this.cache.forgetXattrs(inode)
    inode.changed = ++this.cache.stamp
    this.cache.settled(inode)
  }

  /** A name that was taken for `inode` may be another's: so may be what was opened by it. undefined: so may any name. */
  #doubt(inode: Inode | undefined): void {
    if (inode !== undefined && inode.hidden === 0 && inode.readers === 0) return
    for (const open of this.byFd.values()) {
      if (!open.asked && (inode === undefined || open.inode === inode) && this.isKnown(open)) this.#unknown(open)
    }
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
  get isSettled(): boolean {
    return this.unidentified.size === 0 && !(this.cache.awaitsReaders && this.cache.stableInodes)
  }
  /** Asks of every open file that is not yet known, and matters, which inode it is. */
  *settle(): Asking<void> {
    for (const open of [...this.unidentified]) yield* this.#ask(open)
    if (!this.cache.awaitsReaders) return
    this.cache.awaitsReaders = false
    for (const open of [...this.anonymous]) yield* this.#ask(open)
  }
  *#ask(open: Open): Asking<void> {
    if (open.closed || this.byFd.get(open.fd) !== open) return
    const { fd, dentry } = open
    const stats = yield* attempt('getattr', { path: '', fd, follow: true, precise: false, dentry })
    if (stats instanceof Failed || open.closed || this.byFd.get(open.fd) !== open) return
    const inode = this.cache.inodeOf(stats)
    // A file without a usable number is none of those that the cache knows.
    if (inode === undefined) this.#known(open)
    else this.identify(open, inode)
  }

  /** Whether attributes are kept that may be those of a file which was read or written, and is to be closed without being known. */
  mayHaveChanged(fd: number): boolean {
    const { cache } = this
    if (cache.isEmpty || !cache.stableInodes || this.anonymous.size + this.#doubted.size === 0) return false
    const open = this.byFd.get(fd)
    return open !== undefined && (this.#doubted.has(open) || (cache.movable > 0 && this.anonymous.has(open)))
  }
  /** Asks which inode it is while that can be asked. */
  *identifyBeforeClose(fd: number): Asking<void> {
    const open = this.byFd.get(fd)
    if (open !== undefined) yield* this.#ask(open)
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
    if (!this.cache.stableInodes && open.writes) this.cache.all.busy--
    if (this.unidentified.has(open)) {
      // It may have written until now to what an answer under way is about, or to what is kept.
      if (this.#doubted.has(open) && !this.cache.isEmpty) this.cache.clear()
      else this.cache.all.changed = ++this.cache.stamp
      this.#known(open)
    }
    if (this.anonymous.delete(open)) this.cache.endRead(undefined)
    if (open.inode !== undefined) this.#show(open, open.inode)
  }
}
