/** One row an opcode: its number, its name, the shape of its request, its decoder and its encoder. */
import { type FuseOp, OPCODES } from './abi.js'
import * as args from './args.js'
import { encodeReaddir, encodeReaddirplus } from './dirent.js'
import * as encode from './encode.js'
import * as L from './layout.js'
import type { ReplyTable } from './reply.js'
import type { RequestTable } from './request.js'
import type { RequestWire, Wire } from './wire.js'

/** What follows the header of a request. */
export interface Shape {
  /** The structure, in bytes. */
  readonly fixed: number
  /** NUL-terminated strings after it. */
  readonly names: 0 | 1 | 2
  /** Whether the first is one component of a path. */
  readonly component: boolean
  readonly component2: boolean
  /** The size of what follows the names, in bytes. */
  readonly tail: ((wire: RequestWire) => number) | undefined
  /** The structure is shorter unless FUSE_SETXATTR_EXT was agreed on. */
  readonly setxattr: boolean
}
export interface Row<O extends FuseOp = FuseOp> {
  readonly code: number
  readonly name: O
  readonly shape: Shape
  /** False where the kernel waits for no reply. */
  readonly replies: boolean
  /** After `validate`: the arguments, or a negative errno. */
  readonly decode: (wire: RequestWire) => RequestTable[O] | number
  /** The length of the message; see encode.ts. */
  readonly encode: (out: Wire, reply: ReplyTable[O]) => number
}

const NONE: Shape = { fixed: 0, names: 0, component: true, component2: true, tail: undefined, setxattr: false }
/** A structure alone. */
const plain = ({ SIZE }: { readonly SIZE: number }): Shape => ({ ...NONE, fixed: SIZE })
/** Components after a structure. */
const named = (names: 1 | 2, layout = { SIZE: 0 }): Shape => ({ ...plain(layout), names })
/** A string that is no component: an attribute's name, and whatever TMPFILE sends. */
const text = (layout = { SIZE: 0 }): Shape => ({ ...named(1, layout), component: false })
/** Bytes after a structure, as many as the u32 at `at` counts in units of `unit`. */
const tailed = (layout: { readonly SIZE: number }, at: number, unit = 1): Shape => ({
  ...plain(layout),
  tail: (wire) => wire.u32(at) * unit,
})

const silent = encode.encodeEmpty
const row = <O extends FuseOp>(
  name: O,
  shape: Shape,
  decode: Row<O>['decode'],
  encode: Row<O>['encode'],
  replies = true,
): Row<O> => ({ code: OPCODES[name], name, shape, replies, decode, encode })

