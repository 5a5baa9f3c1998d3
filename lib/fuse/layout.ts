/**
 * The structures of include/uapi/linux/fuse.h: field → offset in bytes, and SIZE. Fields are listed as there, with their
 * widths; offsets follow C's rules of alignment. Byte order is the host's, which is little-endian wherever this runs.
 */

interface Layout {
  readonly SIZE: number
  readonly ALIGN: number
}
type Width = 1 | 2 | 4 | 8
type Offsets<F> = { readonly [K in keyof F]: number } & Layout

const struct = <const F extends { readonly [field: string]: Width | Layout }>(fields: F): Offsets<F> => {
  const offsets: { [field: string]: number } = {}
  let end = 0
  let align = 1
  const up = (to: number): number => Math.ceil(end / to) * to
  for (const [field, type] of Object.entries(fields)) {
    const [size, own] = typeof type === 'number' ? [type, type] : [type.SIZE, type.ALIGN]
    end = up(own)
    offsets[field] = end
    end += size
    align = Math.max(align, own)
  }
  return { ...offsets, SIZE: up(align), ALIGN: align } as Offsets<F>
}
/** Room that means nothing yet: `count` words of `width` bytes. */
const spare = (count: number, width: Width): Layout => ({ SIZE: count * width, ALIGN: width })

export const IN_HEADER = struct({
  len: 4,
  opcode: 4,
  unique: 8,
  nodeid: 8,
  uid: 4,
  gid: 4,
  pid: 4,
  /** In units of 8 bytes. */
  total_extlen: 2,
  padding: 2,
})
export const OUT_HEADER = struct({ len: 4, error: 4, unique: 8 })

export const ATTR = struct({
  ino: 8,
  size: 8,
  blocks: 8,
  atime: 8,
  mtime: 8,
  ctime: 8,
  atimensec: 4,
  mtimensec: 4,
  ctimensec: 4,
  mode: 4,
  nlink: 4,
  uid: 4,
  gid: 4,
  rdev: 4,
  blksize: 4,
  flags: 4,
})
export const ENTRY_OUT = struct({
  nodeid: 8,
  generation: 8,
  entry_valid: 8,
  attr_valid: 8,
  entry_valid_nsec: 4,
  attr_valid_nsec: 4,
  attr: ATTR,
})
export const ATTR_OUT = struct({ attr_valid: 8, attr_valid_nsec: 4, dummy: 4, attr: ATTR })
export const FORGET_IN = struct({ nlookup: 8 })
export const FORGET_ONE = struct({ nodeid: 8, nlookup: 8 })
export const BATCH_FORGET_IN = struct({ count: 4, dummy: 4 })
export const GETATTR_IN = struct({ getattr_flags: 4, dummy: 4, fh: 8 })
export const SETATTR_IN = struct({
  valid: 4,
  padding: 4,
  fh: 8,
  size: 8,
  lock_owner: 8,
  atime: 8,
  mtime: 8,
  ctime: 8,
  atimensec: 4,
  mtimensec: 4,
  ctimensec: 4,
  mode: 4,
  unused4: 4,
  uid: 4,
  gid: 4,
  unused5: 4,
})
export const MKNOD_IN = struct({ mode: 4, rdev: 4, umask: 4, padding: 4 })
export const MKDIR_IN = struct({ mode: 4, umask: 4 })
export const RENAME_IN = struct({ newdir: 8 })
export const RENAME2_IN = struct({ newdir: 8, flags: 4, padding: 4 })
export const LINK_IN = struct({ oldnodeid: 8 })
export const OPEN_IN = struct({ flags: 4, open_flags: 4 })
export const CREATE_IN = struct({ flags: 4, mode: 4, umask: 4, open_flags: 4 })
export const OPEN_OUT = struct({ fh: 8, open_flags: 4, backing_id: 4 })
export const RELEASE_IN = struct({ fh: 8, flags: 4, release_flags: 4, lock_owner: 8 })
export const FLUSH_IN = struct({ fh: 8, unused: 4, padding: 4, lock_owner: 8 })
export const READ_IN = struct({ fh: 8, offset: 8, size: 4, read_flags: 4, lock_owner: 8, flags: 4, padding: 4 })
export const WRITE_IN = struct({ fh: 8, offset: 8, size: 4, write_flags: 4, lock_owner: 8, flags: 4, padding: 4 })
export const WRITE_OUT = struct({ size: 4, padding: 4 })
export const KSTATFS = struct({
  blocks: 8,
  bfree: 8,
  bavail: 8,
  files: 8,
  ffree: 8,
  bsize: 4,
  namelen: 4,
  frsize: 4,
  padding: 4,
  spare: spare(6, 4),
})
export const FSYNC_IN = struct({ fh: 8, fsync_flags: 4, padding: 4 })
export const SETXATTR_IN = struct({ size: 4, flags: 4, setxattr_flags: 4, padding: 4 })
/** Without FUSE_SETXATTR_EXT setxattr_in ends here. */
export const FUSE_COMPAT_SETXATTR_IN_SIZE = 8
export const GETXATTR_IN = struct({ size: 4, padding: 4 })
export const GETXATTR_OUT = struct({ size: 4, padding: 4 })
export const FILE_LOCK = struct({ start: 8, end: 8, type: 4, pid: 4 })
export const LK_IN = struct({ fh: 8, owner: 8, lk: FILE_LOCK, lk_flags: 4, padding: 4 })
export const LK_OUT = struct({ lk: FILE_LOCK })
export const ACCESS_IN = struct({ mask: 4, padding: 4 })
export const INIT_IN = struct({ major: 4, minor: 4, max_readahead: 4, flags: 4, flags2: 4, unused: spare(11, 4) })
/** Before 7.36 init_in ends here. */
export const FUSE_COMPAT_INIT_IN_SIZE = 16
export const INIT_OUT = struct({
  major: 4,
  minor: 4,
  max_readahead: 4,
  flags: 4,
  max_background: 2,
  congestion_threshold: 2,
  max_write: 4,
  time_gran: 4,
  max_pages: 2,
  map_alignment: 2,
  flags2: 4,
  max_stack_depth: 4,
  request_timeout: 2,
  unused: spare(11, 2),
})
export const INTERRUPT_IN = struct({ unique: 8 })
export const BMAP_IN = struct({ block: 8, blocksize: 4, padding: 4 })
export const BMAP_OUT = struct({ block: 8 })
export const IOCTL_IN = struct({ fh: 8, flags: 4, cmd: 4, arg: 8, in_size: 4, out_size: 4 })
export const IOCTL_OUT = struct({ result: 4, flags: 4, in_iovs: 4, out_iovs: 4 })
export const POLL_IN = struct({ fh: 8, kh: 8, flags: 4, events: 4 })
export const POLL_OUT = struct({ revents: 4, padding: 4 })
export const FALLOCATE_IN = struct({ fh: 8, offset: 8, length: 8, mode: 4, padding: 4 })
export const DIRENT = struct({ ino: 8, off: 8, namelen: 4, type: 4 })
export const DIRENTPLUS = struct({ entry_out: ENTRY_OUT, dirent: DIRENT })
export const LSEEK_IN = struct({ fh: 8, offset: 8, whence: 4, padding: 4 })
export const LSEEK_OUT = struct({ offset: 8 })
export const COPY_FILE_RANGE_IN = struct({
  fh_in: 8,
  off_in: 8,
  nodeid_out: 8,
  fh_out: 8,
  off_out: 8,
  len: 8,
  flags: 8,
})
export const COPY_FILE_RANGE_OUT = struct({ bytes_copied: 8 })
export const SETUPMAPPING_IN = struct({ fh: 8, foffset: 8, len: 8, flags: 8, moffset: 8 })
export const REMOVEMAPPING_IN = struct({ count: 4 })
export const REMOVEMAPPING_ONE = struct({ moffset: 8, len: 8 })
export const SYNCFS_IN = struct({ padding: 8 })

