/**
 * The opcode table: the one source of truth. Plans, guards, faces, statistics and the FUSE session derive from it.
 *
 * Requests speak of absolute path strings. A name that is no UTF-8 is carried losslessly: each stray byte is a lone
 * surrogate U+DC80..U+DCFF (see path-bytes.ts).
 */
import type { Stats as NodeStats, StatsFs } from 'node:fs'
import type { Dentry, OpenFile } from './file.js'

export type Stats = NodeStats
export type StatFs = StatsFs
/** An absolute path, not normalised: `a/../b` means what the lower says it means. `''` stays `''` (ENOENT). */
export type Path = string

/** A request on a name, or one that may be on a name. */
export interface Named {
  readonly path: Path
  /**
   * Set by whoever resolved `path`, in place: it is canonical and has no symbolic link in it, and none may be followed
   * below.
   */
  dentry?: Dentry | undefined
}
/** What a request on a name carries; request.ts makes them with room for `dentry`. */
export interface OnPath extends Named {
  /** It is on no open file, and says so itself: a prototype that somebody wrote to must not say otherwise. */
  readonly fd?: undefined
  readonly file?: undefined
}
/** What a request on an open file carries. */
export interface OnFd {
  readonly fd: number
  /** What the stack knows of `fd`; undefined where it did not open it. */
  readonly file?: OpenFile | undefined
}
/** A request on a name or on an open file: with `fd`, `path` is only what the file was opened by (`''`: unknown). */
export interface OnEither extends Named {
  readonly fd?: number | undefined
  readonly file?: OpenFile | undefined
  /** Follow a symbolic link in the last component. */
  readonly follow: boolean
}

/** What requests on names have in common, for a layer that treats many opcodes alike. */
export interface OnPaths {
  readonly path: Path
  readonly newPath?: Path
  readonly fd?: number | undefined
  readonly follow?: boolean
  readonly flags?: number
}

/** One directory entry. `type` is one of node:fs's `UV_DIRENT_*`. */
export interface Entry {
  readonly name: string
  readonly type: number
}

/** What setattr sets: only the fields that are present. Times are in seconds since the epoch, as in utimes(). */
export interface Attributes {
  readonly mode?: number | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly size?: number | undefined
  readonly atime?: number | undefined
  readonly mtime?: number | undefined
  /** The same times in nanoseconds, where the caller knows them so well; a lower that can takes these. */
  readonly atimeNs?: bigint | undefined
  readonly mtimeNs?: bigint | undefined
}

/** What `watch` replies: a live watcher of the lower. */
export interface WatchHandle {
  close(): void
}
export interface WatchSink {
  change(eventType: 'rename' | 'change', filename: string | null): void
  /** The watcher ended by itself; `errno` says why. */
  error(errno: string): void
}

