/** The hooks of xattrElision and what they share. */
import {
  AROUND,
  type Around,
  type Asking,
  attempt,
  Call,
  type Context,
  type Extension,
  Failed,
  NEXT,
  type Op,
  Replied,
  type Reply,
  type Request,
} from '../../lib/layer.js'
import { Identities } from './identities.js'
import { isAbsence, type Known, LISTED, MOST_NAMES, namespaceOf, type Target } from './known.js'

export class Elision {
  #elided = 0
  #asked = 0
  /** What absence is called, by device and namespace. */
  readonly #absence = new Map<string, Failed>()
  /** Counts the beginnings and ends of changes of who may read what, of which so many are under way. */
  #permissions = 0
  #permitting = 0
  /** Names that go or move: how many are under way, and the stamp of the latest beginning or end of one. */
  readonly #moves = { busy: 0, changed: 0 }
  readonly #uid = process.geteuid?.() ?? 0
  readonly #gid = process.getegid?.() ?? 0

  readonly ids: Identities

  constructor(
    readonly maxEntries: number,
    readonly ttlMs: number,
  ) {
    this.ids = new Identities(maxEntries)
  }

  stats() {
    return { elided: this.#elided, asked: this.#asked, entries: this.ids.table.size, maxEntries: this.maxEntries }
  }

  invalidate(path: string | undefined): void {
    const cx: Context = { caller: { uid: this.#uid, gid: this.#gid, pid: process.pid }, epoch: 0, depth: 0 }
    if (path === undefined) this.ids.clear()
    else this.ids.forget(path, cx)
  }
  /** What a layer below tells one caller it may not tell another. */
  #isForeign({ caller }: Context): boolean {
    return caller.uid !== this.#uid || caller.gid !== this.#gid
  }

  /** Whether the file has `name`; undefined: not known. */
  #has(known: Known, name: string): boolean | undefined {
    return known.has(name, this.#readable(known, name), performance.now())
  }
  /** Lists show `user.` names also of files that the caller may not read, where asking for one by name is refused. */
  #readable(known: Known, name: string): boolean {
    return this.#uid === 0 || !name.startsWith('user.') || known.readable === this.#permissions
  }
  #absent(known: Known, name: string): Failed {
    return this.#absence.get(`${known.dev} ${namespaceOf(name)}`) ?? NODATA
  }

  #start(): Start {
    return { stamp: this.ids.stamp, at: performance.now(), permissions: this.#permissions }
  }
  /** Whether an answer may be kept; makes room for it. While a change is under way nothing is: there is nothing to forget. */
  #keeps(known: Known, { fd }: Target, { stamp, at }: Start): boolean {
    if (known.busy > 0 || known.changed > stamp || this.ids.unknown > 0) return false
    // The path may have led to another file by then.
    if (fd === undefined && (this.#moves.busy > 0 || this.#moves.changed > stamp)) return false
    if (at < known.until) return true
    known.forget(known.changed)
    known.until = at + this.ttlMs
    return true
  }

  *#list(req: Target, known: Known, start: Start): Asking<readonly string[] | Failed> {
    const { path, dentry, follow, fd, file } = req
    this.#asked++
    const list = yield* attempt('listxattr', { path, dentry, follow, fd, file })
    if (!(list instanceof Failed) && this.#keeps(known, req, start)) known.list = [...list]
    return list
  }

  /**
   * A change of extended attributes, or of what a number stands for: forgotten before and after.
   * @param known undefined: nobody knows of what
   */
  *#perform<O extends Op>(op: O, req: Request<O>, known: Known | undefined): Around<O> {
    const { ids } = this
    const mark = (by: 1 | -1): void => {
      ids.stamp++
      if (known !== undefined) {
        known.busy += by
        known.forget(ids.stamp)
      }
      if (known === undefined || known.gone) {
        ids.unknown += by
        ids.clear()
      }
    }
    mark(1)
    try {
      return yield* attempt(op, req)
    } finally {
      mark(-1)
    }
  }

