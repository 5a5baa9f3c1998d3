/**
 * How the upper says what is hidden, opaque or moved. As the kernel's overlayfs where the upper can (Documentation/
 * filesystems/overlayfs.rst: a character device 0/0, trusted.overlay.opaque, trusted.overlay.redirect), so that it can be
 * mounted; else by names, as AUFS and the OCI's image layers do. Both are understood.
 */
import { Buffer } from 'node:buffer'
import { type Asking, attemptOn, Failed, type OtherFs, type Path } from '../../lib/layer.js'
import { join, type Origin } from './node.js'

/** Names that begin so are the overlay's own. */
export const RESERVED = '.wh.'
const OPAQUE_NAME = '.wh..wh..opq'
const REDIRECT_NAME = '.wh..wh.redirect'
export const TEMPORARY = '.wh..wh.tmp.'
const OPAQUE = 'trusted.overlay.opaque'
const REDIRECT = 'trusted.overlay.redirect'
/** What a change began from. Like all of overlay.*, it is not seen through the kernel's mount. */
const ORIGINS = 'overlay.plyfs'
const S_IFCHR = 0o020000
const O_WRONLY_CREAT_EXCL = 0o301
/** Bytes: more than a path, and what is said of it as JSON, can be. */
const MARK_MAX = 32768

export const isOwnXattr = (name: string): boolean =>
  name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.')

export interface Origins {
  readonly origin?: Origin | undefined
  readonly covers?: Origin | undefined
}
/** What is marked: a path's own file, or an open one. */
export interface Target {
  readonly path: Path
  readonly fd?: number
  readonly follow: boolean
}
const NOTHING: Origins = Object.freeze({})

export class Marks {
  #devices = true
  /** The namespace that origins are kept in: `trusted` where this process may. */
  #namespace = 'trusted'
  #xattrs: boolean
  #temporary = 0

  constructor(readonly upper: OtherFs) {
    this.#xattrs = upper.capabilities.xattr
  }

  /** Whether origins outlive this overlay. */
  get keeps(): boolean {
    return this.upper.capabilities.xattr
  }

  temporary(dir: Path): Path {
    return join(dir, `${TEMPORARY}${(++this.#temporary).toString(36)}`)
  }

