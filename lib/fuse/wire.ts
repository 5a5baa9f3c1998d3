/** Reading and writing the device's bytes. Numbers are little-endian, as every host that this runs on. */
import { decodePath } from '../path-bytes.js'
import { IN_HEADER, OUT_HEADER } from './layout.js'

const WORD = 2 ** 32
/**
 * What 64-bit fields read as numbers saturate at. Node ids and file handles are ours and stay far below it, so that a
 * larger one is simply unknown; an offset that large is past the end of every file.
 */
export const U64_MAX = Number.MAX_SAFE_INTEGER

/** A u64 as a number, at most U64_MAX. */
export const getU64 = (view: DataView, at: number): number => {
  const high = view.getUint32(at + 4, true)
  return high < 2 ** 21 ? high * WORD + view.getUint32(at, true) : U64_MAX
}
/** An i64 as a number, between -U64_MAX and U64_MAX. */
export const getI64 = (view: DataView, at: number): number => {
  const high = view.getInt32(at + 4, true)
  if (high >= 2 ** 21) return U64_MAX
  return high < -(2 ** 21) ? -U64_MAX : high * WORD + view.getUint32(at, true)
}
/** A u64 or an i64: negative numbers are written as two's complement. Fractions are cut off. */
export const setU64 = (view: DataView, at: number, value: number | bigint): void => {
  if (typeof value === 'bigint') {
    view.setBigInt64(at, value, true)
    return
  }
  view.setUint32(at, value, true)
  view.setInt32(at + 4, Math.floor(value / WORD), true)
}

/** Memory that is read or written as a message, seen as bytes and as numbers: room for a header at the very least. */
export class Wire {
  readonly bytes: Buffer
  readonly view: DataView
  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

/** Where a request's body begins, and a reply's. */
export const BODY = IN_HEADER.SIZE
export const REPLY = OUT_HEADER.SIZE

/**
 * One request at a time, in memory that is used again for the next. What is read from it is a copy, but for `data` and
 * `extensions`. Meaningful once `validate` (decode.ts) has said 0.
 */
export class RequestWire extends Wire {
  /** Set after INIT: whether FUSE_SETXATTR_EXT was agreed on. */
  setxattr_ext = false
  /** Where the parts after the fixed structure begin and end, set by `validate`. A name's end is its NUL. */
  nameStart = 0
  nameEnd = 0
  name2Start = 0
  name2End = 0
  dataStart = 0
  dataEnd = 0
  end = 0

  get opcode(): number {
    return this.view.getUint32(IN_HEADER.opcode, true)
  }
  get unique(): bigint {
    return this.view.getBigUint64(IN_HEADER.unique, true)
  }
  get nodeid(): number {
    return getU64(this.view, IN_HEADER.nodeid)
  }
  get uid(): number {
    return this.view.getUint32(IN_HEADER.uid, true)
  }
  get gid(): number {
    return this.view.getUint32(IN_HEADER.gid, true)
  }
  /** 0 for a process that this pid namespace does not know, and for the kernel's own requests. */
  get pid(): number {
    return this.view.getUint32(IN_HEADER.pid, true)
  }
  /** A u32 of the body, by its offset in the opcode's structure. */
  u32(at: number): number {
    return this.view.getUint32(BODY + at, true)
  }
  /** A u64 of the body as a number, at most U64_MAX. */
  u64(at: number): number {
    return getU64(this.view, BODY + at)
  }
  i64(at: number): number {
    return getI64(this.view, BODY + at)
  }
  big(at: number): bigint {
    return this.view.getBigUint64(BODY + at, true)
  }
  /** The first name (or an attribute's), decoded without loss (path-bytes.ts). */
  get name(): string {
    return decodePath(this.bytes, this.nameStart, this.nameEnd)
  }
  get name2(): string {
    return decodePath(this.bytes, this.name2Start, this.name2End)
  }
  /** What follows: a write's bytes, an attribute's value. Not a copy: good until the next request is read. */
  get data(): Buffer {
    return this.bytes.subarray(this.dataStart, this.dataEnd)
  }
  /** fuse_secctx_header and fuse_ext_header blocks, undecoded. Not a copy. */
  get extensions(): Buffer {
    return this.bytes.subarray(this.dataEnd, this.end)
  }
}

/** Makes `out` the reply to the request in `request`: without an allocation. */
export const replyTo = (out: Wire, request: RequestWire): void => {
  out.view.setUint32(OUT_HEADER.unique, request.view.getUint32(IN_HEADER.unique, true), true)
  out.view.setUint32(OUT_HEADER.unique + 4, request.view.getUint32(IN_HEADER.unique + 4, true), true)
}
/** The same for a request that is no longer at hand. */
export const replyToUnique = (out: Wire, unique: bigint): void => {
  out.view.setBigUint64(OUT_HEADER.unique, unique, true)
}
