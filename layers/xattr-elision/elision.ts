/** The hooks of xattrElision and what they share. */
import { LRUCache } from 'lru-cache'
import {
  AROUND,
  type Around,
  attempt,
  type Call,
  type Context,
  type Dentry,
  type Extension,
  Failed,
  NEXT,
  type Op,
  type OpenFile,
  Replied,
  type Reply,
  type Request,
  type Site,
  type Stats,
} from '../../lib/layer.js'
import { BY_KERNEL, isAbsence, Known, keyOf, LISTED, MOST_NAMES, namespaceOf } from './known.js'

type Target = Pick<Request<'listxattr'>, 'path' | 'dentry' | 'fd' | 'file' | 'follow'>
type Asking<T> = Generator<Call<Op>, T, Reply<Op> | Failed>

export class Elision {
  site: Site | undefined
  #stamp = 1
  #elided = 0
  #asked = 0
  /** Changes of which it is not known to what. */
  readonly #all = { changed: 0, busy: 0 }
  readonly #table: LRUCache<string, Known>
  #byDentry = new WeakMap<Dentry, Known>()
  #byFile = new WeakMap<OpenFile, Known>()
  /** What absence is called, by device and namespace. */
  readonly #absence = new Map<string, Failed>()
  #permissions = 0
  readonly #uid = process.geteuid?.() ?? 0
  readonly #gid = process.getegid?.() ?? 0

