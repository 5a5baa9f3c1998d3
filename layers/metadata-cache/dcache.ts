/** The tables, what may be kept in them, and their bounds. */
import type { Capabilities, Stats } from '../../lib/layer.js'
import { makeStats, S_IFDIR, S_IFLNK } from '../../lib/layer.js'
import { Clock } from './clock.js'
import {
  bytesOf,
  ENDLESS,
  INODE_BYTES,
  Inode,
  type Limits,
  NAME_BYTES,
  Name,
  NEGATIVE,
  POSITIVE,
  type Resolved,
  type Tracked,
  typeOf,
  UNKNOWN,
} from './entries.js'
import { Inodes } from './inodes.js'
import { Memo } from './memo.js'
import { Ring } from './ring.js'

/** Linux's relatime moves access times that are so old; a second less, since it counts in whole ones. */
const RELATIME_MS = 86_400_000 - 1000

const rootless = (): Inode => {
  const made = new Inode(0, 0, 0)
  made.until = ENDLESS
  return made
}

export class DCache {
  readonly clock = new Clock()
  /** Counts the beginnings and ends of changes. */
  stamp = 1
  /** Changes to what other names mean: directories and symbolic links that move, come or go. */
  readonly space: Tracked = { changed: 1, busy: 0 }
  /** Changes that could be to anything. */
  readonly all: Tracked = { changed: 1, busy: 0 }
  /** Changes under way that are noted on names in the tables; where these are cleared they may be to anything. */
  changing = 0
  /** How often the tables were cleared. */
  era = 0
  /** Names of inodes that nobody knew. */
  readonly links: Tracked = { changed: 1, busy: 0 }
  /** An inode with several names was seen, or made. */
  sawLinks = false
  /** Where there are no stable inode numbers, every change is one to anything. */
  stableInodes = true
  /** Files open for writing whose inode is not known: as long as there are any, no attributes may be kept. */
  unidentified = 0
  /** Those of them of which attributes may be kept from before they were opened, or were taken for others: none are told. */
  doubted = 0
  /** Readings of inodes that are not known. */
  readonly reading: Tracked = { changed: 1, busy: 0 }
  /** There would be more to keep, or to answer with, if it were known which. */
  awaitsReaders = false
  /** How many inodes have attributes that a reading may move. */
  movable = 0
  accessTimes: Capabilities['accessTimes'] = undefined

  /** The directory of the root's name. */
  readonly noDir = rootless()
  rootName = new Name(this.noDir, '', 1)
  readonly #inodes = new Inodes()
  inodeCount = 0
  readonly memo: Memo
  #bytes = 0
  readonly #ring = new Ring()
  /** The latest change of anything that was evicted: what is made anew may have changed then. */
  #evicted = 1
  evictions = 0

  /** Told of an inode that a name no longer leads to, or perhaps never did, as far as is known; undefined: of all. */
  doubt: (inode: Inode | undefined) => void = () => undefined

  constructor(readonly limits: Limits) {
    this.memo = new Memo(limits.maxEntries, limits.maxBytes)
  }

  get bytes(): number {
    return this.#bytes + this.memo.bytes
  }
  get nameCount(): number {
    return this.#ring.size
  }
  get isEmpty(): boolean {
    return this.inodeCount === 0
  }

  /** Whether an answer that set out at stamp `t` is still true of `it`. */
  fresh(it: Tracked, t: number): boolean {
    return it.busy === 0 && it.changed <= t && this.all.busy === 0 && this.all.changed <= t
  }
  /** The same for an answer that was asked for by path. */
  freshAt(it: Tracked, t: number): boolean {
    return this.space.busy === 0 && this.space.changed <= t && this.fresh(it, t)
  }

  /** Whether a name is in the tables. */
  holds(name: Name): boolean {
    return name.slot !== -1 || name === this.rootName
  }

  /** The inode that `stats` describe; undefined where its number tells nothing. */
  inodeOf(stats: Stats): Inode | undefined {
    const { dev, ino } = stats
    if (!this.stableInodes) return this.#hold(new Inode(dev, ino, this.#evicted))
    if (!Number.isSafeInteger(ino) || ino <= 0 || !Number.isSafeInteger(dev)) return undefined
    const known = this.#inodes.get(dev, ino)
    const inode = known ?? this.#hold(new Inode(dev, ino, this.#evicted))
    if (known === undefined) {
      this.#inodes.add(inode)
      // Those that were met under no name that could be kept.
      if (this.inodeCount > 2 * this.nameCount + 1024)
        for (const other of this.#inodes.all()) if (other !== inode) this.settled(other)
    }
    if (known !== undefined) {
      if (inode.isAnother(stats)) this.forgetBelow(inode)
      if (inode.hasChanged(stats)) this.forgetInode(inode)
    }
    if (stats.nlink > 1 && typeOf(stats.mode) !== S_IFDIR) this.sawLinks = true
    inode.meet(stats)
    return inode
  }

  #hold(inode: Inode): Inode {
    inode.held = true
    this.inodeCount++
    this.#bytes += inode.bytes
    return inode
  }

