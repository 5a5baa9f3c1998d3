/** Which handler serves which opcode. */
import { constants } from 'node:os'
import { type FuseOp, OPCODES } from '../abi.js'
import type { Session } from '../session.js'
import type { RequestWire } from '../wire.js'
import * as attributes from './attributes.js'
import * as directories from './directories.js'
import * as files from './files.js'
import * as names from './names.js'
import * as xattrs from './xattrs.js'

/** Answers the reply's length, a negative errno, or 0 for no reply. */
export type Handler = (s: Session, w: RequestWire) => number

const { ENOSYS, ENOTTY } = constants.errno
const none = (): number => 0
const unknown = (): number => -ENOSYS

/** ENOSYS is also an answer: the kernel then does it by itself, or never asks again. */
const HANDLERS: { readonly [O in FuseOp]: Handler } = {
  lookup: names.lookup,
  forget: names.forget,
  batch_forget: names.batchForget,
  readlink: names.readlink,
  symlink: names.symlink,
  mknod: names.mknod,
  mkdir: names.mkdir,
  unlink: names.unlink,
  rmdir: names.rmdir,
  rename: names.rename,
  rename2: names.rename2,
  link: names.link,
  getattr: attributes.getattr,
  setattr: attributes.setattr,
  statx: attributes.statx,
  access: attributes.access,
  statfs: attributes.statfs,
  syncfs: attributes.syncfs,
  open: files.open,
  create: files.create,
  read: files.read,
  write: files.write,
  release: files.release,
  fsync: files.fsync,
  fallocate: files.fallocate,
  lseek: files.lseek,
  copy_file_range: files.copyFileRange,
  copy_file_range_64: files.copyFileRange64,
  getxattr: xattrs.getxattr,
  listxattr: xattrs.listxattr,
  setxattr: xattrs.setxattr,
  removexattr: xattrs.removexattr,
  opendir: directories.opendir,
  readdir: directories.readdir,
  readdirplus: directories.readdirplus,
  releasedir: directories.releasedir,
  fsyncdir: directories.fsyncdir,
  // A lower has no errors to tell at close(2) that it did not tell before.
  flush: unknown,
  // Locks are the kernel's own: neither FUSE_POSIX_LOCKS nor FUSE_FLOCK_LOCKS was agreed on.
  getlk: unknown,
  setlk: unknown,
  setlkw: unknown,
  // Every request is answered before the next is read.
  interrupt: none,
  ioctl: () => -ENOTTY,
  bmap: unknown,
  poll: unknown,
  tmpfile: files.tmpfile,
  notify_reply: none,
  setupmapping: unknown,
  removemapping: unknown,
  destroy: unknown,
  init: unknown,
}

const byCode: Handler[] = []
for (const op of Object.keys(HANDLERS) as FuseOp[]) byCode[OPCODES[op]] = HANDLERS[op]
/** By the opcode's number. */
export const HANDLER_OF: readonly (Handler | undefined)[] = byCode