  /** Marks what `look` finds, which another name may have stood for by the time that the request arrived. */
  *#performAt<O extends Op>(op: O, req: Request<O>, target: Target, cx: Context, misses: boolean): Around<O> {
    const { ids } = this
    const moves = this.#moves
    const own = misses ? 1 : 0
    const t = ++ids.stamp
    moves.busy += own
    try {
      // Where nothing is known there is nothing to forget; what is being learnt just now is not kept.
      if (misses && ids.table.size === 0) return (yield new Call(op, req) as unknown as Call<Op>) as Reply<O> | Failed
      const known = yield* ids.look(target, cx)
      if (misses && known instanceof Failed && known.errno === 'ENOENT') return yield* attempt(op, req)
      return yield* this.#perform(op, req, known instanceof Failed ? undefined : known)
    } finally {
      if (moves.busy > own || moves.changed > t) ids.clear()
      moves.busy -= own
      if (misses) moves.changed = ++ids.stamp
    }
  }

  /** A number that is free may become another file's. */
  readonly #removing = <O extends 'unlink' | 'rmdir' | 'rename'>(
    op: O,
    targetOf: (req: Request<O>) => Target,
  ): Extension<O> => ({
    around: (req: Request<O>, cx: Context) => this.#performAt(op, req, targetOf(req), cx, true),
  })

  readonly extensions = this.#extensions()
  #extensions() {
    const elision = this
    return {
      getxattr: {
        request(req, cx) {
          if (elision.#isForeign(cx)) return NEXT
          const known = elision.ids.glance(req, cx)
          if (known === undefined) return AROUND
          if (known instanceof Failed) return known
          const has = elision.#has(known, req.name)
          if (has === undefined) return AROUND
          if (has) return NEXT
          elision.#elided++
          return elision.#absent(known, req.name)
        },
        *around(req, cx): Around<'getxattr'> {
          const start = elision.#start()
          const known = yield* elision.ids.look(req, cx)
          if (known === undefined) return yield* attempt('getxattr', req)
          if (known instanceof Failed) return known
          const { name } = req
          const space = `${known.dev} ${namespaceOf(name)}`
          let has = elision.#has(known, name)
          const listable = LISTED.test(name) && elision.#readable(known, name)
          if (has === undefined && listable && elision.#absence.has(space)) {
            const list = yield* elision.#list(req, known, start)
            if (!(list instanceof Failed)) has = list.includes(name)
          }
          if (has === false) {
            elision.#elided++
            return elision.#absent(known, name)
          }
          elision.#asked++
          const out = yield* attempt('getxattr', req)
          const lasts = !(out instanceof Failed) || isAbsence(out.errno)
          if (out instanceof Failed && lasts) elision.#absence.set(space, out)
          if (!lasts || !elision.#keeps(known, req, start)) return out
          if (known.names.size >= MOST_NAMES) known.names.clear()
          known.names.set(name, !(out instanceof Failed))
          if (name.startsWith('user.') && elision.#permitting === 0) known.readable = start.permissions
          return out
        },
      } satisfies Extension<'getxattr'>,

      listxattr: {
        request(req, cx) {
          if (elision.#isForeign(cx)) return NEXT
          const known = elision.ids.glance(req, cx)
          if (known instanceof Failed) return known
          if (known === undefined || !known.hasNone(performance.now())) return AROUND
          elision.#elided++
          return new Replied<'listxattr'>([])
        },
        *around(req, cx): Around<'listxattr'> {
          const start = elision.#start()
          const known = yield* elision.ids.look(req, cx)
          if (known === undefined) return yield* attempt('listxattr', req)
          if (known instanceof Failed) return known
          if (known.hasNone(performance.now())) {
            elision.#elided++
            return []
          }
          const list = yield* elision.#list(req, known, start)
          return list instanceof Failed ? list : [...list]
        },
      } satisfies Extension<'listxattr'>,

      // What goes is asked for in vain until then: nothing is denied by it.
      setxattr: {
        around: (req, cx) => elision.#performAt('setxattr', req, req, cx, false),
      } satisfies Extension<'setxattr'>,
      unlink: this.#removing('unlink', ({ path, dentry }) => ({ path, dentry, follow: false })),
      rmdir: this.#removing('rmdir', ({ path, dentry }) => ({ path, dentry, follow: false })),
      rename: this.#removing('rename', ({ newPath: path, newDentry: dentry }) => ({ path, dentry, follow: false })),

      setattr: {
        request: ({ set: { mode, uid, gid } }) =>
          mode !== undefined || uid !== undefined || gid !== undefined ? AROUND : NEXT,
        *around(req): Around<'setattr'> {
          elision.#permissions++
          elision.#permitting++
          try {
            return yield* attempt('setattr', req)
          } finally {
            elision.#permissions++
            elision.#permitting--
          }
        },
      } satisfies Extension<'setattr'>,
    }
  }
}

/** When a request set out. */
interface Start {
  readonly stamp: number
  readonly at: number
  readonly permissions: number
}
const NODATA = Failed.of('ENODATA')
