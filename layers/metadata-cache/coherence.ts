/** The opcodes that change something. */
import {
  AROUND,
  type Around,
  type Asking,
  attempt,
  Call,
  type Context,
  type Dentry,
  type Extension,
  type ExtensionMap,
  Failed,
  hardened,
  NEXT,
  O_ACCMODE,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_TRUNC,
  type Op,
  type Reply,
  type Request,
  S_IFDIR,
  S_IFLNK,
} from '../../lib/layer.js'
import { RAW, type Want } from './asking.js'
import { Change, type Scope } from './change.js'
import { type Inode, type Name, NEGATIVE, POSITIVE, typeOf } from './entries.js'
import type { Cache } from './state.js'

const S_IFREG = 0o100000
const NOENT = Failed.of('ENOENT')
const NOWHERE: Scope = { space: true }

export const coherence = (c: Cache): ExtensionMap => {
  const { cache, walker, files } = c

  /** As far as it is known at once; see `locate`. */
  const near = (path: string, dentry: Dentry | undefined, follow: boolean, want: Want): Name | undefined =>
    cache.stableInodes ? walker.near(path, dentry, follow, want) : undefined

  /** The dentry that a request is about; undefined where that cannot be told; why its path leads to none. */
  function* locate(
    path: string,
    dentry: Dentry | undefined,
    follow: boolean,
    want: Want,
    cx: Context,
  ): Asking<Name | Failed | undefined> {
    if (cache.isEmpty || !cache.stableInodes) return undefined
    const known = walker.near(path, dentry, follow, want)
    if (known !== undefined) return known
    if (c.isForeign(cx)) return undefined
    const r = yield* walker.walk(path, follow && dentry === undefined, want, false, dentry !== undefined)
    if (r === RAW || !cache.holds(r.name)) return undefined
    return r.failed ?? r.name
  }
  hardened(locate)
  /** Where no inode is known to have two names, one that is not kept under this name is not kept at all. */
  const wanted = (): Want => (cache.sawLinks ? 'inode' : 'parent')

  /** A request that should fail as its path did. Where it does not, something was changed from outside. */
  function* doomed<O extends Op>(op: O, req: Request<O>, failed: Failed): Around<O> {
    const change = new Change(cache, NOWHERE)
    let out: Reply<O> | Failed | undefined
    try {
      out = yield* attempt(op, req)
      return out
    } finally {
      change.end()
      if (!(out instanceof Failed) || out.errno !== failed.errno) cache.clear()
    }
  }
  hardened(doomed)

  // One generator and one request: what a change costs is paid by programs that do nothing else.
  function* perform<O extends Op>(
    op: O,
    req: Request<O>,
    scope: Scope | undefined,
    after?: (out: Reply<O>, at: number) => void,
  ): Around<O> {
    const change = new Change(cache, scope)
    const at = after === undefined ? 0 : cache.clock.read()
    try {
      const out = (yield new Call(op, req) as unknown as Call<Op>) as Reply<O> | Failed
      if (change.end() && !(out instanceof Failed)) after?.(out, at)
      return out
    } finally {
      change.end()
    }
  }
  hardened(perform)

  /** A change of one name, which `want` says how well to know. */
  const ofName = <O extends 'unlink' | 'rmdir' | 'mkdir' | 'mknod' | 'symlink'>(
    op: O,
    want: () => Want,
    change: (req: Request<O>, name: Name) => Around<O>,
  ): Extension<O> => {
    function* far(req: Request<O>, cx: Context): Around<O> {
      const name = yield* locate(req.path, req.dentry, false, want(), cx)
      if (name instanceof Failed) return yield* doomed(op, req, name)
      return yield* name === undefined ? perform(op, req, undefined) : change(req, name)
    }
    hardened(far)
    return {
      around(req: Request<O>, cx: Context): Around<O> {
        if (cache.isEmpty) return perform(op, req, undefined)
        const name = near(req.path, req.dentry, false, want())
        return name === undefined ? far(req, cx) : change(req, name)
      },
    }
  }

  const moves = (name: Name): boolean => name.state !== NEGATIVE && (name.type === 0 || isTurn(name.type))
  const nowhere = (name: Name, at: number): void => cache.setNegative(name, at + cache.limits.negativeTtlMs)
  const there = (name: Name, type: number, inode: Inode | undefined, at: number): void =>
    cache.setPositive(name, type, inode, at + cache.limits.ttlMs)

  const removal = <O extends 'unlink' | 'rmdir'>(op: O): Extension<O> =>
    ofName(op, wanted, (req, name) =>
      perform(op, req, { names: [name], space: moves(name), links: name.inode === undefined }, (_out, at) =>
        nowhere(name, at),
      ),
    )

  const making = <O extends 'mkdir' | 'mknod' | 'symlink'>(op: O, type: (req: Request<O>) => number): Extension<O> =>
    ofName(
      op,
      () => 'parent',
      (req, name) =>
        perform(op, req, { names: [name], adds: true }, (_out, at) => there(name, type(req), undefined, at)),
    )

  /** The inode of an open file that this layer did not see opened, or has not told yet. */
  function* inodeOf(fd: number): Asking<Inode | undefined> {
    const known = files.inodeOf(fd)
    if (known !== undefined) return known
    if (cache.isEmpty || !cache.stableInodes) return undefined
    const stats = yield* attempt('getattr', { path: '', fd, follow: true, precise: false })
    return stats instanceof Failed ? undefined : cache.inodeOf(stats)
  }
  hardened(inodeOf)

  /** @param governs whether it may change who may do what */
  const setting = <O extends 'setattr' | 'setxattr' | 'removexattr'>(
    op: O,
    governs: (req: Request<O>) => boolean,
  ): Extension<O> => {
    /** Who may not search a directory is told nothing of what is beneath it. */
    const shuts = (req: Request<O>, inode: Inode | undefined): boolean => {
      if (inode === undefined || typeOf(inode.mode) !== S_IFDIR || !governs(req)) return false
      cache.forgetBelow(inode)
      return true
    }
    return {
      *around(req: Request<O> & Request<'listxattr'>, cx: Context): Around<O> {
        if (req.fd !== undefined) {
          const inode = yield* inodeOf(req.fd)
          return yield* perform(op, req, inode && { inodes: [inode], space: shuts(req, inode) })
        }
        const name = yield* locate(req.path, req.dentry, req.follow, 'inode', cx)
        if (name instanceof Failed) return yield* doomed(op, req, name)
        const inode = name?.inode
        return yield* perform(op, req, name && { of: [name], inodes: [inode], space: shuts(req, inode) })
      },
    }
  }
  const isSystems = ({ name }: { readonly name: string }): boolean => !name.startsWith('user.')

  /** What was opened here is not kept while it is open; what was not is changed as from outside, but knowingly. */
  const writing = <O extends 'write' | 'fallocate' | 'copy_file_range'>(
    op: O,
    fdOf: (req: Request<O>) => number,
  ): Extension<O> => ({
    request: (req: Request<O>) => (files.byFd.has(fdOf(req)) ? NEXT : AROUND),
    *around(req: Request<O>): Around<O> {
      const inode = yield* inodeOf(fdOf(req))
      return yield* perform(op, req, inode && { inodes: [inode] })
    },
  })

  const writes = (flags: number): boolean => (flags & O_ACCMODE) !== 0 || (flags & O_TRUNC) !== 0
  const follows = (req: Request<'open'>): boolean =>
    req.dentry === undefined &&
    (req.flags & O_NOFOLLOW) === 0 &&
    ((req.flags & O_CREAT) === 0 || (req.flags & O_EXCL) === 0)

  const isExclusive = (flags: number): boolean => (flags & O_CREAT) !== 0 && (flags & O_EXCL) !== 0
  // A name that nobody has looked at may be a link that leads elsewhere, unless it must not be there at all.
  const wantedBy = (flags: number): Want => (isExclusive(flags) ? 'parent' : 'inode')

  /** Opens what changes by being opened, or can be changed then. `name`: what is opened, as far as it is known. */
  function* open<O extends 'open' | 'create'>(op: O, req: Request<O>, name: Name | undefined): Around<O> {
    const { flags } = req
    const creates = (flags & O_CREAT) !== 0
    const fresh = name !== undefined && creates && (isExclusive(flags) || name.state === NEGATIVE)
    // What is made is not what had the name before, and may be on its way out.
    const before = fresh ? undefined : name?.inode
    let scope: Scope | undefined
    if (name === undefined) scope = creates || (flags & O_TRUNC) !== 0 ? undefined : {}
    else scope = fresh ? { names: [name], adds: true } : { of: [name], inodes: [before], adds: true }
    const change = new Change(cache, scope)
    const { at } = cache.clock
    try {
      const fd = (yield new Call(op, req) as unknown as Call<Op>) as number | Failed
      const alone = change.end()
      if (fd instanceof Failed) return fd
      if (name !== undefined && fresh) there(name, S_IFREG, undefined, at)
      // Else the name may have led elsewhere when the request arrived.
      const inode = alone ? before : undefined
      files.opened(fd, writes(flags), inode, req.dentry, alone && fresh)
      return fd as Reply<O>
    } finally {
      change.end()
    }
  }
  hardened(open)
  const opening = <O extends 'open' | 'create'>(op: O): Extension<O> => {
    function* far(req: Request<O>, cx: Context): Around<O> {
      const name = yield* locate(req.path, req.dentry, follows(req), wantedBy(req.flags), cx)
      if (!(name instanceof Failed)) return yield* open(op, req, name)
      const fd = yield* doomed(op, req, name)
      if (!(fd instanceof Failed)) files.opened(fd as number, writes(req.flags), undefined, req.dentry)
      return fd
    }
    hardened(far)
    /** What was opened in vain before may well be missing still: looks first, and knows it from then on. */
    function* again(req: Request<O>): Around<O> {
      const r = yield* walker.walk(req.path, follows(req), 'inode', false, req.dentry !== undefined)
      if (r === RAW) return yield* open(op, req, undefined)
      if (r.exists) return yield* open(op, req, cache.holds(r.name) ? r.name : undefined)
      c.misses++
      return r.failed ?? NOENT
    }
    hardened(again)
    const changes = (flags: number): boolean => writes(flags) || (flags & O_CREAT) !== 0
    return {
      request(req: Request<O>, cx: Context) {
        if ((req.flags & O_CREAT) === 0 && !c.isForeign(cx)) {
          const r = cache.isEmpty ? undefined : walker.known(req.path, req.dentry, follows(req))
          if (r?.exists === false) {
            c.hits++
            return r.failed ?? NOENT
          }
          if (r === undefined && walker.isMissed(req.path)) return AROUND
        }
        if (changes(req.flags)) return AROUND
        if (files.opening++ === 0) {
          files.openingSince = cache.stamp
          files.openingAt = cache.clock.at
        }
        return NEXT
      },
      reply(fd: Reply<O>, req: Request<O>) {
        files.opening--
        const name = cache.isEmpty ? undefined : near(req.path, req.dentry, follows(req), 'inode')
        // The name may have led elsewhere when the request arrived.
        const isSure = name !== undefined && cache.freshAt(name, files.openingSince)
        files.opened(fd as number, false, isSure ? name.inode : undefined, req.dentry)
        return fd
      },
      error(errno, req: Request<O>, cx: Context) {
        files.opening--
        if (errno === 'ENOENT' && !c.isForeign(cx)) {
          walker.missed(req.path, follows(req), files.openingSince, files.openingAt)
        }
        return NEXT
      },
      around(req: Request<O>, cx: Context): Around<O> {
        if (!changes(req.flags)) return again(req)
        if (cache.isEmpty) return open(op, req, undefined)
        const name = near(req.path, req.dentry, follows(req), wantedBy(req.flags))
        return name === undefined ? far(req, cx) : open(op, req, name)
      },
    }
  }

  return {
    unlink: removal('unlink'),
    rmdir: removal('rmdir'),
    mkdir: making('mkdir', () => S_IFDIR),
    mknod: making('mknod', (req) => typeOf(req.mode) || S_IFREG),
    symlink: making('symlink', () => S_IFLNK),

    link: {
      *around(req, cx): Around<'link'> {
        const name = yield* locate(req.path, req.dentry, false, wanted(), cx)
        if (name instanceof Failed) return yield* doomed('link', req, name)
        const made = yield* locate(req.newPath, req.newDentry, false, 'parent', cx)
        if (made instanceof Failed) return yield* doomed('link', req, made)
        if (name === undefined || made === undefined) return yield* perform('link', req, undefined)
        const links = name.inode === undefined
        return yield* perform('link', req, { names: [made], of: [name], inodes: [name.inode], links })
      },
    },

    rename: {
      *around(req, cx): Around<'rename'> {
        const from = yield* locate(req.path, req.dentry, false, wanted(), cx)
        if (from instanceof Failed) return yield* doomed('rename', req, from)
        const to = yield* locate(req.newPath, req.newDentry, false, wanted(), cx)
        if (to instanceof Failed) return yield* doomed('rename', req, to)
        if (from === undefined || to === undefined || from === to) return yield* perform('rename', req, undefined)
        const { type, inode } = from
        const lives = from.state === POSITIVE && cache.clock.at < from.until
        // Two names of one file: rename(2) then does nothing.
        const apart =
          type === S_IFDIR ||
          (to.state === NEGATIVE && cache.clock.at < to.until) ||
          (inode !== undefined && to.inode !== undefined && inode !== to.inode)
        const scope = {
          names: [from, to],
          space: moves(from) || moves(to),
          links: inode === undefined || (to.state !== NEGATIVE && to.inode === undefined),
        }
        return yield* perform('rename', req, scope, (_out, at) => {
          if (req.flags !== 0 || !apart || !lives) return
          there(to, type, inode, at)
          nowhere(from, at)
        })
      },
    },

    setattr: setting('setattr', ({ set }) => set.mode !== undefined || set.uid !== undefined || set.gid !== undefined),
    setxattr: setting('setxattr', isSystems),
    removexattr: setting('removexattr', isSystems),

    open: opening('open'),
    create: opening('create'),
    tmpfile: {
      reply(fd, req) {
        files.opened(fd, true, undefined, req.dentry, true)
        return fd
      },
    },
    write: writing('write', (req) => req.fd),
    fallocate: writing('fallocate', (req) => req.fd),
    copy_file_range: writing('copy_file_range', (req) => req.fdOut),

    release: {
      request(req) {
        if (files.mayHaveChanged(req.fd)) return AROUND
        files.closing(req.fd, req)
        return NEXT
      },
      *around(req): Around<'release'> {
        yield* files.identifyBeforeClose(req.fd)
        files.closing(req.fd, req)
        try {
          return yield* attempt('release', req)
        } finally {
          files.released(req)
        }
      },
      reply(value, req) {
        files.released(req)
        return value
      },
      error(_errno, req) {
        files.released(req)
        return NEXT
      },
    },
  }
}

const isTurn = (type: number): boolean => type === S_IFDIR || type === S_IFLNK
