/** The bytes of a whole file: a small one is read into a buffer that is used again, and needs no size. */
import type { OpenFile } from '../file.js'
import type { Request, Stats } from '../op.js'
import { nodeError } from './codes.js'
import { S_IFMT, S_IFREG } from './modes.js'

/** Files smaller than this many bytes are read without asking for their size. */
export const SCRATCH = 65536
/** The most that one file may hold for readFile: libuv's limit of one read. */
const IO_MAX = 2 ** 31 - 1
/** What one read asks for after the first, as in Node. */
const CHUNK = 512 * 1024
const KEPT = 8

const free: Buffer[] = []
/** A buffer of SCRATCH bytes of the caller's own, until it is given back. */
export const takeScratch = (): Buffer => free.pop() ?? Buffer.allocUnsafeSlow(SCRATCH)
export const giveScratch = (scratch: Buffer): void => {
  if (free.length < KEPT) free.push(scratch)
}

/** As Node: what is falsy is no encoding. */
const isText = (encoding: unknown): encoding is BufferEncoding => Boolean(encoding) && encoding !== 'buffer'

/**
 * The first `total` bytes of a scratch buffer, as a string or as bytes of their own. As Node's, those for callers that wait
 * come from the pool where they are few, which costs a quarter.
 */
export const finished = (scratch: Buffer, total: number, encoding: unknown, waits: boolean): string | Buffer => {
  if (isText(encoding)) return scratch.toString(encoding, 0, total)
  const bytes = waits ? Buffer.allocUnsafe(total) : Buffer.allocUnsafeSlow(total)
  scratch.copy(bytes, 0, 0, total)
  return bytes
}

/**
 * The size to read up to; 0 where the kernel does not know it.
 * @throws ERR_FS_FILE_TOO_LARGE
 */
export const sizeOf = (stats: Stats): number => {
  const size = (stats.mode & S_IFMT) === S_IFREG ? stats.size : 0
  if (size <= IO_MAX) return size
  throw nodeError('ERR_FS_FILE_TOO_LARGE', `File size (${size}) is greater than 2 GiB`, RangeError as ErrorConstructor)
}

/** What follows a full scratch buffer: up to the file's size, or until nothing comes where that is not known. */
export class Rest {
  readonly #chunks: Buffer[] = []
  readonly #size: number
  #buffer: Buffer
  #at = 0
  #total = SCRATCH
  done: boolean

  constructor(scratch: Buffer, size: number) {
    this.#size = size
    this.done = size === SCRATCH
    if (size >= SCRATCH) {
      this.#buffer = Buffer.allocUnsafeSlow(size)
      this.#at = scratch.copy(this.#buffer)
    } else {
      // The kernel lies about the size of many files: they are read until nothing comes.
      this.#chunks.push(Buffer.from(scratch))
      this.#buffer = Buffer.allocUnsafeSlow(SCRATCH)
    }
  }

  next(fd: number, file: OpenFile | undefined): Request<'read'> {
    const length = Math.min(this.#buffer.length - this.#at, CHUNK)
    return { fd, file, buffer: this.#buffer, offset: this.#at, length, position: null }
  }

  took(bytes: number): void {
    this.#total += bytes
    this.#at += bytes
    this.done = bytes === 0 || this.#total === this.#size
    if (this.done || this.#at < this.#buffer.length) return
    this.#chunks.push(this.#buffer)
    this.#buffer = Buffer.allocUnsafeSlow(SCRATCH)
    this.#at = 0
  }

  decoded(encoding: unknown): string | Buffer {
    const last = this.#at === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, this.#at)
    const bytes = this.#chunks.length === 0 ? last : Buffer.concat([...this.#chunks, last], this.#total)
    return isText(encoding) ? bytes.toString(encoding) : bytes
  }
}
