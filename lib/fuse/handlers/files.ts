/** Requests that open files, and those on open files. */
import { constants as fs } from 'node:fs'
import { constants } from 'node:os'
import { O_ACCMODE } from '../../flags.js'
import { O_TMPFILE } from '../../native/index.js'
import type { Attributes } from '../../op.js'
import { openOf } from '../../request.js'
import { Failed } from '../../verdict.js'
import { FOPEN_KEEP_CACHE, FUSE_FSYNC_FDATASYNC, FUSE_OPEN_KILL_SUIDGID, FUSE_WRITE_KILL_SUIDGID } from '../abi.js'
import { encodeEmpty, encodeInPlace, encodeU32, encodeU64 } from '../encode.js'
import type { Handle } from '../handles.js'
import type { Inode } from '../inode-table.js'
import {
  COPY_FILE_RANGE_IN,
  CREATE_IN,
  ENTRY_OUT,
  FALLOCATE_IN,
  FSYNC_IN,
  LSEEK_IN,
  OPEN_IN,
  OPEN_OUT,
  READ_IN,
  RELEASE_IN,
  WRITE_IN,
} from '../layout.js'
import { refused, type Session } from '../session.js'
import { REPLY, type RequestWire, U64_MAX } from '../wire.js'
import { withoutSetId } from './attributes.js'

const { EBADF, EFBIG, ENOENT, EOPNOTSUPP, ESTALE } = constants.errno
const { O_APPEND, O_CREAT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_TRUNC, O_NONBLOCK } = fs
/** Where memory must be aligned; the kernel's own file does it, where it is passed through. */
const O_DIRECT = fs.O_DIRECT ?? 0
/** copy_file_range's answer is 32 bits. */
const COPY_MAX = 1 << 30

/** As the lower is asked: the kernel has resolved the name, and made the file where it was to be made. */
const openFlags = (flags: number): number =>
  (flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_DIRECT | O_NONBLOCK)) | O_NOFOLLOW

/** Registers what the lower has opened, and puts fuse_open_out at `at`. */
const opened = (s: Session, at: number, inode: Inode, fd: number, flags: number, mode: number): Handle => {
  const handle = s.handles.open(inode, fd, flags, s.x.files.get(fd))
  handle.uid = s.cx.caller.uid
  handle.gid = s.cx.caller.gid
  let out = s.knobs.keepCache ? FOPEN_KEEP_CACHE : 0
  if (s.backing === undefined) inode.cached++
  else out = s.backing.open(handle, mode, out)
  s.putOpen(at, handle.fh, out, handle.io === 'passed' ? inode.backingId : 0)
  return handle
}

export const open = (s: Session, w: RequestWire): number => {
  const inode = s.table.get(w.nodeid)
  const path = inode === undefined ? undefined : s.table.pathOf(inode)
  if (inode === undefined) return -ESTALE
  const flags = openFlags(w.u32(OPEN_IN.flags))
  if (path === undefined) {
    const { ghost } = inode
    if (ghost === undefined) return -ESTALE
    if ((flags & (O_ACCMODE | O_TRUNC)) !== 0 && !inode.ghostWritable) return -ESTALE
    if ((flags & O_TRUNC) !== 0) {
      const failed = change(s, ghost, { size: 0 })
      if (failed instanceof Failed) return refused(failed)
    }
    opened(s, REPLY, inode, ghost, flags, inode.mode).borrowed = true
    return encodeInPlace(s.out, OPEN_OUT.SIZE)
  }
  const fd = s.ask('open', openOf(path, flags, 0))
  // Gone behind the mount's back: ESTALE makes the kernel look the name up once more.
  if (fd instanceof Failed) return fd.errno === 'ENOENT' ? -ESTALE : refused(fd)
  // Without FUSE_HANDLE_KILLPRIV_V2 the kernel sends set-id bits along with what changes a file, but not with O_TRUNC.
  const owed = s.killpriv ? (w.u32(OPEN_IN.open_flags) & FUSE_OPEN_KILL_SUIDGID) !== 0 : w.uid !== 0
  if ((flags & O_TRUNC) !== 0 && owed) {
    const stats = s.stats({ path, fd, file: s.x.files.get(fd) })
    if (!(stats instanceof Failed)) killPriv(s, fd, withoutSetId(stats))
  }
  opened(s, REPLY, inode, fd, flags, inode.mode)
  return encodeInPlace(s.out, OPEN_OUT.SIZE)
}

