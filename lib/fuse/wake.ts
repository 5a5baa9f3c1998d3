/**
 * Makes the serving thread look at what it was told (Counters.call): it waits in the kernel, for a request. So it is given
 * one: STATFS is never answered from what is kept. Where a mount has to be broken off without the help of fusectl, that may
 * come too late (nobody can reach what is detached), and the thread waits for a socket as well.
 */
import { closeSync, statfs, writeSync } from 'node:fs'
import type { Native } from '../native/index.js'

export interface Wake {
  /** What the serving thread waits for beside the device; undefined: nothing. */
  readonly socket: number | undefined
  call(): void
  /** When the serving thread is gone. */
  close(): void
}

/** For who may end a connection from outside. */
export const byRequest = (mountpoint: string): Wake => ({
  socket: undefined,
  call() {
    // In libuv's pool: it is answered when the serving thread has looked.
    statfs(mountpoint, () => {})
  },
  close() {},
})

export const bySocket = (sys: Native, mountpoint: string): Wake => {
  const pair = sys.socketpair()
  if (typeof pair === 'number') return byRequest(mountpoint)
  const [ours, theirs] = pair
  let isOpen = true
  return {
    socket: theirs,
    call() {
      if (isOpen) writeSync(ours, '.')
    },
    close() {
      isOpen = false
      closeSync(ours)
      closeSync(theirs)
    },
  }
}
