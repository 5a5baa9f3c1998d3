/** A mount that is there: its counters, and its end. */
import { join } from 'node:path'
import { errnoCode, errnoText } from '../errno.js'
import type { PlyFs } from '../face/node-fs.js'
import { MNT_DETACH, MNT_FORCE, type Native, UMOUNT_NOFOLLOW } from '../native/index.js'
import { abortConnection } from './connection.js'
import type { Counters, Counts } from './counters.js'
import { followed } from './follow.js'
import { guard } from './guardian.js'
import { Lister } from './lister.js'
import { MountError } from './mount-error.js'
import { mountAt, mounts } from './mountinfo.js'
import type { Notifier } from './notifier.js'
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
   * What is below was changed by others: what the kernel keeps of `path` (the stack's, from `/`) and of everything beneath
   * it does not count any more, nor what the layers keep that serve the mount; nothing at all where it is left out.
   * Resolves when the kernel has been told.
   * @throws {MountError} ENOSYS for everything before Linux 6.16: what is kept then ends with its time to live
   */
  invalidate(path?: string): Promise<void>
  /**
   * A stack of this program over the same files: what is changed through the one that is returned, or forgotten by
   * `invalidate` of its layers, is pushed to the kernel, path by path, soon after.
   * @param fs what stack() made
   * @returns the same with one more layer on top
   */
  follow(fs: PlyFs): PlyFs
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
  readonly #lister: Lister

  constructor(
    private readonly sys: Native,
    readonly mountpoint: string,
    private readonly server: Server,
    private readonly counters: Counters,
    readonly plan: OffloadPlan,
    private readonly notifier: Notifier,
  ) {
    this.#device = mountAt(mountpoint)?.device
    this.#lister = new Lister(sys, counters, mountpoint, this.#device, server.device)
    server.onList = (asked) => this.#lister.list(asked)
    const guardian = this.#device === undefined ? undefined : guard(mountpoint, this.#device)
    // A serving thread that is parked in a read would keep process.exit() waiting.
    const onExit = (): void => this.abort()
    process.on('exit', onExit)
    this.ended = server.ended.then(() => {
      this.#over = true
      this.#attached = false
      notifier.end()
      void this.#lister.end()
      notifier.wake.close()
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
    await this.#lister.end()
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

  async invalidate(path?: string): Promise<void> {
    if (path !== undefined) {
      const within = join(this.mountpoint, path)
      const gently = mounts().some(({ mountpoint }) => mountpoint.startsWith(`${within}/`))
      const told = this.notifier.stale([path], Number.POSITIVE_INFINITY, gently)
      // Detached: who serves it looks when somebody asks for something.
      if (this.#isThere()) await told
      return
    }
    try {
      await this.notifier.all()
    } catch (failed) {
      if ((failed as NodeJS.ErrnoException).code !== 'EINVAL') throw failed
      throw new MountError('ENOSYS', 'invalidate() needs Linux 6.16 (FUSE_NOTIFY_INC_EPOCH)')
    }
  }

  follow(fs: PlyFs): PlyFs {
    const ignored = (): void => {
      // The time to live ends it.
    }
    return followed(fs, {
      changed: (path) => this.notifier.changed(path),
      forgotten: (path) => void this.invalidate(path).catch(ignored),
    })
  }

  abort(): void {
    if (this.#over) return
    const { counters, notifier } = this
    // Where MNT_FORCE is not for this user, the connection ends with who serves it.
    void this.#lister.end()
    counters.abandon()
    counters.call()
    if (notifier.wake.socket !== undefined) notifier.wake.call()
    if (this.#isThere()) {
      // MNT_FORCE ends the connection; whether it says EBUSY then is of no interest.
      this.sys.umount2(this.mountpoint, UMOUNT_NOFOLLOW | MNT_FORCE)
      if (this.#isThere()) umount(this.sys, this.mountpoint, MNT_DETACH)
      this.#attached = false
    }
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
