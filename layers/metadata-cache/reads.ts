/** The opcodes that only ask: answered from what is kept, else asked below and kept. */
import {
  AROUND,
  type Around,
  attempt,
  type Context,
  type Dentry,
  type Entry,
  type Extension,
  type ExtensionMap,
  Failed,
  hardened,
  makeStats,
  NEXT,
  Replied,
  type Reply,
  type Request,
  type Stats,
  type Verdict,
} from '../../lib/layer.js'
import { RAW } from './asking.js'
import type { Inode, Resolved } from './entries.js'
import { Look } from './look.js'
import type { Cache } from './state.js'

const NOENT = Failed.of('ENOENT')
const INVAL = Failed.of('EINVAL')
const DONE = new Replied<'access'>(undefined)
/** What may be kept of a failed request on extended attributes: that it is not there, or that there are none at all. */
const LASTING = new Set(['ENODATA', 'ENOTSUP', 'EOPNOTSUPP'])
/** The same of `access`: the rest is no matter of permissions. */
const DENIED = new Set(['EACCES', 'EROFS'])

/** The fields that decide what a request is about; one on an open file has `fd`. */
interface About {
  readonly path: string
  readonly dentry?: Dentry | undefined
  readonly fd?: number | undefined
}
type AboutOp = 'lookup' | 'getattr' | 'readlink' | 'access' | 'opendir' | 'readdir' | 'getxattr' | 'listxattr'

/** How one opcode's answers are found with an inode, and kept with it. */
interface Reader<O extends AboutOp> {
  /** @param r how the path led to the inode; undefined for a request on an open file */
  kept(inode: Inode, r: Resolved | undefined, req: Request<O>): Replied<O> | Failed | undefined
  /** @param until how long it may be kept */
  keep?(inode: Inode, reply: Reply<O>, until: number, req: Request<O>): void
  keepFailed?(inode: Inode, failed: Failed, until: number, req: Request<O>): void
  /** It may move the access time. */
  readonly reads?: true
}

const onInode = <O extends AboutOp>(
  c: Cache,
  op: O,
  follows: (req: Request<O>) => boolean,
  reader: Reader<O>,
): Extension<O> => {
  const { cache, walker, files } = c
  /** Sends it down; `inode` is what it is about, and `r` how the path led there, if that is known. */
  function* send(req: Request<O>, inode: Inode | undefined, r: Resolved | undefined): Around<O> {
    if (reader.reads !== true) return yield* attempt(op, req)
    const read = inode?.held === true && cache.stableInodes ? inode : undefined
    const t = cache.stamp
    cache.beginRead(read)
    try {
      return yield* attempt(op, req)
    } finally {
      // Names moved meanwhile: perhaps another one was read.
      if (read !== undefined && r !== undefined && !cache.freshAt(r.name, t)) cache.reading.changed = ++cache.stamp
      cache.endRead(read)
    }
  }
  function* ask(req: Request<O>, inode: Inode, r: Resolved | undefined): Around<O> {
    const t = cache.stamp
    const at = cache.clock.read()
    const out = yield* send(req, inode, r)
    const still = r === undefined || (cache.freshAt(r.name, t) && cache.holds(r.name))
    if (!still || !inode.held || !cache.fresh(inode, t)) return out
    // Once its path may lead elsewhere, it may be about something else.
    const until = Math.min(at + cache.limits.ttlMs, r === undefined ? Number.POSITIVE_INFINITY : r.until)
    if (out instanceof Failed) reader.keepFailed?.(inode, out, until, req)
    else reader.keep?.(inode, out, until, req)
    return out
  }
  hardened(ask)
  return {
    request(req: Request<O> & About, cx: Context): Verdict<O> {
      if (c.isForeign(cx)) return reader.reads === true ? AROUND : NEXT
      let inode: Inode | undefined
      let r: Resolved | undefined
      if (req.fd !== undefined) {
        inode = files.inodeOf(req.fd)
        if (inode === undefined) return NEXT
        cache.clock.now()
      } else {
        r = walker.found(req.path, req.dentry, follows(req))
        if (r === undefined) return AROUND
        if (!r.exists) {
          c.hits++
          return r.failed ?? NOENT
        }
        inode = r.inode
        if (inode === undefined) return AROUND
      }
      const known = reader.kept(inode, r, req)
      if (known === undefined) return AROUND
      c.hits++
      return known
    },
    *around(req: Request<O> & About, cx: Context): Around<O> {
      if (c.isForeign(cx)) {
        const there = walker.known(req.path, req.dentry, follows(req))
        return yield* send(req, there?.inode, there)
      }
      c.misses++
      if (req.fd !== undefined) {
        const inode = files.inodeOf(req.fd)
        return yield* inode === undefined ? attempt(op, req) : ask(req, inode, undefined)
      }
      const r = yield* walker.walk(req.path, follows(req), 'inode', false, req.dentry !== undefined)
      if (r !== RAW && !r.exists) return r.failed ?? NOENT
      if (r === RAW || r.inode === undefined) return yield* send(req, undefined, undefined)
      const known = reader.kept(r.inode, r, req)
      if (known !== undefined) return known instanceof Failed ? known : known.value
      return yield* ask(req, r.inode, r)
    },
  }
}

