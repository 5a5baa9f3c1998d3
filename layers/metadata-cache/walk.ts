/** Path resolution over what is kept, which asks below for what is not. namei of a cache. */
import { type Asking, type Dentry, Failed, S_IFDIR, S_IFLNK, type Stats } from '../../lib/layer.js'
import { RAW, type Want } from './asking.js'
import { Components } from './components.js'
import type { DCache } from './dcache.js'
import { type Inode, type Name, NEGATIVE, POSITIVE, Resolved } from './entries.js'
import type { Files } from './files.js'

/** Linux's MAXSYMLINKS. */
const MAX_LINKS = 40
/** Longer paths are left to the lower: it knows best which of them are too long. */
const MAX_CHARS = 1024
const LOOP = Failed.of('ELOOP')

export class Walker {
  readonly components: Components
  constructor(
    readonly cache: DCache,
    readonly files: Files,
    watches: boolean,
  ) {
    this.components = new Components(cache, watches)
    this.#inVain = new Resolved(cache, '', false, false, cache.rootName, undefined, undefined)
  }

  /** What is kept about `path`, if all of it still holds. Answers in the time of one look-up in a table. */
  known(path: string, dentry: Dentry | undefined, follow: boolean): Resolved | undefined {
    const { cache } = this
    let r: Resolved | undefined
    if (dentry instanceof Resolved && dentry.owner === cache) {
      r = dentry
      if (follow && r.isLink) return undefined
    } else r = cache.memo.get(path)
    if (r === undefined || !this.#holds(r)) return undefined
    // Resolved by another layer: it may not lead through a link by now.
    if (dentry !== undefined && r.path !== path) return undefined
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

  /** The name itself, as far as `want` goes, if its directory is known: no walk, and nothing is asked. */
  near(path: string, dentry: Dentry | undefined, follow: boolean, want: Want): Name | undefined {
    const { cache } = this
    const r = this.known(path, dentry, follow)
    if (r?.failed !== undefined) return undefined
    if (r !== undefined && (want !== 'inode' || !r.exists || r.inode !== undefined)) return r.name
    const cut = cutOf(path)
    if (cut === -1) return undefined
    const dir = this.#directory(path, cut)?.inode
    if (dir === undefined) return undefined
    const part = path.slice(cut + 1)
    if (want === 'parent') return cache.named(dir, part)
    const name = dir.children?.get(part)
    if (name === undefined || name.busy > 0 || cache.clock.at >= name.until) return undefined
    if (name.state === NEGATIVE) return name
    return name.state === POSITIVE && name.inode !== undefined && !(follow && name.type === S_IFLNK) ? name : undefined
  }

  /**
   * An open that set out at stamp `t` and time `sent` found nothing at `path`. Where that cannot be kept at once, `path`
   * is noted: it costs requests to find out what is missing, which pays only for who asks again.
   * @param leads a link is another matter: it may be what that leads to that is missing
   */
  missed(path: string, leads: boolean, t: number, sent: number): void {
    const { cache } = this
    if (cache.limits.negativeTtlMs === 0 || path.length > MAX_CHARS) return
    const cut = leads ? -1 : cutOf(path)
    const dir = cut === -1 ? undefined : this.#directory(path, cut)
    if (dir?.inode === undefined) {
      this.#hasMissed = true
      cache.remember(path, this.#inVain, cache.memo.get(path))
      return
    }
    const part = path.slice(cut + 1)
    const at = dir.path === '/' ? `/${part}` : `${dir.path}/${part}`
    if (at.length > MAX_CHARS) return
    const name = cache.named(dir.inode, part)
    if (!cache.holds(name) || !cache.freshAt(name, t)) return
    cache.setNegative(name, sent + cache.limits.negativeTtlMs)
    this.#remember(path, cache.memo.get(path), at, false, false, name, undefined, name.until)
  }

  /** Whether `path` was opened in vain, and nothing has been kept of it since. */
  isMissed(path: string): boolean {
    return this.#hasMissed && this.cache.memo.get(path) === this.#inVain
  }
  #hasMissed = false
  /** Leads nowhere, and never holds. */
  readonly #inVain: Resolved

  /** The directory and the last name of a path that is spelt as they are, where that directory is known. */
  spot(path: string): Spot | undefined {
    const last = this.#spot
    const now = this.cache.clock.now()
    if (last?.path === path && this.#holds(last.directory) && now < last.directory.until) return last
    // While something moves no directory is known; what a walk would have to ask first, a walk asks.
    if (path.length > MAX_CHARS || !this.files.isSettled) return undefined
    const cut = cutOf(path)
    const directory = cut === -1 ? undefined : this.#directory(path, cut)
    // What was found last was found by its own name.
    if (directory?.inode === undefined || directory !== this.#last || cut !== this.#lastText.length) return undefined
    this.#spot = { path, directory, inode: directory.inode, part: path.slice(cut + 1) }
    return this.#spot
  }
  #spot: Spot | undefined

  /** What is kept about `path`: as `known`, or by its last name. */
  found(path: string, dentry: Dentry | undefined, follow: boolean): Resolved | undefined {
    const known = this.known(path, dentry, follow)
    if (known !== undefined) return known
    const spot = this.spot(path)
    const kept = spot && this.kept(spot, follow || dentry !== undefined)
    return kept === RAW ? undefined : kept
  }
  /**
   * @param leads a link is another matter
   * @returns RAW where it takes a walk; undefined where nothing is kept
   */
  kept({ path, inode, part }: Spot, leads: boolean): Resolved | typeof RAW | undefined {
    const { cache } = this
    const t = cache.stamp
    const name = this.components.kept(inode, part, 'inode')
    if (name === undefined) return undefined
    if ((leads && name.type === S_IFLNK) || this.hasMoved(t)) return RAW
    const exists = name.state !== NEGATIVE
    const isLink = name.type === S_IFLNK
    // No name is kept for longer than the directory that it is in.
    return this.#remember(path, cache.memo.get(path), path, exists, isLink, name, undefined, name.until)
  }

  /** The directory that was found last, by its own name, and that name without a slash after it. */
  #last: Resolved | undefined
  #lastText = ''
  /** Every path in it, and no other, is between these: `0` comes after `/`. */
  #lastFrom = '/'
  #lastTo = '0'

  /** What is known of the directory of a path that ends at `cut`. */
  #directory(path: string, cut: number): Resolved | undefined {
    const last = this.#last
    // By `<` and `<=`: `startsWith` takes some 3 ns a character.
    if (last !== undefined && cut === this.#lastText.length && this.#lastFrom <= path && path < this.#lastTo) {
      if (this.#holds(last) && this.cache.clock.now() < last.until) {
        last.name.used = true
        return last
      }
    }
    const text = path.slice(0, cut)
    const r = this.known(cut === 0 ? '/' : text, undefined, true)
    if (r?.exists !== true || r.name.type !== S_IFDIR) return undefined
    if (isAt(r, text)) {
      this.#last = r
      this.#lastText = text
      this.#lastFrom = `${text}/`
      this.#lastTo = `${text}0`
    }
    return r
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
    if (!this.files.isSettled) yield* this.files.settle()
    const now = cache.clock.read()
    const cut = cutOf(path)
    const directory = cut === -1 ? undefined : this.#directory(path, cut)
    const isPlain = directory !== undefined && isAt(directory, path.slice(0, cut))
    if (directory?.inode !== undefined && (isPlain || !strict)) {
      const part = path.slice(cut + 1)
      // The same string: what is kept of many paths is kept once.
      const at = isPlain ? path : directory.path === '/' ? `/${part}` : `${directory.path}/${part}`
      if (at.length > MAX_CHARS) return RAW
      const { components } = this
      let step: Name | typeof RAW | undefined = components.kept(directory.inode, part, want)
      if (step === undefined) {
        // As in `components.step`, without a generator of its own.
        const t = cache.stamp
        const out = (yield components.call(at, precise)) as Stats | Failed
        step = components.learn(directory.inode, part, out, t, now, precise)
        if (step !== RAW && components.isToWatch(step)) yield* components.watch(step, at)
      }
      if (step === RAW || this.hasMoved(t0)) return RAW
      // A link that is to be followed is a longer way.
      if (step.type !== S_IFLNK || !follow) {
        const until = Math.min(directory.until, step.until)
        const isLink = step.type === S_IFLNK
        return this.#remember(path, cache.memo.get(path), at, step.state !== NEGATIVE, isLink, step, undefined, until)
      }
    }
    let name = cache.rootName
    if (name.inode === undefined || now >= name.until) {
      name = yield* this.components.root(name)
      if (name.inode === undefined) return RAW
    }
    const todo = path.split('/').reverse()
    // The way from the root to here, for `..`.
    const way: Name[] = [name]
    let here = ''
    const rootUntil = name.until
    let until = rootUntil
    let links = 0
    let parent: { at: string; name: Name; until: number } | undefined
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
      const dir = (way.at(-1) as Name).inode
      // Evicted while this walk waited.
      if (dir === undefined) return RAW
      const at = `${here}/${part}`
      if (at.length > MAX_CHARS) return RAW
      const last = todo.every((rest) => rest === '')
      middle = todo.length > 0
      if (last && !middle) parent = { at: here, name: way.at(-1) as Name, until }
      const step = yield* this.components.step(dir, part, at, last ? want : 'inode', precise && last)
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
        const target = yield* this.components.target(inode, at, until)
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
    if (this.hasMoved(t0)) return RAW
    if (cut > 0 && parent !== undefined && links === 0) {
      const spelt = path.slice(0, cut)
      this.#remember(spelt, cache.memo.get(spelt), parent.at, true, false, parent.name, undefined, parent.until)
    } else if (cut === 0)
      this.#remember('/', cache.memo.get('/'), '/', true, false, way[0] as Name, undefined, rootUntil)
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

  /** Something moved since stamp `t0`, while we walked: no single moment may have looked like what we saw. */
  hasMoved(t0: number): boolean {
    const { space, all } = this.cache
    return space.changed > t0 || space.busy > 0 || all.changed > t0 || all.busy > 0
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
    if (path !== undefined) cache.remember(path, r, before)
    return r
  }
}

/** The last name of a path, and where it is. */
export interface Spot {
  readonly path: string
  readonly directory: Resolved
  readonly inode: Inode
  readonly part: string
}

/** Whether a path that leads to `r` is spelt as its own name: `text`, which the root has no slash in. */
const isAt = (r: Resolved, text: string): boolean => r.path === (text === '' ? '/' : text)

/** Where the last component of a plainly spelt path begins: the index of its slash; -1 for one that is not so plain. */
const cutOf = (path: string): number => {
  const cut = path.lastIndexOf('/')
  const rest = path.length - cut - 1
  if (
    rest === 0 ||
    (path.charCodeAt(cut + 1) === 46 && (rest === 1 || (rest === 2 && path.charCodeAt(cut + 2) === 46)))
  ) {
    return -1
  }
  return cut
}
