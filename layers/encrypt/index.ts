/** encrypt: what is below is ciphertext. */
import * as t from 'io-ts'
import { ConfigError } from '../../lib/codec/error.js'
import { closed, decodeOptions, flag } from '../../lib/codec/options.js'
import {
  AROUND,
  type Around,
  attempt,
  type ExtensionMap,
  Failed,
  fail,
  forward,
  type Layer,
  layer,
  NEXT,
  OP,
  OPS,
  type Op,
  type OpInfo,
  type Path,
  pathBytes,
  type Request,
  S_IFLNK,
  S_IFMT,
  type Stats,
} from '../../lib/layer.js'
import { Coder } from './contents.js'
import { Keys } from './keys.js'
import { Names } from './names.js'
import { OpenFiles } from './open-files.js'

export interface EncryptOptions {
  /** 32 bytes, as a Uint8Array, 64 hexadecimal digits, or base64. It is not shown in any message. */
  readonly key: Uint8Array | string
  /** Bytes that are encrypted together: the least that is read and written below. Default 16384. */
  readonly chunkBytes?: number | undefined
  /** Names, and the targets of symbolic links, are encrypted too. Default false. */
  readonly names?: boolean | undefined
}
export interface Encrypt extends Layer {
  /** `open` files; `refused` reads of what is not what was written; `foreign` names that were left out of listings. */
  stats(): { open: number; refused: number; foreign: number }
}

const MAX_CHUNK = 1 << 24
const chunkSize = new t.Type<number, number, unknown>(
  `a whole number from 64 to ${MAX_CHUNK}`,
  (u): u is number => Number.isSafeInteger(u) && (u as number) >= 64 && (u as number) <= MAX_CHUNK,
  (u, context) =>
    Number.isSafeInteger(u) && (u as number) >= 64 && (u as number) <= MAX_CHUNK
      ? t.success(u as number)
      : t.failure(u, context),
  t.identity,
)
const codec = closed({ key: t.unknown }, { chunkBytes: chunkSize, names: flag }, "encrypt's options")

const EIO = fail('EIO')
const EACCES = fail('EACCES')
const ENAMETOOLONG = fail('ENAMETOOLONG')

interface OnPaths {
  readonly path: Path
  readonly newPath?: Path
  readonly target?: string
  readonly fd?: number | undefined
  readonly dentry?: { readonly path: Path } | undefined
}

