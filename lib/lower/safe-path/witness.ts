/**
 * Whether held directories are still where they were held: a watch on each of them, and on all above them, tells when one is
 * moved or may no longer be passed (inotify(7)); mountinfo tells when a mount came or went (proc(5)). The kernel queues both
 * before the call that caused them returns, so that whoever asks after it is told. Told of anything, all are let go.
 * Both are asked by way of epoll(7), which only looks whether its list of those that have something to tell is empty.
 */
import { constants } from 'node:os'
import { rights } from '../../native/cred.js'
import { native } from '../../native/index.js'
import { append, indexOf, SafeMap, slice } from '../../primordials.js'
import { originalFs as fs } from '../original-fs.js'
import type { Held } from './calls.js'
import { O_PATH } from './node-calls.js'
import { IN_NEW, IN_REPLACED, OF_ENTRIES, OF_ITSELF, OF_NEW, type Raw } from './raw.js'

const { O_DIRECTORY, O_NOFOLLOW } = fs.constants
const { getuid = () => -1, geteuid = () => -1 } = process
const { ENODATA, ENOENT, EOPNOTSUPP } = constants.errno

/** As poll(2) has them: inotify has something to read; the table of mounts has changed. */
const POLLIN = 1
const POLLPRI = 2

/** linux/inotify.h. PLACE: IN_DELETE_SELF, IN_MOVE_SELF, IN_ONLYDIR. */
const IN_MASK_ADD = 0x2000_0000
const PLACE = 0x400 | 0x800 | 0x0100_0000 | IN_MASK_ADD
/** IN_ATTRIB too: rights are attributes. Those of the held directory itself the kernel looks at whenever it is used. */
const PLACE_AND_RIGHTS = PLACE | 0x4
/** Watches at most, of which the user may have some thousands for all programs (fs.inotify.max_user_watches). */
const MAX_WATCHES = 512

/**
 * linux/magic.h: filesystems that nobody changes but this kernel, which tells of it, and whose removed directories have no
 * links: ext2 to ext4, xfs, btrfs, tmpfs, ramfs, overlayfs, f2fs.
 */
const LOCAL = [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x858458f6, 0x794c7630, 0xf2f52010]

/** A directory that is held by word of a witness. */
export interface Watched {
  readonly held: Held
  /** The number of its watch. */
  readonly watch: number
  /** Whoever asks, the rights of all that is above it let them pass. */
  readonly isOpen: boolean
}

/** Of the directory that a held one is in; IN_ONLYDIR, IN_MASK_ADD. */
const END = IN_REPLACED | 0x0100_0000 | IN_MASK_ADD
/** Of a held one; the same. */
const NAMES = IN_NEW | 0x0100_0000 | IN_MASK_ADD
const SEARCH = 0o111
const ACCESS_LIST = 'system.posix_acl_access'

export class Witness {
  /** inotify's descriptor; -1: there is none yet. */
  #notes = -1
  #mounts = -1
  /** epoll's, which listens to both. */
  #both = -1
  #watches = 0
  /** The numbers of the watches on directories that are above a held one, or were. */
  readonly #above = new SafeMap<number, true>()
  /** Whose rights this thread's calls had when the first of them was held. */
  #user = -1
  /** Root may become another. Whoever is not stays who it is, and whoever stays root may pass every directory. */
  #mayChange = true
  #broken = false

  /**
   * @param letGo lets go of everything that is held by word of this one
   * @param isAnyGone whether one that is held is gone, of those whose end is watched for
   * @param renew is told that a directory has a new entry, of those whose names are watched
   */
  constructor(
    readonly raw: Raw,
    readonly root: Held,
    readonly letGo: () => void,
    readonly isAnyGone: () => boolean,
    readonly renew: () => void,
  ) {}

