/** Open files: the lower's keep their descriptors, the upper's have virtual ones. */
import { Buffer } from 'node:buffer'
import {
  type Asking,
  attempt,
  attemptOn,
  Failed,
  fail,
  O_ACCMODE,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_TRUNC,
  R_OK,
  type Reply,
  type Request,
  S_IFREG,
  VIRTUAL_FD,
  virtualFd,
  W_OK,
} from '../../lib/layer.js'
import { locked, make } from './names.js'
import type { Node, Open } from './node.js'
import { FOLLOW, NAME, STAY, type Tree } from './tree.js'

const EEXIST = fail('EEXIST')
const EISDIR = fail('EISDIR')
const ELOOP = fail('ELOOP')
const ENOENT = fail('ENOENT')
const ENOTDIR = fail('ENOTDIR')
const CHUNK = 1 << 20

type OnFdOp = 'read' | 'write' | 'fsync' | 'fallocate' | 'lseek' | 'release'

export class Files {
  /** Files of the upper, by virtual descriptor. */
  readonly opens = new Map<number, Open>()
  /** Files of the lower, which may be copied up while they are open. */
  readonly lowers = new Map<number, Node>()

  constructor(readonly tree: Tree) {}

  /** Whether a descriptor is one of the upper's. */
  isOurs(fd: number | undefined): boolean {
    return fd !== undefined && fd >= VIRTUAL_FD && this.opens.has(fd)
  }

  #keep(fd: number, node: Node): number {
    const virtual = virtualFd()
    this.opens.set(virtual, { fd, node })
    return virtual
  }

  *open(req: Request<'open'>): Asking<number | Failed> {
    const place = yield* this.tree.walk(req.path, (req.flags & O_NOFOLLOW) === 0 ? FOLLOW : STAY)
    if (place instanceof Failed) return place
    return place.node === undefined ? ENOENT : yield* this.#openNode(req, place.node)
  }

  *#openNode(req: Request<'open'>, node: Node): Asking<number | Failed> {
    const { tree } = this
    const { flags, mode } = req
    const pathOnly = O_PATH !== 0 && (flags & O_PATH) !== 0
    if (node.isLink && !pathOnly) return ELOOP
    if ((flags & O_DIRECTORY) !== 0 && !node.isDirectory) return ENOTDIR
    const access = flags & O_ACCMODE
    const writes = !pathOnly && (access !== 0 || (flags & O_TRUNC) !== 0)
    if (writes && node.isDirectory) return EISDIR
    if (writes && node.isFile && !node.upper) {
      const mask = (access === 1 ? 0 : R_OK) | W_OK
      const may = yield* this.access(node, mask)
      if (may instanceof Failed) return may
      const failed = yield* locked(tree, tree.copyUp(node, (flags & O_TRUNC) === 0))
      if (failed !== undefined) return failed
    }
    if (node.upper) {
      if ((flags & O_TRUNC) !== 0) node.version++
      const fd = yield* attemptOn(tree.upper, 'open', { path: tree.at(node), flags, mode })
      return fd instanceof Failed ? fd : this.#keep(fd, node)
    }
    const fd = yield* attempt('open', { path: node.lower as string, flags, mode })
    if (fd instanceof Failed) return fd
    this.lowers.set(fd, node)
    return fd
  }

  /** Whether the caller may: by the permissions of what is there. That the lower is not written does not matter. */
  *access(node: Node, mask: number): Asking<Failed | undefined> {
    const { tree } = this
    if (node.upper) return (yield* attemptOn(tree.upper, 'access', { path: tree.at(node), mask })) as Failed | undefined
    const said = yield* attempt('access', { path: node.lower as string, mask })
    return said instanceof Failed && said.errno !== 'EROFS' ? said : undefined
  }

  *create(req: Request<'create'>): Asking<number | Failed> {
    const { tree } = this
    const exclusive = (req.flags & O_EXCL) !== 0
    const mode = exclusive || (req.flags & O_NOFOLLOW) !== 0 ? STAY : FOLLOW
    const place = yield* tree.walk(req.path, req.path.endsWith('/') ? NAME : mode)
    if (place instanceof Failed) return place
    const { node } = place
    const isName = place.name !== '' && place.name !== '.' && place.name !== '..'
    if (place.slash || !isName) return exclusive && !place.slash ? EEXIST : EISDIR
    if (node !== undefined) {
      if (exclusive) return EEXIST
      if (node.isDirectory) return EISDIR
      return yield* this.#openNode({ ...req, flags: req.flags & ~O_CREAT }, node)
    }
    const fd = yield* locked(tree, this.#make(req))
    return fd === undefined ? yield* this.create(req) : fd
  }

  /** undefined: it is there meanwhile. */
  *#make(req: Request<'create'>): Asking<number | Failed | undefined> {
    const { tree } = this
    // Somebody may have made it while this one waited for its turn.
    const place = yield* tree.walk(req.path, (req.flags & O_EXCL) === 0 ? FOLLOW : STAY)
    if (place instanceof Failed) return place
    if (place.node !== undefined) return undefined
    let fd: number | Failed = ENOENT
    const { upper } = tree
    const { flags, mode } = req
    const node = yield* make(tree, place, S_IFREG, function* (path) {
      fd = yield* attemptOn(upper, 'create', { path, flags, mode })
      return fd
    })
    if (node instanceof Failed) return node
    return this.#keep(fd as unknown as number, node)
  }

  *tmpfile(req: Request<'tmpfile'>): Asking<number | Failed> {
    const { tree } = this
    const node = yield* tree.find(req.path, true)
    if (node instanceof Failed) return node
    if (!node.isDirectory) return ENOTDIR
    const failed = yield* locked(tree, tree.copyUp(node))
    if (failed !== undefined) return failed
    const { flags, mode } = req
    const fd = yield* attemptOn(tree.upper, 'tmpfile', { path: tree.at(node), flags, mode })
    return fd instanceof Failed ? fd : this.#keep(fd, node)
  }

  /** A request on a descriptor of the upper. */
  *forward<O extends OnFdOp>(op: O, req: Request<O>): Asking<Reply<O> | Failed> {
    const open = this.opens.get(req.fd) as Open
    if (op === 'release') this.opens.delete(req.fd)
    else if (op === 'write' || op === 'fallocate') open.node.version++
    return yield* attemptOn(this.tree.upper, op, { ...req, fd: open.fd, file: undefined })
  }

  /** Between any two files: where both are the upper's, it may have a way of its own. */
  *copy(req: Request<'copy_file_range'>): Asking<number | Failed> {
    const from = this.opens.get(req.fd)
    const to = this.opens.get(req.fdOut)
    const { upper } = this.tree
    if (to !== undefined) to.node.version++
    if (from !== undefined && to !== undefined) {
      const fds = { fd: from.fd, file: undefined, fdOut: to.fd, fileOut: undefined }
      return yield* attemptOn(upper, 'copy_file_range', { ...req, ...fds })
    }
    const buffer = Buffer.allocUnsafe(Math.min(req.length, CHUNK))
    const part = { buffer, offset: 0, length: buffer.length, position: req.offset }
    const { fd, file } = req
    const length =
      from === undefined
        ? yield* attempt('read', { fd, file, ...part })
        : yield* attemptOn(upper, 'read', { fd: from.fd, ...part })
    if (length instanceof Failed || length === 0) return length
    const rest = { buffer, offset: 0, length, position: req.offsetOut }
    if (to !== undefined) return yield* attemptOn(upper, 'write', { fd: to.fd, ...rest })
    return yield* attempt('write', { fd: req.fdOut, file: req.fileOut, ...rest })
  }
}