/** Requests and replies by opcode. */
export interface OpTable {
  /** The attributes of a name; a symbolic link in the last component is not followed. `precise`: as for getattr. */
  readonly lookup: { request: OnPath & { readonly precise?: boolean | undefined }; reply: Stats }
  /** With `precise`, the reply carries its nanoseconds and 64-bit numbers too (see stats.ts). */
  readonly getattr: { request: OnEither & { readonly precise: boolean }; reply: Stats }
  readonly setattr: { request: OnEither & { readonly set: Attributes }; reply: void }
  /** The link's target, as stored. */
  readonly readlink: { request: OnPath; reply: string }
  readonly symlink: { request: OnPath & { readonly target: string }; reply: void }
  readonly mknod: { request: OnPath & { readonly mode: number; readonly rdev: number }; reply: void }
  readonly mkdir: { request: OnPath & { readonly mode: number }; reply: void }
  readonly unlink: { request: OnPath; reply: void }
  readonly rmdir: { request: OnPath; reply: void }
  /** With `fd`: of an open file that has no name yet, where the lower has `linksFiles`; `path` is not looked at. */
  readonly link: {
    request: Named & {
      readonly fd?: number | undefined
      readonly file?: OpenFile | undefined
      readonly newPath: Path
      newDentry?: Dentry | undefined
    }
    reply: void
  }
  /** Without O_CREAT in `flags`. */
  readonly open: { request: OnPath & { readonly flags: number; readonly mode: number }; reply: number }
  /** `position` null: at the file's own offset. Replies the bytes read. */
  readonly read: {
    request: OnFd & {
      readonly buffer: NodeJS.ArrayBufferView
      readonly offset: number
      readonly length: number
      readonly position: number | bigint | null
    }
    reply: number
  }
  readonly write: {
    request: OnFd & {
      readonly buffer: NodeJS.ArrayBufferView
      readonly offset: number
      readonly length: number
      readonly position: number | null
    }
    reply: number
  }
  readonly statfs: { request: OnPath; reply: StatFs }
  readonly release: { request: OnFd; reply: void }
  readonly fsync: { request: OnFd & { readonly datasync: boolean }; reply: void }
  /** `flags`: XATTR_CREATE 1, XATTR_REPLACE 2. */
  readonly setxattr: {
    request: OnEither & { readonly name: string; readonly value: Buffer; readonly flags: number }
    reply: void
  }
  readonly getxattr: { request: OnEither & { readonly name: string }; reply: Buffer }
  readonly listxattr: { request: OnEither; reply: string[] }
  readonly removexattr: { request: OnEither & { readonly name: string }; reply: void }
  readonly opendir: { request: OnPath; reply: void }
  /** The whole listing, in the lower's order, without `.` and `..`. */
  readonly readdir: { request: OnPath; reply: Entry[] }
  /** `mask`: F_OK 0, R_OK 4, W_OK 2, X_OK 1. */
  readonly access: { request: OnPath & { readonly mask: number }; reply: void }
  /** open with O_CREAT in `flags`; an existing file is opened unless O_EXCL is there too. */
  readonly create: { request: OnPath & { readonly flags: number; readonly mode: number }; reply: number }
  readonly fallocate: {
    request: OnFd & { readonly mode: number; readonly offset: number; readonly length: number }
    reply: void
  }
  /** `flags`: RENAME_NOREPLACE 1, RENAME_EXCHANGE 2. */
  readonly rename: {
    request: OnPath & { readonly newPath: Path; newDentry?: Dentry | undefined; readonly flags: number }
    reply: void
  }
  /** SEEK_DATA 3, SEEK_HOLE 4 only: the file's own offset is the lower's business. */
  readonly lseek: { request: OnFd & { readonly offset: number; readonly whence: number }; reply: number }
  readonly copy_file_range: {
    request: OnFd & {
      readonly offset: number
      readonly fdOut: number
      readonly fileOut?: OpenFile | undefined
      readonly offsetOut: number
      readonly length: number
    }
    reply: number
  }
  readonly syncfs: { request: OnPath; reply: void }
  /** A file without a name in the directory `path`. */
  readonly tmpfile: { request: OnPath & { readonly flags: number; readonly mode: number }; reply: number }
  /** Where a path leads: the kernel's namei in one request. The last component may be missing (a negative dentry). */
  readonly resolve: { request: OnPath & { readonly follow: boolean }; reply: Dentry }
  readonly watch: {
    request: OnPath & { readonly recursive: boolean; readonly persistent: boolean; readonly sink: WatchSink }
    reply: WatchHandle
  }
}

export type Op = keyof OpTable
export type Request<O extends Op> = OpTable[O]['request']
export type Reply<O extends Op> = OpTable[O]['reply']

export interface OpInfo {
  /** The FUSE opcode number; from 4097 on (past CUSE_INIT) ours, where FUSE has no such request. */
  readonly code: number
  /** Whether it may change what another request would answer. */
  readonly effect: 'read' | 'write'
  /** The request's fields that are paths. */
  readonly paths: readonly ('path' | 'newPath')[]
  /** The request's fields that are file descriptors. */
  readonly fds: readonly ('fd' | 'fdOut')[]
  /** Whether a symbolic link in the last component of `path` is followed: as the request's `follow` says for 'flag'. */
  readonly follow?: 'always' | 'never' | 'flag' | 'open'
}

const ON_PATH = ['path'] as const
const ON_TWO = ['path', 'newPath'] as const
const ON_FD = ['fd'] as const
const NONE = [] as const

