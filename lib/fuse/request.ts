/**
 * Requests as the kernel sends them, in its names. Numbers read from 64 bits saturate at 2^53 - 1 (see wire.ts); what a
 * number could spoil (lock owners, addresses) is a bigint. Flags are those of abi.ts, or open(2)'s where named `flags`.
 */

interface Nothing {
  readonly [field: string]: never
}
export interface Name {
  readonly name: string
}
/** What was sent beside a request that creates: fuse_secctx_header and fuse_ext_header blocks, if agreed on. Not a copy. */
interface Extended {
  readonly extensions: Buffer
}
interface Handle {
  readonly fh: number
}
interface Open {
  readonly flags: number
  readonly open_flags: number
}
interface Create extends Open, Name, Extended {
  readonly mode: number
  readonly umask: number
}
interface Read extends Handle {
  readonly offset: number
  readonly size: number
  readonly read_flags: number
  /** With FUSE_READ_LOCKOWNER. */
  readonly lock_owner: bigint | undefined
  readonly flags: number
}
interface Release extends Handle {
  readonly flags: number
  readonly release_flags: number
  readonly lock_owner: bigint
}
interface Fsync extends Handle {
  readonly fsync_flags: number
}
export interface FileLock {
  readonly start: bigint
  /** The last byte, included; 2^63 - 1 for the end of the file. */
  readonly end: bigint
  /** F_RDLCK 0, F_WRLCK 1, F_UNLCK 2. */
  readonly type: number
  readonly pid: number
}
interface Lk extends Handle {
  readonly owner: bigint
  readonly lk: FileLock
  readonly lk_flags: number
}
interface CopyFileRange {
  readonly fh_in: number
  readonly off_in: number
  readonly nodeid_out: number
  readonly fh_out: number
  readonly off_out: number
  readonly len: number
  readonly flags: number
}
interface GetXattr {
  /** Bytes that the caller has room for; 0 asks for the size. */
  readonly size: number
}

/** The arguments of each request, without the header. */
export interface RequestTable {
  readonly lookup: Name
  readonly forget: { readonly nlookup: number }
  readonly getattr: { readonly getattr_flags: number /** With FUSE_GETATTR_FH. */; readonly fh: number | undefined }
  /** Only the fields that `valid` names mean anything. Times are in seconds, negative before the epoch. */
  readonly setattr: {
    readonly valid: number
    readonly fh: number
    readonly size: number
    readonly lock_owner: bigint
    readonly atime: number
    readonly mtime: number
    readonly ctime: number
    readonly atimensec: number
    readonly mtimensec: number
    readonly ctimensec: number
    readonly mode: number
    readonly uid: number
    readonly gid: number
  }
  readonly readlink: Nothing
  readonly symlink: Name & Extended & { readonly target: string }
  readonly mknod: Name & Extended & { readonly mode: number; readonly rdev: number; readonly umask: number }
  readonly mkdir: Name & Extended & { readonly mode: number; readonly umask: number }
  readonly unlink: Name
  readonly rmdir: Name
  /** The header's node is the old directory. */
  readonly rename: Name & { readonly newdir: number; readonly newname: string }
  /** The header's node is the new directory. */
  readonly link: Name & { readonly oldnodeid: number }
  readonly open: Open
  readonly read: Read
  readonly write: Handle & {
    readonly offset: number
    readonly size: number
    readonly write_flags: number
    /** With FUSE_WRITE_LOCKOWNER. */
    readonly lock_owner: bigint | undefined
    readonly flags: number
    /** Not a copy: good until the next request is read. */
    readonly data: Buffer
  }
  readonly statfs: Nothing
  readonly release: Release
  readonly fsync: Fsync
  readonly setxattr: Name & {
    /** Not a copy: good until the next request is read. */
    readonly value: Buffer
    /** XATTR_CREATE 1, XATTR_REPLACE 2. */
    readonly flags: number
    readonly setxattr_flags: number
  }
  readonly getxattr: Name & GetXattr
  readonly listxattr: GetXattr
  readonly removexattr: Name
  readonly flush: Handle & { readonly lock_owner: bigint }
  readonly init: {
    readonly major: number
    readonly minor: number
    readonly max_readahead: number
    /** Both halves: INIT_FLAGS. */
    readonly flags: bigint
  }
  readonly opendir: Open
  readonly readdir: Read
  readonly releasedir: Release
  readonly fsyncdir: Fsync
  readonly getlk: Lk
  readonly setlk: Lk
  readonly setlkw: Lk
  readonly access: { readonly mask: number }
  readonly create: Create
  /** `unique` of the request that nobody waits for any more. */
  readonly interrupt: { readonly unique: bigint }
  readonly bmap: { readonly block: number; readonly blocksize: number }
  readonly destroy: Nothing
  readonly ioctl: Handle & {
    readonly flags: number
    readonly cmd: number
    readonly arg: bigint
    readonly out_size: number
    readonly data: Buffer
  }
  readonly poll: Handle & { readonly kh: bigint; readonly flags: number; readonly events: number }
  readonly notify_reply: { readonly offset: number; readonly data: Buffer }
  readonly batch_forget: { readonly forgets: readonly { readonly nodeid: number; readonly nlookup: number }[] }
  readonly fallocate: Handle & { readonly offset: number; readonly length: number; readonly mode: number }
  readonly readdirplus: Read
  readonly rename2: Name & { readonly newdir: number; readonly newname: string; readonly flags: number }
  readonly lseek: Handle & { readonly offset: number; readonly whence: number }
  readonly copy_file_range: CopyFileRange
  readonly setupmapping: Handle & {
    readonly foffset: number
    readonly len: number
    readonly flags: number
    readonly moffset: number
  }
  readonly removemapping: { readonly mappings: readonly { readonly moffset: number; readonly len: number }[] }
  readonly syncfs: Nothing
  /** `name` means nothing: the kernel sends `/`. */
  readonly tmpfile: Create
  readonly statx: {
    readonly getattr_flags: number
    /** With FUSE_GETATTR_FH. */
    readonly fh: number | undefined
    /** AT_STATX_*. */
    readonly sx_flags: number
    /** STATX_*. */
    readonly sx_mask: number
  }
  readonly copy_file_range_64: CopyFileRange
}
