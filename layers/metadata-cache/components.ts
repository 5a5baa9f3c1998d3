/** One component at a time: what is kept of a name, else what is below. */
import {
  type Asking,
  attempt,
  Call,
  type Dentry,
  Failed,
  type Op,
  type Request,
  S_IFDIR,
  S_IFLNK,
  type Stats,
} from '../../lib/layer.js'
import { RAW, type Want } from './asking.js'
import type { DCache } from './dcache.js'
import { type Inode, Name, NEGATIVE, POSITIVE, typeOf } from './entries.js'
import { watch } from './watch.js'

const PROC_SUPER_MAGIC = 0x9fa0
/** S_IFMT bits by libuv's uv_dirent_type_t. */
const MODE_TYPES = [0, 0o100000, S_IFDIR, S_IFLNK, 0o010000, 0o140000, 0o020000, 0o060000]

/** A name of so many characters is not too long for anybody; what is not listed of longer ones, the lower says. */
const SURE_CHARS = 42

export class Components {
  readonly #proc = new Map<number, boolean>()
  /** The lower can be told that no link may be followed. */
  noFollow = false

  constructor(
    readonly cache: DCache,
    readonly watches: boolean,
  ) {}

  /** The root directory's name, with its inode if it could be had. */
  *root(root: Name): Asking<Name> {
    const { cache } = this
    const t = cache.stamp
    const at = cache.clock.read()
    const stats = yield* attempt('lookup', this.#request('/'))
    if (stats instanceof Failed || typeOf(stats.mode) !== S_IFDIR) return root
    const inode = cache.inodeOf(stats)
    if (inode === undefined) return root
    cache.keepAttrs(inode, stats, t, at, false)
    cache.setPositive(root, S_IFDIR, inode, at + cache.limits.ttlMs)
    if (this.isToWatch(root)) yield* this.watch(root, '/')
    return root
  }

  #request(path: string): { path: string; dentry: Dentry | undefined } {
    return { path, dentry: this.noFollow ? { path, exists: true, isLink: false, security: undefined } : undefined }
  }

  /** What `part` is in `dir`, which is found at `at`. */
  *step(dir: Inode, part: string, at: string, want: Want, precise: boolean): Asking<Name | typeof RAW> {
    const kept = this.kept(dir, part, want)
    if (kept !== undefined) return kept
    const { cache } = this
    const t = cache.stamp
    const sent = cache.clock.read()
    const out = (yield this.call(at, precise)) as Stats | Failed
    const name = this.learn(dir, part, out, t, sent, precise)
    if (name !== RAW && this.isToWatch(name)) yield* this.watch(name, at)
    return name
  }

  /** What is kept of `part` in `dir`, if that will do. */
  kept(dir: Inode, part: string, want: Want): Name | undefined {
    const { cache } = this
    const known = dir.children?.get(part)
    const now = cache.clock.at
    if (known !== undefined && known.state !== 0 && known.busy === 0 && now < known.until) {
      known.used = true
      if (known.state === NEGATIVE || known.inode !== undefined) return known
      if (want !== 'inode' && known.type !== S_IFLNK) return known
    } else if (dir.listing !== undefined && now < dir.listingUntil) {
      const listed = dir.listing.get(part)
      const type = listed === undefined ? undefined : (MODE_TYPES[listed] ?? 0)
      if (type === undefined) {
        const name = cache.child(dir, part)
        const { negativeTtlMs } = cache.limits
        if (negativeTtlMs > 0 && part.length <= SURE_CHARS) {
          cache.setNegative(name, Math.min(dir.listingUntil, now + negativeTtlMs))
          return name
        }
      } else if (want === 'name' && type !== 0) {
        const name = cache.child(dir, part)
        cache.setPositive(name, type, undefined, dir.listingUntil)
        return name
      }
    }
    return want === 'parent' ? cache.named(dir, part) : undefined
  }

