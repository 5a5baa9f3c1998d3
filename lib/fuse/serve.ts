/** The serving loop: one read, one handler, one write; nothing waits for the event loop, and nothing is allocated here. */
import { constants } from 'node:os'
import { INIT_FLAGS, OPCODES } from './abi.js'
import * as args from './args.js'
import type { Counters } from './counters.js'
import { validate } from './decode.js'
import { type Device, WOKEN } from './device.js'
import { encodeEmpty, encodeError, encodeInit } from './encode.js'
import { close } from './handlers/files.js'
import { HANDLER_OF } from './handlers/index.js'
import { HeldReplies } from './held-replies.js'
import { MAX_WRITE, negotiate } from './init.js'
import { OUT_HEADER } from './layout.js'
import { ROW_OF } from './opcodes.js'
import type { Session } from './session.js'
import { RequestWire, replyTo } from './wire.js'

const { EIO, ENOSYS, EPROTO } = constants.errno
/** A request's header and structure beside the bytes of a WRITE. */
const ROOM = 4096

/** Answers INIT. @throws {Error} for a kernel whose protocol this is not */
export const initialise = (s: Session, wire: RequestWire, device: Device): boolean => {
  for (;;) {
    const received = device.receive()
    if (received === 0) return false
    if (received === WOKEN) continue
    const invalid = validate(wire, received)
    const asked = invalid < 0 || wire.opcode !== OPCODES.init ? undefined : args.init(wire)
    replyTo(s.out, wire)
    if (asked === undefined || typeof asked === 'number') {
      device.send(encodeError(s.out, EIO))
      continue
    }
    const agreed = negotiate(asked, s.knobs)
    if (agreed === undefined) {
      device.send(encodeError(s.out, EPROTO))
      throw new Error(`FUSE ${asked.major}.${asked.minor}: Linux 5.4 (7.31) or later is needed`)
    }
    s.begin(agreed, device.fd)
    wire.setxattr_ext = (agreed.flags & INIT_FLAGS.FUSE_SETXATTR_EXT) !== 0n
    device.send(encodeInit(s.out, agreed))
    return true
  }
}

export const makeRequestWire = (): RequestWire => new RequestWire(Buffer.allocUnsafeSlow(MAX_WRITE + ROOM))

/** Thrown where a handler has to be left, to be begun anew later. */
export const LEFT: unique symbol = Symbol('left')

/** One request: the length of the reply in `s.out`, or 0 for none. */
export const handle = (s: Session, wire: RequestWire, received: number): number => {
  const invalid = validate(wire, received)
  replyTo(s.out, wire)
  const code = wire.opcode
  if (invalid < 0) return ROW_OF[code]?.replies === false ? 0 : encodeError(s.out, invalid)
  const handler = HANDLER_OF[code]
  if (handler === undefined) return encodeError(s.out, ENOSYS)
  if (code === OPCODES.destroy) return encodeEmpty(s.out)
  s.setCaller(wire)
  try {
    const length = handler(s, wire)
    return length < 0 ? encodeError(s.out, length) : length
  } catch (bug) {
    // It has to wait: see waiting.ts.
    if (bug === LEFT) throw bug
    // A layer's or a lower's fault: whoever asked gets an error, whoever runs the daemon the reason.
    console.error(bug)
    return encodeError(s.out, EIO)
  }
}

/** What else there is to do for the thread that serves. */
export interface Calls {
  /** Others want something of it: false where that is to end. */
  answer(): boolean
  /** Layers have forgotten something. */
  forgot(): void
}

/** Serves until the mount ends. */
export const serve = (s: Session, wire: RequestWire, device: Device, counters: Counters, calls: Calls): void => {
  const { timed } = counters
  const held = new HeldReplies()
  const send = (reply: Uint8Array): void => {
    s.out.bytes.set(reply)
    device.send(reply.length)
  }
  for (;;) {
    if (held.size > 0 && (held.left === 0 || !device.comes(held.left))) held.giveUp(send)
    const received = device.receive()
    if (received === 0) break
    if (counters.called && !calls.answer()) break
    if (received === WOKEN) continue
    const begun = timed ? performance.now() : 0
    const length = handle(s, wire, received)
    const code = wire.opcode
    counters.count(code)
    report(s, counters)
    if (length > 0) {
      if (errorOf(s) < 0) counters.failed()
      const { around } = s
      if (around === undefined) device.send(length)
      else {
        const { awaits, told } = around
        around.awaits = around.told = undefined
        if (awaits === undefined || !held.hold(awaits, s.out, length)) device.send(length)
        if (told !== undefined && held.size > 0) held.release(told, send)
      }
    }
    if (s.forgotten.length > 0) calls.forgot()
    if (timed) counters.took(code, performance.now() - begun)
  }
}

/** What the reply in `s.out` says: 0, or a negative errno. */
export const errorOf = (s: Session): number => s.out.view.getInt32(OUT_HEADER.error, true)

/** What is counted elsewhere, before each reply: whoever asks after one sees what is. */
export const report = (s: Session, counters: Counters): void => {
  counters.set('inodes', s.table.size)
  counters.set('open', s.handles.size)
  if (s.around !== undefined) counters.set('around', s.around.listings)
  if (s.backing === undefined) return
  counters.set('passed', s.backing.counts.passed)
  counters.set('kept', s.backing.counts.keptBack)
}

/** After the mount has ended: nobody will release what is open. */
export const closeAll = (s: Session): void => {
  s.near.leave()
  for (const handle of s.handles) close(s, handle)
}
