/**
 * When a directory is listed for what comes next. The kernel learns many names at once by READDIRPLUS alone; who looks them up
 * one by one, in a directory that it has not listed, has each come up.
 */
import { S_IFDIR } from '../namei.js'
import { Failed } from '../verdict.js'
import type { Inode } from './inode-table.js'
import type { Session } from './session.js'

/** Names that are answered one by one at any rate. */
const FEW = 8
/** It is one of so many names in the directory that has to have been asked for. */
const SHARE = 8
/** Names: what has more is not listed, which would take some milliseconds in one go. */
const MANY = 8192
/** Names: attributes alone are worth a listing from there on. An attribute costs two names of a listing. */
const ATTRIBUTES = 128
/** A directory's bytes for each name in it, roughly: tmpfs counts 20, ext4 12 and more, Btrfs two for each character. */
const BYTES = 32

/** Who lists, in a thread that owes no reply. */
export interface Lists {
  /** @returns a ticket; 0 where it will not be done. `node`: whose listing the kernel is to drop first; 0: none */
  list(path: string, node: number): number
  /** Whether that is still to be done. */
  isPending(ticket: number): boolean
}

export class ReadAround {
  /** Directories that were asked to be listed. */
  listings = 0
  /** What the present request asked for is about to be told by a listing of this directory: its reply may wait for that. */
  awaits: Inode | undefined
  /** Some of this directory is told by the present request. */
  told: Inode | undefined

  constructor(readonly lists: Lists) {}

  /** `child` in `dir` was looked up, and is there. */
  looked(s: Session, dir: Inode, child: Inode): void {
    if (!this.lists.isPending(dir.ticket) && !this.#count(s, dir)) return
    // Who lists asks for directories alone; and waits for a name that is being looked up, once it has been told of it.
    if (child.type !== S_IFDIR && child.toldBy !== dir.ticket) this.awaits = dir
  }

  /** The attributes of a directory in `dir` were asked for because the kernel has listed it since they were told. */
  stale(s: Session, dir: Inode | undefined): void {
    if (dir?.listing === undefined || dir.listing.entries.length < ATTRIBUTES) return
    if (!this.lists.isPending(dir.ticket)) this.#count(s, dir)
  }

  /** It is read from its beginning, by whomever. */
  begins(dir: Inode, names: number): void {
    dir.asked = 0
    dir.due = dueFor(names)
  }

  /** @returns whether it will be listed */
  #count(s: Session, dir: Inode): boolean {
    if (++dir.asked < Math.max(dir.due, FEW)) return false
    const path = s.table.pathOf(dir)
    if (path === undefined) return false
    if (dir.due === 0) {
      const stats = s.stats({ path, fd: undefined, file: undefined })
      if (stats instanceof Failed) return false
      dir.due = dueFor(stats.size / BYTES)
      if (dir.asked < dir.due) return false
    }
    // What the kernel has read it keeps, and would read again.
    const ticket = this.lists.list(path, dir.listing === undefined ? 0 : dir.id)
    if (ticket === 0) return false
    dir.ticket = ticket
    dir.asked = 0
    this.listings++
    return true
  }
}

const dueFor = (names: number): number =>
  names > MANY ? Number.POSITIVE_INFINITY : Math.max(FEW, Math.floor(names / SHARE))
