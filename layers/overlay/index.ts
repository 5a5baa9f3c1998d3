/** overlay: what is written goes to another filesystem, and the lower stays as it is. */
import { absolutePath, closed, decodeOptions, filesystem, flag, positiveInteger } from '../../lib/codec/options.js'
import {
  AROUND,
  type Asking,
  attempt,
  attemptOn,
  type Extension,
  type ExtensionMap,
  Failed,
  fail,
  type Layer,
  layer,
  NEXT,
  O_ACCMODE,
  O_TRUNC,
  type Op,
  type OtherFs,
  type Path,
  type Reply,
  type Request,
  type Site,
} from '../../lib/layer.js'
import { Files } from './files.js'
import { isOwnXattr } from './marks.js'
import { link, locked, mkdir, mknod, rename, resolve, rmdir, symlink, unlink } from './names.js'
import type { Node } from './node.js'
import { Tree } from './tree.js'

export interface OverlayOptions {
  /** Takes every change: an object shaped like node:fs, with nothing in it or what an overlay left there. Default: memory. */
  readonly upper?: object | undefined
  /** Where on the upper its tree is: an absolute path of a directory that exists. Default `'/'`. */
  readonly dir?: string | undefined
  /**
   * Directories of the lower may be renamed, as the kernel's redirect_dir=on. Default true; false: EXDEV, as where the
   * kernel does not, and programs then copy.
   */
  readonly redirect?: boolean | undefined
  /** Spellings of paths that are kept. Default 65536. */
  readonly maxEntries?: number | undefined
}
export interface Overlay extends Layer {
  /** `copiedUp`: files and directories; `copiedBytes`: of their contents; `whiteouts`: names that were hidden. */
  stats(): Record<string, number>
}

const codec = closed(
  {},
  { upper: filesystem, dir: absolutePath, redirect: flag, maxEntries: positiveInteger },
  "overlay's options",
)

/** What lib/overlay.ts needs of an overlay: its tree, once it has a stack. */
const trees = new WeakMap<Layer, () => Tree>()
export const overlayTree = (of: Layer): Tree | undefined => trees.get(of)?.()

const ENODATA = fail('ENODATA')

/**
 * Every change goes to `upper`; the lower is only read. Where a name is not on the upper, the lower's is seen; what is
 * deleted is hidden by a whiteout; directories that are on both are merged; a file is copied up as a whole when it is first
 * written, or its attributes changed, or it is linked or renamed. As with the kernel's overlayfs,
 *
 * - a hard link of the lower is broken when one of its names is copied up;
 * - the lower, and the upper's tree, must not be changed by others meanwhile: what was seen of them is kept;
 * - a file that was open for reading before it was copied up keeps reading what it opened;
 * - `dev` and `ino` stay through a copy-up.
 *
 * RENAME_EXCHANGE is EINVAL.
 * @throws {ConfigError} for ill-typed and unknown options
 */