const change = (s: Session, fd: number, set: Attributes): Failed | undefined =>
  s.ask('setattr', { path: '', fd, file: s.x.files.get(fd), dentry: undefined, follow: false, set }) as
    | Failed
    | undefined

/** What a privileged process does for one that is not. */
const killPriv = (s: Session, fd: number, mode: number | undefined): void => {
  if (mode !== undefined) change(s, fd, { mode })
}

/** Puts fuse_entry_out and fuse_open_out; `fd` is closed where its attributes cannot be had. */
const created = (s: Session, fd: number, flags: number, adopt: (stats: Stats) => Inode): number => {
  const file = s.x.files.get(fd)
  const stats = s.stats({ path: file?.path ?? '', fd, file })
  if (stats instanceof Failed) {
    s.ask('release', { fd, file })
    return refused(stats)
  }
  const inode = adopt(stats)
  s.putEntry(REPLY, inode, stats)
  if ((flags & O_EXCL) !== 0) s.absentXattrs?.made(inode)
  opened(s, REPLY + ENTRY_OUT.SIZE, inode, fd, flags, stats.mode)
  return encodeInPlace(s.out, ENTRY_OUT.SIZE + OPEN_OUT.SIZE)
}
type Stats = Exclude<ReturnType<Session['stats']>, Failed>

/** Where it cannot be given a name later, programs that want that are told so, and do without. */
export const tmpfile = (s: Session, w: RequestWire): number => {
  const asked = w.u32(CREATE_IN.flags)
  if ((asked & O_EXCL) === 0 && !s.linksFiles) return -EOPNOTSUPP
  const dir = s.table.get(w.nodeid)
  const path = dir === undefined ? undefined : s.table.pathOf(dir)
  if (path === undefined) return -ENOENT
  const flags = openFlags(asked & ~O_TMPFILE)
  const mode = w.u32(CREATE_IN.mode) & 0o7777
  const made = asked & (O_ACCMODE | O_APPEND | O_EXCL)
  const fd = s.askAsCaller(w, 'tmpfile', openOf(path, made, mode))
  // ENOSYS would be for good, and is another directory's answer too.
  if (fd instanceof Failed) return fd.errno === 'ENOSYS' ? -EOPNOTSUPP : refused(fd)
  return created(s, fd, flags, (stats) => s.table.nameless(stats))
}

export const create = (s: Session, w: RequestWire): number => {
  const dir = s.table.get(w.nodeid)
  if (dir === undefined) return -ESTALE
  const { name } = w
  const path = s.table.pathIn(dir, name)
  if (path === undefined) return -ENOENT
  s.looked(dir)
  const asked = w.u32(CREATE_IN.flags)
  const flags = openFlags(asked)
  const mode = w.u32(CREATE_IN.mode) & 0o7777
  const made = flags | O_CREAT | (asked & O_EXCL)
  s.near.hold(dir)
  const fd = s.askAsCaller(w, 'create', openOf(path, made, mode))
  if (fd instanceof Failed) return refused(fd)
  return created(s, fd, made, (stats) => s.table.adopt(dir, name, stats, path))
}

export const read = (s: Session, w: RequestWire): number => {
  const handle = s.handles.get(w.u64(READ_IN.fh))
  if (handle === undefined) return -EBADF
  const { fd, file } = handle
  const position = w.u64(READ_IN.offset)
  const buffer = s.out.bytes
  const size = Math.min(w.u32(READ_IN.size), buffer.length - REPLY)
  if (position === U64_MAX) return encodeInPlace(s.out, 0)
  let done = 0
  // A short answer means the end of the file to the kernel; to a lower it may mean less.
  do {
    const got = s.ask('read', {
      fd,
      file,
      buffer,
      offset: REPLY + done,
      length: size - done,
      position: position + done,
    })
    if (got instanceof Failed) {
      if (done > 0) break
      return refused(got)
    }
    if (got === 0) break
    done += got
  } while (done < size && s.x.lower.capabilities.kernelFiles !== true)
  return encodeInPlace(s.out, done)
}

