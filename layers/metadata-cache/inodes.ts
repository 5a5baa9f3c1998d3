/** Inodes by device and number. */
import type { Inode } from './entries.js'

export class Inodes {
  readonly #devices = new Map<number, Map<number, Inode>>()

  get(dev: number, ino: number): Inode | undefined {
    return this.#devices.get(dev)?.get(ino)
  }
  add(inode: Inode): void {
    let device = this.#devices.get(inode.dev)
    if (device === undefined) {
      device = new Map()
      this.#devices.set(inode.dev, device)
    }
    device.set(inode.ino, inode)
  }
  delete(inode: Inode): void {
    const device = this.#devices.get(inode.dev)
    if (device?.get(inode.ino) === inode) device.delete(inode.ino)
  }
  *all(): Generator<Inode> {
    for (const device of this.#devices.values()) yield* device.values()
  }
  clear(): void {
    this.#devices.clear()
  }
}
