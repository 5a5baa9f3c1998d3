/**
 * One block of memory per thread for the arguments of system calls: its address is asked for once, and nothing is
 * allocated per call. Every call is synchronous, so no two use it at the same time.
 */
import { constants } from 'node:os'
import { pathBytes } from '../path-bytes.js'
import { charCodeAt } from '../primordials.js'
import { type Arg, offsetBy, type Sys } from './sys.js'

/** A path: a string (stray bytes escaped, see path-bytes.ts) or raw bytes. Neither ends with a NUL. */
export type PathArg = string | Buffer

/** limits.h: a path with its NUL. */
export const PATH_MAX = 4096
/** limits.h: the largest value of an attribute, and the largest list of their names. */
export const XATTR_SIZE_MAX = 65536

const { EINVAL, ENAMETOOLONG } = constants.errno

/** A part of the block: where it begins in `bytes`, and its address. */
export interface Slot {
  readonly at: number
  readonly size: number
  readonly address: Arg
}
export interface Arena {
  readonly bytes: Buffer
  readonly view: DataView
  readonly path: Slot
  readonly path2: Slot
  /** Attribute names, filesystem types. */
  readonly name: Slot
  /** Structures, and whatever else is small. */
  readonly struct: Slot
  /** Attribute values, mount data. */
  readonly value: Slot
  /** Puts a NUL-terminated string into `slot`: 0, -EINVAL where it holds a NUL, -ENAMETOOLONG where it is too long. */
  put(slot: Slot, text: PathArg): number
}

/** A string may be written in full before its length in bytes is known: three bytes a UTF-16 unit. */
const ROOM = 3 * PATH_MAX

export const makeArena = (sys: Sys): Arena => {
  const memory = new ArrayBuffer(3 * ROOM + 4096 + XATTR_SIZE_MAX)
  const bytes = Buffer.from(memory)
  const base = sys.address(memory)
  const slot = (at: number, size: number): Slot => ({
    at,
    size,
    address: offsetBy(base, at),
  })
  const putBytes = (slot: Slot, raw: Uint8Array): number => {
    const { length } = raw
    if (length >= PATH_MAX) return -ENAMETOOLONG
    for (let at = 0; at < length; at++) {
      const byte = raw[at] as number
      if (byte === 0) return -EINVAL
      bytes[slot.at + at] = byte
    }
    bytes[slot.at + length] = 0
    return 0
  }
  const put = (slot: Slot, text: PathArg): number => {
    if (text.length >= PATH_MAX) return -ENAMETOOLONG
    if (typeof text === 'string') {
      let at = 0
      for (; at < text.length; at++) {
        const unit = charCodeAt(text, at)
        if (unit > 127) return putBytes(slot, pathBytes(text))
        // The kernel would stop at a NUL, and act on another name than the one that was checked.
        if (unit === 0) return -EINVAL
        bytes[slot.at + at] = unit
      }
      bytes[slot.at + at] = 0
      return 0
    }
    return putBytes(slot, text)
  }
  return {
    bytes,
    view: new DataView(memory),
    path: slot(0, ROOM),
    path2: slot(ROOM, ROOM),
    name: slot(2 * ROOM, ROOM),
    struct: slot(3 * ROOM, 4096),
    value: slot(3 * ROOM + 4096, XATTR_SIZE_MAX),
    put,
  }
}
