/** Where paths lead, as callers spell them. It holds no truth of its own: whatever it gives is checked by who asks. */
import { MEMO_BYTES, type Resolved } from './entries.js'

/** Two generations: the older one is dropped as a whole when the younger one is full. A hit costs one look-up. */
export class Memo {
  #young = new Map<string, Resolved>()
  #old = new Map<string, Resolved>()
  #youngBytes = 0
  #oldBytes = 0

  constructor(
    readonly maxEntries: number,
    readonly maxBytes: number,
  ) {}

  get size(): number {
    return this.#young.size + this.#old.size
  }
  get bytes(): number {
    return this.#youngBytes + this.#oldBytes
  }

  get(path: string): Resolved | undefined {
    const found = this.#young.get(path)
    if (found !== undefined || this.#old.size === 0) return found
    const old = this.#old.get(path)
    if (old !== undefined) this.add(path, old)
    return old
  }

  /** In the place of what `get` has just found. */
  replace(path: string, r: Resolved): void {
    if (this.#young.has(path)) this.#young.set(path, r)
    else this.add(path, r)
  }
  /** Where `get` has just found nothing. */
  add(path: string, r: Resolved): void {
    this.#youngBytes += MEMO_BYTES + 2 * path.length
    this.#young.set(path, r)
    // Half of the entries, and an eighth of the bytes: the rest is for what is true.
    if (this.#young.size * 2 < this.maxEntries && this.#youngBytes * 8 < this.maxBytes) return
    this.#old = this.#young
    this.#oldBytes = this.#youngBytes
    this.#young = new Map()
    this.#youngBytes = 0
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
    this.#youngBytes = 0
    this.#oldBytes = 0
  }
}
