/** One mount's state, and what every request's handler uses of it. */
import type { Caller, Context } from '../context.js'
import { syncPlan } from '../driver/sync.js'
import { errnoNumber, errnoText } from '../errno.js'
import type { Exchange } from '../exchange.js'
import type { Native } from '../native/index.js'
import { OPS, type Op, type Reply, type Request, type Stats } from '../op.js'
import { Failed } from '../verdict.js'
import { INIT_FLAGS } from './abi.js'
import { AbsentXattrs } from './absent-xattrs.js'
import { putStats } from './attr.js'
import { type Asks, Backing } from './backing.js'
import { encodeInPlace } from './encode.js'
import { isPlain } from './forget.js'
import { type Handle, Handles } from './handles.js'
import { CallerIds, MountCaller } from './identity.js'
import { MAX_WRITE } from './init.js'
import { type Inode, InodeTable } from './inode-table.js'
import { ATTR_OUT, ENTRY_OUT, OPEN_OUT } from './layout.js'
import { Near } from './near.js'
import type { Knobs } from './offload.js'
import type { ReadAround } from './read-around.js'
import type { InitOut } from './reply.js'
import { REPLY, type RequestWire, setU64, Wire } from './wire.js'

type Ask = (req: Request<Op>, cx: Context) => Reply<Op> | Failed

/** What a request is about: a path, or an open file where there is no name any more. */
export interface Target {
  readonly path: string
  readonly fd: number | undefined
  readonly file: Handle['file']
}

export const ROOT: Target = { path: '/', fd: undefined, file: undefined }
/** The request for what stat(2) shows of it, exactly. */
export const attributesOf = ({ path, fd, file }: Target): Request<'getattr'> => ({
  path,
  fd,
  file,
  dentry: undefined,
  follow: false,
  precise: true,
})

/** Seconds as the kernel has them. */
class Valid {
  readonly seconds: number
  readonly nanoseconds: number
  constructor(valid: number) {
    this.seconds = Math.min(Math.floor(valid), 0xffffffff)
    this.nanoseconds = this.seconds < 0xffffffff ? Math.floor((valid - this.seconds) * 1e9) : 0
  }
}

export interface SessionOptions {
  readonly knobs: Knobs
  /** undefined: files do not get their callers' ids, and nothing is passed through. */
  readonly native: Native | undefined
  /** The mount's own place, where this thread would find itself: what is looked up there is refused. */
  readonly own?: OwnPlace | undefined
  /** Files are made as their caller. Default true. */
  readonly takesIds?: boolean
}
export interface OwnPlace {
  /** The directory's, as stat(2) has them. */
  readonly dev: number
  readonly ino: number
  readonly name: string
}

export class Session {
  readonly table: InodeTable
  readonly handles = new Handles()
  /** Where replies are written: a header and the largest READ. */
  out = new Wire(Buffer.allocUnsafeSlow(REPLY + MAX_WRITE + 4096))
  readonly knobs: Knobs
  readonly native: Native | undefined
  /** Who is asking. */
  cx: Context
  readonly ids: CallerIds | undefined
  backing: Backing | undefined
  /** Whether the kernel reports what a change owes: FUSE_HANDLE_KILLPRIV_V2. */
  killpriv = false
  posixAcl = false
  /** Whether directories are listed without having been opened: FUSE_NO_OPENDIR_SUPPORT. */
  noOpendir = false
  /** Whether answers come later: what is not a request's cannot be asked for. */
  readonly waits: boolean = false
  readonly absentXattrs: AbsentXattrs | undefined
  /** Lists what is asked for name by name; undefined: nobody does. */
  around: ReadAround | undefined
  /** Whether the kernel can be told to look a name up anew without losing what is in use under it. */
  expires = false
  /** What layers have forgotten by themselves and the kernel is to be told; undefined: everything. */
  readonly forgotten: (string | undefined)[] = []
  /** They are told from outside. */
  isForgetting = false
  /** The directories that are held below. */
  readonly near = new Near(this)
  /** The directory that the file is in whose attributes were asked for last. */
  askedIn: Inode | undefined
  /** Told of each directory that the kernel keeps something of; undefined: nobody watches. */
  onLook: ((path: string) => void) | undefined
  /** Whether what was made without a name can be given one: the lower can, and no layer is in the way. */
  readonly linksFiles: boolean
  /** Whether a change of owner reaches a kernel that takes set-id bits away by itself. */
  readonly chownKills: boolean
  readonly entryValid: Valid
  readonly attrValid: Valid
  readonly negativeValid: Valid
  readonly #ops: { readonly [O in Op]: Ask }
  /** Who asked last, and who before. */
  #caller: Caller
  #callerBefore: Caller
  readonly #own: OwnPlace | undefined