export const write = (s: Session, w: RequestWire): number => {
  const handle = s.handles.get(w.u64(WRITE_IN.fh))
  if (handle === undefined) return -EBADF
  const position = w.u64(WRITE_IN.offset)
  if (position === U64_MAX) return -EFBIG
  const { fd, file } = handle
  const { dataStart, bytes } = w
  const length = w.dataEnd - dataStart
  const done = s.ask('write', { fd, file, buffer: bytes, offset: dataStart, length, position })
  if (done instanceof Failed) return refused(done)
  if ((w.u32(WRITE_IN.write_flags) & FUSE_WRITE_KILL_SUIDGID) !== 0) {
    const stats = s.stats({ path: '', fd, file })
    if (!(stats instanceof Failed)) killPriv(s, fd, withoutSetId(stats))
  }
  return encodeU32(s.out, done)
}

/** Closes below, and forgets. */
export const close = (s: Session, handle: Handle): void => {
  const { fd, file, inode } = handle
  if (s.backing !== undefined) s.backing.release(handle)
  else if (inode.cached > 0) inode.cached--
  s.handles.unlist(handle)
  if (fd !== -1 && !handle.borrowed) s.ask('release', { fd, file })
  s.handles.close(handle)
  s.table.released(inode)
}
export const release = (s: Session, w: RequestWire): number => {
  const handle = s.handles.get(w.u64(RELEASE_IN.fh))
  if (handle === undefined) return -EBADF
  close(s, handle)
  return encodeEmpty(s.out)
}

export const fsync = (s: Session, w: RequestWire): number => {
  const handle = s.handles.get(w.u64(FSYNC_IN.fh))
  if (handle === undefined) return -EBADF
  const { fd, file } = handle
  const datasync = (w.u32(FSYNC_IN.fsync_flags) & FUSE_FSYNC_FDATASYNC) !== 0
  const failed = s.ask('fsync', { fd, file, datasync })
  return failed instanceof Failed ? refused(failed) : encodeEmpty(s.out)
}

export const fallocate = (s: Session, w: RequestWire): number => {
  const handle = s.handles.get(w.u64(FALLOCATE_IN.fh))
  if (handle === undefined) return -EBADF
  const { fd, file } = handle
  const offset = w.u64(FALLOCATE_IN.offset)
  const length = w.u64(FALLOCATE_IN.length)
  if (offset + length >= U64_MAX) return -EFBIG
  const failed = s.ask('fallocate', { fd, file, mode: w.u32(FALLOCATE_IN.mode), offset, length })
  return failed instanceof Failed ? refused(failed) : encodeEmpty(s.out)
}

export const lseek = (s: Session, w: RequestWire): number => {
  const handle = s.handles.get(w.u64(LSEEK_IN.fh))
  if (handle === undefined) return -EBADF
  const { fd, file } = handle
  const at = s.ask('lseek', { fd, file, offset: w.i64(LSEEK_IN.offset), whence: w.u32(LSEEK_IN.whence) })
  return at instanceof Failed ? refused(at) : encodeU64(s.out, at)
}

const copy =
  (encode: typeof encodeU32 | typeof encodeU64) =>
  (s: Session, w: RequestWire): number => {
    const from = s.handles.get(w.u64(COPY_FILE_RANGE_IN.fh_in))
    const to = s.handles.get(w.u64(COPY_FILE_RANGE_IN.fh_out))
    if (from === undefined || to === undefined) return -EBADF
    const offsetOut = w.u64(COPY_FILE_RANGE_IN.off_out)
    if (offsetOut === U64_MAX) return -EFBIG
    const done = s.ask('copy_file_range', {
      fd: from.fd,
      file: from.file,
      offset: w.u64(COPY_FILE_RANGE_IN.off_in),
      fdOut: to.fd,
      fileOut: to.file,
      offsetOut,
      length: Math.min(w.u64(COPY_FILE_RANGE_IN.len), COPY_MAX),
    })
    return done instanceof Failed ? refused(done) : encode(s.out, done)
  }
export const copyFileRange = copy(encodeU32)
export const copyFileRange64 = copy(encodeU64)
