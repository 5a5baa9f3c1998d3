/**
 * Lists directories of a mount, so that the kernel learns all names in them and their attributes at once: in libuv's pool,
 * since whoever asks for it serves the mount, and nobody else of this process is to wait for that.
 */
import { closeSync, constants as fs } from 'node:fs'
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_STATX_DONT_SYNC,
  type Native,
  O_CLOEXEC,
  RESOLVE_NO_SYMLINKS,
  STATX_TYPE,
} from '../native/index.js'
import { type Arg, offsetBy, type Sys, sys as systemCalls } from '../native/sys.js'
import { pathBytes } from '../path-bytes.js'
import type { Counters } from './counters.js'
import { encodeInvalInode } from './notify.js'
import { push } from './push.js'
import { Wire } from './wire.js'

/** Asked for by the serving thread, which asks for one at a time. */
export interface ToList {
  /** The stack's, from `/`. */
  readonly path: string
  /** Its node, where the kernel is to drop the listing that it has; 0. */
  readonly node: number
}

/** limits.h: a path with its NUL. */
const PATH_MAX = 4096
/** Bytes of names taken at once, and so of one READDIRPLUS. */
const CHUNK = 32768
/** Where each is in the memory: struct open_how, a path, names. */
const PATH = 24
const NAMES = PATH + PATH_MAX
/** So many that could not be opened: there is no openat2 (before Linux 5.6), or no way to the mountpoint. */
const ENOUGH = 4
/** How long what is under way is waited for, in milliseconds: whoever serves it may be waiting as well. */
const PATIENCE = 1000

export class Lister {
  /** What was asked for, one after the other. */
  #busy = Promise.resolve()
  #isOver = false
  /** In a row. */
  #failures = 0
  /** Where the pool's thread finds what it is to do: held for as long as the calls that have its address. */
  readonly #memory = new ArrayBuffer(NAMES + CHUNK)
  readonly #calls: Sys | undefined

  /**
   * @param number the mount's device, as `major:minor`
   * @param device the session's
   */
  constructor(
    readonly sys: Native,
    readonly counters: Counters,
    readonly mountpoint: string,
    readonly number: string | undefined,
    readonly device: number,
  ) {
    this.#calls = systemCalls()
    // struct open_how
    new DataView(this.#memory).setBigUint64(0, BigInt(fs.O_RDONLY | fs.O_DIRECTORY | O_CLOEXEC), true)
    new DataView(this.#memory).setBigUint64(16, BigInt(RESOLVE_NO_SYMLINKS), true)
  }

  list(asked: ToList): void {
    const calls = this.#calls
    if (this.#isOver || calls === undefined) return
    this.#busy = this.#busy
      .then(() => this.#list(calls, asked))
      .catch(() => {
        // It is asked for name by name, then.
      })
      .finally(() => this.counters.hasListed())
  }

  async #list(calls: Sys, { path, node }: ToList): Promise<void> {
    if (this.#isOver) return
    const how: Arg = calls.address(this.#memory)
    const [at, names] = [offsetBy(how, PATH), offsetBy(how, NAMES)]
    const bytes = pathBytes(this.mountpoint + path)
    if (bytes.length >= PATH_MAX) return
    new Uint8Array(this.#memory, PATH, PATH_MAX).fill(0).set(bytes)
    const dir = await calls.later('openat2', AT_FDCWD, at, how, PATH)
    if (dir < 0) {
      if (++this.#failures === ENOUGH) this.counters.listNoMore()
      return
    }
    this.#failures = 0
    try {
      if (!this.#isOwn(dir)) return
      if (node !== 0) await push(this.device, dropped(node))
      while (!this.#isOver && (await calls.later('getdents64', dir, names, CHUNK, 0)) > 0);
    } finally {
      closeSync(dir)
    }
  }

  /** Not what was mounted over it, or was there before. */
  #isOwn(dir: number): boolean {
    const stats = this.sys.statx(dir, '', AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE)
    return typeof stats !== 'number' && `${stats.dev_major}:${stats.dev_minor}` === this.number
  }

  /** Resolves when it has nothing of the mount open any more. */
  async end(): Promise<void> {
    this.#isOver = true
    this.counters.listNoMore()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE)
    })
    await Promise.race([this.#busy, late])
    clearTimeout(timer)
  }
}

/** The kernel's own copy of a listing, which it would read instead. */
const dropped = (node: number): Uint8Array => {
  const out = new Wire(Buffer.alloc(64))
  return out.bytes.subarray(0, encodeInvalInode(out, node, 0, 0))
}
