/** Open files and directories, by the numbers that the kernel knows them by. */
import type { OpenFile } from '../file.js'
import type { Inode } from './inode-table.js'
import type { Listing } from './listing.js'

export class Handle {
  /** Of directories only. */
  listing: Listing | undefined = undefined
  /** Its descriptor is its inode's, and closed with that. */
  borrowed = false
  /** Who opened it. */
  uid = 0
  gid = 0
  /** How the kernel reads and writes it: see backing.ts. */
  io: 'passed' | 'cached' | 'direct' = 'cached'

  constructor(
    readonly fh: number,
    readonly inode: Inode,
    /** The lower's file descriptor; -1 for a directory. */
    readonly fd: number,
    readonly flags: number,
    /** What the stack knows of it. */
    readonly file: OpenFile | undefined,
  ) {}
}

export class Handles {
  readonly #open: (Handle | undefined)[] = []
  readonly #free: number[] = []
  size = 0

  get(fh: number): Handle | undefined {
    return this.#open[fh]
  }

  open(inode: Inode, fd: number, flags: number, file: OpenFile | undefined): Handle {
    const fh = this.#free.pop() ?? this.#open.length
    const handle = new Handle(fh, inode, fd, flags, file)
    this.#open[fh] = handle
    this.size++
    inode.handles ??= []
    inode.handles.push(handle)
    return handle
  }

  /** It is about to be closed: nobody else may use it any more. */
  unlist(handle: Handle): void {
    const { inode } = handle
    const { handles } = inode
    if (handles === undefined) return
    const at = handles.indexOf(handle)
    if (at !== -1) handles.splice(at, 1)
    if (handles.length === 0) inode.handles = undefined
  }
  /** Before the inode table is told. */
  close(handle: Handle): void {
    if (this.#open[handle.fh] !== handle) return
    this.unlist(handle)
    this.#open[handle.fh] = undefined
    this.#free.push(handle.fh)
    this.size--
  }

  *[Symbol.iterator](): Generator<Handle> {
    for (const handle of this.#open) if (handle !== undefined) yield handle
  }
}