const getattr = <O extends 'lookup' | 'getattr'>(
  c: Cache,
  op: O,
  follows: (req: Request<O>) => boolean,
): Extension<O> => {
  const { cache, walker, files } = c
  const precisely = (req: Request<O>): boolean => (req as Request<'getattr'>).precise === true
  return {
    request(req: Request<O> & About, cx: Context): Verdict<O> {
      if (req.fd !== undefined || c.isForeign(cx)) return NEXT
      let r = walker.known(req.path, req.dentry, follows(req))
      if (r === undefined) {
        const leads = follows(req) || req.dentry !== undefined
        const spot = walker.spot(req.path)
        if (spot === undefined) return AROUND
        const kept = walker.kept(spot, leads)
        if (kept === RAW || (kept === undefined && walker.components.watches)) return AROUND
        if (kept === undefined) return new Look<O>(c, spot, leads, precisely(req))
        r = kept
      }
      if (!r.exists) {
        c.hits++
        return r.failed ?? NOENT
      }
      const { inode } = r
      if (inode === undefined || !cache.knows(inode) || (precisely(req) && !inode.precise)) return AROUND
      c.hits++
      return new Replied<O>(makeStats(inode) as Reply<O>)
    },
    reply(value, req: Request<O> & About) {
      // Which inode it is comes for nothing.
      const open = req.fd === undefined || !cache.stableInodes ? undefined : files.byFd.get(req.fd)
      if (open !== undefined && !files.isKnown(open)) {
        const inode = cache.inodeOf(value as Stats)
        if (inode !== undefined) files.identify(open, inode)
      }
      return value
    },
    *around(req: Request<O> & About): Around<O> {
      c.misses++
      const precise = precisely(req)
      const r = yield* walker.walk(req.path, follows(req), 'inode', precise, req.dentry !== undefined)
      if (r === RAW) return yield* attempt(op, req)
      if (!r.exists) return r.failed ?? NOENT
      const { inode: met } = r
      if (met !== undefined && cache.knows(met) && (!precise || met.precise)) return cache.replyOf(met) as Reply<O>
      const t = cache.stamp
      const at = cache.clock.read()
      const out = yield* attempt(op, req)
      if (out instanceof Failed || !cache.stableInodes) return out
      const inode = cache.inodeOf(out as Stats)
      if (inode !== undefined && cache.freshAt(r.name, t)) cache.keepAttrs(inode, out as Stats, t, at, precise)
      return out
    },
  }
}

/** Where to keep another of several facts that end together: as soon as the first of them does. */
const accessOf = (inode: Inode, now: number, until: number): (Failed | null | undefined)[] => {
  if (inode.access === undefined || now >= inode.accessUntil) {
    inode.access = []
    inode.accessUntil = until
  }
  inode.accessUntil = Math.min(inode.accessUntil, until)
  return inode.access
}
const xattrsOf = (inode: Inode, now: number, until: number): Map<string, Buffer | Failed> => {
  if (inode.xattrs === undefined || now >= inode.xattrsUntil) {
    inode.xattrNames = undefined
    inode.xattrs = new Map()
    inode.xattrsUntil = until
  }
  inode.xattrsUntil = Math.min(inode.xattrsUntil, until)
  return inode.xattrs
}

