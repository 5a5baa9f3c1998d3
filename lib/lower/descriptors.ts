/** Numbers for open files that the system knows nothing of. */

/** Above every real descriptor (Linux: fs.nr_open is 2^20 unless raised), below 2^31; memfs's own count down from there. */
const FIRST = 0x4000_0000

let next = FIRST

/** The open files of one lower. No two lowers of this process share a number, so that a mix-up is EBADF. */
export class Descriptors<F> {
  readonly #open = new Map<number, F>()
  readonly #free: number[] = []

  add(file: F): number {
    const fd = this.#free.pop() ?? next++
    this.#open.set(fd, file)
    return fd
  }
  get(fd: number): F | undefined {
    return this.#open.get(fd)
  }
  /** Closes; the number will be used again. */
  remove(fd: number): F | undefined {
    const file = this.#open.get(fd)
    if (file === undefined) return undefined
    this.#open.delete(fd)
    this.#free.push(fd)
    return file
  }
}
