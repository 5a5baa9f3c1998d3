/** Path resolution over what is kept, which asks below for what is not. namei of a cache. */
import {
  attempt,
  type Call,
  type Dentry,
  Failed,
  type Op,
  type Reply,
  S_IFDIR,
  S_IFLNK,
  type Stats,
} from '../../lib/layer.js'
import type { DCache } from './dcache.js'
import { type Inode, Name, NEGATIVE, POSITIVE, Resolved, typeOf } from './entries.js'
import type { Files } from './files.js'
import { watch } from './watch.js'

/** Linux's MAXSYMLINKS. */
const MAX_LINKS = 40
/** Longer paths are left to the lower: it knows best which of them are too long. */
const MAX_CHARS = 1024
const PROC_SUPER_MAGIC = 0x9fa0
const LOOP = Failed.of('ELOOP')

/** S_IFMT bits by libuv's uv_dirent_type_t. */
const MODE_TYPES = [0, 0o100000, S_IFDIR, S_IFLNK, 0o010000, 0o140000, 0o020000, 0o060000]

/** The cache cannot tell: the request itself must go down. */
export const RAW: unique symbol = Symbol('raw')
/** What has to be known of the last component: nothing, whether it is there, or which inode it is. */
export type Want = 'parent' | 'name' | 'inode'

export type Asking<T> = Generator<Call<Op>, T, Reply<Op> | Failed>

export class Walker {
  readonly #proc = new Map<number, boolean>()
  constructor(
    readonly cache: DCache,
    readonly files: Files,
    readonly watches: boolean,
  ) {}
  /** The lower can be told that no link may be followed. */
  noFollow = false

  /** What is kept about `path`, if all of it still holds. Answers in the time of one look-up in a table. */
  known(path: string, dentry: Dentry | undefined, follow: boolean): Resolved | undefined {
    const { cache } = this
    let r: Resolved | undefined
    if (dentry instanceof Resolved && dentry.owner === cache) {
      r = dentry
      if (follow && r.isLink) return undefined
    } else r = cache.memo.get(path)
    if (r === undefined || !this.#holds(r)) return undefined
    if (follow && r.isLink) {
      r = r.follows
      if (r === undefined || !this.#holds(r)) return undefined
    }
    if (cache.clock.now() >= r.until) return undefined
    r.name.used = true
    return r
  }
  #holds(r: Resolved): boolean {
    return r.gen === this.cache.space.changed && r.version === r.name.changed
  }

  /**
   * As `known`, and asks below for what is not kept.
   * @param strict no link may be followed: meeting one is ELOOP
   */
  *walk(path: string, follow: boolean, want: Want, precise: boolean, strict: boolean): Asking<Resolved | typeof RAW> {
    const { cache } = this
    if (path === '' || path.length > MAX_CHARS) return RAW
    const t0 = cache.stamp
    if (cache.space.busy > 0 || cache.all.busy > 0) return RAW
    if (this.files.unidentified.size > 0) yield* this.files.settle()
    const now = cache.clock.read()
    let name = cache.rootName
    if (name.inode === undefined || now >= name.until) {
      name = yield* this.#lookupRoot(name)
      if (name.inode === undefined) return RAW
    }
    const todo = path.split('/').reverse()
    // The way from the root to here, for `..`.
    const way: Name[] = [name]
    let here = ''
    let until = name.until
    let links = 0
    let middle = false
    let failed: Failed | undefined
    let link: { at: string; name: Name } | undefined
    let exists = true
    while (todo.length > 0) {
      const part = todo.pop() as string
      if (part === '' || part === '.') continue
      if (part === '..') {
        if (way.length > 1) way.pop()
        name = way.at(-1) as Name
        here = here.slice(0, Math.max(0, here.lastIndexOf('/')))
        continue
      }
      const dir = (way.at(-1) as Name).inode as Inode
      const at = `${here}/${part}`
      if (at.length > MAX_CHARS) return RAW
      const last = todo.every((rest) => rest === '')
      middle = todo.length > 0
      const step = yield* this.#step(dir, part, at, last ? want : 'inode', precise && last)
      if (step === RAW) return RAW
      name = step
      if (name.until < until) until = name.until
      if (name.state === NEGATIVE) {
        if (!last) failed = Failed.of('ENOENT')
        else here = at
        exists = false
        break
      }
      if (name.state === POSITIVE && name.type === S_IFLNK && (follow || middle)) {
        const inode = name.inode
        if (inode === undefined) return RAW
        // Not remembered: without a dentry, the same path leads somewhere.
        if (strict) return new Resolved(cache, at, false, false, name, undefined, LOOP)
        if (!middle && link === undefined) link = { at, name }
        if (++links > MAX_LINKS) {
          failed = Failed.of('ELOOP')
          break
        }
        const target = yield* this.#target(inode, at)
        if (target === RAW || target === '') return RAW
        if (inode.targetUntil < until) until = inode.targetUntil
        if (target.startsWith('/')) {
          here = ''
          way.length = 1
          name = way[0] as Name
        } else name = way.at(-1) as Name
        const parts = target.split('/')
        for (let k = parts.length - 1; k >= 0; k--) todo.push(parts[k] as string)
        continue
      }
      if (middle && name.type !== S_IFDIR && !(last && want === 'parent' && name.state !== POSITIVE)) {
        failed = Failed.of('ENOTDIR')
        break
      }
      here = at
      if (name.type === S_IFDIR && name.inode !== undefined) way.push(name)
    }
    // Something moved while we walked: no single moment may have looked like what we saw.
    if (cache.space.changed > t0 || cache.space.busy > 0 || cache.all.changed > t0 || cache.all.busy > 0) return RAW
    const at = here === '' ? '/' : here
    const isLink = failed === undefined && exists && name.type === S_IFLNK
    const before = cache.memo.get(path)
    if (link === undefined)
      return this.#remember(path, before, at, exists && failed === undefined, isLink, name, failed, until)
    // The spelling ends in a link: lstat of it leads to the link, stat of it to the link's target.
    const kept = this.#remember(path, before, link.at, true, true, link.name, undefined, until)
    kept.follows = this.#remember(
      undefined,
      before?.follows,
      at,
      exists && failed === undefined,
      isLink,
      name,
      failed,
      until,
    )
    return kept.follows
  }

