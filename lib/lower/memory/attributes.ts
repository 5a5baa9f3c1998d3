/** Attributes of names and open files in memory. */
import type { Caller } from '../../context.js'
import type { Attributes, Request } from '../../op.js'
import { Failed } from '../../verdict.js'
import { inGroup, isPrivileged, may, owns, WRITE, withoutSetId } from './caller.js'
import { resize } from './file.js'
import { EVENT, isDirectory, isLink, isRegular, type Link, type Node, S_IFMT, S_ISGID } from './node.js'
import { preciseStatsOf, statFsOf, statsOf } from './stat.js'
import { fromNs, fromSeconds, now } from './times.js'
import type { MemoryOps, MemoryVolume, OpenNode } from './volume.js'
import { how } from './walk.js'

const EACCES = Failed.of('EACCES')
const EBADF = Failed.of('EBADF')
const EINVAL = Failed.of('EINVAL')
const EISDIR = Failed.of('EISDIR')
const ENOTSUP = Failed.of('ENOTSUP')
const EPERM = Failed.of('EPERM')

/** chown(2): as Node hands on -1. */
const UNCHANGED = 0xffff_ffff

/** What a request on a name or on an open file is about. */
export interface Target {
  readonly node: Node
  readonly link: Link
  readonly file: OpenNode | undefined
}

export const targetOf = (
  v: MemoryVolume,
  req: Pick<Request<'getattr'>, 'path' | 'dentry' | 'fd' | 'follow'>,
  caller: Caller,
): Target | Failed => {
  if (req.fd !== undefined) {
    const file = v.files.get(req.fd)
    return file === undefined ? EBADF : { node: file.node, link: file.link, file }
  }
  const link = v.walk.find(req.path, how(req, req.follow), caller)
  return link instanceof Failed ? link : { node: link.node, link, file: undefined }
}

const setSize = (v: MemoryVolume, { node, link, file }: Target, size: number, caller: Caller): Failed | undefined => {
  if (file === undefined) {
    if (isDirectory(node)) return EISDIR
    if (!isRegular(node)) return EINVAL
    if (!may(node, WRITE, caller)) return EACCES
  } else if (!file.writable || !isRegular(node)) return EINVAL
  const failed = resize(v, node, size, caller)
  if (failed === undefined) v.tell(EVENT.modify, link)
  return failed
}

const given = (id: number | undefined): id is number => id !== undefined && id !== -1 && id !== UNCHANGED

const setOwner = (node: Node, { uid, gid }: Attributes, caller: Caller): Failed | undefined => {
  const mode = withoutSetId(node.mode)
  if (!isPrivileged(caller)) {
    const owner = caller.uid === node.uid
    if (given(uid) && !(owner && uid === node.uid)) return EPERM
    if (given(gid) && !(owner && (gid === node.gid || inGroup(caller, gid)))) return EPERM
    // Nothing but the set-id bits would change.
    if (!owner && mode !== node.mode) return EPERM
  }
  if (given(uid)) node.uid = uid
  if (given(gid)) node.gid = gid
  node.mode = mode
  return undefined
}

const setMode = (node: Node, mode: number, caller: Caller): Failed | undefined => {
  if (isLink(node)) return ENOTSUP
  if (!owns(node, caller)) return EPERM
  let bits = mode & 0o7777
  if (!isPrivileged(caller) && !inGroup(caller, node.gid)) bits &= ~S_ISGID
  node.mode = (node.mode & S_IFMT) | bits
  return undefined
}

const setTimes = (node: Node, set: Attributes, caller: Caller): Failed | undefined => {
  if (!owns(node, caller)) return EPERM
  const wrong = (seconds: number | undefined): boolean => seconds !== undefined && !Number.isFinite(seconds)
  if (wrong(set.mtime) || wrong(set.atime)) return EINVAL
  const { ctime } = node
  if (set.mtimeNs !== undefined) node.mtime = fromNs(set.mtimeNs)
  else if (set.mtime !== undefined) node.mtime = fromSeconds(set.mtime)
  if (set.atimeNs !== undefined) node.atime = fromNs(set.atimeNs)
  else if (set.atime !== undefined) node.atime = fromSeconds(set.atime)
  node.ctime = ctime
  return undefined
}

type AttributeOp = 'getattr' | 'setattr' | 'access' | 'statfs' | 'syncfs'

export const attributeOps = (v: MemoryVolume): Pick<MemoryOps, AttributeOp> => ({
  getattr(req, caller) {
    let node: Node
    if (req.fd === undefined) {
      const link = v.walk.find(req.path, how(req, req.follow), caller)
      if (link instanceof Failed) return link
      node = link.node
    } else {
      const file = v.files.get(req.fd)
      if (file === undefined) return EBADF
      node = file.node
    }
    return req.precise ? preciseStatsOf(v, node) : statsOf(v, node)
  },

  setattr(req, caller) {
    const target = targetOf(v, req, caller)
    if (target instanceof Failed) return target
    const { node, file } = target
    const { set } = req
    if (file?.pathOnly) return EBADF
    if (set.size !== undefined) {
      const failed = setSize(v, target, set.size, caller)
      if (failed !== undefined) return failed
    }
    let failed: Failed | undefined
    if (set.uid !== undefined || set.gid !== undefined) failed = setOwner(node, set, caller)
    if (failed === undefined && set.mode !== undefined) failed = setMode(node, set.mode, caller)
    const times = set.atime ?? set.mtime ?? set.atimeNs ?? set.mtimeNs
    if (failed === undefined && times !== undefined) failed = setTimes(node, set, caller)
    if (failed !== undefined) return failed
    node.ctime = now()
    v.tell(EVENT.attrib, target.link)
    return undefined
  },

  access(req, caller) {
    if ((req.mask & ~7) !== 0) return EINVAL
    const link = v.walk.find(req.path, how(req, true), caller)
    if (link instanceof Failed) return link
    return may(link.node, req.mask, caller) ? undefined : EACCES
  },

  statfs(req, caller) {
    const link = v.walk.find(req.path, how(req, true), caller)
    return link instanceof Failed ? link : statFsOf(v)
  },

  syncfs(req, caller) {
    const link = v.walk.find(req.path, how(req, true), caller)
    return link instanceof Failed ? link : undefined
  },
})
