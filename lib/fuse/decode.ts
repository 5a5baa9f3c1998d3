/** A request's bytes, checked and then read: what decodes is whole, and what is not whole fails as a value. */
import { constants } from 'node:os'
import type { FuseOp } from './abi.js'
import { FUSE_COMPAT_SETXATTR_IN_SIZE, IN_HEADER } from './layout.js'
import { ROW_OF, type Shape } from './opcodes.js'
import type { RequestTable } from './request.js'
import { BODY, type RequestWire } from './wire.js'

const { EINVAL, EIO, ENOSYS } = constants.errno
const SLASH = 0x2f

interface Header {
  readonly unique: bigint
  readonly nodeid: number
  readonly uid: number
  readonly gid: number
  readonly pid: number
}
/** A request with its arguments, told apart by `op`. */
export type FuseRequest = {
  readonly [O in FuseOp]: Header & { readonly op: O; readonly args: RequestTable[O] }
}[FuseOp]
/** What could not be decoded, and what to say to the kernel. */
export interface Undecodable {
  readonly op: undefined
  /** Negative: -EIO for a message that is not whole, -EINVAL for a body that contradicts itself, -ENOSYS. */
  readonly errno: number
  /** undefined where there is nobody to answer: no whole header, or an opcode without replies. */
  readonly unique: bigint | undefined
}

/** Where the name that begins at `start` ends: its NUL, or -1. One component of a path is not empty, and has no slash. */
const endOfName = (bytes: Buffer, start: number, end: number, component: boolean): number => {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (byte === 0) return at === start && component ? -1 : at
    if (byte === SLASH && component) return -1
  }
  return -1
}

/** Finds the names and the data after the fixed structure: 0 or -EINVAL. */
const validateBody = (wire: RequestWire, shape: Shape, length: number): number => {
  const { bytes, view } = wire
  const end = length - view.getUint16(IN_HEADER.total_extlen, true) * 8
  let at = BODY + (shape.setxattr && !wire.setxattr_ext ? FUSE_COMPAT_SETXATTR_IN_SIZE : shape.fixed)
  if (at > end) return -EINVAL
  if (shape.names > 0) {
    const nul = endOfName(bytes, at, end, shape.component)
    if (nul < 0) return -EINVAL
    wire.nameStart = at
    wire.nameEnd = nul
    at = nul + 1
  }
  if (shape.names > 1) {
    const nul = endOfName(bytes, at, end, shape.component2)
    if (nul < 0) return -EINVAL
    wire.name2Start = at
    wire.name2End = nul
    at = nul + 1
  }
  wire.dataStart = at
  if (shape.tail !== undefined) at += shape.tail(wire)
  wire.dataEnd = at
  wire.end = length
  if (at > end) return -EINVAL
  // A newer kernel may lengthen a structure that nothing follows; anything else is a misunderstanding.
  return at < end && (shape.names > 0 || shape.tail !== undefined) ? -EINVAL : 0
}

/**
 * Checks the `received` bytes at the beginning of `wire`: 0, or -EIO, -EINVAL, -ENOSYS as in Undecodable. After 0 every
 * reader of `wire` that belongs to its opcode is safe.
 */
export const validate = (wire: RequestWire, received: number): number => {
  if (received < IN_HEADER.SIZE || received > wire.bytes.length) return -EIO
  if (wire.view.getUint32(IN_HEADER.len, true) !== received) return -EIO
  const row = ROW_OF[wire.opcode]
  return row === undefined ? -ENOSYS : validateBody(wire, row.shape, received)
}

/** Decodes the `received` bytes at the beginning of `wire`. Never throws. */
export const decode = (wire: RequestWire, received: number): FuseRequest | Undecodable => {
  const invalid = validate(wire, received)
  if (invalid < 0) return undecodable(wire, received, invalid)
  const row = ROW_OF[wire.opcode]
  if (row === undefined) return undecodable(wire, received, -ENOSYS)
  const args = row.decode(wire)
  if (typeof args === 'number') return undecodable(wire, received, args)
  const { unique, nodeid, uid, gid, pid } = wire
  return { op: row.name, unique, nodeid, uid, gid, pid, args } as FuseRequest
}

const undecodable = (wire: RequestWire, received: number, errno: number): Undecodable => {
  const whole = received >= IN_HEADER.SIZE && received <= wire.bytes.length
  const answerable = whole && ROW_OF[wire.opcode]?.replies !== false
  return { op: undefined, errno, unique: answerable ? wire.unique : undefined }
}
