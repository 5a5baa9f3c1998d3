/**
 * The directories that requests in a row are about: the lower holds them for a moment, rather than walk to them each time.
 * Only where the kernel keeps names for longer than that, and judges who may pass the directories above; and only on the root's
 * own filesystem, which is in use anyway.
 */
import type { Inode } from './inode-table.js'
import type { Session } from './session.js'

const now = performance.now.bind(performance)
/** How long they stay held. */
const HELD_MS = 10
/** How many of them: a program reads in one, writes in another, and looks at what is above. */
const MOST = 4

export class Near {
  /** The last one first, and until when. */
  readonly #held: Inode[] = []
  #until = 0

  constructor(readonly session: Pick<Session, 'table' | 'knobs' | 'waits' | 'x'>) {}

  /**
   * What comes next is probably about `dir`, or what is in it: it stays held for a moment, and so do those before.
   * @returns whether it does
   */
  hold(dir: Inode): boolean {
    const held = this.#held
    if (dir === held[0]) return true
    const { table, knobs, waits, x } = this.session
    if (knobs.entryTtl * 1000 < HELD_MS || !knobs.defaultPermissions || waits) return false
    const path = dir.dev === table.root.dev ? table.pathOf(dir) : undefined
    if (path === undefined) {
      this.leave()
      return false
    }
    if (held.length === 0) this.#until = now() + HELD_MS
    const at = held.indexOf(dir)
    if (at !== -1) held.splice(at, 1)
    else if (held.length === MOST) held.pop()
    held.unshift(dir)
    x.lower.listing?.(path)
    return true
  }
  holds(dir: Inode): boolean {
    return this.#held.includes(dir)
  }
  /** They may not be where they were. */
  leave(): void {
    if (this.#held.length === 0) return
    this.#held.length = 0
    this.session.x.lower.listing?.(undefined)
  }
  /** Lets go of them once their time is over. */
  expire(): void {
    if (this.#held.length > 0 && now() >= this.#until) this.leave()
  }
}
