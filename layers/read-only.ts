/** Nothing below changes. */
import { closed, decodeOptions } from '../lib/codec/options.js'
import {
  AROUND,
  type Around,
  attempt,
  type Extension,
  type ExtensionMap,
  Failed,
  fail,
  type Layer,
  layer,
  NEXT,
  O_CREAT,
  O_EXCL,
  O_TRUNC,
  type Op,
  type Path,
  S_IFDIR,
  S_IFMT,
  W_OK,
  type WriteOp,
} from '../lib/layer.js'

const O_WRONLY = 0o1
const O_RDWR = 0o2
const WRITING = O_WRONLY | O_RDWR | O_TRUNC
const EBUSY = fail('EBUSY')
const EEXIST = fail('EEXIST')
const EISDIR = fail('EISDIR')
const EINVAL = fail('EINVAL')
const ENOTDIR = fail('ENOTDIR')
const ENOTEMPTY = fail('ENOTEMPTY')
const MOVING = [EBUSY, EBUSY, EBUSY]
const NO_FILE = [EISDIR, EISDIR, EISDIR]
const ENOENT = fail('ENOENT')
const EROFS = fail('EROFS')

export interface ReadOnlyLayer extends Layer {
  /** `refused`: requests that were answered EROFS. */
  stats(): { refused: number }
}

/**
 * Every request that could change what is below is refused with EROFS, as on a filesystem that is mounted read-only; and as
 * there, a path that leads nowhere is ENOENT (ENOTDIR, ELOOP …) first, and making what is there already is EEXIST.
 * Opening for reading works, also with O_CREAT where the file is there. Below a passthrough layer it agrees to every file:
 * none was opened for writing.
 * @throws {ConfigError} for any option: it has none
 */
export const readOnly = (options?: Readonly<Record<string, never>>): ReadOnlyLayer => {
  decodeOptions('readOnly', closed({}, {}, 'no options'), options)
  let refused = 0
  const refuse = () => {
    refused++
    return EROFS
  }

  /** Refuses to take a name away, as soon as its directory is known to be there; `.`, `..` and `/` are no names. */
  function* nameless(path: Path, [root, dot, dots]: readonly Failed[], other?: Failed): Around<Op> {
    if (path === '') return ENOENT
    const bare = path.replace(/\/+$/, '')
    const at = bare.lastIndexOf('/') + 1
    const name = bare.slice(at)
    const parent = yield* attempt('getattr', { path: bare.slice(0, at) || '/', follow: true, precise: false })
    if (parent instanceof Failed) return parent
    if ((parent.mode & S_IFMT) !== S_IFDIR) return ENOTDIR
    return name === '' ? root : name === '.' ? dot : name === '..' ? dots : (other ?? refuse())
  }
  /** Refuses to make a name. */
  function* newName(path: Path, isDirectory: boolean): Around<Op> {
    const bare = path.replace(/(?<=[^/])\/+$/, '')
    const there = yield* attempt('resolve', { path: bare, follow: false })
    if (there instanceof Failed) return there
    if (there.exists) return EEXIST
    return path.endsWith('/') && !isDirectory ? ENOENT : refuse()
  }
  /** Refuses a change of what is there. */
  function* change(req: { path: Path; follow: boolean; fd?: number | undefined }, truncates: boolean): Around<Op> {
    if (req.fd !== undefined) return refuse()
    const { path, follow } = req
    const stats = yield* attempt('getattr', { path, follow, precise: false })
    if (stats instanceof Failed) return stats
    return truncates && (stats.mode & S_IFMT) === S_IFDIR ? EISDIR : refuse()
  }
  const making = { around: ({ path }: { path: Path }) => newName(path, false) as never }
  const changing = {
    around: (req: { path: Path; follow: boolean; fd?: number | undefined }) => change(req, false) as never,
  }
  const always = { request: refuse }
  // The type demands an extension for each opcode that writes: none can be forgotten.
  const guard: { readonly [O in WriteOp]: Extension<O> } = {
    symlink: making,
    mknod: making,
    mkdir: { around: ({ path }) => newName(path, true) as never },
    link: {
      *around({ path, newPath }) {
        const there = yield* attempt('resolve', { path, follow: false })
        if (there instanceof Failed) return there
        return there.exists ? ((yield* newName(newPath, false)) as Failed) : ENOENT
      },
    },
    unlink: { around: ({ path }) => nameless(path, NO_FILE) as never },
    rmdir: { around: ({ path }) => nameless(path, [EBUSY, EINVAL, ENOTEMPTY]) as never },
    rename: {
      *around({ path, newPath }) {
        const old = (yield* nameless(path, MOVING)) as Failed
        if (old.errno === 'ENOENT' || old.errno === 'ENOTDIR') return old
        const target = (yield* nameless(newPath, MOVING)) as Failed
        return target === EROFS ? old : target
      },
    },
    setattr: { around: (req) => change(req, req.set.size !== undefined) as never },
    setxattr: changing,
    removexattr: changing,
    write: always,
    fallocate: always,
    copy_file_range: always,
    tmpfile: always,
    open: {
      *around(req) {
        const stats = yield* attempt('getattr', { path: req.path, follow: true, precise: false })
        if (stats instanceof Failed) return stats
        return (stats.mode & S_IFMT) === S_IFDIR ? EISDIR : refuse()
      },
      request: ({ flags }) => ((flags & WRITING) === 0 ? NEXT : AROUND),
    },
    create: {
      *around(req) {
        const exclusive = (req.flags & O_EXCL) !== 0
        if (/\/\.{0,2}$/.test(req.path)) {
          const refused = exclusive && !req.path.endsWith('/') ? EEXIST : EISDIR
          return (yield* nameless(`${req.path}/`, [refused, refused, refused], refused)) as Failed
        }
        const there = yield* attempt('resolve', { path: req.path, follow: !exclusive })
        if (there instanceof Failed) return there
        if (!there.exists) return refuse()
        if (exclusive) return EEXIST
        const stats = yield* attempt('getattr', { path: req.path, follow: true, precise: false })
        if (stats instanceof Failed) return stats
        if ((stats.mode & S_IFMT) === S_IFDIR) return EISDIR
        if ((req.flags & WRITING) !== 0) return refuse()
        return yield* attempt('open', { ...req, flags: req.flags & ~O_CREAT })
      },
    },
  }
  const extensions: ExtensionMap = {
    ...guard,
    access: {
      request: ({ mask }) => ((mask & W_OK) === 0 ? NEXT : AROUND),
      *around({ path }) {
        const stats = yield* attempt('getattr', { path, follow: true, precise: false })
        return stats instanceof Failed ? stats : refuse()
      },
    },
  }
  const stats = () => ({ refused })
  return layer('readOnly', extensions, {
    pinned: true,
    consents: true,
    stats,
    offload: { readOnly: true },
  }) as ReadOnlyLayer
}