  /** Notes what a change on the upper began from, where the upper has attributes for that. */
  *keep(to: Target, origins: Origins): Asking<void> {
    if (!this.#xattrs) return
    const value = Buffer.from(JSON.stringify(origins))
    const at = { ...to, value, flags: 0 }
    if (this.#namespace === 'trusted') {
      const set = yield* attemptOn(this.upper, 'setxattr', { ...at, name: `trusted.${ORIGINS}` })
      if (set === undefined) return
      this.#namespace = 'user'
    }
    yield* attemptOn(this.upper, 'setxattr', { ...at, name: `user.${ORIGINS}` })
  }

  *recall(path: Path): Asking<Origins> {
    for (const namespace of this.upper.capabilities.xattr ? ['trusted', 'user'] : []) {
      const kept = yield* attemptOn(this.upper, 'getxattr', { path, follow: false, name: `${namespace}.${ORIGINS}` })
      if (!(kept instanceof Failed)) return parsed(String(kept))
    }
    return NOTHING
  }

  /** What `name`, which is hidden in `dir`, was when it was hidden. */
  *hidden(dir: Path, name: string): Asking<Origin | undefined> {
    const text = yield* this.#text(join(dir, `${RESERVED}${name}`))
    const { covers } = text === undefined ? yield* this.recall(join(dir, name)) : parsed(text)
    return covers
  }

  /** Hides `name` in `dir`. What is there on the upper, a file, is replaced. */
  *hide(dir: Path, name: string, covers: Origin | undefined): Asking<Failed | undefined> {
    const { upper } = this
    const path = join(dir, name)
    if (this.#devices) {
      const temporary = this.temporary(dir)
      const made = yield* attemptOn(upper, 'mknod', { path: temporary, mode: S_IFCHR, rdev: 0 })
      if (made === undefined) {
        yield* this.keep({ path: temporary, follow: false }, { covers })
        return (yield* attemptOn(upper, 'rename', { path: temporary, newPath: path, flags: 0 })) as Failed | undefined
      }
      this.#devices = false
    }
    const marked = yield* this.#note(join(dir, `${RESERVED}${name}`), JSON.stringify({ covers }))
    if (marked !== undefined) return marked
    const taken = yield* attemptOn(upper, 'unlink', { path })
    return taken instanceof Failed && taken.errno !== 'ENOENT' ? taken : undefined
  }

  /** Takes the whiteout of `name` away. */
  *show(dir: Path, name: string): Asking<Failed | undefined> {
    const { upper } = this
    const path = join(dir, name)
    const stats = yield* attemptOn(upper, 'lookup', { path })
    if (!(stats instanceof Failed) && isWhiteout(stats)) {
      return (yield* attemptOn(upper, 'unlink', { path })) as Failed | undefined
    }
    yield* attemptOn(upper, 'unlink', { path: join(dir, `${RESERVED}${name}`) })
    return undefined
  }

  /** Takes only the whiteout by name away: something has been renamed over one that is a device. */
  *shown(dir: Path, name: string): Asking<void> {
    if (!this.#devices) yield* attemptOn(this.upper, 'unlink', { path: join(dir, `${RESERVED}${name}`) })
  }

  *makeOpaque(dir: Path): Asking<Failed | undefined> {
    return yield* this.#mark(dir, OPAQUE, 'y', OPAQUE_NAME)
  }
  *redirect(dir: Path, to: Path): Asking<Failed | undefined> {
    return yield* this.#mark(dir, REDIRECT, to, REDIRECT_NAME)
  }

  /** What `dir`, whose listing is `names`, says of itself: it shows nothing of the lower, or that of another path. */
  *read(dir: Path, names: ReadonlySet<string>): Asking<{ opaque: boolean; redirect: string | undefined }> {
    let redirect = names.has(REDIRECT_NAME) ? yield* this.#text(join(dir, REDIRECT_NAME)) : undefined
    let opaque = names.has(OPAQUE_NAME)
    for (const prefix of this.#xattrs ? ['trusted', 'user'] : []) {
      const name = (what: string) => ({ path: dir, follow: false, name: `${prefix}.overlay.${what}` })
      const answer = yield* attemptOn(this.upper, 'getxattr', name('opaque'))
      if (!(answer instanceof Failed) && String(answer) === 'y') opaque = true
      const to = yield* attemptOn(this.upper, 'getxattr', name('redirect'))
      if (!(to instanceof Failed)) redirect ??= String(to)
    }
    return { opaque, redirect }
  }

  *#mark(dir: Path, name: string, value: string, file: string): Asking<Failed | undefined> {
    if (this.#xattrs) {
      const request = { path: dir, follow: false, name, value: Buffer.from(value), flags: 0 }
      const set = yield* attemptOn(this.upper, 'setxattr', request)
      if (set === undefined) return undefined
      this.#xattrs = false
    }
    return yield* this.#note(join(dir, file), value)
  }

  *#note(path: Path, text: string): Asking<Failed | undefined> {
    const { upper } = this
    const fd = yield* attemptOn(upper, 'create', { path, flags: O_WRONLY_CREAT_EXCL, mode: 0o600 })
    if (fd instanceof Failed) return fd.errno === 'EEXIST' ? undefined : fd
    const buffer = Buffer.from(text)
    const written = yield* attemptOn(upper, 'write', { fd, buffer, offset: 0, length: buffer.length, position: 0 })
    yield* attemptOn(upper, 'release', { fd })
    return written instanceof Failed ? written : undefined
  }

  *#text(path: Path): Asking<string | undefined> {
    const fd = yield* attemptOn(this.upper, 'open', { path, flags: 0, mode: 0 })
    if (fd instanceof Failed) return undefined
    const buffer = Buffer.alloc(MARK_MAX)
    const length = yield* attemptOn(this.upper, 'read', { fd, buffer, offset: 0, length: MARK_MAX, position: 0 })
    yield* attemptOn(this.upper, 'release', { fd })
    return length instanceof Failed ? undefined : buffer.toString('utf8', 0, length)
  }
}

export const isWhiteout = (stats: { readonly mode: number; readonly rdev: number }): boolean =>
  (stats.mode & 0o170000) === S_IFCHR && stats.rdev === 0

/** An upper is what somebody else may have written to: what is no mark of ours says nothing. */
const parsed = (text: string): Origins => {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' ? value : NOTHING
  } catch {
    return NOTHING
  }
}