  constructor(
    readonly x: Exchange,
    { knobs, native, own, takesIds = true }: SessionOptions,
  ) {
    const { capabilities } = x.lower
    this.table = new InodeTable(capabilities.stableInodes, (fd) => this.close(fd))
    this.knobs = knobs
    this.native = native
    this.#own = own
    const ops: { [O in Op]?: Ask } = {}
    for (const op of OPS) ops[op] = syncPlan(x, op)
    this.#ops = ops as { readonly [O in Op]: Ask }
    this.#caller = x.caller
    this.#callerBefore = x.caller
    this.cx = x.context(x.caller)
    const isRoot = process.geteuid?.() === 0
    const takes = takesIds && isRoot && capabilities.kernelFiles === true
    this.ids = native !== undefined && takes ? new CallerIds(native) : undefined
    this.absentXattrs = knobs.killpriv && knobs.attrTtl > 0 ? new AbsentXattrs(knobs.attrTtl * 1000) : undefined
    const plain = x.layers.every(isPlain)
    this.linksFiles = capabilities.linksFiles === true && plain
    this.chownKills = capabilities.kernelFiles === true && plain
    this.entryValid = new Valid(knobs.entryTtl)
    this.attrValid = new Valid(knobs.attrTtl)
    this.negativeValid = new Valid(knobs.negativeTtl)
  }

  /**
   * Before the mount: the root's own numbers.
   * @throws {Error} where the stack does not answer for it, now and at once
   */
  prepare(): void | Promise<void> {
    const stats = this.stats(ROOT)
    if (stats instanceof Failed) throw unmountable(this.x, stats)
    this.adoptRoot(stats)
  }
  adoptRoot({ dev, ino }: Stats): void {
    this.table.root.dev = dev
    this.table.root.ino = ino
  }

  /** After INIT. @param device the mount's */
  begin({ flags }: InitOut, device: number): void {
    this.killpriv = (flags & INIT_FLAGS.FUSE_HANDLE_KILLPRIV_V2) !== 0n
    this.posixAcl = (flags & INIT_FLAGS.FUSE_POSIX_ACL) !== 0n
    this.noOpendir = (flags & INIT_FLAGS.FUSE_NO_OPENDIR_SUPPORT) !== 0n
    this.expires = (flags & INIT_FLAGS.FUSE_HAS_EXPIRE_ONLY) !== 0n
    if ((flags & INIT_FLAGS.FUSE_PASSTHROUGH) !== 0n && this.native !== undefined) {
      const asks: Asks = {
        stats: ({ fd, file }) => this.stats({ path: file?.path ?? '', fd, file }),
        read: ({ fd, file }, buffer, offset, length) =>
          this.ask('read', { fd, file, buffer, offset, length, position: 0 }),
      }
      this.backing = new Backing(this.native, device, this.knobs.keepCache ? asks : undefined)
    }
  }

  /** Whether `name` in `dir` is where the mount is: to ask what is there would be to wait for oneself. */
  isOwn(dir: Inode, name: string): boolean {
    const own = this.#own
    return own !== undefined && dir.ino === own.ino && name === own.name && dir.dev === own.dev
  }

  /** Before the kernel is told of anything in `dir`. */
  looked(dir: Inode): void {
    if (this.onLook === undefined || dir.watched) return
    const path = this.table.pathOf(dir)
    if (path === undefined) return
    dir.watched = true
    dir.missed = []
    this.onLook(path)
  }

  /** What is asked from now on is the session's own. */
  asSelf(): void {
    this.cx = this.x.context(this.x.caller)
  }

  /** Before a request is handled. */
  setCaller(wire: RequestWire): void {
    this.near.expire()
    this.cx = { caller: this.#callerOf(wire), epoch: this.x.epoch, depth: 0 }
  }

  #callerOf(wire: RequestWire): Caller {
    const { uid, gid, pid } = wire
    const last = this.#caller
    if (last.uid === uid && last.gid === gid && last.pid === pid) return last
    // What a program has closed comes up without its name, in between.
    const before = this.#callerBefore
    this.#callerBefore = last
    this.#caller =
      before.uid === uid && before.gid === gid && before.pid === pid
        ? before
        : Object.freeze(new MountCaller(uid, gid, pid, this.knobs.defaultPermissions))
    return this.#caller
  }

  ask<O extends Op>(op: O, req: Request<O>): Reply<O> | Failed {
    return this.#ops[op](req, this.cx) as Reply<O> | Failed
  }

