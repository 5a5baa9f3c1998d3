/** Inodes by device and number. */
import type { Inode } from './entries.js'

export class Inodes {
  readonly #devices = new Map<number, Map<number, Inode>>()
  /** The device that was asked for last, and its inodes. */
  #dev = 0
  #inodes: Map<number, Inode> | undefined

  get(dev: number, ino: number): Inode | undefined {
    return this.#on(dev).get(ino)
  }
  add(inode: Inode): void {
    this.#on(inode.dev).set(inode.ino, inode)
  }
  delete(inode: Inode): void {
    const device = this.#on(inode.dev)
    if (device.get(inode.ino) === inode) device.delete(inode.ino)
  }
  #on(dev: number): Map<number, Inode> {
    if (this.#inodes !== undefined && this.#dev === dev) return this.#inodes
    let device = this.#devices.get(dev)
    if (device === undefined) {
      device = new Map()
      this.#devices.set(dev, device)
    }
    this.#dev = dev
    this.#inodes = device
    return device
  }
  *all(): Generator<Inode> {
    for (const device of this.#devices.values()) yield* device.values()
  }
  clear(): void {
    this.#devices.clear()
    this.#inodes = undefined
  }
}
