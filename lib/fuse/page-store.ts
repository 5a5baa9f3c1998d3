/**
 * Puts what is in a small file into the kernel's page cache before anybody asks for it (FUSE_NOTIFY_STORE): one write instead
 * of a request, after which the time of access would have to be asked for too. Only for a file that nobody has open through the
 * page cache: a page that is being read is locked until its READ is answered, and who stores into it waits for that.
 */
import type { Arg } from '../native/sys.js'
import { sys } from '../native/sys.js'
import { Failed } from '../verdict.js'
import { NOTIFY_STORE_OUT } from './layout.js'
import { encodeStore } from './notify.js'
import { REPLY, Wire } from './wire.js'

const DATA = REPLY + NOTIFY_STORE_OUT.SIZE

export class PageStore {
  readonly #out: Wire
  readonly #address: Arg
  readonly #write: (fd: Arg, from: Arg, length: Arg) => number

  /**
   * @param device the session's
   * @param max bytes of a file at most
   * @throws {Error} without koffi
   */
  constructor(
    readonly device: number,
    max: number,
  ) {
    const calls = sys()
    if (calls === undefined) throw new Error('the FUSE device needs koffi')
    const memory = new ArrayBuffer(DATA + max)
    this.#out = new Wire(Buffer.from(memory))
    this.#address = calls.address(memory)
    this.#write = calls.of3('write')
  }

  /**
   * @param size the file's, as the kernel was told; `max` at most
   * @param read fills `length` bytes of a buffer from `offset` on with what the file begins with: how many there were
   * @returns whether the kernel has all of it
   */
  put(ino: number, size: number, read: (into: Buffer, offset: number, length: number) => number | Failed): boolean {
    const out = this.#out
    const got = read(out.bytes, DATA, size)
    if (got instanceof Failed || got !== size) return false
    const length = encodeStore(out, ino, size)
    return length > 0 && this.#write(this.device, this.#address, length) === length
  }
}