  constructor(
    readonly maxEntries: number,
    readonly ttlMs: number,
  ) {
    this.#table = new LRUCache({
      // Not `max`, for which room is made at once: 9 ms for each stack.
      maxSize: maxEntries,
      sizeCalculation: () => 1,
      // An answer that is under way must not be kept with what nobody will forget.
      dispose: (known) => {
        known.gone = true
        known.forget(++this.#stamp)
      },
    })
  }

  stats() {
    return { elided: this.#elided, asked: this.#asked, entries: this.#table.size, maxEntries: this.maxEntries }
  }

  invalidate(path: string | undefined): void {
    const cx: Context = { caller: { uid: this.#uid, gid: this.#gid, pid: process.pid }, epoch: 0, depth: 0 }
    const found =
      path === undefined
        ? undefined
        : this.site?.peek('getattr', { path, follow: true, precise: false, fd: undefined, file: undefined }, cx)
    if (found === undefined || found instanceof Failed) this.#clear()
    else this.#table.get(keyOf(found))?.forget(++this.#stamp)
  }
  #clear(): void {
    this.#all.changed = ++this.#stamp
    this.#table.clear()
    this.#byDentry = new WeakMap()
    this.#byFile = new WeakMap()
  }

  /** What a layer below tells one caller it may not tell another. */
  #isForeign({ caller }: Context): boolean {
    return caller.uid !== this.#uid || caller.gid !== this.#gid
  }

  #of(stats: Stats): Known {
    const key = keyOf(stats)
    let known = this.#table.get(key)
    if (known === undefined || known.birthtimeMs !== stats.birthtimeMs) {
      known = new Known(stats.dev, stats.birthtimeMs)
      known.changed = this.#all.changed
      this.#table.set(key, known)
    }
    return known
  }

  /** The inode of a request's file, as far as it is known at once; a failure where there is no such file. */
  #glance(req: Target, cx: Context): Known | Failed | undefined {
    const { site } = this
    if (req.fd !== undefined) {
      const open = req.file === undefined ? undefined : this.#byFile.get(req.file)
      return open?.gone === false ? open : undefined
    }
    if (site?.capabilities.stableInodes !== true) return undefined
    const { path, dentry } = req
    const follow = req.follow && dentry === undefined
    const at = site.peek('resolve', { path, follow, dentry: undefined }, cx)
    if (at === undefined || at instanceof Failed) return at
    // Resolved above, no link may be in it: what was found by way of one is no answer.
    if (dentry !== undefined && at.path !== path) return undefined
    if (!at.exists) return NOENT
    const before = this.#byDentry.get(at)
    if (before?.gone === false) return before
    const stats = site.peek('getattr', { path, dentry, follow, precise: false, fd: undefined, file: undefined }, cx)
    if (stats === undefined || stats instanceof Failed) return stats
    const known = this.#of(stats)
    this.#byDentry.set(at, known)
    return known
  }
  *#look(req: Target, cx: Context): Asking<Known | Failed | undefined> {
    const { site } = this
    const at = this.#glance(req, cx)
    if (at !== undefined) return at
    if (site?.capabilities.stableInodes !== true) return undefined
    const { path, dentry, follow, fd, file } = req
    const stats = yield* attempt('getattr', { path, dentry, follow, fd, file, precise: false })
    if (stats instanceof Failed) return stats
    const known = this.#of(stats)
    if (file !== undefined && !file.closed) this.#byFile.set(file, known)
    return known
  }

  /** Whether the file has `name`; undefined: not known. */
  #has(known: Known, name: string): boolean | undefined {
    if (known.busy > 0 || this.#all.busy > 0 || BY_KERNEL.test(name) || performance.now() >= known.until)
      return undefined
    const asked = known.names.get(name)
    if (asked !== undefined) return asked
    const { list } = known
    if (list === undefined || !this.#readable(known, name)) return undefined
    return LISTED.test(name) ? list.includes(name) : undefined
  }
  /** Lists show `user.` names also of files that the caller may not read, where asking for one by name is refused. */
  #readable(known: Known, name: string): boolean {
    return this.#uid === 0 || !name.startsWith('user.') || known.readable === this.#permissions
  }
  /** Of lists only the empty one lasts: what is in one may leave it by a write, as a capability does. */
  #knowsNone(known: Known): boolean {
    if (known.busy > 0 || this.#all.busy > 0 || performance.now() >= known.until) return false
    return known.list?.length === 0
  }
  #absent(known: Known, name: string): Failed {
    return this.#absence.get(`${known.dev} ${namespaceOf(name)}`) ?? NODATA
  }

  /** Whether what set out at stamp `t` may be kept; makes room for it. */
  #keeps(known: Known, t: number, at: number): boolean {
    const all = this.#all
    if (known.busy > 0 || known.changed > t || all.busy > 0 || all.changed > t) return false
    if (at < known.until) return true
    known.forget(known.changed)
    known.until = at + this.ttlMs
    return true
  }

  *#list(req: Target, known: Known): Asking<readonly string[] | Failed> {
    const t = this.#stamp
    const at = performance.now()
    const { path, dentry, follow, fd, file } = req
    this.#asked++
    const list = yield* attempt('listxattr', { path, dentry, follow, fd, file })
    if (!(list instanceof Failed) && this.#keeps(known, t, at)) known.list = [...list]
    return list
  }

  /** A change of extended attributes, or of what a number stands for: forgotten before and after. */
  *#perform<O extends Op>(op: O, req: Request<O>, touched: readonly Known[] | undefined): Around<O> {
    const each = touched ?? [this.#all]
    const mark = (by: 1 | -1): void => {
      this.#stamp++
      for (const it of each) {
        it.busy += by
        it.changed = this.#stamp
        if (it instanceof Known) {
          it.forget(this.#stamp)
          // Another stood for the same inode, and may have learnt while this change was under way.
          if (it.gone) this.#clear()
        } else if (this.#table.size > 0) this.#clear()
      }
    }
    mark(1)
    try {
      return yield* attempt(op, req)
    } finally {
      mark(-1)
    }
  }

  readonly #changing = <O extends 'setxattr' | 'removexattr'>(op: O): Extension<O> => {
    const elision = this
    return {
      *around(req: Request<O> & Target, cx: Context): Around<O> {
        const known = yield* elision.#look(req, cx)
        const touched = known === undefined || known instanceof Failed ? undefined : [known]
        return yield* elision.#perform(op, req, touched)
      },
    }
  }

  /** A number that is free may become another file's. */
  readonly #removing = <O extends 'unlink' | 'rmdir' | 'rename'>(
    op: O,
    targetOf: (req: Request<O>) => { path: string; dentry: Dentry | undefined },
  ): Extension<O> => {
    const elision = this
    return {
      *around(req: Request<O>, cx: Context): Around<O> {
        // Where nothing is known there is nothing to forget, but for what is being learnt just now.
        if (elision.#table.size === 0) return yield* elision.#perform(op, req, undefined)
        const known = yield* elision.#look({ ...targetOf(req), follow: false }, cx)
        if (known === undefined) return yield* elision.#perform(op, req, undefined)
        return yield* elision.#perform(op, req, known instanceof Failed ? [] : [known])
      },
    }
  }

  readonly extensions = this.#extensions()
  #extensions() {
    const elision = this
    return {
      getxattr: {
        request(req, cx) {
          if (elision.#isForeign(cx)) return NEXT
          const known = elision.#glance(req, cx)
          if (known === undefined) return AROUND
          if (known instanceof Failed) return known
          const has = elision.#has(known, req.name)
          if (has === undefined) return AROUND
          if (has) return NEXT
          elision.#elided++
          return elision.#absent(known, req.name)
        },
        *around(req, cx): Around<'getxattr'> {
          const known = yield* elision.#look(req, cx)
          if (known === undefined) return yield* attempt('getxattr', req)
          if (known instanceof Failed) return known
          const { name } = req
          const space = `${known.dev} ${namespaceOf(name)}`
          let has = elision.#has(known, name)
          const listable = LISTED.test(name) && !BY_KERNEL.test(name) && elision.#readable(known, name)
          if (has === undefined && listable && elision.#absence.has(space)) {
            const list = yield* elision.#list(req, known)
            if (!(list instanceof Failed)) has = list.includes(name)
          }
          if (has === false) {
            elision.#elided++
            return elision.#absent(known, name)
          }
          const t = elision.#stamp
          const at = performance.now()
          elision.#asked++
          const out = yield* attempt('getxattr', req)
          const lasts = !(out instanceof Failed) || isAbsence(out.errno)
          if (out instanceof Failed && lasts) elision.#absence.set(space, out)
          if (!lasts || !elision.#keeps(known, t, at)) return out
          if (known.names.size >= MOST_NAMES) known.names.clear()
          known.names.set(name, !(out instanceof Failed))
          if (name.startsWith('user.')) known.readable = elision.#permissions
          return out
        },
      } satisfies Extension<'getxattr'>,

      listxattr: {
        request(req, cx) {
          if (elision.#isForeign(cx)) return NEXT
          const known = elision.#glance(req, cx)
          if (known === undefined) return AROUND
          if (known instanceof Failed) return known
          if (!elision.#knowsNone(known)) return AROUND
          elision.#elided++
          return new Replied<'listxattr'>([])
        },
        *around(req, cx): Around<'listxattr'> {
          const known = yield* elision.#look(req, cx)
          if (known === undefined) return yield* attempt('listxattr', req)
          if (known instanceof Failed) return known
          if (elision.#knowsNone(known)) {
            elision.#elided++
            return []
          }
          const list = yield* elision.#list(req, known)
          return list instanceof Failed ? list : [...list]
        },
      } satisfies Extension<'listxattr'>,

      setxattr: this.#changing('setxattr'),
      removexattr: this.#changing('removexattr'),
      unlink: this.#removing('unlink', ({ path, dentry }) => ({ path, dentry })),
      rmdir: this.#removing('rmdir', ({ path, dentry }) => ({ path, dentry })),
      rename: this.#removing('rename', ({ newPath, newDentry }) => ({ path: newPath, dentry: newDentry })),

      setattr: {
        request(req) {
          if (req.set.mode !== undefined || req.set.uid !== undefined || req.set.gid !== undefined)
            elision.#permissions++
          return NEXT
        },
        reply(value, req) {
          if (req.set.mode !== undefined || req.set.uid !== undefined || req.set.gid !== undefined)
            elision.#permissions++
          return value
        },
      } satisfies Extension<'setattr'>,
    }
  }
}

const NOENT = Failed.of('ENOENT')
const NODATA = Failed.of('ENODATA')