export const ROWS: { readonly [O in FuseOp]: Row<O> } = {
  lookup: row('lookup', named(1), args.name, encode.encodeEntry),
  forget: row('forget', plain(L.FORGET_IN), args.forget, silent, false),
  getattr: row('getattr', plain(L.GETATTR_IN), args.getattr, encode.encodeAttr),
  setattr: row('setattr', plain(L.SETATTR_IN), args.setattr, encode.encodeAttr),
  readlink: row('readlink', NONE, args.nothing, encode.encodeBytes),
  symlink: row('symlink', { ...named(2), component2: false }, args.symlink, encode.encodeEntry),
  mknod: row('mknod', named(1, L.MKNOD_IN), args.mknod, encode.encodeEntry),
  mkdir: row('mkdir', named(1, L.MKDIR_IN), args.mkdir, encode.encodeEntry),
  unlink: row('unlink', named(1), args.name, silent),
  rmdir: row('rmdir', named(1), args.name, silent),
  rename: row('rename', named(2, L.RENAME_IN), args.rename, silent),
  link: row('link', named(1, L.LINK_IN), args.link, encode.encodeEntry),
  open: row('open', plain(L.OPEN_IN), args.open, encode.encodeOpen),
  read: row('read', plain(L.READ_IN), args.read, encode.encodeBytes),
  write: row('write', tailed(L.WRITE_IN, L.WRITE_IN.size), args.write, encode.encodeU32),
  statfs: row('statfs', NONE, args.nothing, encode.encodeStatfs),
  release: row('release', plain(L.RELEASE_IN), args.release, silent),
  fsync: row('fsync', plain(L.FSYNC_IN), args.fsync, silent),
  setxattr: row(
    'setxattr',
    { ...text(L.SETXATTR_IN), setxattr: true, tail: (wire) => wire.u32(L.SETXATTR_IN.size) },
    args.setxattr,
    silent,
  ),
  getxattr: row('getxattr', text(L.GETXATTR_IN), args.getxattr, encode.encodeXattr),
  listxattr: row('listxattr', plain(L.GETXATTR_IN), args.listxattr, encode.encodeXattr),
  removexattr: row('removexattr', text(), args.name, silent),
  flush: row('flush', plain(L.FLUSH_IN), args.flush, silent),
  init: row('init', { ...NONE, fixed: L.FUSE_COMPAT_INIT_IN_SIZE }, args.init, encode.encodeInit),
  opendir: row('opendir', plain(L.OPEN_IN), args.open, encode.encodeOpen),
  readdir: row('readdir', plain(L.READ_IN), args.read, encodeReaddir),
  releasedir: row('releasedir', plain(L.RELEASE_IN), args.release, silent),
  fsyncdir: row('fsyncdir', plain(L.FSYNC_IN), args.fsync, silent),
  getlk: row('getlk', plain(L.LK_IN), args.lk, encode.encodeLk),
  setlk: row('setlk', plain(L.LK_IN), args.lk, silent),
  setlkw: row('setlkw', plain(L.LK_IN), args.lk, silent),
  access: row('access', plain(L.ACCESS_IN), args.access, silent),
  create: row('create', named(1, L.CREATE_IN), args.create, encode.encodeCreate),
  interrupt: row('interrupt', plain(L.INTERRUPT_IN), args.interrupt, silent, false),
  bmap: row('bmap', plain(L.BMAP_IN), args.bmap, encode.encodeU64),
  destroy: row('destroy', NONE, args.nothing, silent),
  ioctl: row('ioctl', tailed(L.IOCTL_IN, L.IOCTL_IN.in_size), args.ioctl, encode.encodeIoctl),
  poll: row('poll', plain(L.POLL_IN), args.poll, encode.encodeU32),
  notify_reply: row(
    'notify_reply',
    tailed(L.NOTIFY_RETRIEVE_IN, L.NOTIFY_RETRIEVE_IN.size),
    args.notify_reply,
    silent,
    false,
  ),
  batch_forget: row(
    'batch_forget',
    tailed(L.BATCH_FORGET_IN, L.BATCH_FORGET_IN.count, L.FORGET_ONE.SIZE),
    args.batch_forget,
    silent,
    false,
  ),
  fallocate: row('fallocate', plain(L.FALLOCATE_IN), args.fallocate, silent),
  readdirplus: row('readdirplus', plain(L.READ_IN), args.read, encodeReaddirplus),
  rename2: row('rename2', named(2, L.RENAME2_IN), args.rename2, silent),
  lseek: row('lseek', plain(L.LSEEK_IN), args.lseek, encode.encodeU64),
  copy_file_range: row('copy_file_range', plain(L.COPY_FILE_RANGE_IN), args.copy_file_range, encode.encodeU32),
  setupmapping: row('setupmapping', plain(L.SETUPMAPPING_IN), args.setupmapping, silent),
  removemapping: row(
    'removemapping',
    tailed(L.REMOVEMAPPING_IN, L.REMOVEMAPPING_IN.count, L.REMOVEMAPPING_ONE.SIZE),
    args.removemapping,
    silent,
  ),
  syncfs: row('syncfs', plain(L.SYNCFS_IN), args.nothing, silent),
  tmpfile: row('tmpfile', text(L.CREATE_IN), args.create, encode.encodeCreate),
  statx: row('statx', plain(L.STATX_IN), args.statx, encode.encodeStatx),
  copy_file_range_64: row('copy_file_range_64', plain(L.COPY_FILE_RANGE_IN), args.copy_file_range, encode.encodeU64),
}

const byCode: (Row | undefined)[] = []
for (const row of Object.values(ROWS)) byCode[row.code] = row as unknown as Row
/** The row of an opcode's number. */
export const ROW_OF: readonly (Row | undefined)[] = byCode
