/** Opening and closing files in memory. */
import { constants } from 'node:fs'
import type { Caller } from '../../context.js'
import type { Request } from '../../op.js'
import { Failed } from '../../verdict.js'
import { masked, may, mayCreate, owns, READ, WRITE, withoutSetId } from './caller.js'
import { allocated, truncate } from './contents.js'
import { EVENT, isDirectory, isLink, isRegular, type Link, type Node, S_IFREG } from './node.js'
import { touch } from './times.js'
import type { MemoryOps, MemoryVolume, OpenNode } from './volume.js'
import { CREATE, how } from './walk.js'

const { O_ACCMODE, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW } = {
  O_ACCMODE: 3,
  ...constants,
}
// asm-generic/fcntl.h; node:fs does not name them all.
const O_NOATIME = 0o1000000
const O_PATH = 0o10000000
/** Without the O_DIRECTORY that is part of O_TMPFILE. */
const O_TMPFILE_BIT = 0o20000000

const EEXIST = Failed.of('EEXIST')
const EINVAL = Failed.of('EINVAL')
const EISDIR = Failed.of('EISDIR')
const ENOENT = Failed.of('ENOENT')
const ENOTDIR = Failed.of('ENOTDIR')
const EACCES = Failed.of('EACCES')
const EPERM = Failed.of('EPERM')
const ELOOP = Failed.of('ELOOP')
const ENXIO = Failed.of('ENXIO')
const ENOSPC = Failed.of('ENOSPC')
const EBADF = Failed.of('EBADF')

const accessOf = (flags: number): Pick<OpenNode, 'readable' | 'writable' | 'append' | 'pathOnly'> => {
  const mode = flags & O_ACCMODE
  const pathOnly = (flags & O_PATH) !== 0
  return {
    readable: !pathOnly && mode !== O_WRONLY && mode !== O_ACCMODE,
    writable: !pathOnly && (mode === O_WRONLY || mode === O_RDWR),
    append: (flags & O_APPEND) !== 0,
    pathOnly,
  }
}

/** It loses its contents. */
export const empty = (v: MemoryVolume, node: Node, link: Link, caller: Caller): void => {
  v.space.bytes -= allocated(node)
  truncate(node, 0)
  touch(node)
  if (caller.uid !== 0) node.mode = withoutSetId(node.mode)
  v.tell(EVENT.modify, link)
}

export const openOps = (v: MemoryVolume): Pick<MemoryOps, 'open' | 'create' | 'tmpfile' | 'release'> => {
  const { walk, space } = v

  /** Something that is there. */
  const openLink = (link: Link, flags: number, caller: Caller): number | Failed => {
    const { node } = link
    const access = accessOf(flags)
    if ((flags & O_DIRECTORY) !== 0 && !isDirectory(node)) return ENOTDIR
    if (access.pathOnly) return v.open(node, link, flags, access)
    if (isLink(node)) return ELOOP
    const truncates = (flags & O_TRUNC) !== 0
    if (isDirectory(node) && (access.writable || truncates || (flags & O_CREAT) !== 0)) return EISDIR
    const mode = flags & O_ACCMODE
    const wants = (mode === O_WRONLY ? 0 : READ) | (mode === 0 && !truncates ? 0 : WRITE)
    if (!may(node, wants, caller)) return EACCES
    if ((flags & O_NOATIME) !== 0 && !owns(node, caller)) return EPERM
    // Pipes, sockets and devices have nobody at their other end.
    if (!isDirectory(node) && !isRegular(node)) return ENXIO
    if (truncates) empty(v, node, link, caller)
    return v.open(node, link, flags, access)
  }

  const open = (req: Request<'open'>, caller: Caller): number | Failed => {
    const { flags } = req
    if ((flags & O_TMPFILE_BIT) !== 0) return tmpfile(req, caller)
    const creates = (flags & O_CREAT) !== 0 && (flags & O_PATH) === 0
    if (creates && (flags & O_DIRECTORY) !== 0) return EINVAL
    const exclusive = creates && (flags & O_EXCL) !== 0
    const follow = (flags & O_NOFOLLOW) === 0 && !exclusive
    const failed = walk.to(req.path, how(req, follow) | (creates ? CREATE : 0), caller)
    if (failed !== undefined) return failed
    const { link, dir, name, slash } = walk
    if (link !== undefined) {
      if (exclusive) return EEXIST
      return openLink(link, flags, caller)
    }
    if (!creates) return ENOENT
    if (slash) return EISDIR
    const refused = mayCreate(dir, caller)
    if (refused !== undefined) return refused
    if (!space.hasFile()) return ENOSPC
    const node = v.makeNode(S_IFREG | masked(req.mode & 0o7777, caller), caller, dir.node)
    // The mode is for later: whoever makes a file may write to it, whatever it says.
    return v.open(node, v.enter(dir, name, node), flags, accessOf(flags))
  }

  const tmpfile = (req: Request<'tmpfile'>, caller: Caller): number | Failed => {
    const access = accessOf(req.flags)
    if (!access.writable) return EINVAL
    const dir = walk.find(req.path, how(req, true), caller)
    if (dir instanceof Failed) return dir
    if (!isDirectory(dir.node)) return ENOTDIR
    const refused = mayCreate(dir, caller)
    if (refused !== undefined) return refused
    if (!space.hasFile()) return ENOSPC
    const node = v.makeNode(S_IFREG | masked(req.mode & 0o7777, caller), caller, dir.node)
    node.nlink = 0
    if ((req.flags & O_EXCL) === 0) v.linkable.add(node)
    v.core.deleteNode(node)
    v.core.releasedInos.length = 0
    return v.open(node, dir, req.flags, access)
  }

  return {
    open,
    create: open,
    tmpfile,
    release: (req) => (v.close(req.fd) ? undefined : EBADF),
  }
}