  /**
   * Whether everything that is held is still in its place. If not, it was let go; what is watched is watched on.
   * @param isOpen of the directory that is asked about: then nobody has to ask who we are by now
   */
  quiet(isOpen: boolean): boolean {
    if (this.#isSilent() && rights.changes === 0 && (isOpen || this.#isSame())) return true
    if ((this.raw.drain(this.#notes) & OF_NEW) !== 0) this.renew()
    this.letGo()
    this.#know()
    return false
  }
  #isSilent(): boolean {
    const { raw } = this
    if (raw.pending(this.#both) === 0) return true
    if (raw.events() !== POLLIN) return false
    // Of an entry of a watched directory it is nothing to us, mostly, but it has to be read to be heard once only.
    const told = raw.drain(this.#notes)
    const isGone = (told & OF_ENTRIES) !== 0 && this.isAnyGone()
    if ((told & OF_NEW) !== 0) this.renew()
    return !isGone && (told & OF_ITSELF) === 0 && raw.pending(this.#both) === 0
  }
  #isSame(): boolean {
    return !this.#mayChange || this.#user === geteuid()
  }

  /** Lets go of everything, and of all watches. */
  reset(): void {
    this.letGo()
    // To close inotify takes the kernel some 15 ms, every other time.
    if (this.#notes >= 0) fs.close(this.#notes, ignored)
    if (this.#mounts >= 0) fs.closeSync(this.#mounts)
    if (this.#both >= 0) fs.closeSync(this.#both)
    this.#notes = -1
    this.#mounts = -1
    this.#both = -1
    this.#watches = 0
    this.#above.clear()
  }

  #know(): void {
    this.#user = geteuid()
    this.#mayChange = this.#user === 0 || getuid() === 0
  }

  #start(): boolean {
    if (this.#notes >= 0) return true
    if (this.#broken) return false
    this.#know()
    this.#notes = this.raw.inotify()
    try {
      this.#mounts = fs.openSync('/proc/self/mountinfo', 'r')
    } catch {
      this.#mounts = -1
    }
    this.#both = this.raw.epoll()
    if (this.#listens()) return true
    // The user has no more of them, or there are none here: not asked again.
    this.#broken = true
    this.reset()
    return false
  }

  #listens(): boolean {
    const { raw } = this
    if (this.#notes < 0 || this.#mounts < 0 || this.#both < 0) return false
    if (raw.listen(this.#both, this.#notes, POLLIN) < 0 || raw.listen(this.#both, this.#mounts, POLLPRI) < 0)
      return false
    // The root stays where it is, but not its rights.
    return this.#watch(pathOf(this.root), true) >= 0
  }

  /** Watches a directory's place, and where it is above another its rights. */
  #watch(at: string, isAbove: boolean): number {
    this.#watches++
    const watch = this.raw.watch(this.#notes, at, isAbove ? PLACE_AND_RIGHTS : PLACE)
    if (watch >= 0 && isAbove) this.#above.set(watch, true)
    return watch
  }

  /** Holds the directory at a canonical path, watched; undefined where it cannot be, or a link is in the way. */
  hold(path: string): Watched | undefined {
    // A thread that takes on others' rights does so for each request.
    if (rights.changes !== 0 || !this.#start()) return undefined
    // What has been heard meanwhile is about others.
    this.quiet(false)
    const chain: Step[] = []
    const last = this.#descend(path, chain)
    const stands = last !== undefined && this.#stands(chain)
    const isOpen = stands && this.#isOpen(chain)
    const held = stands && this.quiet(false) ? last : undefined
    for (let k = 0; k < chain.length; k++) {
      const { fd } = chain[k] as Step
      if (fd !== held) this.raw.close(fd)
    }
    if (held === undefined) return undefined
    return { held, isOpen, watch: (chain[chain.length - 1] as Step).watch }
  }

  #descend(path: string, chain: Step[]): Held | undefined {
    let dir = this.root
    for (let from = 1; from <= path.length; ) {
      const slash = indexOf(path, '/', from)
      const end = slash === -1 ? path.length : slash
      const name = slice(path, from, end)
      from = end + 1
      const fd = this.raw.openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
      if (fd < 0) return undefined
      const step: Step = { dir, name, fd, watch: -1 }
      append(chain, step)
      const at = pathOf(fd)
      if (!isLocal(at)) return undefined
      step.watch = this.#watch(at, end !== path.length)
      if (step.watch < 0 || this.#watches > MAX_WATCHES) {
        this.reset()
        return undefined
      }
      dir = fd
    }
    return dir
  }

  /** What was found on the way down is there once more, now that all of it is watched. */
  #stands(chain: readonly Step[]): boolean {
    for (let k = 0; k < chain.length; k++) {
      const { dir, name, fd } = chain[k] as Step
      if (this.raw.statx(fd, '') < 0) return false
      const was = this.raw.identity()
      if (this.raw.statx(dir, name) < 0 || this.raw.identity() !== was) return false
    }
    return true
  }

  /** Whether everybody may pass everything above the last of them; what is watched tells when that ends. */
  #isOpen(chain: readonly Step[]): boolean {
    if (!isLocal(pathOf(this.root))) return false
    for (let k = 0; k < chain.length; k++) if (!this.#letsPass((chain[k] as Step).dir)) return false
    return true
  }
  #letsPass(dir: Held): boolean {
    if (this.raw.statx(dir, '') < 0 || (this.raw.mode() & SEARCH) !== SEARCH) return false
    // A list may refuse one of those whom the mode lets pass: acl(5).
    const list = native()?.getxattr(pathOf(dir), ACCESS_LIST)
    return list === -ENODATA || list === -EOPNOTSUPP
  }

  /**
   * From now on what is told includes that a held directory was removed, or another put in its place: of itself, while it
   * is held, nothing tells that.
   * @returns false where it is too late, or cannot be
   */
  watchEnd(held: Held): boolean {
    return this.raw.watch(this.#notes, `${pathOf(held)}/..`, END) >= 0 && !this.isGone(held)
  }

  /** From now on what is told includes that something came into a held directory; false where it cannot be. */
  watchNames({ held }: Watched): boolean {
    return this.raw.watch(this.#notes, pathOf(held), NAMES) >= 0
  }

  /**
   * Ends both: a directory is watched again for what all are. Whatever else was to be told of what is in it, or in the one
   * above it, is not told either from now on.
   */
  forgetEntries({ held, watch }: Watched): void {
    const { raw } = this
    // It may be in another by now.
    this.#watches++
    raw.watch(this.#notes, `${pathOf(held)}/..`, PLACE_AND_RIGHTS & ~IN_MASK_ADD)
    const mask = this.#above.has(watch) ? PLACE_AND_RIGHTS : PLACE
    raw.watch(this.#notes, pathOf(held), mask & ~IN_MASK_ADD)
  }

  /** Whether a directory that is held is no longer anywhere: nothing can be found or made in it. */
  isGone(held: Held): boolean {
    const links = this.raw.links(held)
    return links === 0 || links === -ENOENT
  }
}

const ignored = (): void => undefined
const pathOf = (held: Held): string => `/proc/self/fd/${held}`

const isLocal = (path: string): boolean => {
  let type: number
  try {
    type = fs.statfsSync(path).type
  } catch {
    return false
  }
  for (let k = 0; k < LOCAL.length; k++) if (LOCAL[k] === type) return true
  return false
}

interface Step {
  readonly dir: Held
  readonly name: string
  readonly fd: number
  watch: number
}
