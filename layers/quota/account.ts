/** What is used: bytes by file, names, open files, watchers. */
import type { QuotaOptions } from './options.js'

const NONE = Number.POSITIVE_INFINITY

/** A file that is open, or whose bytes were counted. */
export interface Counted {
  /** Its size, as far as this stack changed it. */
  size: number
  /** Bytes of it that were counted. */
  charged: number
  opens: number
  /** Its last name is gone: its bytes are given back when it is closed. */
  gone: boolean
  /** Requests on their way that may change its size, and what the largest of them makes of it: that is not given back. */
  flights: number
  floor: number
  /** Counts their beginnings and ends: a size that was asked for in between says nothing. */
  version: number
  /** What it has come to has to be asked when the last of them is done. */
  stirred: boolean
  readonly key: string
}

/** An open file. */
export interface Opened {
  readonly file: Counted
  /** Where it reads and writes next without a position. */
  offset: number
  readonly appends: boolean
}

/** How many closed files with bytes that were counted are remembered; of others, nothing is given back. */
const KEPT = 65_536

export class Account {
  readonly max: Required<{ readonly [K in keyof QuotaOptions]: number }>
  bytes = 0
  files = 0
  handles = 0
  watchers = 0
  refused = 0
  readonly open = new Map<number, Opened>()
  readonly #counted = new Map<string, Counted>()

  constructor({ bytes, files, handles, watchers, depth }: QuotaOptions) {
    this.max = {
      bytes: bytes ?? NONE,
      files: files ?? NONE,
      handles: handles ?? NONE,
      watchers: watchers ?? NONE,
      depth: depth ?? NONE,
    }
  }

  /** Whether `what` has room for `more` of it; a refusal is counted. */
  has(what: 'bytes' | 'files' | 'handles' | 'watchers', more: number): boolean {
    if (more <= 0 || this[what] + more <= this.max[what]) return true
    this.refused++
    return false
  }

  /** A file of the lower, by its device and inode. */
  known(key: string): Counted | undefined {
    return this.#counted.get(key)
  }
  of(key: string, size: number): Counted {
    let file = this.#counted.get(key)
    if (file === undefined) {
      file = { key, size, charged: 0, opens: 0, gone: false, flights: 0, floor: 0, version: 0, stirred: false }
      this.#counted.set(key, file)
      if (this.#counted.size > KEPT) this.#forgetOne()
    }
    return file
  }
  #forgetOne(): void {
    for (const [key, { opens }] of this.#counted) {
      if (opens > 0) continue
      this.#counted.delete(key)
      return
    }
  }
  drop(file: Counted): void {
    if (file.opens === 0 && (file.charged === 0 || file.gone)) this.#counted.delete(file.key)
  }

  /** Sets a file's size: counts what it grows by, gives back what it loses. */
  resize(file: Counted, to: number): void {
    const size = Math.max(to, file.floor)
    const grown = size - file.size
    file.size = size
    const change = grown >= 0 ? grown : -Math.min(-grown, file.charged)
    file.charged += change
    this.bytes += change
  }

  /** What a file is found to be like. What others made it grow by is not counted. */
  found(file: Counted, size: number): void {
    if (size < file.size) this.resize(file, size)
    else file.size = size
  }
  takeOff(file: Counted, end: number): void {
    file.flights++
    file.version++
    if (end <= file.floor && end <= file.size) return
    file.floor = Math.max(file.floor, end)
    if (end > file.size) this.resize(file, end)
  }
  /** Whether that was the last one, and the file's size has to be asked. */
  land(file: Counted, asExpected: boolean): boolean {
    file.version++
    if (!asExpected) file.stirred = true
    if (--file.flights > 0) return false
    file.floor = 0
    const { stirred } = file
    file.stirred = false
    return stirred
  }

  /** Its last name is gone. */
  remove(file: Counted): void {
    file.gone = true
    if (file.opens > 0) return
    this.bytes -= file.charged
    file.charged = 0
    this.drop(file)
  }
  closed(fd: number): void {
    const opened = this.open.get(fd)
    if (opened === undefined) return
    this.open.delete(fd)
    const { file } = opened
    file.opens--
    if (file.gone) this.remove(file)
    else this.drop(file)
  }
}