export const OP = {
  lookup: { code: 1, effect: 'read', paths: ON_PATH, fds: NONE, follow: 'never' },
  getattr: { code: 3, effect: 'read', paths: ON_PATH, fds: ON_FD, follow: 'flag' },
  setattr: { code: 4, effect: 'write', paths: ON_PATH, fds: ON_FD, follow: 'flag' },
  readlink: { code: 5, effect: 'read', paths: ON_PATH, fds: NONE, follow: 'never' },
  symlink: { code: 6, effect: 'write', paths: ON_PATH, fds: NONE, follow: 'never' },
  mknod: { code: 8, effect: 'write', paths: ON_PATH, fds: NONE, follow: 'never' },
  mkdir: { code: 9, effect: 'write', paths: ON_PATH, fds: NONE, follow: 'never' },
  unlink: { code: 10, effect: 'write', paths: ON_PATH, fds: NONE, follow: 'never' },
  rmdir: { code: 11, effect: 'write', paths: ON_PATH, fds: NONE, follow: 'never' },
  link: { code: 13, effect: 'write', paths: ON_TWO, fds: ON_FD, follow: 'never' },
  open: { code: 14, effect: 'write', paths: ON_PATH, fds: NONE, follow: 'open' },
  read: { code: 15, effect: 'read', paths: NONE, fds: ON_FD },
  write: { code: 16, effect: 'write', paths: NONE, fds: ON_FD },
  statfs: { code: 17, effect: 'read', paths: ON_PATH, fds: NONE, follow: 'always' },
  release: { code: 18, effect: 'read', paths: NONE, fds: ON_FD },
  fsync: { code: 20, effect: 'read', paths: NONE, fds: ON_FD },
  setxattr: { code: 21, effect: 'write', paths: ON_PATH, fds: ON_FD, follow: 'flag' },
  getxattr: { code: 22, effect: 'read', paths: ON_PATH, fds: ON_FD, follow: 'flag' },
  listxattr: { code: 23, effect: 'read', paths: ON_PATH, fds: ON_FD, follow: 'flag' },
  removexattr: { code: 24, effect: 'write', paths: ON_PATH, fds: ON_FD, follow: 'flag' },
  opendir: { code: 27, effect: 'read', paths: ON_PATH, fds: NONE, follow: 'always' },
  readdir: { code: 28, effect: 'read', paths: ON_PATH, fds: NONE, follow: 'always' },
  access: { code: 34, effect: 'read', paths: ON_PATH, fds: NONE, follow: 'always' },
  create: { code: 35, effect: 'write', paths: ON_PATH, fds: NONE, follow: 'open' },
  fallocate: { code: 43, effect: 'write', paths: NONE, fds: ON_FD },
  rename: { code: 45, effect: 'write', paths: ON_TWO, fds: NONE, follow: 'never' },
  lseek: { code: 46, effect: 'read', paths: NONE, fds: ON_FD },
  copy_file_range: { code: 47, effect: 'write', paths: NONE, fds: ['fd', 'fdOut'] },
  syncfs: { code: 50, effect: 'read', paths: ON_PATH, fds: NONE, follow: 'always' },
  tmpfile: { code: 51, effect: 'write', paths: ON_PATH, fds: NONE, follow: 'always' },
  resolve: { code: 4097, effect: 'read', paths: ON_PATH, fds: NONE, follow: 'flag' },
  watch: { code: 4098, effect: 'read', paths: ON_PATH, fds: NONE, follow: 'always' },
} as const satisfies { readonly [O in Op]: OpInfo }

/** Every opcode, in the order of the table. */
export const OPS = Object.keys(OP) as readonly Op[]

/** The opcodes whose requests carry a path: a guard must name each of them. */
export type PathOp = { [O in Op]: (typeof OP)[O]['paths'] extends readonly [] ? never : O }[Op]
/** The opcodes whose requests carry a file descriptor. */
export type FdOp = { [O in Op]: (typeof OP)[O]['fds'] extends readonly [] ? never : O }[Op]
export type WriteOp = { [O in Op]: (typeof OP)[O]['effect'] extends 'write' ? O : never }[Op]

export const isOp = (name: string): name is Op => Object.hasOwn(OP, name)
