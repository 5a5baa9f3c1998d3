/**
 * Passthrough: open files whose reads and writes the kernel does itself. The kernel's rule is one backing id an inode:
 * while one open file of it is passed, every other must be passed with the same id, or do without the page cache.
 *
 * What is small and read again and again is kept as pages instead: to open it costs less, and whoever reads what is passed
 * makes its time of access unknown, so that the next one to ask for attributes comes up.
 */
import { errnoCode } from '../errno.js'
import { O_ACCMODE, O_TRUNC } from '../flags.js'
import type { Native } from '../native/index.js'
import type { Stats } from '../op.js'
import { Failed } from '../verdict.js'
import { FOPEN_DIRECT_IO, FOPEN_KEEP_CACHE, FOPEN_PASSTHROUGH } from './abi.js'
import type { Handle } from './handles.js'
import type { Inode } from './inode-table.js'
import { PageStore } from './page-store.js'

const S_IFMT = 0o170000
const S_IFREG = 0o100000
/** set-user-id and set-group-id: a write by others must take them away, which nobody would see. */
const S_ISXID = 0o6000

/** Bytes that one READ brings: the kernel's own read-ahead. */
const SMALL = 128 << 10
/** How long ago a file must have been changed for that time to tell it from what it was before: FAT's are the coarsest. */
const SETTLED_MS = 2000

export interface PassCounts {
  /** Open files that were passed through. */
  passed: number
  /** Open files that were not, */
  keptBack: number
  /** and why. */
  readonly kept: { [reason: string]: number }
}

/** What the stack is asked about an open file. */
export interface Asks {
  stats(handle: Handle): Stats | Failed
  /** `length` bytes from the file's beginning, put at `offset`. */
  read(handle: Handle, buffer: Buffer, offset: number, length: number): number | Failed
}

export class Backing {
  readonly counts: PassCounts = { passed: 0, keptBack: 0, kept: {} }
  /** EPERM or the like: there is no sense in asking again. */
  #refused: string | undefined
  #store: PageStore | undefined

  /**
   * @param device the session's; passthrough has been agreed on
   * @param asks undefined: pages do not outlive the open file
   */
  constructor(
    readonly sys: Native,
    readonly device: number,
    readonly asks: Asks | undefined,
  ) {}

  #keep(reason: string): 0 {
    this.counts.keptBack++
    this.counts.kept[reason] = (this.counts.kept[reason] ?? 0) + 1
    return 0
  }

  /**
   * Decides how `handle`, which has just been opened, is read and written.
   * @param cached FOPEN_* flags for what is read through the page cache
   * @returns FOPEN_* flags
   */
  open(handle: Handle, mode: number, cached: number): number {
    const { inode } = handle
    if ((mode & S_IFMT) !== S_IFREG) return cached
    const again = this.#isReadAgain(handle) ? this.#pages(handle) : undefined
    if (again !== undefined) {
      this.#keep('read again')
      inode.cached++
      return again
    }
    const id = this.#id(handle, mode)
    if (id > 0) {
      handle.io = 'passed'
      inode.passed++
      this.counts.passed++
      return FOPEN_PASSTHROUGH
    }
    if (inode.passed > 0) {
      handle.io = 'direct'
      return FOPEN_DIRECT_IO
    }
    inode.cached++
    return cached
  }

  /** Whether it is opened to be read, and was before: the first time to pass it costs less. */
  #isReadAgain({ inode, flags, file }: Handle): boolean {
    if ((flags & (O_ACCMODE | O_TRUNC)) !== 0) {
      inode.reads = 0
      return false
    }
    return ++inode.reads > 1 && inode.passed === 0 && file?.direct === true
  }
  /**
   * FOPEN_* flags for a small file that is to be kept as pages: others may have changed it, and who opens it afterwards sees
   * that, as if it were passed. undefined: it is not to be.
   */
  #pages(handle: Handle): number | undefined {
    const stats = this.asks?.stats(handle)
    if (stats === undefined || stats instanceof Failed || stats.size > SMALL) return undefined
    return areNew(handle.inode, stats) || this.#fills(handle, stats) ? FOPEN_KEEP_CACHE : 0
  }
  /**
   * Whether the kernel has been given what is in the file. The first time only, when there are no pages yet since it was passed
   * before; and where it is the file that the kernel was told of, for it believes its size.
   */
  #fills(handle: Handle, { size, ctimeMs }: Stats): boolean {
    const { inode } = handle
    const { asks } = this
    if (asks === undefined || inode.reads !== 2 || inode.cached > 0 || size === 0) return false
    if (inode.pagesCtimeMs !== ctimeMs || inode.ctimeMs !== ctimeMs) return false
    this.#store ??= new PageStore(this.device, SMALL)
    return this.#store.put(inode.id, size, (buffer, offset, length) => asks.read(handle, buffer, offset, length))
  }

  #id(handle: Handle, mode: number): number {
    const { inode, file } = handle
    if (file?.direct !== true) return this.#keep('layers')
    if (inode.passed > 0) return inode.backingId
    if (inode.cached > 0) return this.#keep('open otherwise')
    if ((mode & S_ISXID) !== 0) return this.#keep('set-id bits')
    if (this.#refused !== undefined) return this.#keep(this.#refused)
    const id = this.sys.backing_open(this.device, handle.fd)
    if (id > 0) {
      inode.backingId = id
      return id
    }
    const reason = errnoCode(id) ?? String(id)
    if (reason === 'EPERM' || reason === 'ENOTTY') this.#refused = reason
    return this.#keep(reason)
  }

  /** Before the lower closes it. */
  release(handle: Handle): void {
    const { inode, io } = handle
    if (io === 'cached') {
      if (inode.cached > 0) inode.cached--
    } else if (io === 'passed' && --inode.passed === 0) {
      this.sys.backing_close(this.device, inode.backingId)
      inode.backingId = 0
    }
  }
}

/** Whether pages that were read since this was asked for the last time are what is in the file. */
const areNew = (inode: Inode, { ctimeMs }: Stats): boolean => {
  const before = inode.pagesCtimeMs
  inode.pagesCtimeMs = ctimeMs > Date.now() - SETTLED_MS ? -1 : ctimeMs
  return before === ctimeMs
}