  /** What is asked below of the name that is found at `at`: `getattr` where it is to be precise, else `lookup`. */
  question(at: string, precise: boolean): Request<'getattr'> {
    const { path, dentry } = this.#request(at)
    return { path, dentry, follow: false, precise, fd: undefined, file: undefined }
  }
  /** The same as a call, for an `around`. */
  call(at: string, precise: boolean): Call<Op> {
    return new Call(precise ? 'getattr' : 'lookup', this.question(at, precise)) as unknown as Call<Op>
  }

  /**
   * Keeps the answer to a question of stamp `t` and time `sent`. It is asked where nothing is kept of the name, or no longer:
   * neither is anything then of the paths that led there.
   */
  learn(dir: Inode, part: string, stats: Stats | Failed, t: number, sent: number, precise: boolean): Name | typeof RAW {
    const { cache } = this
    if (stats instanceof Failed && stats.errno !== 'ENOENT') return RAW
    // Before its inode, which making room for a name might drop.
    const name = cache.child(dir, part)
    const inode = stats instanceof Failed ? undefined : cache.inodeOf(stats)
    if (!(stats instanceof Failed) && inode === undefined) return RAW
    // Not if it was dropped at once, for want of room: it is touched then.
    const keep = cache.freshAt(name, t)
    const type = stats instanceof Failed ? 0 : typeOf(stats.mode)
    // True of some moment of this walk, and not to be kept.
    if (!keep && inode !== undefined && !cache.stableInodes) cache.settled(inode)
    if (!keep) return Name.passing(dir, part, type, inode)
    if (name.state === POSITIVE && name.inode !== undefined && name.inode !== inode) {
      // Replaced from outside: what other paths found through it is gone.
      const turned = name.type === S_IFDIR || name.type === S_IFLNK
      // First of all: what was opened by this name to be written may be what was found.
      cache.doubt(turned ? undefined : name.inode)
      if (turned) cache.space.changed = ++cache.stamp
    }
    if (inode !== undefined) {
      cache.keepAttrs(inode, stats as Stats, t, sent, precise)
      cache.offer(inode, stats as Stats)
    }
    if (stats instanceof Failed) {
      cache.setNegative(name, sent + cache.limits.negativeTtlMs)
      return name
    }
    cache.setPositive(name, type, inode, sent + cache.limits.ttlMs)
    return name
  }

  isToWatch(name: Name): boolean {
    return this.watches && name.inode !== undefined && name.type === S_IFDIR && this.cache.holds(name)
  }
  watch({ inode }: Name, at: string): Asking<void> {
    return watch(this.cache, inode as Inode, at)
  }

  /** The target of a link that is found at `at` until then; RAW for one that only the kernel can follow. */
  *target(inode: Inode, at: string, until: number): Asking<string | typeof RAW> {
    const { cache } = this
    if (inode.target !== undefined && cache.clock.at < inode.targetUntil) return inode.target
    const t = cache.stamp
    const sent = cache.clock.read()
    const target = yield* attempt('readlink', this.#request(at))
    if (target instanceof Failed) return RAW
    if (Buffer.byteLength(target) !== inode.size && (yield* this.#isProc(inode.dev, at))) return RAW
    if (cache.freshAt(inode, t)) {
      inode.target = target
      inode.targetUntil = Math.min(sent + cache.limits.ttlMs, until)
      cache.reweigh(inode)
    } else inode.targetUntil = 0
    return target
  }

  /** procfs has links whose text is not where they lead. */
  *#isProc(dev: number, at: string): Asking<boolean> {
    const known = this.#proc.get(dev)
    if (known !== undefined) return known
    const dir = at.slice(0, Math.max(1, at.lastIndexOf('/')))
    const out = yield* attempt('statfs', { path: dir })
    const is = !(out instanceof Failed) && Number(out.type) === PROC_SUPER_MAGIC
    this.#proc.set(dev, is)
    return is
  }
}