/** Writing to a file takes its capability away: what is kept of that is forgotten when the file is closed. */
const strips = (c: Cache, inode: Inode, name: string): boolean =>
  (inode.hidden > 0 || c.cache.doubted > 0) && name.startsWith('security.')

export const reads = (c: Cache): ExtensionMap => ({
  resolve: {
    request(req, cx) {
      if (c.isForeign(cx)) return NEXT
      const r = c.walker.found(req.path, req.dentry, req.follow)
      if (r === undefined) return AROUND
      c.hits++
      return r.failed ?? r
    },
    *around(req): Around<'resolve'> {
      c.misses++
      const r = yield* c.walker.walk(req.path, req.follow, 'name', false, req.dentry !== undefined)
      if (r === RAW) return yield* attempt('resolve', req)
      return r.failed ?? r
    },
  },

  lookup: getattr<'lookup'>(c, 'lookup', () => false),
  getattr: getattr<'getattr'>(c, 'getattr', (req) => req.follow),

  readlink: onInode(c, 'readlink', () => false, {
    kept(inode, r) {
      if (r !== undefined && !r.isLink) return INVAL
      if (inode.target === undefined || c.time >= inode.targetUntil) return undefined
      return new Replied<'readlink'>(inode.target)
    },
    keep(inode, target, until) {
      inode.target = target
      inode.targetUntil = until
      c.cache.reweigh(inode)
    },
  }),

  access: onInode(c, 'access', () => true, {
    kept(inode, _r, req) {
      if (req.mask === 0) return DONE
      const known = c.time < inode.accessUntil ? inode.access?.[req.mask] : undefined
      return known === null ? DONE : known
    },
    keep(inode, _nothing, until, req) {
      accessOf(inode, c.time, until)[req.mask] = null
    },
    keepFailed(inode, failed, until, req) {
      if (DENIED.has(failed.errno)) accessOf(inode, c.time, until)[req.mask] = failed
    },
  }),

  opendir: onInode(c, 'opendir', () => true, {
    kept: (inode) =>
      inode.listing !== undefined && c.time < inode.listingUntil ? new Replied<'opendir'>(undefined) : undefined,
  }),

  readdir: onInode(c, 'readdir', () => true, {
    reads: true,
    kept(inode) {
      if (inode.listing === undefined || c.time >= inode.listingUntil) return undefined
      const entries: Entry[] = []
      for (const [name, type] of inode.listing) entries.push({ name, type })
      return new Replied<'readdir'>(entries)
    },
    keep(inode, entries, until) {
      inode.listing = new Map(entries.map(({ name, type }) => [name, type]))
      inode.listingUntil = until
      c.cache.reweigh(inode)
    },
  }),

  getxattr: onInode(c, 'getxattr', (req) => req.follow, {
    kept(inode, _r, req) {
      if (c.time >= inode.xattrsUntil || strips(c, inode, req.name)) return undefined
      const known = inode.xattrs?.get(req.name)
      if (known === undefined || known instanceof Failed) return known
      return new Replied<'getxattr'>(Buffer.from(known))
    },
    keep(inode, value, until, req) {
      xattrsOf(inode, c.time, until).set(req.name, Buffer.from(value))
      c.cache.reweigh(inode)
    },
    keepFailed(inode, failed, until, req) {
      if (!LASTING.has(failed.errno)) return
      xattrsOf(inode, c.time, until).set(req.name, failed)
      c.cache.reweigh(inode)
    },
  }),

  listxattr: onInode(c, 'listxattr', (req) => req.follow, {
    kept(inode) {
      if (c.time >= inode.xattrsUntil || strips(c, inode, 'security.')) return undefined
      const known = inode.xattrNames
      if (known === undefined || known instanceof Failed) return known
      return new Replied<'listxattr'>([...known])
    },
    keep(inode, names, until) {
      xattrsOf(inode, c.time, until)
      inode.xattrNames = [...names]
      c.cache.reweigh(inode)
    },
    keepFailed(inode, failed, until) {
      if (!LASTING.has(failed.errno)) return
      xattrsOf(inode, c.time, until)
      inode.xattrNames = failed
    },
  }),
})