export const overlay = (options?: OverlayOptions): Overlay => {
  const { upper: given, dir = '/', redirect = true, maxEntries = 65536 } = decodeOptions('overlay', codec, options)
  let tree: Tree
  let files: Files

  /** What is known to be the lower's alone, by the path it has there, goes on as it is. */
  const untouched = ({ path }: { readonly path: Path }) => {
    const node = tree.paths.get(path)
    return node !== undefined && !node.upper && !node.gone && node.lower === path ? NEXT : AROUND
  }
  /** The same request on the side that the node is on. */
  function* onNode<O extends 'readlink' | 'opendir' | 'getxattr' | 'listxattr'>(
    op: O,
    req: Request<O>,
    node: Node,
  ): Asking<Reply<O> | Failed> {
    if (node.upper) return yield* attemptOn(tree.upper, op, { ...req, path: tree.at(node), dentry: undefined })
    return yield* attempt(op, { ...req, path: node.lower as Path, dentry: undefined })
  }
  /** A request that looks at a path. */
  const looks = <O extends 'lookup' | 'readlink' | 'opendir' | 'readdir' | 'access'>(
    follow: boolean,
    around: (req: Request<O>, node: Node) => Asking<Reply<O> | Failed>,
  ): Extension<O> =>
    ({
      request: untouched,
      *around(req: Request<O>) {
        const node = yield* tree.find(req.path, follow)
        return node instanceof Failed ? node : yield* around(req, node)
      },
    }) as unknown as Extension<O>
  const changes = <O extends Op>(around: (tree: Tree, req: Request<O>) => Asking<unknown>): Extension<O> =>
    ({ around: (req: Request<O>) => locked(tree, around(tree, req)) }) as unknown as Extension<O>
  const onFd = <O extends 'read' | 'write' | 'fsync' | 'fallocate' | 'lseek'>(op: O): Extension<O> =>
    ({
      request: ({ fd }: Request<O>) => (files.isOurs(fd) ? AROUND : NEXT),
      around: (req: Request<O>) => files.forward(op, req),
    }) as unknown as Extension<O>

  interface Either {
    readonly path: Path
    readonly fd?: number | undefined
    readonly follow: boolean
  }
  /** A request that looks at a path or an open file. */
  const looksEither = (req: Either) => {
    const { fd } = req
    if (fd === undefined) return untouched(req)
    return files.isOurs(fd) || files.lowers.get(fd)?.upper === true ? AROUND : NEXT
  }
  /** The node that a request is about, copied up: a change of attributes. `undefined`: the upper's open file. */
  function* changed(req: Either, data: boolean): Asking<Node | undefined | Failed> {
    const { fd } = req
    if (files.isOurs(fd)) return undefined
    const node = fd === undefined ? yield* tree.find(req.path, req.follow) : files.lowers.get(fd)
    if (node === undefined) return fail('EBADF')
    if (node instanceof Failed) return node
    return (yield* locked(tree, tree.copyUp(node, data))) ?? node
  }
  function* change<O extends 'setattr' | 'setxattr' | 'removexattr'>(
    op: O,
    req: Request<O>,
    data: boolean,
  ): Asking<Reply<O> | Failed> {
    const node = yield* changed(req, data)
    if (node instanceof Failed) return node
    if (node === undefined) {
      const open = files.opens.get(req.fd as number)
      if (open !== undefined) open.node.version++
      return yield* attemptOn(tree.upper, op, onUpper(req))
    }
    node.version++
    const there = { path: tree.at(node), fd: undefined, file: undefined, dentry: undefined, follow: !node.isLink }
    return yield* attemptOn(tree.upper, op, { ...req, ...there })
  }
  const onUpper = <R extends Either>(req: R): R => ({
    ...req,
    path: '',
    fd: files.opens.get(req.fd as number)?.fd,
    file: undefined,
  })
  function* xattrs<O extends 'getxattr' | 'listxattr'>(op: O, req: Request<O>): Asking<Reply<O> | Failed> {
    if (files.isOurs(req.fd)) return yield* attemptOn(tree.upper, op, onUpper(req))
    const node = req.fd === undefined ? yield* tree.find(req.path, req.follow) : (files.lowers.get(req.fd) as Node)
    if (node instanceof Failed) return node
    return yield* onNode(op, { ...req, fd: undefined, file: undefined, follow: false }, node)
  }

  const extensions: ExtensionMap = {
    lookup: looks<'lookup'>(false, (req, node) => tree.getattr(node, req.precise === true)),
    readlink: looks<'readlink'>(false, (req, node) => onNode('readlink', req, node)),
    opendir: looks<'opendir'>(true, (req, node) => onNode('opendir', req, node)),
    readdir: looks<'readdir'>(true, (_req, node) => (node.isDirectory ? tree.readdir(node) : refused('ENOTDIR'))),
    access: looks<'access'>(true, (req, node) => files.access(node, req.mask)),
    resolve: { request: resolves, around: (req) => resolve(tree, req) },
    getattr: {
      request: looksEither,
      *around(req) {
        const { fd, precise } = req
        const open = fd === undefined ? undefined : files.opens.get(fd)
        if (open !== undefined) {
          const stats = yield* attemptOn(tree.upper, 'getattr', onUpper(req))
          return stats instanceof Failed ? stats : tree.dress(stats, open.node)
        }
        const node = fd === undefined ? yield* tree.find(req.path, req.follow) : (files.lowers.get(fd) as Node)
        if (node instanceof Failed) return node
        return yield* tree.getattr(node, precise)
      },
    },
    setattr: {
      *around(req) {
        const { fd, set } = req
        if (set.size !== undefined && !files.isOurs(fd)) {
          // Open for reading only: the lower says what that means.
          if (fd !== undefined) return yield* attempt('setattr', req)
          const node = yield* tree.find(req.path, req.follow)
          if (node instanceof Failed) return node
          if (node.isDirectory) return fail('EISDIR')
          const may = yield* files.access(node, 2)
          if (may instanceof Failed) return may
        }
        return yield* change('setattr', req, set.size !== 0)
      },
    },
    setxattr: { around: (req) => (isOwnXattr(req.name) ? refused('EPERM') : change('setxattr', req, true)) },
    removexattr: {
      *around(req) {
        if (isOwnXattr(req.name)) return fail('EPERM')
        // What is not there is not worth a copy.
        const there = files.isOurs(req.fd) ? undefined : yield* xattrs('getxattr', req)
        return there instanceof Failed ? there : yield* change('removexattr', req, true)
      },
    },
    getxattr: {
      request: (req) => (isOwnXattr(req.name) ? ENODATA : looksEither(req)),
      around: (req) => xattrs('getxattr', req),
    },
    listxattr: {
      request: looksEither,
      *around(req) {
        const names = yield* xattrs('listxattr', req)
        return names instanceof Failed ? names : names.filter((name) => !isOwnXattr(name))
      },
    },
    mkdir: changes<'mkdir'>(mkdir),
    mknod: changes<'mknod'>(mknod),
    symlink: changes<'symlink'>(symlink),
    link: changes<'link'>(link),
    unlink: changes<'unlink'>(unlink),
    rmdir: changes<'rmdir'>(rmdir),
    rename: changes<'rename'>((_tree, req) => rename(tree, req, redirect)),
    open: {
      request: (req) => {
        const reads = (req.flags & (O_ACCMODE | O_TRUNC)) === 0
        return reads && untouched(req) === NEXT ? NEXT : AROUND
      },
      around: (req) => files.open(req),
      reply: (fd, req) => {
        const node = files.isOurs(fd) ? undefined : tree.paths.get(req.path)
        if (node !== undefined) files.lowers.set(fd, node)
        return fd
      },
    },
    create: { around: (req) => files.create(req) },
    tmpfile: { around: (req) => files.tmpfile(req) },
    read: onFd('read'),
    write: onFd('write'),
    fsync: onFd('fsync'),
    fallocate: onFd('fallocate'),
    lseek: onFd('lseek'),
    release: {
      request({ fd }) {
        if (files.isOurs(fd)) return AROUND
        files.lowers.delete(fd)
        return NEXT
      },
      around: (req) => files.forward('release', req),
    },
    copy_file_range: {
      request: ({ fd, fdOut }) => (files.isOurs(fd) || files.isOurs(fdOut) ? AROUND : NEXT),
      around: (req) => files.copy(req),
    },
    statfs: {
      *around(req) {
        const node = yield* tree.find(req.path, true)
        if (node instanceof Failed) return node
        return yield* attemptOn(tree.upper, 'statfs', { path: tree.at(tree.root) })
      },
    },
    syncfs: {
      *around(req) {
        const node = yield* tree.find(req.path, true)
        if (node instanceof Failed) return node
        return yield* attemptOn(tree.upper, 'syncfs', { path: tree.at(tree.root) })
      },
    },
    watch: {
      *around(req) {
        const node = yield* tree.find(req.path, true)
        if (node instanceof Failed) return node
        if (!node.upper) return yield* attempt('watch', { ...req, path: node.lower as Path, dentry: undefined })
        const above = yield* attemptOn(tree.upper, 'watch', { ...req, path: tree.at(node), dentry: undefined })
        if (above instanceof Failed || node.lower === undefined) return above
        const below = yield* attempt('watch', { ...req, path: node.lower, dentry: undefined })
        if (below instanceof Failed) return above
        return {
          ...above,
          close() {
            above.close()
            below.close()
          },
        }
      },
    },
  }
  const stats = () => ({ ...tree.counters })
  const made: Layer = layer('overlay', extensions, {
    stateful: true,
    stats,
    consents: ({ fd }) => !files.isOurs(fd),
    attach(site: Site) {
      const upper: OtherFs = site.reach(given)
      const { capabilities, consensus } = site
      const both = capabilities.kernelFiles === true && upper.capabilities.kernelFiles === true && upper.bare === true
      const shares = (fd: number): boolean => {
        const file = both ? site.file(fd) : undefined
        return file !== undefined && consensus(file)
      }
      tree = new Tree(upper, dir === '/' ? '' : dir.replace(/\/+$/, ''), maxEntries, shares)
      files = new Files(tree)
    },
  })
  const out: Overlay = { ...made, stats }
  trees.set(out, () => tree)
  return out

  function resolves(req: Request<'resolve'>) {
    return untouched(req)
  }
}

// biome-ignore lint/correctness/useYield: a generator that asks nothing
function* refused(errno: string): Asking<Failed> {
  return fail(errno)
}
