/** A file's contents as pages, where a hole costs nothing. */

export const PAGE = 65536

export class Pages {
  size = 0
  readonly #pages = new Map<number, Buffer>()

  /** Bytes of memory in use. */
  get allocated(): number {
    return this.#pages.size * PAGE
  }

  read(into: Buffer, offset: number, length: number, position: number): number {
    const count = Math.min(length, into.length - offset, this.size - position)
    for (let done = 0; done < count; ) {
      const at = (position + done) % PAGE
      const part = Math.min(PAGE - at, count - done)
      const page = this.#pages.get(Math.floor((position + done) / PAGE))
      if (page === undefined) into.fill(0, offset + done, offset + done + part)
      else page.copy(into, offset + done, at, at + part)
      done += part
    }
    return Math.max(count, 0)
  }

  write(from: Buffer, offset: number, length: number, position: number): void {
    for (let done = 0; done < length; ) {
      const at = (position + done) % PAGE
      const part = Math.min(PAGE - at, length - done)
      from.copy(this.#page(Math.floor((position + done) / PAGE)), at, offset + done, offset + done + part)
      done += part
    }
    this.size = Math.max(this.size, position + length)
  }

  truncate(size: number): void {
    if (size < this.size) this.#clear(size, this.size)
    this.size = size
  }

  /** Makes it zeros; whole pages are given back. */
  punch(start: number, end: number): void {
    this.#clear(start, Math.min(end, this.size))
  }

  /** Takes the memory that `start` to `end` will need. */
  allocate(start: number, end: number): void {
    for (let index = Math.floor(start / PAGE); index * PAGE < end; index++) this.#page(index)
  }

  /** How many pages between `start` and `end` have no memory yet. */
  missing(start: number, end: number): number {
    let count = 0
    for (let index = Math.floor(start / PAGE); index * PAGE < end; index++) if (!this.#pages.has(index)) count++
    return count
  }

  /** The first data at or after `offset`; undefined where only a hole follows. */
  data(offset: number): number | undefined {
    if (this.#pages.has(Math.floor(offset / PAGE))) return offset
    let first = Number.POSITIVE_INFINITY
    for (const index of this.#pages.keys()) if (index * PAGE > offset && index < first) first = index
    const at = first * PAGE
    return at < this.size ? at : undefined
  }

  /** The first hole at or after `offset`: the end at the latest. */
  hole(offset: number): number {
    let index = Math.floor(offset / PAGE)
    if (!this.#pages.has(index)) return offset
    while (this.#pages.has(index)) index++
    return Math.min(index * PAGE, this.size)
  }

  #page(index: number): Buffer {
    let page = this.#pages.get(index)
    if (page === undefined) {
      page = Buffer.alloc(PAGE)
      this.#pages.set(index, page)
    }
    return page
  }

  #clear(start: number, end: number): void {
    // A hole of a terabyte has fewer pages in memory than page numbers.
    for (const [index, page] of this.#pages) {
      const from = Math.max(start - index * PAGE, 0)
      const to = Math.min(end - index * PAGE, PAGE)
      if (from >= PAGE || to <= 0) continue
      const beyond = (index + 1) * PAGE >= this.size && to >= this.size - index * PAGE
      if (from === 0 && (to === PAGE || beyond)) this.#pages.delete(index)
      else page.fill(0, from, to)
    }
  }
}
