/**
 * Passthrough: open files whose reads and writes the kernel does itself. The kernel's rule is one backing id an inode:
 * while one open file of it is passed, every other must be passed with the same id, or do without the page cache.
 */
import { errnoCode } from '../errno.js'
import type { Native } from '../native/index.js'
import { FOPEN_DIRECT_IO, FOPEN_PASSTHROUGH } from './abi.js'
import type { Handle } from './handles.js'

const S_IFMT = 0o170000
const S_IFREG = 0o100000
/** set-user-id and set-group-id: a write by others must take them away, which nobody would see. */
const S_ISXID = 0o6000

export interface PassCounts {
  /** Open files that were passed through. */
  passed: number
  /** Open files that were not, */
  keptBack: number
  /** and why. */
  readonly kept: { [reason: string]: number }
}

export class Backing {
  readonly counts: PassCounts = { passed: 0, keptBack: 0, kept: {} }
  /** EPERM or the like: there is no sense in asking again. */
  #refused: string | undefined

  /** @param device the session's; passthrough has been agreed on */
  constructor(
    readonly sys: Native,
    readonly device: number,
  ) {}

  #keep(reason: string): 0 {
    this.counts.keptBack++
    this.counts.kept[reason] = (this.counts.kept[reason] ?? 0) + 1
    return 0
  }

  /** Decides how `handle`, which has just been opened, is read and written. @returns FOPEN_* flags to add */
  open(handle: Handle, mode: number): number {
    const { inode } = handle
    if ((mode & S_IFMT) !== S_IFREG) return 0
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
    return 0
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