/** 7.39: bit for bit struct statx of linux/stat.h. */
export const SX_TIME = struct({ tv_sec: 8, tv_nsec: 4, __reserved: 4 })
export const STATX = struct({
  mask: 4,
  blksize: 4,
  attributes: 8,
  nlink: 4,
  uid: 4,
  gid: 4,
  mode: 2,
  __spare0: 2,
  ino: 8,
  size: 8,
  blocks: 8,
  attributes_mask: 8,
  atime: SX_TIME,
  btime: SX_TIME,
  ctime: SX_TIME,
  mtime: SX_TIME,
  rdev_major: 4,
  rdev_minor: 4,
  dev_major: 4,
  dev_minor: 4,
  __spare2: spare(14, 8),
})
export const STATX_IN = struct({ getattr_flags: 4, reserved: 4, fh: 8, sx_flags: 4, sx_mask: 4 })
export const STATX_OUT = struct({ attr_valid: 8, attr_valid_nsec: 4, flags: 4, spare: spare(2, 8), stat: STATX })

export const NOTIFY_INVAL_INODE_OUT = struct({ ino: 8, off: 8, len: 8 })
export const NOTIFY_STORE_OUT = struct({ nodeid: 8, offset: 8, size: 4, padding: 4 })
export const NOTIFY_INVAL_ENTRY_OUT = struct({ parent: 8, namelen: 4, flags: 4 })
export const NOTIFY_DELETE_OUT = struct({ parent: 8, child: 8, namelen: 4, padding: 4 })
/** The body of NOTIFY_REPLY: the size of fuse_write_in. */
export const NOTIFY_RETRIEVE_IN = struct({ dummy1: 8, offset: 8, size: 4, dummy2: 4, dummy3: 8, dummy4: 8 })

/** Directory records begin at multiples of 8. */
export const recordAlign = (size: number): number => (size + 7) & ~7
