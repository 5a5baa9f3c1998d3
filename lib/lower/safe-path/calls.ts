/**
 * The calls that path resolution is made of: on a held directory and one name in it, or on a held file. A held file is
 * an O_PATH descriptor: it opens nothing, cannot block on a FIFO or a device, and stays the same file whatever happens to
 * its names. No call follows a symbolic link.
 */
import type { Attributes, Entry, StatFs, Stats } from '../../op.js'
import type { Failed } from '../../verdict.js'

/** A held file or directory: a descriptor, or where there are none (`unsafe`) a number of our own. */
export type Held = number

/** On a directory and a plain name in it (`isPlain`); anything else is EINVAL. */
interface OnName {
  /** The directory `name`; ENOTDIR or ELOOP where it is something else, a link too. */
  enter(dir: Held, name: string): Held | Failed
  /** Whatever `name` is, a link too. */
  hold(dir: Held, name: string): Held | Failed
  /** The attributes of `name` itself. */
  lstat(dir: Held, name: string, precise: boolean): Stats | Failed
  /** A link's target; EINVAL where it is none. */
  readlink(dir: Held, name: string): string | Failed
  /** open(2) with O_NOFOLLOW: ELOOP for a link. */
  open(dir: Held, name: string, flags: number, mode: number): number | Failed
  link(dir: Held, name: string, newDir: Held, newName: string): Failed | undefined
  /** Gives an open file that has no name one. */
  linkFd(fd: number, newDir: Held, newName: string): Failed | undefined
  /**
   * Whether `setattrAt` can set these: one kind of attribute, for less than to hold `name`. With `follow`, a link is
   * ENOTSUP, and nothing was done.
   */
  setsAt(set: Attributes, follow: boolean): boolean
  /** Sets them on `name` itself, a link too. */
  setattrAt(dir: Held, name: string, set: Attributes): Failed | undefined
  /** An extended attribute of `name` itself, for less than to hold it; undefined where the kernel cannot. */
  readonly getxattrAt: ((dir: Held, name: string, attribute: string) => Buffer | Failed) | undefined
}

/** On a directory and a last component as it was given (`isLast`): the kernel refuses `.`, `..` and `x/` as it should. */
interface OnLast {
  mkdir(dir: Held, name: string, mode: number): Failed | undefined
  rmdir(dir: Held, name: string): Failed | undefined
  unlink(dir: Held, name: string): Failed | undefined
  symlink(target: string, dir: Held, name: string): Failed | undefined
  mknod(dir: Held, name: string, mode: number, rdev: number): Failed | undefined
  rename(dir: Held, name: string, newDir: Held, newName: string, flags: number): Failed | undefined
}

/** On a held file: a link that is held is meant itself. */
interface OnHeld {
  stat(held: Held, precise: boolean): Stats | Failed
  /** access(2), with the process's real ids. */
  access(held: Held, mask: number): Failed | undefined
  setattr(held: Held, set: Attributes): Failed | undefined
  /** Opens what is held: `flags` without O_CREAT, O_EXCL and O_NOFOLLOW. ELOOP for a link. */
  reopen(held: Held, flags: number): number | Failed
  /** A file without a name in a held directory. */
  tmpfile(held: Held, flags: number, mode: number): number | Failed
  statfs(held: Held): StatFs | Failed
  readdir(held: Held): Entry[] | Failed
  getxattr(held: Held, name: string): Buffer | Failed
  setxattr(held: Held, name: string, value: Buffer, flags: number): Failed | undefined
  listxattr(held: Held): string[] | Failed
  removexattr(held: Held, name: string): Failed | undefined
}

export interface Calls extends OnName, OnLast, OnHeld {
  /** Whether the held files cannot be exchanged for others; false only with `unsafe`. */
  readonly pins: boolean
  /** Extended attributes; mknod, renameat2's flags. */
  readonly native: boolean
  /** Hold a directory by its path on the host, links followed. */
  holdHost(path: string): Held | Failed
  release(held: Held): void
  /** Closes an open file: close(2). */
  close(fd: number): Failed | undefined
  /** A path on the host that leads to what is held, whatever its name; only for node:fs's own functions. */
  at(held: Held): string
}
