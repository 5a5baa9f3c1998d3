/** Which name goes when there is no more room: the clock algorithm, so that a hit costs one mark. */
import type { Name } from './entries.js'

export class Ring {
  #names: (Name | undefined)[] = []
  #free: number[] = []
  #hand = 0
  size = 0

  add(name: Name): void {
    const slot = this.#free.pop() ?? this.#names.length
    this.#names[slot] = name
    name.slot = slot
    this.size++
  }

  remove(name: Name): void {
    this.#names[name.slot] = undefined
    this.#free.push(name.slot)
    name.slot = -1
    this.size--
  }

  /** A name that nobody has met since the hand last passed, that is not being changed, and has nothing beneath it. */
  victim(): Name | undefined {
    // Two rounds clear every mark; what is then left is in use.
    for (let steps = 2 * this.#names.length; steps > 0; steps--) {
      if (this.#hand >= this.#names.length) this.#hand = 0
      const name = this.#names[this.#hand++]
      if (name === undefined || name.busy > 0 || (name.inode?.children?.size ?? 0) > 0) continue
      if (!name.used) return name
      name.used = false
    }
    return undefined
  }

  clear(): void {
    for (const name of this.#names) if (name !== undefined) name.slot = -1
    this.#names = []
    this.#free = []
    this.#hand = 0
    this.size = 0
  }
}
