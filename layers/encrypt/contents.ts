/** Reading, writing and resizing an encrypted file, by requests on the one below. */
import { Buffer } from 'node:buffer'
import { attempt, type Call, Failed, fail, type Op, type OpenFile, type Reply } from '../../lib/layer.js'
import {
  type FileKey,
  HEADER,
  newHeader,
  OVERHEAD,
  opened,
  readHeader,
  sealed,
  sizeAbove,
  sizeBelow,
} from './chunks.js'
import type { Keys } from './keys.js'
import type { FileLock } from './lock.js'

export type Steps<T> = Generator<Call<Op>, T | Failed, Reply<Op> | Failed>

const EIO = fail('EIO')
/** Bytes that are encrypted at a time. */
const BATCH = 1 << 20

/** What is known of a file for as long as somebody has it open. */
export interface Contents {
  readonly name: string
  readonly lock: FileLock
  opens: number
  /** Undefined: not read yet, or the file was empty. */
  file: FileKey | undefined
}
/** A descriptor below, and the file that it is of. */
export interface Below {
  readonly fd: number
  readonly file: OpenFile | undefined
  readonly contents: Contents
}

/** Short reads are read on; shorter than `buffer` only at the end. */
function* readAt({ fd, file }: Below, buffer: Buffer, position: number): Steps<number> {
  let done = 0
  while (done < buffer.length) {
    const length = buffer.length - done
    const out = yield* attempt('read', { fd, file, buffer, offset: done, length, position: position + done })
    if (out instanceof Failed) return out
    if (out === 0) break
    done += out
  }
  return done
}
function* writeAt({ fd, file }: Below, buffer: Buffer, position: number): Steps<void> {
  for (let done = 0; done < buffer.length; ) {
    const length = buffer.length - done
    const out = yield* attempt('write', { fd, file, buffer, offset: done, length, position: position + done })
    if (out instanceof Failed) return out
    if (out === 0) return EIO
    done += out
  }
  return undefined
}
function* lengthOf({ fd, file }: Below): Steps<number> {
  const stats = yield* attempt('getattr', { path: '', fd, file, follow: true, precise: false })
  return stats instanceof Failed ? stats : stats.size
}
const setLength = ({ fd, file }: Below, size: number) =>
  attempt('setattr', { path: '', fd, file, follow: true, set: { size } })

