/** Whatever comes in, decoding answers: a request whose every part lies within the message, or an errno. */
import test from 'ava'
import { decode } from '../../lib/fuse/decode.js'
import { ROW_OF } from '../../lib/fuse/opcodes.js'
import { RequestWire } from '../../lib/fuse/wire.js'
import { fc } from '../fc.js'
import { REQUESTS } from './wire-fixtures.js'

const ERRNOS = new Set([-5, -22, -27, -38])

/** Decodes, and looks at every field. */
const survives = (bytes: Uint8Array, received: number, setxattr_ext: boolean): boolean => {
  // Memory of its own, ending with the message: reading past it would throw.
  const wire = new RequestWire(Buffer.from(Uint8Array.from(bytes).buffer))
  wire.setxattr_ext = setxattr_ext
  const request = decode(wire, received)
  if (request.op === undefined) return ERRNOS.has(request.errno)
  const check = (value: unknown): boolean => {
    if (value instanceof Uint8Array) {
      const start = value.byteOffset - wire.bytes.byteOffset
      return value.length === 0 || (start >= 40 && start + value.length <= received)
    }
    if (typeof value === 'object' && value !== null) return Object.values(value).every(check)
    return typeof value !== 'number' || Number.isSafeInteger(value)
  }
  return ROW_OF[wire.opcode]?.name === request.op && received === bytes.length && check(request)
}

const runs = { numRuns: 3000 }
const fixture = fc.constantFrom(...Object.values(REQUESTS)).map((hex) => Buffer.from(hex, 'hex'))
const withLength = (bytes: Uint8Array): Buffer => {
  const copy = Buffer.from(bytes)
  if (copy.length >= 4) copy.writeUInt32LE(copy.length, 0)
  return copy
}

test('garbage', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(400), fc.boolean(), (bytes, received, ext) =>
      t.true(survives(bytes, received, ext)),
    ),
    runs,
  )
})

test('garbage after a plausible header', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 40, maxLength: 300 }), fc.nat(60), fc.boolean(), (bytes, opcode, ext) => {
      const message = withLength(bytes)
      message.writeUInt32LE(opcode, 4)
      message.writeUInt16LE(opcode % 3, 36)
      t.true(survives(message, message.length, ext))
    }),
    runs,
  )
})

test('truncated anywhere, with its length told or not', (t) => {
  fc.assert(
    fc.property(fixture, fc.nat(200), fc.boolean(), fc.boolean(), (bytes, cut, told, ext) => {
      const short = bytes.subarray(0, Math.max(0, bytes.length - cut))
      const message = told ? withLength(short) : short
      t.true(survives(message, message.length, ext))
    }),
    runs,
  )
})

test('oversized', (t) => {
  fc.assert(
    fc.property(fixture, fc.uint8Array({ maxLength: 64 }), fc.boolean(), (bytes, more, ext) => {
      const message = withLength(Buffer.concat([bytes, more]))
      t.true(survives(message, message.length, ext))
      t.true(survives(bytes, bytes.length + more.length + 1, ext))
    }),
    runs,
  )
})

test('a few bytes changed, sizes and counts most of all', (t) => {
  const change = fc.tuple(fc.nat(160), fc.constantFrom(0, 1, 0x2f, 0x7f, 0x80, 0xff))
  fc.assert(
    fc.property(fixture, fc.array(change, { maxLength: 6 }), fc.boolean(), (bytes, changes, ext) => {
      const message = Buffer.from(bytes)
      for (const [at, value] of changes) if (at >= 8 && at < message.length) message[at] = value
      t.true(survives(message, message.length, ext))
    }),
    runs,
  )
})
