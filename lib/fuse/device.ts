/**
 * The device's end in the serving thread: reads that wait in the kernel, not in the event loop. The raw system calls throw
 * nothing, and cost less than node:fs's. Asking again before going to sleep was tried, and gained nothing.
 */
import { readSync } from 'node:fs'
import { constants } from 'node:os'
import { type Arg, offsetBy, type Sys, sys } from '../native/sys.js'
import type { Wire } from './wire.js'

const { EAGAIN, EINTR, ENODEV, ENOENT } = constants.errno

/** `receive`: the thread is wanted for something else. */
export const WOKEN = -1

export interface Device {
  readonly fd: number
  /** Waits for the next request: its length; 0 at the end of the mount; WOKEN where it was woken. */
  receive(): number
  /** Whether one comes within so many milliseconds. */
  comes(ms: number): boolean
  /** Sends the first `length` bytes of the reply; one that nobody waits for any more is no error. */
  send(length: number): void
}

/**
 * @param fd without O_NONBLOCK
 * @param wire where requests are put
 * @param out where replies are
 * @param wake a socket to wait for as well
 */
export const openDevice = (fd: number, wire: Wire, out: Wire, wake?: number): Device => {
  const calls = sys()
  if (calls === undefined) throw new Error('the FUSE device needs koffi')
  const read = calls.of3('read')
  const write = calls.of3('write')
  // Both are held by this closure for as long as their addresses are in use.
  const from = addressOf(calls, wire)
  const to = addressOf(calls, out)
  const comes = poller(calls, fd)
  const isWoken = wake === undefined ? undefined : waiter(calls, fd, wake)
  return {
    fd,
    comes,
    receive() {
      for (;;) {
        if (isWoken?.() === true) return WOKEN
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

/** poll(2) for the device and the socket: whether it was the socket. */
const waiter = (calls: Sys, device: number, socket: number): (() => boolean) => {
  const ppoll = calls.of5('ppoll')
  const polled = new Int32Array(4)
  const address = calls.address(polled.buffer)
  const drain = Buffer.alloc(64)
  return () => {
    // struct pollfd { int fd; short events, revents }
    polled.set([device, POLLIN, socket, POLLIN])
    ppoll(address, 2, 0, 0, 0)
    if ((polled[3] as number) >>> 16 === 0) return false
    readSync(socket, drain)
    return true
  }
}
const POLLIN = 1

const poller = (calls: Sys, device: number): ((ms: number) => boolean) => {
  const ppoll = calls.of5('ppoll')
  // struct pollfd, struct timespec
  const memory = new ArrayBuffer(8 + 16)
  const polled = new Int32Array(memory, 0, 2)
  const time = new BigInt64Array(memory, 8, 2)
  const address = calls.address(memory)
  const timeAt = offsetBy(address, 8)
  return (ms) => {
    polled.set([device, POLLIN])
    time[1] = BigInt(Math.floor(ms * 1e6))
    return ppoll(address, 1, timeAt, 0, 0) > 0
  }
}

const addressOf = (calls: Sys, { bytes }: Wire): Arg =>
  offsetBy(calls.address(bytes.buffer as ArrayBuffer), bytes.byteOffset)
