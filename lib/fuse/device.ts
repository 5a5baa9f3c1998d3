/**
 * The device's end in the serving thread: reads that wait in the kernel, not in the event loop. The raw system calls throw
 * nothing, and cost less than node:fs's. Asking again before going to sleep was tried, and gained nothing.
 */
import { constants } from 'node:os'
import { sys } from '../native/sys.js'
import type { Wire } from './wire.js'

const { EAGAIN, EINTR, ENODEV, ENOENT } = constants.errno

export interface Device {
  readonly fd: number
  /** Waits for the next request: its length; 0 at the end of the mount. */
  receive(): number
  /** Sends the first `length` bytes of the reply; one that nobody waits for any more is no error. */
  send(length: number): void
}

/** @param fd without O_NONBLOCK @param wire where requests are put @param out where replies are */
export const openDevice = (fd: number, wire: Wire, out: Wire): Device => {
  const calls = sys()
  if (calls === undefined) throw new Error('the FUSE device needs koffi')
  const read = calls.of3('read')
  const write = calls.of3('write')
  // Both are held by this closure for as long as their addresses are in use.
  const from = addressOf(calls, wire)
  const to = addressOf(calls, out)
  return {
    fd,
    receive() {
      for (;;) {
        const got = read(fd, from, wire.bytes.length)
        if (got > 0) return got
        if (got === -ENODEV) return 0
        // ENOENT: the request was interrupted before it was read.
        if (got !== -EINTR && got !== -EAGAIN && got !== -ENOENT) throw new Error(`/dev/fuse: read: errno ${-got}`)
      }
    },
    send(length) {
      const sent = write(fd, to, Math.min(length, out.bytes.length))
      if (sent < 0 && sent !== -ENOENT && sent !== -ENODEV && sent !== -EINTR) {
        throw new Error(`/dev/fuse: write: errno ${-sent}`)
      }
    },
  }
}

const addressOf = (calls: NonNullable<ReturnType<typeof sys>>, { bytes }: Wire) => {
  const base = calls.address(bytes.buffer as ArrayBuffer)
  return typeof base === 'bigint' ? base + BigInt(bytes.byteOffset) : base + bytes.byteOffset
}