/** The opcodes of `hooks` and all others that carry a path, with paths as the lower has them. */
const withNames = (hooks: ExtensionMap, names: Names, files: OpenFiles, noted: { foreign: number }): ExtensionMap => {
  const below = (req: OnPaths): OnPaths | Failed => {
    const path = names.encryptPath(req.path)
    if (path === undefined) return ENAMETOOLONG
    // A dentry says that there is no link in the path: nor is there below.
    const dentry = req.dentry === undefined ? undefined : { path, exists: true, isLink: false, security: undefined }
    if (req.newPath === undefined) return { ...req, path, dentry }
    const newPath = names.encryptPath(req.newPath)
    return newPath === undefined ? ENAMETOOLONG : ({ ...req, path, newPath, dentry } as OnPaths)
  }
  const extensions: { [O in Op]?: object } = { ...hooks }
  for (const op of OPS) {
    if ((OP[op] as OpInfo).paths.length === 0) continue
    const inner = hooks[op] as
      | { around?: (req: OnPaths) => Around<Op>; request?: (req: OnPaths) => unknown }
      | undefined
    const around = inner?.around
    extensions[op] =
      around === undefined
        ? {
            ...inner,
            request: (req: OnPaths) => {
              if (req.fd !== undefined) return NEXT
              const there = below(req)
              return there instanceof Failed ? there : forward(there as never)
            },
          }
        : {
            ...inner,
            request: (req: OnPaths) => {
              const verdict = inner?.request?.(req) ?? AROUND
              if (verdict === AROUND || req.fd !== undefined) return verdict
              const there = below(req)
              return there instanceof Failed ? there : forward(there as never)
            },
            *around(req: OnPaths): Around<Op> {
              const there = req.fd === undefined ? below(req) : req
              return there instanceof Failed ? there : yield* around(there)
            },
          }
  }
  /** A link is as long as what it says. */
  function* statted<O extends 'lookup' | 'getattr'>(op: O, req: Request<O>): Around<O> {
    const there = below(req)
    if (there instanceof Failed) return there
    const stats = yield* attempt(op as 'lookup', there as Request<'lookup'>)
    if (stats instanceof Failed) return stats
    if ((stats.mode & S_IFMT) !== S_IFLNK) return files.shown(stats)
    const target = yield* attempt('readlink', { path: there.path })
    if (target instanceof Failed) return target
    const plain = names.decryptPath(target)
    if (plain === undefined) return EIO
    stats.size = pathBytes(plain).length
    return stats
  }
  extensions.lookup = { around: (req: Request<'lookup'>) => statted('lookup', req) }
  extensions.getattr = {
    request: ({ fd, follow, ...req }: Request<'getattr'>) => {
      if (fd !== undefined) return NEXT
      if (!follow) return AROUND
      const there = below(req as OnPaths)
      return there instanceof Failed ? there : forward<'getattr'>({ ...there, follow } as Request<'getattr'>)
    },
    around: (req: Request<'getattr'>) => statted('getattr', req),
    // Of what the request hook sent down.
    reply: (stats: Stats) => files.shown(stats),
  }
  extensions.symlink = {
    request: (req: Request<'symlink'>) => {
      const there = below(req)
      const target = names.encryptPath(req.target)
      if (there instanceof Failed) return there
      return target === undefined ? ENAMETOOLONG : forward<'symlink'>({ ...(there as typeof req), target })
    },
  }
  extensions.readlink = {
    *around(req: Request<'readlink'>): Around<'readlink'> {
      const there = below(req)
      if (there instanceof Failed) return there
      const target = yield* attempt('readlink', there as typeof req)
      return target instanceof Failed ? target : (names.decryptPath(target) ?? EIO)
    },
  }
  extensions.resolve = {
    *around(req: Request<'resolve'>): Around<'resolve'> {
      const there = below(req)
      if (there instanceof Failed) return there
      const dentry = yield* attempt('resolve', there as typeof req)
      if (dentry instanceof Failed) return dentry
      const path = names.decryptPath(dentry.path)
      return path === undefined ? EIO : { path, exists: dentry.exists, isLink: dentry.isLink, security: undefined }
    },
  }
  extensions.readdir = {
    *around(req: Request<'readdir'>): Around<'readdir'> {
      const there = below(req)
      if (there instanceof Failed) return there
      const entries = yield* attempt('readdir', there as typeof req)
      if (entries instanceof Failed || entries.length === 0) return entries
      const ours = entries.flatMap(({ name, type }) => {
        const plain = names.decrypt(name)
        return plain === undefined ? [] : [{ name: plain, type }]
      })
      noted.foreign += entries.length - ours.length
      // Not one of them: it is the key that is wrong.
      return ours.length === 0 ? EACCES : ours
    },
  }
  extensions.watch = {
    request: (req: Request<'watch'>) => {
      const there = below(req)
      if (there instanceof Failed) return there
      const { sink } = req
      const change = (type: 'rename' | 'change', name: string | null): void =>
        sink.change(type, name === null ? null : (names.decryptPath(name) ?? null))
      return forward<'watch'>({ ...(there as typeof req), sink: { change, error: (errno) => sink.error(errno) } })
    },
  }
  return extensions as ExtensionMap
}

/**
 * What is written is encrypted and authenticated (AES-256-GCM, by chunks), and what is read is what was written, or EIO.
 * Sizes are those of what was written; there are no holes. Files under another key are EACCES. Files that are open for
 * writing are open for reading too, below. No file is passed through.
 * @throws {ConfigError} where the key is not 32 bytes, and for ill-typed and unknown options
 */
export const encrypt = (options: EncryptOptions): Encrypt => {
  const { key, chunkBytes = 16384, names = false } = decodeOptions('encrypt', codec, options)
  if (key === undefined) throw new ConfigError('encrypt.key', '32 bytes', 'nothing')
  const keys = new Keys(key)
  const coder = new Coder(keys, chunkBytes)
  const files = new OpenFiles(coder)
  const noted = { foreign: 0 }
  const hooks = files.hooks()
  const stats = () => ({ open: files.open.size, refused: coder.refused, foreign: noted.foreign })
  const made = layer('encrypt', names ? withNames(hooks, new Names(keys), files, noted) : hooks, {
    stateful: true,
    consents: false,
    stats,
    attach: ({ capabilities }) => {
      files.stableInodes = capabilities.stableInodes
    },
  })
  return { ...made, stats }
}
