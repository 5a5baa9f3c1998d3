/** Owners and permission bits: what a caller may do. */
import type { Caller } from '../../context.js'
import { Failed } from '../../verdict.js'
import {
  isDirectory,
  isRegular,
  type Link,
  type Node,
  S_IFMT,
  S_IFREG,
  S_ISGID,
  S_ISUID,
  S_ISVTX,
  S_IXGRP,
} from './node.js'

export const READ = 4
export const WRITE = 2
export const EXECUTE = 1

const EACCES = Failed.of('EACCES')
const EPERM = Failed.of('EPERM')

export const isRoot = (caller: Caller): boolean => caller.uid === 0

/** Whether this process asks, and not another one through a mount. */
const isSelf = (caller: Caller): boolean => caller.pid === 0 || caller.pid === process.pid

/** Whether owners and modes say nothing against what it asks. */
export const isPrivileged = (caller: Caller): boolean => caller.uid === 0 || caller.checked === true

/** Whether `gid` is the caller's group. */
export const inGroup = (caller: Caller, gid: number): boolean =>
  caller.gid === gid ||
  (caller.groups?.includes(gid) ?? false) ||
  (isSelf(caller) && caller.uid === process.geteuid?.() && (process.getgroups?.().includes(gid) ?? false))

/** The mode of something new. A mounted filesystem's requests come with their own umask applied. */
export const masked = (mode: number, caller: Caller): number => (isSelf(caller) ? mode & ~process.umask() : mode)

/** Whether every bit of `mask` is allowed (READ, WRITE, EXECUTE). */
export const may = (node: Node, mask: number, caller: Caller): boolean => {
  const { mode } = node
  if (caller.checked === true) return true
  if (caller.uid === 0) return (mask & EXECUTE) === 0 || isDirectory(node) || (mode & 0o111) !== 0
  const bits = caller.uid === node.uid ? mode >> 6 : inGroup(caller, node.gid) ? mode >> 3 : mode
  return (bits & mask) === mask
}

/** Whether a name may be put into `dir`. */
export const mayCreate = (dir: Link, caller: Caller): Failed | undefined =>
  may(dir.node, WRITE | EXECUTE, caller) ? undefined : EACCES

/** Whether the name of `node` may be taken out of `dir`. */
export const mayDelete = (dir: Link, node: Node, caller: Caller): Failed | undefined => {
  if (!may(dir.node, WRITE | EXECUTE, caller)) return EACCES
  const sticky = (dir.node.mode & S_ISVTX) !== 0
  if (sticky && !isPrivileged(caller) && caller.uid !== node.uid && caller.uid !== dir.node.uid) return EPERM
  return undefined
}

export const owns = (node: Node, caller: Caller): boolean => isPrivileged(caller) || caller.uid === node.uid

/** Whether `node` may get another name: of somebody else's, only what one may read and write, and not run as them. */
export const mayLink = (node: Node, caller: Caller): boolean => {
  if (owns(node, caller)) return true
  // fs.protected_hardlinks, as distributions set it.
  return isRegular(node) && withoutSetId(node.mode) === node.mode && may(node, READ | WRITE, caller)
}

/** The mode of a file whose contents or owner change: set-id bits do not survive that. */
export const withoutSetId = (mode: number): number => {
  if ((mode & S_IFMT) !== S_IFREG) return mode
  const plain = mode & ~S_ISUID
  // Without group execution, S_ISGID once meant mandatory locking, and stays.
  return (mode & S_IXGRP) !== 0 ? plain & ~S_ISGID : plain
}
