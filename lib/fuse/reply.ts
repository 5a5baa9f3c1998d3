/**
 * Replies in the kernel's names. 64-bit numbers may be given as numbers or bigints. How long the kernel may keep an
 * answer (`entry_valid`, `attr_valid`) is in seconds, fractions and Infinity included; 0 keeps nothing.
 */
import type { FuseOp } from './abi.js'
import type { FileLock } from './request.js'

type U64 = number | bigint

/** struct fuse_attr. Times are seconds since the epoch, negative before it, and nanoseconds beside them. */
export interface Attr {
  readonly ino: U64
  /** Bytes. */
  readonly size: U64
  /** In units of 512 bytes. */
  readonly blocks: U64
  readonly atime: U64
  readonly mtime: U64
  readonly ctime: U64
  readonly atimensec: number
  readonly mtimensec: number
  readonly ctimensec: number
  /** With the file type. */
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  /** As makedev(3) packs it in 32 bits. */
  readonly rdev: number
  /** Bytes; 0: the kernel's own choice. */
  readonly blksize: number
  /** FUSE_ATTR_*. */
  readonly flags: number
}
export interface AttrOut {
  readonly attr_valid: number
  readonly attr: Attr
}
export interface EntryOut extends AttrOut {
  /** 0: there is no such name, and that may be kept for `entry_valid`. */
  readonly nodeid: U64
  /** `nodeid` and this are never used twice together. */
  readonly generation: U64
  readonly entry_valid: number
}
export interface OpenOut {
  readonly fh: U64
  /** FOPEN_*. */
  readonly open_flags: number
  /** With FOPEN_PASSTHROUGH, else 0. */
  readonly backing_id: number
}
export interface InitOut {
  readonly major: number
  readonly minor: number
  readonly max_readahead: number
  /** Both halves: INIT_FLAGS. FUSE_INIT_EXT is added where the high half says anything. */
  readonly flags: bigint
  readonly max_background: number
  readonly congestion_threshold: number
  /** Bytes in one WRITE. */
  readonly max_write: number
  /** Nanoseconds that a time is a multiple of. */
  readonly time_gran: number
  /** With FUSE_MAX_PAGES. */
  readonly max_pages: number
  readonly map_alignment: number
  /** 1 or 2 with FUSE_PASSTHROUGH. */
  readonly max_stack_depth: number
  /** Seconds, with FUSE_REQUEST_TIMEOUT. */
  readonly request_timeout: number
}
export interface Kstatfs {
  readonly blocks: U64
  readonly bfree: U64
  readonly bavail: U64
  readonly files: U64
  readonly ffree: U64
  readonly bsize: number
  readonly namelen: number
  readonly frsize: number
}
/** struct fuse_statx: as statx(2)'s, in the kernel's names without `stx_`. */
export interface StatxOut {
  readonly attr_valid: number
  readonly stat: {
    readonly mask: number
    readonly blksize: number
    readonly attributes: U64
    readonly nlink: number
    readonly uid: number
    readonly gid: number
    readonly mode: number
    readonly ino: U64
    readonly size: U64
    readonly blocks: U64
    readonly attributes_mask: U64
    readonly atime: U64
    readonly atimensec: number
    readonly btime: U64
    readonly btimensec: number
    readonly ctime: U64
    readonly ctimensec: number
    readonly mtime: U64
    readonly mtimensec: number
    readonly rdev_major: number
    readonly rdev_minor: number
    readonly dev_major: number
    readonly dev_minor: number
  }
}
export interface IoctlOut {
  readonly result: number
  readonly flags: number
  readonly in_iovs: number
  readonly out_iovs: number
  readonly data: Uint8Array
}

/** A name as a string (path-bytes.ts) or as its bytes. */
export type NameBytes = string | Uint8Array
export interface Dirent {
  readonly ino: U64
  /** Where to go on after this entry: what a later READDIR has as its offset. */
  readonly off: U64
  /** DT_*. */
  readonly type: number
  readonly name: NameBytes
}
export interface Direntplus extends Dirent {
  /** Counts as one lookup unless `nodeid` is 0, as it must be for `.` and `..`. */
  readonly entry: EntryOut
}
/** `size` is the request's: as many entries as fit are sent, and no more. */
export interface Readdir<D> {
  readonly size: number
  readonly entries: Iterable<D>
}

interface Known {
  readonly lookup: EntryOut
  readonly getattr: AttrOut
  readonly setattr: AttrOut
  readonly readlink: NameBytes
  readonly symlink: EntryOut
  readonly mknod: EntryOut
  readonly mkdir: EntryOut
  readonly link: EntryOut
  readonly open: OpenOut
  readonly read: Uint8Array
  /** Bytes written. */
  readonly write: number
  readonly statfs: Kstatfs
  /** A number answers a request of size 0: the size of the value. */
  readonly getxattr: Uint8Array | number
  /** Names, each with its NUL; or a number, as for getxattr. */
  readonly listxattr: Uint8Array | number
  readonly init: InitOut
  readonly opendir: OpenOut
  readonly readdir: Readdir<Dirent>
  readonly readdirplus: Readdir<Direntplus>
  readonly getlk: FileLock
  readonly create: EntryOut & OpenOut
  readonly tmpfile: EntryOut & OpenOut
  readonly bmap: U64
  readonly ioctl: IoctlOut
  /** revents, as poll(2) has them. */
  readonly poll: number
  readonly lseek: U64
  readonly copy_file_range: number
  readonly copy_file_range_64: U64
  readonly statx: StatxOut
}
/** What each request is answered with: nothing but success where it is not named above. */
export type ReplyTable = { readonly [O in FuseOp]: O extends keyof Known ? Known[O] : undefined }
