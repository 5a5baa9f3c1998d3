/** Decoders of the requests' arguments. They run after `validate`, so every field that they read is there. */
import { constants } from 'node:os'
import { FATTR_SIZE, FUSE_GETATTR_FH, FUSE_READ_LOCKOWNER, FUSE_WRITE_LOCKOWNER } from './abi.js'
import * as L from './layout.js'
import type { FileLock, RequestTable } from './request.js'
import { BODY, getU64, type RequestWire, U64_MAX } from './wire.js'

/** The arguments, or a negative errno. */
type Decoder<O extends keyof RequestTable> = (wire: RequestWire) => RequestTable[O] | number

const { EFBIG } = constants.errno
/** An offset that a change would reach, where rounding would change the wrong bytes. */
const tooFar = (offset: number): boolean => offset === U64_MAX

export const nothing = (): Record<string, never> => ({})
export const name = (w: RequestWire) => ({ name: w.name })
export const forget: Decoder<'forget'> = (w) => ({ nlookup: w.u64(L.FORGET_IN.nlookup) })

/** How many nodes a BATCH_FORGET is about, and which: without an object for each. */
export const forgetCount = (w: RequestWire): number => w.u32(L.BATCH_FORGET_IN.count)
export const forgetNodeid = (w: RequestWire, index: number): number =>
  getU64(w.view, w.dataStart + index * L.FORGET_ONE.SIZE + L.FORGET_ONE.nodeid)
export const forgetNlookup = (w: RequestWire, index: number): number =>
  getU64(w.view, w.dataStart + index * L.FORGET_ONE.SIZE + L.FORGET_ONE.nlookup)
export const batch_forget: Decoder<'batch_forget'> = (w) => ({
  forgets: Array.from({ length: forgetCount(w) }, (_, index) => ({
    nodeid: forgetNodeid(w, index),
    nlookup: forgetNlookup(w, index),
  })),
})

export const getattr: Decoder<'getattr'> = (w) => {
  const getattr_flags = w.u32(L.GETATTR_IN.getattr_flags)
  return { getattr_flags, fh: (getattr_flags & FUSE_GETATTR_FH) === 0 ? undefined : w.u64(L.GETATTR_IN.fh) }
}
export const statx: Decoder<'statx'> = (w) => {
  const getattr_flags = w.u32(L.STATX_IN.getattr_flags)
  return {
    getattr_flags,
    fh: (getattr_flags & FUSE_GETATTR_FH) === 0 ? undefined : w.u64(L.STATX_IN.fh),
    sx_flags: w.u32(L.STATX_IN.sx_flags),
    sx_mask: w.u32(L.STATX_IN.sx_mask),
  }
}
export const setattr: Decoder<'setattr'> = (w) => {
  const valid = w.u32(L.SETATTR_IN.valid)
  const size = w.u64(L.SETATTR_IN.size)
  if ((valid & FATTR_SIZE) !== 0 && tooFar(size)) return -EFBIG
  return {
    valid,
    fh: w.u64(L.SETATTR_IN.fh),
    size,
    lock_owner: w.big(L.SETATTR_IN.lock_owner),
    atime: w.i64(L.SETATTR_IN.atime),
    mtime: w.i64(L.SETATTR_IN.mtime),
    ctime: w.i64(L.SETATTR_IN.ctime),
    atimensec: w.u32(L.SETATTR_IN.atimensec),
    mtimensec: w.u32(L.SETATTR_IN.mtimensec),
    ctimensec: w.u32(L.SETATTR_IN.ctimensec),
    mode: w.u32(L.SETATTR_IN.mode),
    uid: w.u32(L.SETATTR_IN.uid),
    gid: w.u32(L.SETATTR_IN.gid),
  }
}

