/**
 * Replies that are kept back for a moment: whoever gets one asks for the next name in the directory, and need not, once it is
 * listed. Requests go on being served meanwhile. Where nobody lists in time, all are sent, and it is a while until one is kept
 * back again.
 */
import type { Inode } from './inode-table.js'
import type { Wire } from './wire.js'

/** Milliseconds without a listing until all are sent. */
const PATIENCE = 10
/** Milliseconds that one is kept back at most. */
const LONGEST = 50
/** Replies in a row that are not kept back, at most. */
const MOST = 4096

const now = performance.now.bind(performance)

interface Held {
  readonly dir: Inode
  readonly bytes: Uint8Array
  readonly until: number
}

export class HeldReplies {
  #held: Held[] = []
  #until = 0
  #toPass = 0
  #passes = 0

  get size(): number {
    return this.#held.length
  }
  /** Milliseconds until nothing is waited for any more. */
  get left(): number {
    return Math.max(0, Math.min(this.#until, this.#held[0]?.until ?? 0) - now())
  }

  /** @returns whether it is kept back until some of `dir` has been listed */
  hold(dir: Inode, { bytes }: Wire, length: number): boolean {
    if (this.#toPass > 0) {
      this.#toPass--
      return false
    }
    const begun = now()
    if (this.#held.length === 0) this.#until = begun + PATIENCE
    this.#held.push({ dir, bytes: Uint8Array.prototype.slice.call(bytes, 0, length), until: begun + LONGEST })
    return true
  }

  /** Some of `dir` has been listed: `send` is given what was kept back for it. */
  release(dir: Inode, send: (reply: Uint8Array) => void): void {
    const held = this.#held
    this.#held = []
    for (const each of held) {
      if (each.dir === dir) send(each.bytes)
      else this.#held.push(each)
    }
    if (held.length === this.#held.length) return
    this.#until = now() + PATIENCE
    this.#passes = 0
  }
  /** Nobody has listed. */
  giveUp(send: (reply: Uint8Array) => void): void {
    for (const { bytes } of this.#held) send(bytes)
    this.#held = []
    this.#passes = Math.min(MOST, Math.max(8, this.#passes * 2))
    this.#toPass = this.#passes
  }
}
