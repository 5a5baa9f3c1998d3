/** Opcodes on the contents of files. Their paths, where they have any, are those below. */
import { Buffer } from 'node:buffer'
import {
  AROUND,
  type Around,
  attempt,
  callOn,
  type ExtensionMap,
  Failed,
  fail,
  NEXT,
  O_ACCMODE,
  O_NOFOLLOW,
  O_PATH,
  O_WRONLY,
  type Request,
  S_IFMT,
  S_IFREG,
  type Stats,
} from '../../lib/layer.js'
import { sizeAbove } from './chunks.js'
import type { Below, Coder, Contents, Steps } from './contents.js'
import { FileLock, Turn } from './lock.js'

const EBADF = fail('EBADF')
const EINVAL = fail('EINVAL')
const ENOTSUP = fail('ENOTSUP')
const ENXIO = fail('ENXIO')
const O_RDONLY = 0
const O_RDWR = 2
const O_APPEND = 0o2000
const SEEK_DATA = 3
const SEEK_HOLE = 4
const COPY = 1 << 20
type Opening = 'open' | 'create' | 'tmpfile'

interface Open {
  readonly contents: Contents
  readonly access: number
  readonly appends: boolean
  /** Of reads and writes that name no position. */
  offset: number
}

/** The same memory as bytes. */
const bytesOf = (view: NodeJS.ArrayBufferView, offset: number, length: number): Buffer =>
  Buffer.from(view.buffer, view.byteOffset + offset, length)

export class OpenFiles {
  readonly open = new Map<number, Open>()
  /** By device and inode; by descriptor where those say nothing. */
  readonly #contents = new Map<string, Contents>()
  stableInodes = false
  /** Of all files, where it is not known which of them are the same. */
  readonly #lock = new FileLock()
  constructor(readonly coder: Coder) {}

  /** What to say of a file's size: how much is in it. */
  shown(stats: Stats): Stats {
    if ((stats.mode & S_IFMT) === S_IFREG) stats.size = sizeAbove(stats.size, this.coder.chunkBytes)
    return stats
  }
  #contentsOf(fd: number, { dev, ino }: Stats): Contents {
    const name = this.stableInodes ? `${dev}:${ino}` : String(fd)
    let contents = this.#contents.get(name)
    if (contents === undefined) {
      contents = { name, lock: this.stableInodes ? new FileLock() : this.#lock, opens: 0, file: undefined }
      this.#contents.set(name, contents)
    }
    contents.opens++
    return contents
  }
  forget(fd: number): void {
    const open = this.open.get(fd)
    if (open === undefined || !this.open.delete(fd)) return
    const { contents } = open
    contents.opens--
    if (contents.opens === 0 && this.#contents.get(contents.name) === contents) this.#contents.delete(contents.name)
  }

  /** A chunk is read before it is changed, and what is appended goes to the end of what is in it. */
  *opening<O extends Opening>(op: O, req: Request<O>): Around<O> {
    const access = req.flags & O_ACCMODE
    const flags = (access === O_WRONLY ? (req.flags & ~O_ACCMODE) | O_RDWR : req.flags) & ~O_APPEND
    const fd = yield* attempt(op, { ...req, flags })
    if (fd instanceof Failed || (req.flags & O_PATH) !== 0) return fd
    const stats = yield* attempt('getattr', { path: '', fd: fd as number, follow: true, precise: false })
    if (stats instanceof Failed) {
      yield* attempt('release', { fd: fd as number })
      return stats
    }
    if ((stats.mode & S_IFMT) !== S_IFREG) return fd
    this.forget(fd as number)
    const contents = this.#contentsOf(fd as number, stats)
    if (stats.size === 0) contents.file = undefined
    const appends = (req.flags & O_APPEND) !== 0
    this.open.set(fd as number, { contents, access, appends, offset: 0 })
    return fd
  }

  /** One after the other with whoever else reads or writes the file through this stack. */
  *#during<T>(on: Below, exclusive: boolean, steps: Steps<T>): Steps<T> {
    const { lock } = on.contents
    yield* callOn(new Turn(lock, exclusive), 'syncfs', { path: '/' })
    try {
      return yield* steps
    } finally {
      lock.leave(exclusive)
    }
  }