export const symlink: Decoder<'symlink'> = (w) => ({ name: w.name, target: w.name2, extensions: w.extensions })
export const mknod: Decoder<'mknod'> = (w) => ({
  name: w.name,
  mode: w.u32(L.MKNOD_IN.mode),
  rdev: w.u32(L.MKNOD_IN.rdev),
  umask: w.u32(L.MKNOD_IN.umask),
  extensions: w.extensions,
})
export const mkdir: Decoder<'mkdir'> = (w) => ({
  name: w.name,
  mode: w.u32(L.MKDIR_IN.mode),
  umask: w.u32(L.MKDIR_IN.umask),
  extensions: w.extensions,
})
export const create: Decoder<'create'> = (w) => ({
  name: w.name,
  flags: w.u32(L.CREATE_IN.flags),
  mode: w.u32(L.CREATE_IN.mode),
  umask: w.u32(L.CREATE_IN.umask),
  open_flags: w.u32(L.CREATE_IN.open_flags),
  extensions: w.extensions,
})
export const rename: Decoder<'rename'> = (w) => ({
  name: w.name,
  newdir: w.u64(L.RENAME_IN.newdir),
  newname: w.name2,
})
export const rename2: Decoder<'rename2'> = (w) => ({
  name: w.name,
  newdir: w.u64(L.RENAME2_IN.newdir),
  newname: w.name2,
  flags: w.u32(L.RENAME2_IN.flags),
})
export const link: Decoder<'link'> = (w) => ({ name: w.name, oldnodeid: w.u64(L.LINK_IN.oldnodeid) })

export const open: Decoder<'open'> = (w) => ({
  flags: w.u32(L.OPEN_IN.flags),
  open_flags: w.u32(L.OPEN_IN.open_flags),
})
export const read: Decoder<'read'> = (w) => {
  const read_flags = w.u32(L.READ_IN.read_flags)
  return {
    fh: w.u64(L.READ_IN.fh),
    offset: w.u64(L.READ_IN.offset),
    size: w.u32(L.READ_IN.size),
    read_flags,
    lock_owner: (read_flags & FUSE_READ_LOCKOWNER) === 0 ? undefined : w.big(L.READ_IN.lock_owner),
    flags: w.u32(L.READ_IN.flags),
  }
}
export const write: Decoder<'write'> = (w) => {
  const offset = w.u64(L.WRITE_IN.offset)
  if (tooFar(offset)) return -EFBIG
  const write_flags = w.u32(L.WRITE_IN.write_flags)
  return {
    fh: w.u64(L.WRITE_IN.fh),
    offset,
    size: w.u32(L.WRITE_IN.size),
    write_flags,
    lock_owner: (write_flags & FUSE_WRITE_LOCKOWNER) === 0 ? undefined : w.big(L.WRITE_IN.lock_owner),
    flags: w.u32(L.WRITE_IN.flags),
    data: w.data,
  }
}
export const release: Decoder<'release'> = (w) => ({
  fh: w.u64(L.RELEASE_IN.fh),
  flags: w.u32(L.RELEASE_IN.flags),
  release_flags: w.u32(L.RELEASE_IN.release_flags),
  lock_owner: w.big(L.RELEASE_IN.lock_owner),
})
export const flush: Decoder<'flush'> = (w) => ({
  fh: w.u64(L.FLUSH_IN.fh),
  lock_owner: w.big(L.FLUSH_IN.lock_owner),
})
export const fsync: Decoder<'fsync'> = (w) => ({
  fh: w.u64(L.FSYNC_IN.fh),
  fsync_flags: w.u32(L.FSYNC_IN.fsync_flags),
})

export const setxattr: Decoder<'setxattr'> = (w) => ({
  name: w.name,
  value: w.data,
  flags: w.u32(L.SETXATTR_IN.flags),
  setxattr_flags: w.setxattr_ext ? w.u32(L.SETXATTR_IN.setxattr_flags) : 0,
})
export const getxattr: Decoder<'getxattr'> = (w) => ({ name: w.name, size: w.u32(L.GETXATTR_IN.size) })
export const listxattr: Decoder<'listxattr'> = (w) => ({ size: w.u32(L.GETXATTR_IN.size) })

export const init: Decoder<'init'> = (w) => {
  const low = BigInt(w.u32(L.INIT_IN.flags))
  // init_in was shorter before 7.36.
  const high = w.end >= BODY + L.INIT_IN.flags2 + 4 ? BigInt(w.u32(L.INIT_IN.flags2)) : 0n
  return {
    major: w.u32(L.INIT_IN.major),
    minor: w.u32(L.INIT_IN.minor),
    max_readahead: w.u32(L.INIT_IN.max_readahead),
    flags: low | (high << 32n),
  }
}

