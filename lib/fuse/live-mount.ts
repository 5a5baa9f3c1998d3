/** A mount that is there: its counters, and its end. */
import { errnoCode, errnoText } from '../errno.js'
import { MNT_DETACH, MNT_FORCE, type Native, UMOUNT_NOFOLLOW } from '../native/index.js'
import { abortConnection } from './connection.js'
import type { Counters, Counts } from './counters.js'

import { guard } from './guardian.js'
import { MountError } from './mount-error.js'
import { mountAt } from './mountinfo.js'
import { invalidateAll } from './notify-all.js'
import type { Knobs, OffloadPlan } from './offload.js'
import type { Server } from './server.js'
import { umount } from './umount.js'

export interface MountStats extends Counts {
  /** Open files that were not passed through, by why; complete once the mount has ended. */
  readonly keptBackBecause: { readonly [reason: string]: number }
  readonly knobs: Knobs
}

export interface Mount extends AsyncDisposable {
  /** Absolute, without links. */
  readonly mountpoint: string
  readonly plan: OffloadPlan
  stats(): Promise<MountStats>
  /**
   * Takes the mount away. Where it is busy, lazily: it is gone from the tree at once, and served as long as somebody has
   * something in it open.
   * @returns whether it was busy
   */
  unmount(): Promise<{ readonly lazy: boolean }>
  /**
   * What is below was changed by others: nothing that the kernel keeps counts any more.
   * @throws {MountError} ENOSYS before Linux 6.16: what is kept then ends with its time to live
   */
  invalidate(): Promise<void>
  /** Breaks it off: whoever still waits for an answer gets ECONNABORTED. */
  abort(): void
  /** Resolves when it is no longer served, by whomever it was unmounted. */
  readonly ended: Promise<void>
}

const EBUSY = 16

export class LiveMount implements Mount {
  readonly ended: Promise<void>
  /** Whether it is still in the tree. */
  #attached = true
  /** Whether nobody serves it any more. */
  #over = false
  readonly #device: string | undefined

  constructor(
    private readonly sys: Native,
    readonly mountpoint: string,
    private readonly server: Server,
    private readonly counters: Counters,
    readonly plan: OffloadPlan,
  ) {
    this.#device = mountAt(mountpoint)?.device
    const guardian = this.#device === undefined ? undefined : guard(mountpoint, this.#device)
    // A serving thread that is parked in a read would keep process.exit() waiting.
    const onExit = (): void => this.abort()
    process.on('exit', onExit)
    this.ended = server.ended.then(() => {
      this.#over = true
      this.#attached = false
      process.off('exit', onExit)
      guardian?.stdin?.end()
    })
  }

  async stats(): Promise<MountStats> {
    return { ...this.counters.snapshot(), keptBackBecause: this.server.keptBack, knobs: this.plan.knobs }
  }

  async unmount(): Promise<{ readonly lazy: boolean }> {
    if (!this.#isThere()) {
      await this.ended
      return { lazy: false }
    }
    let result = umount(this.sys, this.mountpoint)
    const lazy = result === -EBUSY
    if (lazy) result = umount(this.sys, this.mountpoint, MNT_DETACH)
    if (result < 0) {
      const code = errnoCode(result) ?? 'EIO'
      throw new MountError(code, `${this.mountpoint}: umount(2): ${code}, ${errnoText(code)}`)
    }
    this.#attached = false
    if (!lazy) await this.ended
    return { lazy }
  }

  async invalidate(): Promise<void> {
    if (this.#over) return
    try {
      await invalidateAll(this.server.device)
    } catch (failed) {
      if ((failed as NodeJS.ErrnoException).code !== 'EINVAL') throw failed
      throw new MountError('ENOSYS', 'invalidate() needs Linux 6.16 (FUSE_NOTIFY_INC_EPOCH)')
    }
  }

  abort(): void {
    if (this.#over) return
    if (!this.#isThere()) {
      if (this.#device !== undefined) abortConnection(this.sys, this.#device)
      return
    }
    // MNT_FORCE ends the connection; whether it says EBUSY then is of no interest.
    this.sys.umount2(this.mountpoint, UMOUNT_NOFOLLOW | MNT_FORCE)
    if (this.#isThere()) umount(this.sys, this.mountpoint, MNT_DETACH)
    this.#attached = false
    // Where MNT_FORCE was not for this user.
    if (this.#device !== undefined) abortConnection(this.sys, this.#device)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unmount()
  }

  /** Not another one that was mounted over it, or in its place. */
  #isThere(): boolean {
    return this.#attached && mountAt(this.mountpoint)?.device === this.#device
  }
}
