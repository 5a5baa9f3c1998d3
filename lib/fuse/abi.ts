/**
 * The numbers of the FUSE protocol up to 7.45 (Linux 6.18): include/uapi/linux/fuse.h. Structures are in layout.ts, the
 * table of opcodes in opcodes.ts.
 */

export const FUSE_KERNEL_VERSION = 7
/** What this code speaks. Of a kernel's minor version and this one, the smaller holds. */
export const FUSE_KERNEL_MINOR_VERSION = 45
/** The oldest kernel minor version that the structures in layout.ts were checked for (Linux 5.4 has 7.31). */
export const FUSE_MIN_MINOR_VERSION = 31
export const FUSE_ROOT_ID = 1
/** The device refuses reads into less, in bytes. */
export const FUSE_MIN_READ_BUFFER = 8192
/** Longest name in a dirent, in bytes (fs/fuse/fuse_i.h; newer kernels take PATH_MAX - 1). */
export const FUSE_NAME_MAX = 1024

/** Requests, by name. 7 and 19 were never given out. */
export const OPCODES = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  symlink: 6,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  setxattr: 21,
  getxattr: 22,
  listxattr: 23,
  removexattr: 24,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  getlk: 31,
  setlk: 32,
  setlkw: 33,
  access: 34,
  create: 35,
  interrupt: 36,
  bmap: 37,
  destroy: 38,
  ioctl: 39,
  poll: 40,
  notify_reply: 41,
  batch_forget: 42,
  fallocate: 43,
  readdirplus: 44,
  rename2: 45,
  lseek: 46,
  copy_file_range: 47,
  setupmapping: 48,
  removemapping: 49,
  syncfs: 50,
  tmpfile: 51,
  statx: 52,
  copy_file_range_64: 53,
} as const
export type FuseOp = keyof typeof OPCODES

/** INIT: `flags` is the low half, `flags2` the high one, which counts only with FUSE_INIT_EXT. */
export const INIT_FLAGS = {
  FUSE_ASYNC_READ: 1n << 0n,
  FUSE_POSIX_LOCKS: 1n << 1n,
  FUSE_FILE_OPS: 1n << 2n,
  FUSE_ATOMIC_O_TRUNC: 1n << 3n,
  FUSE_EXPORT_SUPPORT: 1n << 4n,
  FUSE_BIG_WRITES: 1n << 5n,
  FUSE_DONT_MASK: 1n << 6n,
  FUSE_SPLICE_WRITE: 1n << 7n,
  FUSE_SPLICE_MOVE: 1n << 8n,
  FUSE_SPLICE_READ: 1n << 9n,
  FUSE_FLOCK_LOCKS: 1n << 10n,
  FUSE_HAS_IOCTL_DIR: 1n << 11n,
  FUSE_AUTO_INVAL_DATA: 1n << 12n,
  FUSE_DO_READDIRPLUS: 1n << 13n,
  FUSE_READDIRPLUS_AUTO: 1n << 14n,
  FUSE_ASYNC_DIO: 1n << 15n,
  FUSE_WRITEBACK_CACHE: 1n << 16n,
  FUSE_NO_OPEN_SUPPORT: 1n << 17n,
  FUSE_PARALLEL_DIROPS: 1n << 18n,
  FUSE_HANDLE_KILLPRIV: 1n << 19n,
  FUSE_POSIX_ACL: 1n << 20n,
  FUSE_ABORT_ERROR: 1n << 21n,
  FUSE_MAX_PAGES: 1n << 22n,
  FUSE_CACHE_SYMLINKS: 1n << 23n,
  FUSE_NO_OPENDIR_SUPPORT: 1n << 24n,
  FUSE_EXPLICIT_INVAL_DATA: 1n << 25n,
  FUSE_MAP_ALIGNMENT: 1n << 26n,
  FUSE_SUBMOUNTS: 1n << 27n,
  FUSE_HANDLE_KILLPRIV_V2: 1n << 28n,
  /** setxattr_in is 16 bytes instead of 8. */
  FUSE_SETXATTR_EXT: 1n << 29n,
  FUSE_INIT_EXT: 1n << 30n,
  FUSE_INIT_RESERVED: 1n << 31n,
  FUSE_SECURITY_CTX: 1n << 32n,
  FUSE_HAS_INODE_DAX: 1n << 33n,
  FUSE_CREATE_SUPP_GROUP: 1n << 34n,
  FUSE_HAS_EXPIRE_ONLY: 1n << 35n,
  FUSE_DIRECT_IO_ALLOW_MMAP: 1n << 36n,
  /** 7.40, Linux 6.9. */
  FUSE_PASSTHROUGH: 1n << 37n,
  FUSE_NO_EXPORT_SUPPORT: 1n << 38n,
  /** A request that is sent again has bit 63 of `unique` set. */
  FUSE_HAS_RESEND: 1n << 39n,
  FUSE_ALLOW_IDMAP: 1n << 40n,
  FUSE_OVER_IO_URING: 1n << 41n,
  /** 7.43: init_out's request_timeout counts. */
  FUSE_REQUEST_TIMEOUT: 1n << 42n,
} as const