  *read(req: Request<'read'>): Around<'read'> {
    const open = this.open.get(req.fd)
    if (open === undefined || open.access === O_WRONLY) return EBADF
    const on: Below = { fd: req.fd, file: req.file, contents: open.contents }
    const at = req.position === null ? open.offset : Number(req.position)
    const target = bytesOf(req.buffer, req.offset, req.length)
    const out = yield* this.#during(on, false, this.coder.read(on, target, at))
    if (req.position === null && !(out instanceof Failed)) open.offset = at + out
    return out
  }
  *write(req: Request<'write'>): Around<'write'> {
    const open = this.open.get(req.fd)
    if (open === undefined || open.access === O_RDONLY) return EBADF
    if (req.length === 0) return 0
    const on: Below = { fd: req.fd, file: req.file, contents: open.contents }
    const data = bytesOf(req.buffer, req.offset, req.length)
    const failed = yield* this.#during(on, true, this.#place(on, open, data, req.position))
    return failed instanceof Failed ? failed : data.length
  }
  *#place(on: Below, open: Open, data: Buffer, position: number | null): Steps<void> {
    const at = open.appends ? yield* this.coder.size(on) : (position ?? open.offset)
    if (at instanceof Failed) return at
    const failed = yield* this.coder.write(on, data, at)
    if (!(failed instanceof Failed) && position === null) open.offset = at + data.length
    return failed
  }

  *setattr(req: Request<'setattr'>): Around<'setattr'> {
    const { size, ...set } = req.set
    if (size === undefined) return yield* attempt('setattr', req)
    if (size < 0) return EINVAL
    const failed = yield* req.fd === undefined ? this.#truncate(req, size) : this.#ftruncate(req.fd, req, size)
    if (failed instanceof Failed || Object.keys(set).length === 0) return failed
    return yield* attempt('setattr', { ...req, set })
  }
  *#ftruncate(fd: number, req: Request<'setattr'>, size: number): Steps<void> {
    const open = this.open.get(fd)
    if (open === undefined) return yield* attempt('setattr', req)
    if (open.access === O_RDONLY) return EINVAL
    const on: Below = { fd, file: req.file, contents: open.contents }
    return yield* this.#during(on, true, this.coder.resize(on, size))
  }
  *#truncate(req: Request<'setattr'>, size: number): Steps<void> {
    const { path, dentry, follow } = req
    const stats = yield* attempt('getattr', { path, dentry, follow, precise: false })
    if (stats instanceof Failed) return stats
    // The lower says what is wrong with it.
    if ((stats.mode & S_IFMT) !== S_IFREG) return yield* attempt('setattr', req)
    const flags = O_RDWR | (follow ? 0 : O_NOFOLLOW)
    const fd = yield* this.opening('open', { path, dentry, flags, mode: 0 })
    if (fd instanceof Failed) return fd
    try {
      return yield* this.#ftruncate(fd, { path: '', fd, follow: true, set: { size } }, size)
    } finally {
      this.forget(fd)
      yield* attempt('release', { fd })
    }
  }
  /** There are no holes: what was never written is encrypted zeros. */
  *fallocate(req: Request<'fallocate'>): Around<'fallocate'> {
    const open = this.open.get(req.fd)
    if (open === undefined || open.access === O_RDONLY) return EBADF
    if (req.mode !== 0) return ENOTSUP
    const on: Below = { fd: req.fd, file: req.file, contents: open.contents }
    const grown = this.#atLeast(on, req.offset + req.length)
    return yield* this.#during(on, true, grown)
  }
  *#atLeast(on: Below, size: number): Steps<void> {
    const now = yield* this.coder.size(on)
    if (now instanceof Failed) return now
    return now >= size ? undefined : yield* this.coder.resize(on, size)
  }
  *lseek({ fd, file, offset, whence }: Request<'lseek'>): Around<'lseek'> {
    const open = this.open.get(fd)
    if (open === undefined) return EBADF
    if (whence !== SEEK_DATA && whence !== SEEK_HOLE) return EINVAL
    const size = yield* this.coder.size({ fd, file, contents: open.contents })
    if (size instanceof Failed) return size
    if (offset < 0 || offset >= size) return ENXIO
    return whence === SEEK_DATA ? offset : size
  }
  *copy(req: Request<'copy_file_range'>): Around<'copy_file_range'> {
    const buffer = Buffer.allocUnsafe(Math.min(req.length, COPY))
    const { fd, file, fdOut, fileOut } = req
    const length = yield* this.read({ fd, file, buffer, offset: 0, length: buffer.length, position: req.offset })
    if (length instanceof Failed || length === 0) return length
    return yield* this.write({ fd: fdOut, file: fileOut, buffer, offset: 0, length, position: req.offsetOut })
  }

  /** By opcode. */
  hooks(): ExtensionMap {
    const known = ({ fd }: { readonly fd?: number | undefined }) =>
      fd === undefined || !this.open.has(fd) ? NEXT : AROUND
    return {
      open: { around: (req) => this.opening('open', req) },
      create: { around: (req) => this.opening('create', req) },
      tmpfile: { around: (req) => this.opening('tmpfile', req) },
      read: { request: known, around: (req) => this.read(req) },
      write: { request: known, around: (req) => this.write(req) },
      fallocate: { request: known, around: (req) => this.fallocate(req) },
      lseek: { request: known, around: (req) => this.lseek(req) },
      copy_file_range: { around: (req) => this.copy(req) },
      setattr: { request: ({ set }) => (set.size === undefined ? NEXT : AROUND), around: (req) => this.setattr(req) },
      release: {
        request: ({ fd }) => {
          this.forget(fd)
          return NEXT
        },
      },
      lookup: { reply: (stats) => this.shown(stats) },
      getattr: { reply: (stats) => this.shown(stats) },
    }
  }
}
