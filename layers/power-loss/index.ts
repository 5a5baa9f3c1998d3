/** powerLoss: what would be left if the power went now, for tests of what a program promises. */
import { Buffer } from 'node:buffer'
import { closed, decodeOptions, positiveInteger, wholeNumber } from '../../lib/codec/options.js'
import {
  AROUND,
  type Around,
  type Asking,
  attempt,
  type ExtensionMap,
  Failed,
  fail,
  type Layer,
  layer,
  NEXT,
  O_EXCL,
  O_NOFOLLOW,
  O_TRUNC,
  type Path,
  type Request,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '../../lib/layer.js'
import { type DiskImage, imageOf } from './image.js'
import { type DirNode, type FileNode, type Node, newDir, newFile, Shadow } from './shadow.js'

export type { DiskImage, ImageEntry, ImageTarget } from './image.js'

export interface PowerLossOptions {
  /** The first image's seed; each further one has the next. Default 1. */
  readonly seed?: number | undefined
  /** What is written to the disk together, or not. Default 4096. */
  readonly pageBytes?: number | undefined
  /** The most that may be in the lower, since it is kept in memory, too. Default 67108864; beyond it, requests are EFBIG. */
  readonly maxBytes?: number | undefined
}
export interface PowerLoss extends Layer {
  /**
   * What the disk may hold if the power goes now. The stack goes on as if nothing had happened.
   * @param seed which of the many possible; default: the next
   */
  image(seed?: number): DiskImage
  /** Changes until now, and how many of them are not synced. */
  stats(): { changes: number; pending: number }
}

interface Open {
  readonly node: Node
  offset: number
  readonly appends: boolean
}
const codec = closed(
  {},
  { seed: wholeNumber, pageBytes: positiveInteger, maxBytes: positiveInteger },
  "powerLoss's options",
)
const EFBIG = fail('EFBIG')
const O_APPEND = 0o2000
const RENAME_EXCHANGE = 2
const CHUNK = 1 << 20
const join = (dir: Path, name: string): Path => (dir === '/' ? `/${name}` : `${dir}/${name}`)

/**
 * Remembers what was synced and what was not: `fsync` of a file keeps its data, of a directory its names, `syncfs` all; a file
 * made and synced is still gone where its directory was not synced. What is there when the first change comes counts
 * as synced; all changes have to come through here.
 * @throws {ConfigError} for ill-typed and unknown options
 */
export const powerLoss = (options?: PowerLossOptions): PowerLoss => {
  const { seed: first = 1, pageBytes = 4096, maxBytes = 1 << 26 } = decodeOptions('powerLoss', codec, options)
  const shadow = new Shadow()
  const open = new Map<number, Open>()
  let next = first
  let changes = 0
  let loaded = false
  let bytes = 0

  function* load(dir: DirNode, path: Path): Asking<Failed | undefined> {
    const entries = yield* attempt('readdir', { path })
    if (entries instanceof Failed) return entries
    for (const { name } of entries) {
      const at = join(path, name)
      const node = yield* loadOne(at)
      if (node instanceof Failed) return node
      if (node === undefined) continue
      dir.synced.set(name, node)
      dir.now.set(name, node)
      const failed = node.type === 'dir' ? yield* load(node, at) : undefined
      if (failed !== undefined) return failed
    }
    return undefined
  }
  function* loadOne(path: Path): Asking<Node | Failed | undefined> {
    const stats = yield* attempt('lookup', { path })
    if (stats instanceof Failed) return stats
    const mode = stats.mode & 0o7777
    const type = stats.mode & S_IFMT
    if (type === S_IFDIR) return newDir(mode)
    if (type === S_IFLNK) {
      const target = yield* attempt('readlink', { path })
      return target instanceof Failed ? target : { type: 'link', target }
    }
    if (type !== S_IFREG) return undefined
    bytes += stats.size
    if (bytes > maxBytes) return EFBIG
    const fd = yield* attempt('open', { path, flags: 0, mode: 0 })
    if (fd instanceof Failed) return fd
    const node = newFile(mode)
    const data = Buffer.alloc(stats.size)
    for (let at = 0; at < data.length; ) {
      const length = Math.min(CHUNK, data.length - at)
      const out = yield* attempt('read', { fd, buffer: data, offset: at, length, position: at })
      if (out instanceof Failed || out === 0) break
      at += out
    }
    yield* attempt('release', { fd })
    node.synced = data
    node.size = data.length
    return node
  }
  function* ready(): Asking<Failed | undefined> {
    if (loaded) return undefined
    loaded = true
    const failed = yield* load(shadow.root, '/')
    if (failed !== undefined) loaded = false
    return failed
  }

  /** The directory that a name is in, and the name: as they are before the request. */
  function* nameAt(path: Path, follow: boolean): Asking<{ dir: DirNode; name: string } | undefined> {
    const bare = path.replace(/(?<=[^/])\/+$/, '')
    const found = yield* attempt('resolve', { path: bare, follow })
    if (found instanceof Failed) return undefined
    const at = found.path
    const cut = at.lastIndexOf('/')
    const dir = shadow.find(at.slice(0, cut))
    return dir?.type === 'dir' ? { dir, name: at.slice(cut + 1) } : undefined
  }
  function* naming<O extends 'mkdir' | 'symlink' | 'mknod' | 'unlink' | 'rmdir'>(op: O, req: Request<O>): Around<O> {
    const failed = yield* ready()
    if (failed !== undefined) return failed
    const at = yield* nameAt(req.path, false)
    const out = yield* attempt(op, req)
    if (out instanceof Failed || at === undefined) return out
    changes++
    const { mode = 0 } = req as { mode?: number }
    const node: Node | undefined =
      op === 'mkdir'
        ? newDir(mode & 0o7777)
        : op === 'symlink'
          ? { type: 'link', target: (req as Request<'symlink'>).target }
          : op === 'mknod'
            ? newFile(mode & 0o7777)
            : undefined
    shadow.rename([{ ...at, node }])
    return out
  }
  function* moving(op: 'link' | 'rename', req: Request<'rename'>): Around<'rename'> {
    const failed = yield* ready()
    if (failed !== undefined) return failed
    const from = yield* nameAt(req.path, false)
    const to = yield* nameAt(req.newPath, false)
    const out = yield* attempt(op, req)
    if (out instanceof Failed || from === undefined || to === undefined) return out
    const node = from.dir.now.get(from.name)
    const other = to.dir.now.get(to.name)
    // Two names of one file: rename(2) does nothing.
    if (node === undefined || (node === other && op === 'rename')) return out
    changes++
    const exchanged = op === 'rename' && (req.flags & RENAME_EXCHANGE) !== 0
    const made = { ...to, node }
    shadow.rename(op === 'link' ? [made] : [{ ...from, node: exchanged ? other : undefined }, made])
    return out
  }
  function* opening<O extends 'open' | 'create'>(op: O, req: Request<O>): Around<O> {
    const failed = yield* ready()
    if (failed !== undefined) return failed
    const at = yield* nameAt(req.path, (req.flags & (O_NOFOLLOW | O_EXCL)) === 0)
    const fd = yield* attempt(op, req)
    if (fd instanceof Failed) return fd
    let node = at?.name === '' ? shadow.root : at?.dir.now.get(at.name)
    if (node === undefined && at !== undefined && op === 'create') {
      changes++
      node = newFile(req.mode & 0o7777)
      shadow.rename([{ ...at, node }])
    }
    if (node === undefined) return fd
    if (node.type === 'file' && (req.flags & O_TRUNC) !== 0) {
      changes++
      shadow.resize(node, 0)
    }
    open.set(fd as number, { node, offset: 0, appends: (req.flags & O_APPEND) !== 0 })
    return fd
  }
  const fileOf = (fd: number | undefined): FileNode | undefined => {
    const node = fd === undefined ? undefined : open.get(fd)?.node
    return node?.type === 'file' ? node : undefined
  }
  /** The node that a request is on: of an open file, or of a name. */
  function* nodeOf(path: Path, fd: number | undefined, follow: boolean): Asking<Node | undefined> {
    if (fd !== undefined) return open.get(fd)?.node
    const at = yield* nameAt(path, follow)
    return at === undefined ? undefined : at.name === '' ? shadow.root : at.dir.now.get(at.name)
  }
  const extensions: ExtensionMap = {
    mkdir: { around: (req) => naming('mkdir', req) },
    symlink: { around: (req) => naming('symlink', req) },
    mknod: { around: (req) => naming('mknod', req) },
    unlink: { around: (req) => naming('unlink', req) },
    rmdir: { around: (req) => naming('rmdir', req) },
    link: { around: (req) => moving('link', req as Request<'rename'>) },
    rename: { around: (req) => moving('rename', req) },
    open: { around: (req) => opening('open', req) },
    create: { around: (req) => opening('create', req) },
    setattr: {
      *around(req) {
        const failed = yield* ready()
        if (failed !== undefined) return failed
        const node = yield* nodeOf(req.path, req.fd, req.follow)
        const out = yield* attempt('setattr', req)
        if (out instanceof Failed || node === undefined) return out
        const { size, mode } = req.set
        if (node.type === 'file' && size !== undefined) {
          changes++
          shadow.resize(node, size)
        }
        // Modes are kept as they are: what may be lost of them destroys no data.
        if (mode !== undefined && node.type !== 'link') node.mode = mode & 0o7777
        return out
      },
    },
    read: {
      reply(length, { fd, position }) {
        const opened = open.get(fd)
        if (opened !== undefined && position === null) opened.offset += length
        return length
      },
    },
    write: {
      reply(length, { fd, buffer, offset, position }) {
        const opened = open.get(fd)
        if (opened?.node.type !== 'file' || length === 0) return length
        const at = opened.appends ? opened.node.size : (position ?? opened.offset)
        if (position === null) opened.offset = at + length
        changes++
        // A copy: the caller may use its buffer again.
        shadow.write(opened.node, at, Buffer.from(Buffer.from(buffer.buffer, buffer.byteOffset + offset, length)))
        return length
      },
    },
    // The caller then reads and writes by itself, and is seen.
    copy_file_range: { request: () => fail('EXDEV') },
    fallocate: {
      request: ({ fd }) => (fileOf(fd) === undefined ? NEXT : AROUND),
      *around(req) {
        const out = yield* attempt('fallocate', req)
        const node = fileOf(req.fd)
        if (!(out instanceof Failed) && node !== undefined && req.mode === 0) {
          shadow.resize(node, Math.max(node.size, req.offset + req.length))
        }
        return out
      },
    },
    fsync: {
      reply(value, { fd }) {
        const node = open.get(fd)?.node
        if (node !== undefined) shadow.sync(node)
        return value
      },
    },
    syncfs: {
      reply(value) {
        shadow.syncAll()
        return value
      },
    },
    release: {
      request: ({ fd }) => {
        open.delete(fd)
        return NEXT
      },
    },
  }
  const stats = () => ({ changes, pending: shadow.pending.length })
  const image = (seed = next++): DiskImage => imageOf(shadow, seed, pageBytes)
  return { ...layer('powerLoss', extensions, { stateful: true, consents: false, stats }), stats, image }
}