/** fuse_setattr_in.valid */
export const FATTR_MODE = 1 << 0
export const FATTR_UID = 1 << 1
export const FATTR_GID = 1 << 2
export const FATTR_SIZE = 1 << 3
export const FATTR_ATIME = 1 << 4
export const FATTR_MTIME = 1 << 5
export const FATTR_FH = 1 << 6
export const FATTR_ATIME_NOW = 1 << 7
export const FATTR_MTIME_NOW = 1 << 8
export const FATTR_LOCKOWNER = 1 << 9
export const FATTR_CTIME = 1 << 10
export const FATTR_KILL_SUIDGID = 1 << 11

/** fuse_open_out.open_flags */
export const FOPEN_DIRECT_IO = 1 << 0
export const FOPEN_KEEP_CACHE = 1 << 1
export const FOPEN_NONSEEKABLE = 1 << 2
export const FOPEN_CACHE_DIR = 1 << 3
export const FOPEN_STREAM = 1 << 4
export const FOPEN_NOFLUSH = 1 << 5
export const FOPEN_PARALLEL_DIRECT_WRITES = 1 << 6
export const FOPEN_PASSTHROUGH = 1 << 7

/** fuse_open_in.open_flags, fuse_create_in.open_flags */
export const FUSE_OPEN_KILL_SUIDGID = 1 << 0
/** fuse_getattr_in.getattr_flags, fuse_statx_in.getattr_flags */
export const FUSE_GETATTR_FH = 1 << 0
/** fuse_release_in.release_flags */
export const FUSE_RELEASE_FLUSH = 1 << 0
export const FUSE_RELEASE_FLOCK_UNLOCK = 1 << 1
/** fuse_lk_in.lk_flags */
export const FUSE_LK_FLOCK = 1 << 0
/** fuse_write_in.write_flags */
export const FUSE_WRITE_CACHE = 1 << 0
export const FUSE_WRITE_LOCKOWNER = 1 << 1
export const FUSE_WRITE_KILL_SUIDGID = 1 << 2
/** fuse_read_in.read_flags */
export const FUSE_READ_LOCKOWNER = 1 << 1
/** fuse_fsync_in.fsync_flags */
export const FUSE_FSYNC_FDATASYNC = 1 << 0
/** fuse_setxattr_in.setxattr_flags */
export const FUSE_SETXATTR_ACL_KILL_SGID = 1 << 0
/** fuse_ioctl_in.flags, fuse_ioctl_out.flags */
export const FUSE_IOCTL_COMPAT = 1 << 0
export const FUSE_IOCTL_UNRESTRICTED = 1 << 1
export const FUSE_IOCTL_RETRY = 1 << 2
export const FUSE_IOCTL_32BIT = 1 << 3
export const FUSE_IOCTL_DIR = 1 << 4
export const FUSE_IOCTL_COMPAT_X32 = 1 << 5
/** fuse_poll_in.flags */
export const FUSE_POLL_SCHEDULE_NOTIFY = 1 << 0
/** fuse_attr.flags */
export const FUSE_ATTR_SUBMOUNT = 1 << 0
export const FUSE_ATTR_DAX = 1 << 1

/** fuse_in_header.unique: the request is sent again (FUSE_HAS_RESEND); the request is an INTERRUPT. */
export const FUSE_UNIQUE_RESEND = 1n << 63n
export const FUSE_INT_REQ_BIT = 1n

/** Extensions after a request, counted by fuse_in_header.total_extlen: types up to 31 are fuse_secctx_header's. */
export const FUSE_MAX_NR_SECCTX = 31
export const FUSE_EXT_GROUPS = 32

export const NOTIFY = {
  FUSE_NOTIFY_POLL: 1,
  FUSE_NOTIFY_INVAL_INODE: 2,
  FUSE_NOTIFY_INVAL_ENTRY: 3,
  FUSE_NOTIFY_STORE: 4,
  FUSE_NOTIFY_RETRIEVE: 5,
  FUSE_NOTIFY_DELETE: 6,
  FUSE_NOTIFY_RESEND: 7,
  /** 7.44, Linux 6.16. */
  FUSE_NOTIFY_INC_EPOCH: 8,
  /** 7.45, Linux 6.18. */
  FUSE_NOTIFY_PRUNE: 9,
} as const
/** fuse_notify_inval_entry_out.flags: look it up anew, but keep it while it is in use. */
export const FUSE_EXPIRE_ONLY = 1 << 0

/** dirent(3) types: the file type bits of a mode, shifted right by 12. */
export const DT_UNKNOWN = 0
export const DT_FIFO = 1
export const DT_CHR = 2
export const DT_DIR = 4
export const DT_BLK = 6
export const DT_REG = 8
export const DT_LNK = 10
export const DT_SOCK = 12
const DT_OF_UV = [DT_UNKNOWN, DT_REG, DT_DIR, DT_LNK, DT_FIFO, DT_SOCK, DT_CHR, DT_BLK] as const
/** The DT_* of one of node:fs's UV_DIRENT_*. */
export const dtOfUv = (type: number): number => DT_OF_UV[type] ?? DT_UNKNOWN
/** The DT_* of a mode. */
export const dtOfMode = (mode: number): number => (mode >> 12) & 15