  /** A walk's outcome; `before` again where it is the same, so that whoever keeps a note with it keeps it. */
  #remember(
    path: string | undefined,
    before: Resolved | undefined,
    at: string,
    exists: boolean,
    isLink: boolean,
    name: Name,
    failed: Failed | undefined,
    until: number,
  ): Resolved {
    const { cache } = this
    let r = before
    // Never the same for another file: whoever keeps a note with it may mean the file.
    const same = r?.path === at && r.exists === exists && r.isLink === isLink && r.failed === failed
    if (r === undefined || !same || r.inode !== name.inode || (exists && name.inode === undefined)) {
      r = new Resolved(cache, at, exists, isLink, name, name.inode, failed)
    } else r.name = name
    r.gen = -1
    if (!cache.holds(name) || name.busy > 0 || name.state === 0) return r
    if (until <= cache.clock.at) return r
    r.gen = cache.space.changed
    r.version = name.changed
    r.until = until
    if (path !== undefined) cache.memo.set(path, r)
    return r
  }

  *#lookupRoot(root: Name): Asking<Name> {
    const { cache } = this
    const t = cache.stamp
    const at = cache.clock.read()
    const stats = yield* attempt('lookup', this.#request('/'))
    if (stats instanceof Failed || typeOf(stats.mode) !== S_IFDIR) return root
    const inode = cache.inodeOf(stats)
    if (inode === undefined || cache.rootName !== root) return root
    cache.keepAttrs(inode, stats, t, at, false)
    if (cache.freshAt(root, t)) cache.setPositive(root, S_IFDIR, inode, at + cache.limits.ttlMs)
    return root
  }

  #request(path: string): { path: string; dentry: Dentry | undefined } {
    return { path, dentry: this.noFollow ? { path, exists: true, isLink: false, security: undefined } : undefined }
  }

  *#step(dir: Inode, part: string, at: string, want: Want, precise: boolean): Asking<Name | typeof RAW> {
    const { cache } = this
    const known = dir.children?.get(part)
    const now = cache.clock.at
    if (known !== undefined && known.state !== 0 && known.busy === 0 && now < known.until) {
      known.used = true
      if (known.state === NEGATIVE || known.inode !== undefined) return known
      if (want !== 'inode' && known.type !== S_IFLNK) return known
    } else if (dir.listing !== undefined && now < dir.listingUntil && (known === undefined || known.busy === 0)) {
      const listed = dir.listing.get(part)
      const type = listed === undefined ? undefined : (MODE_TYPES[listed] ?? 0)
      if (type === undefined) {
        const name = cache.child(dir, part)
        const { negativeTtlMs } = cache.limits
        if (negativeTtlMs > 0) {
          cache.touch(name)
          cache.setNegative(name, Math.min(dir.listingUntil, now + negativeTtlMs))
          return name
        }
      } else if (want === 'name' && type !== 0 && type !== S_IFLNK) {
        const name = cache.child(dir, part)
        cache.touch(name)
        cache.setPositive(name, type, undefined, dir.listingUntil)
        return name
      }
    }
    if (want === 'parent') return cache.child(dir, part)
    return yield* this.#lookup(dir, part, at, precise)
  }

  *#lookup(dir: Inode, part: string, at: string, precise: boolean): Asking<Name | typeof RAW> {
    const { cache } = this
    const t = cache.stamp
    const sent = cache.clock.read()
    const { path, dentry } = this.#request(at)
    const stats = precise
      ? yield* attempt('getattr', { path, dentry, follow: false, precise })
      : yield* attempt('lookup', { path, dentry })
    if (stats instanceof Failed && stats.errno !== 'ENOENT') return RAW
    const inode = stats instanceof Failed ? undefined : cache.inodeOf(stats)
    if (!(stats instanceof Failed) && inode === undefined) return RAW
    const name = cache.child(dir, part)
    const keep = cache.freshAt(name, t) && name.slot !== -1
    if (inode !== undefined && keep) cache.keepAttrs(inode, stats as Stats, t, sent, precise)
    const type = stats instanceof Failed ? 0 : typeOf(stats.mode)
    // True of some moment of this walk, and not to be kept.
    if (!keep && inode !== undefined && !cache.stableInodes) cache.settled(inode)
    if (!keep) return Name.passing(dir, part, type, inode)
    if (name.state === POSITIVE && name.inode !== undefined && name.inode !== inode) {
      this.files.doubt(name.inode)
      // Replaced from outside: what other paths found through it is gone.
      if (name.type === S_IFDIR || name.type === S_IFLNK) cache.space.changed = ++cache.stamp
    }
    if (stats instanceof Failed) {
      if (name.state !== NEGATIVE) cache.touch(name)
      cache.setNegative(name, sent + cache.limits.negativeTtlMs)
      return name
    }
    if (name.state !== POSITIVE || name.inode !== inode) cache.touch(name)
    cache.setPositive(name, type, inode, sent + cache.limits.ttlMs)
    if (this.watches && inode !== undefined && type === S_IFDIR) yield* watch(cache, inode, at)
    return name
  }

  /** A link's target; RAW for one that only the kernel can follow. */
  *#target(inode: Inode, at: string): Asking<string | typeof RAW> {
    const { cache } = this
    if (inode.target !== undefined && cache.clock.at < inode.targetUntil) return inode.target
    const t = cache.stamp
    const sent = cache.clock.read()
    const target = yield* attempt('readlink', this.#request(at))
    if (target instanceof Failed) return RAW
    if (Buffer.byteLength(target) !== inode.size && (yield* this.#isProc(inode.dev, at))) return RAW
    if (cache.freshAt(inode, t)) {
      // Following a link may have moved its access time.
      cache.forgetAttrs(inode)
      inode.target = target
      inode.targetUntil = sent + cache.limits.ttlMs
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