const fileLock = (w: RequestWire, at: number): FileLock => ({
  start: w.big(at + L.FILE_LOCK.start),
  end: w.big(at + L.FILE_LOCK.end),
  type: w.u32(at + L.FILE_LOCK.type),
  pid: w.u32(at + L.FILE_LOCK.pid),
})
export const lk: Decoder<'getlk'> = (w) => ({
  fh: w.u64(L.LK_IN.fh),
  owner: w.big(L.LK_IN.owner),
  lk: fileLock(w, L.LK_IN.lk),
  lk_flags: w.u32(L.LK_IN.lk_flags),
})
export const access: Decoder<'access'> = (w) => ({ mask: w.u32(L.ACCESS_IN.mask) })
export const interrupt: Decoder<'interrupt'> = (w) => ({ unique: w.big(L.INTERRUPT_IN.unique) })
export const bmap: Decoder<'bmap'> = (w) => ({
  block: w.u64(L.BMAP_IN.block),
  blocksize: w.u32(L.BMAP_IN.blocksize),
})
export const ioctl: Decoder<'ioctl'> = (w) => ({
  fh: w.u64(L.IOCTL_IN.fh),
  flags: w.u32(L.IOCTL_IN.flags),
  cmd: w.u32(L.IOCTL_IN.cmd),
  arg: w.big(L.IOCTL_IN.arg),
  out_size: w.u32(L.IOCTL_IN.out_size),
  data: w.data,
})
export const poll: Decoder<'poll'> = (w) => ({
  fh: w.u64(L.POLL_IN.fh),
  kh: w.big(L.POLL_IN.kh),
  flags: w.u32(L.POLL_IN.flags),
  events: w.u32(L.POLL_IN.events),
})
export const notify_reply: Decoder<'notify_reply'> = (w) => ({
  offset: w.u64(L.NOTIFY_RETRIEVE_IN.offset),
  data: w.data,
})
export const fallocate: Decoder<'fallocate'> = (w) => {
  const offset = w.u64(L.FALLOCATE_IN.offset)
  const length = w.u64(L.FALLOCATE_IN.length)
  if (offset + length >= U64_MAX) return -EFBIG
  return { fh: w.u64(L.FALLOCATE_IN.fh), offset, length, mode: w.u32(L.FALLOCATE_IN.mode) }
}
export const lseek: Decoder<'lseek'> = (w) => ({
  fh: w.u64(L.LSEEK_IN.fh),
  offset: w.i64(L.LSEEK_IN.offset),
  whence: w.u32(L.LSEEK_IN.whence),
})
export const copy_file_range: Decoder<'copy_file_range'> = (w) => {
  const off_out = w.u64(L.COPY_FILE_RANGE_IN.off_out)
  if (tooFar(off_out)) return -EFBIG
  return {
    fh_in: w.u64(L.COPY_FILE_RANGE_IN.fh_in),
    off_in: w.u64(L.COPY_FILE_RANGE_IN.off_in),
    nodeid_out: w.u64(L.COPY_FILE_RANGE_IN.nodeid_out),
    fh_out: w.u64(L.COPY_FILE_RANGE_IN.fh_out),
    off_out,
    // Copying less than asked is allowed.
    len: w.u64(L.COPY_FILE_RANGE_IN.len),
    flags: w.u64(L.COPY_FILE_RANGE_IN.flags),
  }
}
export const setupmapping: Decoder<'setupmapping'> = (w) => ({
  fh: w.u64(L.SETUPMAPPING_IN.fh),
  foffset: w.u64(L.SETUPMAPPING_IN.foffset),
  len: w.u64(L.SETUPMAPPING_IN.len),
  flags: w.u64(L.SETUPMAPPING_IN.flags),
  moffset: w.u64(L.SETUPMAPPING_IN.moffset),
})
export const removemapping: Decoder<'removemapping'> = (w) => ({
  mappings: Array.from({ length: w.u32(L.REMOVEMAPPING_IN.count) }, (_, index) => {
    const at = w.dataStart + index * L.REMOVEMAPPING_ONE.SIZE
    return {
      moffset: getU64(w.view, at + L.REMOVEMAPPING_ONE.moffset),
      len: getU64(w.view, at + L.REMOVEMAPPING_ONE.len),
    }
  }),
})
