/** What the cache is made of: inodes, names in directories, and where whole paths lead. */
import type { Dentry, Path, Stats } from '../../lib/layer.js'
import { Failed, KeptStats, Replied, S_IFMT } from '../../lib/layer.js'

export interface Limits {
  readonly ttlMs: number
  readonly negativeTtlMs: number
  readonly maxEntries: number
  readonly maxBytes: number
}

/** What a change is noted on: `changed` is the stamp of its last beginning or end, `busy` how many are under way. */
export interface Tracked {
  changed: number
  busy: number
}

/**
 * One file, whatever its names. Each kept fact ends at its own time, in the cache's clock. Its attributes are its own
 * fields: one object a file, since what is kept of many files is copied by the garbage collector and missed by the
 * processor's caches. Of attributes that are not kept, type, size and times say what it was when it was last met.
 */
export class Inode extends KeptStats implements Tracked {
  /** All of its attributes are kept. */
  known = false
  attrsUntil = 0
  /** They carry nanoseconds. */
  precise = false
  /** A reading may move the access time. */
  moves = false
  /** The stamp at which they were kept. */
  attrsAt = 0
  /** Open files of it that only read, and listings under way: what they may move is not kept. */
  readers = 0
  /** When a reading last ended. */
  readAt = 0

  busy = 0
  /** Open files of it that may write: that is not seen, so its attributes are not kept. */
  hidden = 0
  /** In the tables; what is not may be known there as another object. */
  held = false
  /** Names that lead here. */
  names = 0

  target: string | undefined = undefined
  targetUntil = 0

  /** By mask: allowed (null) or why not. */
  access: (Failed | null | undefined)[] | undefined = undefined
  accessUntil = 0

  xattrs: Map<string, Buffer | Failed> | undefined = undefined
  xattrNames: readonly string[] | Failed | undefined = undefined
  xattrsUntil = 0

  children: Map<string, Name> | undefined = undefined
  /** Until when the name that leads to this directory is kept: what is asked for beneath it after that may be another's. */
  until = 0
  /** The whole directory, in the lower's order: name to type. */
  listing: Map<string, number> | undefined = undefined
  listingUntil = 0
  watcher: { close(): void } | undefined = undefined

  /** Estimated, without the children. */
  bytes = INODE_BYTES

  constructor(
    dev: number,
    ino: number,
    public changed: number,
  ) {
    super(dev, ino)
  }

  /** Whether `stats` are of another file, that has got this one's number. */
  isAnother(stats: Stats): boolean {
    return typeOf(this.mode) !== typeOf(stats.mode) || this.birthtimeMs !== stats.birthtimeMs
  }
  /** Whether it has changed since it was last met, perhaps from outside. */
  hasChanged(stats: Stats): boolean {
    return (
      this.isAnother(stats) ||
      this.ctimeMs !== stats.ctimeMs ||
      this.mtimeMs !== stats.mtimeMs ||
      this.size !== stats.size ||
      this.mode !== stats.mode
    )
  }
  meet(stats: Stats): void {
    this.mode = stats.mode
    this.size = stats.size
    this.ctimeMs = stats.ctimeMs
    this.mtimeMs = stats.mtimeMs
    this.birthtimeMs = stats.birthtimeMs
  }
}

/** Later than any time: a small integer, since V8 keeps a field that ever was another number as an object of its own. */
export const ENDLESS = 2 ** 31 - 1

export const UNKNOWN = 0
export const NEGATIVE = 1
export const POSITIVE = 2

/** A dentry: a name in a directory. */
export class Name implements Tracked {
  busy = 0
  state: typeof UNKNOWN | typeof NEGATIVE | typeof POSITIVE = UNKNOWN
  /** S_IFMT bits of what is there; 0: not known. */
  type = 0
  /** What is there; undefined also where only its existence is known. */
  inode: Inode | undefined = undefined
  until = 0
  /** Met since the clock hand last came by. */
  used = true
  slot = -1

  constructor(
    readonly dir: Inode,
    readonly name: string,
    public changed: number,
  ) {}

  /** One that stands in no table: what was just learnt, and may not be kept. */
  static passing(dir: Inode, name: string, type: number, inode: Inode | undefined): Name {
    const made = new Name(dir, name, 0)
    made.state = inode === undefined ? NEGATIVE : POSITIVE
    made.type = type
    made.inode = inode
    made.until = ENDLESS
    return made
  }
}

/**
 * Where a whole path leads. Made by a walk, and good for as long as nothing moved and its last name is the same. To
 * `resolve` it is the reply itself.
 */
export class Resolved extends Replied<'resolve'> implements Dentry {
  security: unknown = undefined
  /** The namespace's stamp for which it was found. */
  gen = -1
  /** The last name's. */
  version = -1
  until = 0
  /** Where the link in the last component leads. */
  follows: Resolved | undefined = undefined

  constructor(
    readonly owner: object,
    readonly path: Path,
    readonly exists: boolean,
    readonly isLink: boolean,
    public name: Name,
    readonly inode: Inode | undefined,
    /** Why the path leads nowhere: a component in the middle. */
    readonly failed: Failed | undefined,
  ) {
    super(undefined as never)
    ;(this as { value: Dentry }).value = this
  }
}

export const typeOf = (mode: number): number => mode & S_IFMT

// Estimates, from the number of fields and map entries and rounded up; the bound in bytes is as good as these.
export const NAME_BYTES = 240
export const INODE_BYTES = 480
export const PRECISE_BYTES = 560
export const MEMO_BYTES = 260
export const ITEM_BYTES = 64

/** An estimate of what an inode and all that is kept with it take, but for its children. */
export const bytesOf = (inode: Inode): number => {
  const { target, listing, xattrs, xattrNames } = inode
  let bytes = INODE_BYTES
  if (inode.isPrecise) bytes += PRECISE_BYTES
  if (target !== undefined) bytes += 2 * target.length
  if (listing !== undefined) for (const name of listing.keys()) bytes += ITEM_BYTES + 2 * name.length
  if (xattrs !== undefined) {
    for (const [name, value] of xattrs) {
      bytes += ITEM_BYTES + 2 * name.length + (value instanceof Failed ? 0 : value.length)
    }
  }
  if (xattrNames !== undefined && !(xattrNames instanceof Failed)) {
    for (const name of xattrNames) bytes += ITEM_BYTES + 2 * name.length
  }
  return bytes
}