export class Coder {
  /** Reads that were refused, since what is below is not what was written. */
  refused = 0
  constructor(
    readonly keys: Keys,
    readonly chunkBytes: number,
  ) {}
  #at(index: number): number {
    return HEADER + index * (this.chunkBytes + OVERHEAD)
  }
  #refuse(): Failed {
    this.refused++
    return EIO
  }

  *#header(on: Below): Steps<FileKey> {
    const known = on.contents.file
    if (known !== undefined) return known
    const bytes = Buffer.alloc(HEADER)
    const length = yield* readAt(on, bytes, 0)
    if (length instanceof Failed) return length
    const file = readHeader(bytes.subarray(0, length), this.keys, this.chunkBytes)
    if (file instanceof Failed) this.refused++
    else on.contents.file = file
    return file
  }
  /** The file's key as it is now: what is written under another one is lost. Others may write the lower, too. */
  *#fresh(on: Below): Steps<FileKey> {
    const known = on.contents.file
    on.contents.file = undefined
    const now = yield* this.#header(on)
    if (now instanceof Failed || known === undefined || !known.id.equals(now.id)) return now
    on.contents.file = known
    return known
  }
  /** What is in the chunks from `first` to `end`, which is not one of them. */
  *#load(on: Below, first: number, end: number, length: number): Steps<Buffer> {
    const known = on.contents.file
    const from = this.#at(first)
    const last = Math.ceil(sizeAbove(length, this.chunkBytes) / this.chunkBytes) - 1
    const bytes = Buffer.allocUnsafe(Math.min(this.#at(end), length) - from)
    for (;;) {
      const file = yield* this.#header(on)
      if (file instanceof Failed) return file
      const read = yield* readAt(on, bytes, from)
      if (read instanceof Failed) return read
      const plain = read < bytes.length ? EIO : opened(file, bytes, first, last, this.chunkBytes)
      if (!(plain instanceof Failed)) return plain
      // Whoever else writes the lower may have made it another file.
      on.contents.file = undefined
      const again = yield* this.#header(on)
      if (again instanceof Failed) return again
      if (file !== known || again.id.equals(file.id)) return this.#refuse()
    }
  }

  /** The file's size. */
  *size(on: Below): Steps<number> {
    const length = yield* lengthOf(on)
    return length instanceof Failed ? length : sizeAbove(length, this.chunkBytes)
  }
  *read(on: Below, target: Buffer, position: number): Steps<number> {
    const { chunkBytes } = this
    const length = yield* lengthOf(on)
    if (length instanceof Failed) return length
    const size = sizeAbove(length, chunkBytes)
    // It was cut off in its header.
    if (size === 0 && length > 0) return this.#refuse()
    const end = Math.min(position + target.length, size)
    let done = 0
    while (position + done < end) {
      const first = Math.floor((position + done) / chunkBytes)
      const to = Math.min(end, first * chunkBytes + Math.max(BATCH, chunkBytes))
      const plain = yield* this.#load(on, first, Math.ceil(to / chunkBytes), length)
      if (plain instanceof Failed) return plain
      done += plain.copy(target, done, position + done - first * chunkBytes, to - first * chunkBytes)
    }
    return done
  }

  /** Writes `data`, which may be empty, at `position`; what is between it and the end is zeros. */
  *write(on: Below, data: Buffer, position: number): Steps<void> {
    const { chunkBytes } = this
    const length = yield* lengthOf(on)
    if (length instanceof Failed) return length
    const before = sizeAbove(length, chunkBytes)
    if (before === 0 && length > 0) return this.#refuse()
    const end = position + data.length
    const size = Math.max(before, end)
    const wasLast = Math.ceil(before / chunkBytes) - 1
    const last = Math.ceil(size / chunkBytes) - 1
    const first = Math.floor(position / chunkBytes)
    // What was the last chunk says so: it is written anew where others come after it.
    const from = last > wasLast || position > before ? Math.min(first, Math.max(0, wasLast)) : first
    const to = Math.max(from, Math.ceil(end / chunkBytes) - 1)
    const grows = size > before
    const old = yield* this.#old(on, grows && before > 0, wasLast, length)
    if (old instanceof Failed) return old
    const header = before === 0 ? newHeader(this.keys, chunkBytes) : undefined
    if (header !== undefined) on.contents.file = header.file
    else {
      const file = yield* this.#fresh(on)
      if (file instanceof Failed) return file
    }
    const step = Math.max(1, Math.floor(BATCH / chunkBytes))
    for (let k = from; k <= to; k += step) {
      const failed = yield* this.#part(on, {
        data,
        position,
        size,
        length,
        k,
        stop: Math.min(to + 1, k + step),
        header,
      })
      if (!(failed instanceof Failed)) continue
      // What did not become longer is as it was at its end: not without it.
      if (grows) {
        if (old !== undefined) yield* writeAt(on, old, this.#at(wasLast))
        yield* setLength(on, length)
      }
      if (header !== undefined) on.contents.file = undefined
      return failed
    }
    return undefined
  }
  /** The last chunk, as it is below. */
  *#old(on: Below, wanted: boolean, index: number, length: number): Steps<Buffer | undefined> {
    if (!wanted) return undefined
    const bytes = Buffer.allocUnsafe(length - this.#at(index))
    const out = yield* readAt(on, bytes, this.#at(index))
    return out instanceof Failed ? out : out < bytes.length ? this.#refuse() : bytes
  }
  *#part(
    on: Below,
    part: {
      readonly data: Buffer
      readonly position: number
      readonly size: number
      readonly length: number
      readonly k: number
      readonly stop: number
      readonly header: { readonly bytes: Buffer } | undefined
    },
  ): Steps<void> {
    const { chunkBytes } = this
    const { data, position, size, length, k, stop, header } = part
    const start = k * chunkBytes
    const until = Math.min(stop * chunkBytes, size)
    const plain = Buffer.alloc(until - start)
    const end = position + data.length
    const before = sizeAbove(length, chunkBytes)
    for (let index = k; index < stop && index * chunkBytes < before; index++) {
      const at = index * chunkBytes
      if (position <= at && end >= Math.min(at + chunkBytes, size)) continue
      const there = yield* this.#load(on, index, index + 1, length)
      if (there instanceof Failed) return there
      there.copy(plain, at - start)
    }
    if (position < until && end > start) {
      data.copy(plain, Math.max(0, position - start), Math.max(0, start - position), until - position)
    }
    const last = Math.ceil(size / chunkBytes) - 1
    const file = yield* this.#header(on)
    if (file instanceof Failed) return file
    const chunks = sealed(file, plain, k, last, chunkBytes)
    return header !== undefined && k === 0
      ? yield* writeAt(on, Buffer.concat([header.bytes, chunks]), 0)
      : yield* writeAt(on, chunks, this.#at(k))
  }

  *resize(on: Below, size: number): Steps<void> {
    const { chunkBytes } = this
    const length = yield* lengthOf(on)
    if (length instanceof Failed) return length
    const before = sizeAbove(length, chunkBytes)
    if (size > before) return yield* this.write(on, Buffer.alloc(0), size)
    if (size === before && size > 0) return yield* setLength(on, length)
    if (size > 0) {
      const last = Math.ceil(size / chunkBytes) - 1
      const file = yield* this.#fresh(on)
      if (file instanceof Failed) return file
      const there = yield* this.#load(on, last, last + 1, length)
      if (there instanceof Failed) return there
      const chunk = sealed(file, there.subarray(0, size - last * chunkBytes), last, last, chunkBytes)
      const failed = yield* writeAt(on, chunk, this.#at(last))
      if (failed instanceof Failed) return failed
    } else on.contents.file = undefined
    return yield* setLength(on, sizeBelow(size, chunkBytes))
  }
}