  /** Below, and for good. */
  close(fd: number): void {
    this.ask('release', { fd, file: this.x.files.get(fd) })
  }

  /** For what makes files: so that they are the caller's. */
  askAsCaller<O extends Op>(wire: RequestWire, op: O, req: Request<O>): Reply<O> | Failed {
    this.ids?.assume(wire)
    try {
      return this.ask(op, req)
    } finally {
      this.ids?.resume(wire)
    }
  }

  /** Where to ask about an inode; undefined where it has neither a name nor an open file: ESTALE makes the kernel look it up anew. */
  target(inode: Inode): Target | undefined {
    const path = this.table.pathOf(inode)
    if (path !== undefined) return { path, fd: undefined, file: undefined }
    const handle = inode.handles?.find(({ fd }) => fd !== -1)
    if (handle !== undefined) return { path: '', fd: handle.fd, file: handle.file }
    const { ghost } = inode
    return ghost === undefined ? undefined : { path: '', fd: ghost, file: this.x.files.get(ghost) }
  }
  /** The same by the number of an open file, where the request has one. */
  opened(handle: Handle): Target {
    return { path: this.table.pathOf(handle.inode) ?? '', fd: handle.fd, file: handle.file }
  }
  stats(target: Target): Stats | Failed {
    return this.ask('getattr', attributesOf(target))
  }

  /** The number that stat(2) shows. */
  ino(inode: Inode, stats: Stats): number {
    return this.table.stable ? stats.ino : inode.id
  }

  /** Whoever has changed it may have changed its extended attributes. */
  #met(inode: Inode, { ctimeMs }: Stats): void {
    if (inode.ctimeMs === ctimeMs) return
    inode.ctimeMs = ctimeMs
    this.absentXattrs?.forget(inode)
  }

  /** Counts one lookup. */
  putEntry(at: number, inode: Inode, stats: Stats): void {
    const { view } = this.out
    inode.nlookup++
    this.#met(inode, stats)
    inode.uid = stats.uid
    inode.gid = stats.gid
    setU64(view, at + ENTRY_OUT.nodeid, inode.id)
    setU64(view, at + ENTRY_OUT.generation, inode.generation)
    this.#putValid(at + ENTRY_OUT.entry_valid, at + ENTRY_OUT.entry_valid_nsec, this.entryValid)
    this.#putValid(at + ENTRY_OUT.attr_valid, at + ENTRY_OUT.attr_valid_nsec, this.attrValid)
    putStats(view, at + ENTRY_OUT.attr, stats, this.ino(inode, stats))
  }
  /** A name that leads nowhere, in a reply of its own or in a listing. */
  putNoEntry(at: number): void {
    this.out.bytes.fill(0, at, at + ENTRY_OUT.SIZE)
    this.#putValid(at + ENTRY_OUT.entry_valid, at + ENTRY_OUT.entry_valid_nsec, this.negativeValid)
  }
  replyEntry(inode: Inode, stats: Stats): number {
    this.putEntry(REPLY, inode, stats)
    return encodeInPlace(this.out, ENTRY_OUT.SIZE)
  }
  replyAttr(inode: Inode, stats: Stats): number {
    const { view } = this.out
    this.#met(inode, stats)
    inode.nlink = stats.nlink
    inode.mode = stats.mode
    inode.uid = stats.uid
    inode.gid = stats.gid
    this.#putValid(REPLY + ATTR_OUT.attr_valid, REPLY + ATTR_OUT.attr_valid_nsec, this.attrValid)
    view.setUint32(REPLY + ATTR_OUT.dummy, 0, true)
    putStats(view, REPLY + ATTR_OUT.attr, stats, this.ino(inode, stats))
    return encodeInPlace(this.out, ATTR_OUT.SIZE)
  }
  putOpen(at: number, fh: number, flags: number, backingId: number): void {
    const { view } = this.out
    setU64(view, at + OPEN_OUT.fh, fh)
    view.setUint32(at + OPEN_OUT.open_flags, flags, true)
    view.setInt32(at + OPEN_OUT.backing_id, backingId, true)
  }

  #putValid(at: number, nsecAt: number, valid: Valid): void {
    const { view } = this.out
    setU64(view, at, valid.seconds)
    view.setUint32(nsecAt, valid.nanoseconds, true)
  }
}

/** Why a stack's root does not answer. */
export const unmountable = ({ lower }: Exchange, { errno }: Failed): Error =>
  new Error(`the root of '${lower.name}' cannot be mounted: ${errno}, ${errnoText(errno)}`)

/** A failure as the negative errno that a handler answers. */
export const refused = (failed: Failed): number => -errnoNumber(failed.errno)