  /** Keeps the attributes of `inode` as they were at `at` for an answer that set out at stamp `t`. */
  keepAttrs(inode: Inode, stats: Stats, t: number, at: number, precise: boolean): void {
    if (inode.hidden > 0 || this.unidentified > 0 || !this.fresh(inode, t)) return
    if (stats.nlink > 1 && typeOf(stats.mode) !== S_IFDIR && !this.fresh(this.links, t)) return
    const rest = this.#unmoved(stats)
    if (rest === 0 && !this.#isUnread(inode, t)) return
    this.#dropAttrs(inode)
    inode.keep(stats)
    inode.known = true
    if (inode.isPrecise) this.reweigh(inode)
    inode.attrsAt = this.stamp
    inode.precise = precise
    inode.moves = rest === 0
    if (inode.moves) this.movable++
    inode.attrsUntil = at + (inode.moves ? this.limits.ttlMs : Math.floor(Math.min(this.limits.ttlMs, rest)))
  }
  /** For how long no reading can move this access time, in milliseconds. */
  #unmoved({ dev, mode, atimeMs, mtimeMs, ctimeMs }: Stats): number {
    const rule = this.accessTimes?.(dev, typeOf(mode)) ?? 'always'
    if (rule === 'never') return Number.POSITIVE_INFINITY
    if (rule === 'always' || atimeMs <= mtimeMs || atimeMs <= ctimeMs) return 0
    return Math.max(0, atimeMs + RELATIME_MS - Date.now())
  }
  /** Whether nobody reads `inode`, nor has since stamp `t`. Every path that leads through a link reads it, unseen. */
  #isUnread(inode: Inode, t: number): boolean {
    const { reading } = this
    if (reading.busy > 0) this.awaitsReaders = true
    if (inode.readers > 0 || inode.readAt > t || typeOf(inode.mode) === S_IFLNK) return false
    return reading.busy === 0 && reading.changed <= t
  }
  /** Whether the attributes that are kept of `inode` still hold. */
  knows(inode: Inode): boolean {
    if (!inode.known || this.doubted > 0 || this.clock.at >= inode.attrsUntil) return false
    return !inode.moves || this.#isUnread(inode, inode.attrsAt)
  }

  #offered: Stats | undefined = undefined
  #offeredFor: Inode | undefined = undefined
  /** The reply that the attributes of `inode` were just kept from: it is nobody's yet, and need not be made again. */
  offer(inode: Inode, reply: Stats): void {
    if (!inode.known) return
    this.#offered = reply
    this.#offeredFor = inode
  }
  /** `reply` is somebody's by now. */
  taken(reply: Stats): void {
    if (this.#offered === reply) this.#offered = undefined
  }
  /** A reply with the attributes of `inode`, for one to have. */
  replyOf(inode: Inode): Stats {
    const offered = this.#offeredFor === inode ? this.#offered : undefined
    this.#offered = undefined
    this.#offeredFor = undefined
    return offered ?? makeStats(inode)
  }

  /** A reading of `inode` begins; undefined: of which, is not known. */
  beginRead(inode: Inode | undefined): void {
    if (inode === undefined) this.reading.busy++
    else inode.readers++
  }
  endRead(inode: Inode | undefined): void {
    if (inode === undefined) {
      this.reading.busy--
      this.reading.changed = ++this.stamp
    } else {
      inode.readers--
      inode.readAt = ++this.stamp
      if (inode.moves) this.forgetAttrs(inode)
      this.settled(inode)
    }
  }

  /** The dentry for `name` in `dir`; an unknown one where there was none. */
  child(dir: Inode, name: string): Name {
    dir.children ??= new Map()
    let found = dir.children.get(name)
    if (found === undefined) {
      found = new Name(dir, name, this.#evicted)
      dir.children.set(name, found)
      this.#insert(found)
    }
    return found
  }

  /** The same to be changed: that something was not there is not known for ever. */
  named(dir: Inode, name: string): Name {
    const found = this.child(dir, name)
    if (found.state === NEGATIVE && found.busy === 0 && this.clock.at >= found.until) this.setUnknown(found)
    return found
  }

  /** Keeps where a path leads, as it was spelt; `before` is what the memo has just said of it. */
  remember(path: string, r: Resolved, before: Resolved | undefined): void {
    if (before === r) return
    if (before === undefined) this.memo.add(path, r)
    else this.memo.replace(path, r)
    this.#shrink()
  }

  setNegative(name: Name, until: number): void {
    this.#lead(name, undefined)
    name.state = NEGATIVE
    name.type = 0
    name.until = Math.min(until, name.dir.until)
  }
  setPositive(name: Name, type: number, inode: Inode | undefined, until: number): void {
    this.#lead(name, inode)
    name.state = POSITIVE
    name.type = type
    name.until = Math.min(until, name.dir.until)
    if (inode !== undefined) inode.until = name.until
  }
  setUnknown(name: Name): void {
    if (name.inode !== undefined) this.doubt(name.inode)
    this.#lead(name, undefined)
    name.state = UNKNOWN
    name.until = 0
  }
  /** Everything that is found through this name must be found anew. */
  touch(name: Name): void {
    name.changed = ++this.stamp
  }

  #lead(name: Name, inode: Inode | undefined): void {
    const before = name.inode
    if (before === inode) return
    name.inode = inode
    if (inode !== undefined) inode.names++
    if (before !== undefined) {
      before.names--
      this.settled(before)
    }
  }

  /** Forgets an inode that nothing leads to any more: no name, no open file, no change under way. */
  settled(inode: Inode): void {
    if (!inode.held || inode.names > 0 || this.#isInUse(inode)) return
    this.forgetBelow(inode)
    this.forgetInode(inode)
    inode.held = false
    this.#inodes.delete(inode)
    this.inodeCount--
    this.#bytes -= INODE_BYTES
    this.#evicted = Math.max(this.#evicted, inode.changed)
  }

  #isInUse(inode: Inode): boolean {
    return inode.hidden > 0 || inode.readers > 0 || inode.busy > 0
  }

  forgetAttrs(inode: Inode): void {
    const wasPrecise = inode.isPrecise
    this.#dropAttrs(inode)
    if (wasPrecise) this.#reweigh(inode)
  }
  #dropAttrs(inode: Inode): void {
    if (this.#offeredFor === inode) this.#offeredFor = undefined
    inode.known = false
    inode.dropPrecise()
    if (inode.moves) this.movable--
    inode.moves = false
  }
  forgetXattrs(inode: Inode): void {
    inode.xattrs = undefined
    inode.xattrNames = undefined
    this.#reweigh(inode)
  }
  forgetListing(inode: Inode): void {
    if (inode.listing === undefined) return
    inode.listing = undefined
    this.#reweigh(inode)
  }
  /** Everything known of it but its children. */
  forgetInode(inode: Inode): void {
    this.#dropAttrs(inode)
    inode.access = undefined
    inode.target = undefined
    inode.xattrs = undefined
    inode.xattrNames = undefined
    inode.listing = undefined
    this.#reweigh(inode)
  }
  /** Every name in it, and all that is beneath. */
  forgetBelow(dir: Inode): void {
    dir.watcher?.close()
    dir.watcher = undefined
    const { children } = dir
    if (children === undefined) return
    this.space.changed = ++this.stamp
    dir.children = undefined
    const todo = [children]
    for (let map = todo.pop(); map !== undefined; map = todo.pop()) {
      for (const name of map.values()) {
        const { inode } = name
        if (inode?.children !== undefined && inode.names === 1) {
          todo.push(inode.children)
          inode.children = undefined
        }
        this.#remove(name)
        // It is open, or has another name.
        if (inode?.held !== true) continue
        this.forgetInode(inode)
        inode.changed = this.stamp
      }
    }
  }

  /** Counts again what is kept with `inode`. */
  reweigh(inode: Inode): void {
    this.#reweigh(inode)
    this.#shrink()
  }
  #reweigh(inode: Inode): void {
    const bytes = bytesOf(inode)
    this.#bytes += bytes - inode.bytes
    inode.bytes = bytes
  }

  #insert(name: Name): void {
    this.#ring.add(name)
    this.#bytes += NAME_BYTES + 2 * name.name.length
    this.#shrink()
  }

  #remove(name: Name): void {
    if (name.slot === -1) return
    this.#ring.remove(name)
    this.#bytes -= NAME_BYTES + 2 * name.name.length
    this.setUnknown(name)
    // Whoever holds it must see that it is gone.
    this.touch(name)
    this.#evicted = Math.max(this.#evicted, name.changed)
  }

  #shrinking = false
  #shrink(): void {
    if (this.#shrinking) return
    const { maxEntries, maxBytes } = this.limits
    this.#shrinking = true
    while (this.nameCount > maxEntries || this.bytes > maxBytes) {
      const name = this.#ring.victim()
      if (name === undefined) break
      if (name.dir.children?.get(name.name) === name) name.dir.children.delete(name.name)
      this.#remove(name)
      this.evictions++
    }
    this.#shrinking = false
  }

  /** Forgets everything but that some files are open, or being changed. */
  clear(): void {
    this.doubt(undefined)
    const open: Inode[] = []
    for (const inode of this.#inodes.all()) {
      inode.watcher?.close()
      inode.watcher = undefined
      inode.children = undefined
      inode.names = 0
      inode.held = false
      this.forgetInode(inode)
      if (this.#isInUse(inode)) open.push(inode)
    }
    this.#ring.clear()
    this.memo.clear()
    this.#inodes.clear()
    this.inodeCount = 0
    this.#bytes = 0
    this.rootName = new Name(this.noDir, '', this.stamp)
    for (const inode of open) this.#inodes.add(this.#hold(inode))
    this.all.busy += this.changing
    this.changing = 0
    this.era++
    this.all.changed = ++this.stamp
    this.space.changed = this.stamp
    this.#evicted = this.stamp
  }
}
