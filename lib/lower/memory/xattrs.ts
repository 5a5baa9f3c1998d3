/** Extended attributes in memory: xattr(7). They belong to the inode, so that hard links share them. */
import type { Caller } from '../../context.js'
import { Failed } from '../../verdict.js'
import { targetOf } from './attributes.js'
import { isRoot, may, owns, READ, WRITE } from './caller.js'
import { longerThan } from './names.js'
import { EVENT, isDirectory, isRegular, type Node, S_ISVTX } from './node.js'
import { now } from './times.js'
import type { MemoryOps, MemoryVolume } from './volume.js'

/** linux/limits.h, in bytes. */
const XATTR_NAME_MAX = 255
const XATTR_SIZE_MAX = 65536
const XATTR_LIST_MAX = 65536
const XATTR_CREATE = 1
const XATTR_REPLACE = 2

const E2BIG = Failed.of('E2BIG')
const EACCES = Failed.of('EACCES')
const EBADF = Failed.of('EBADF')
const EEXIST = Failed.of('EEXIST')
const EINVAL = Failed.of('EINVAL')
const ENODATA = Failed.of('ENODATA')
const ENOTSUP = Failed.of('ENOTSUP')
const EPERM = Failed.of('EPERM')
const ERANGE = Failed.of('ERANGE')

const tables = new WeakMap<Node, Map<string, Buffer>>()

const NAMESPACES = ['user.', 'trusted.', 'security.']

const checkName = (name: string): Failed | undefined => {
  if (name === '' || longerThan(name, XATTR_NAME_MAX)) return ERANGE
  const namespace = NAMESPACES.find((prefix) => name.startsWith(prefix))
  if (namespace === undefined) return ENOTSUP
  return name.length === namespace.length ? EINVAL : undefined
}

/** What the kernel's xattr_permission says. */
const permission = (node: Node, name: string, mask: number, caller: Caller): Failed | undefined => {
  const writes = mask === WRITE
  if (name.startsWith('trusted.')) return isRoot(caller) ? undefined : writes ? EPERM : ENODATA
  if (name.startsWith('security.')) return !writes || isRoot(caller) ? undefined : EPERM
  // Anybody might write to a device or make a link longer: users have no attributes there.
  if (!isRegular(node) && !isDirectory(node)) return writes ? EPERM : ENODATA
  if (isDirectory(node) && (node.mode & S_ISVTX) !== 0 && writes && !owns(node, caller)) return EPERM
  return may(node, mask, caller) ? undefined : EACCES
}

type XattrOp = 'getxattr' | 'setxattr' | 'listxattr' | 'removexattr'

export const xattrOps = (v: MemoryVolume): Pick<MemoryOps, XattrOp> => {
  const nodeOf = (req: Parameters<typeof targetOf>[1], caller: Caller) => {
    const target = targetOf(v, req, caller)
    return !(target instanceof Failed) && target.file?.pathOnly ? EBADF : target
  }
  return {
    getxattr(req, caller) {
      const bad = checkName(req.name)
      const target = nodeOf(req, caller)
      if (target instanceof Failed) return target
      if (bad !== undefined) return bad
      const refused = permission(target.node, req.name, READ, caller)
      if (refused !== undefined) return refused
      const value = tables.get(target.node)?.get(req.name)
      return value === undefined ? ENODATA : Buffer.from(value)
    },

    setxattr(req, caller) {
      const { name, value, flags } = req
      if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) !== 0) return EINVAL
      if (name === '' || longerThan(name, XATTR_NAME_MAX)) return ERANGE
      if (value.length > XATTR_SIZE_MAX) return E2BIG
      const target = nodeOf(req, caller)
      if (target instanceof Failed) return target
      const { node } = target
      const refused = checkName(name) ?? permission(node, name, WRITE, caller)
      if (refused !== undefined) return refused
      const table = tables.get(node) ?? new Map<string, Buffer>()
      const there = table.has(name)
      if (there && (flags & XATTR_CREATE) !== 0) return EEXIST
      if (!there && (flags & XATTR_REPLACE) !== 0) return ENODATA
      table.set(name, Buffer.from(value))
      tables.set(node, table)
      node.ctime = now()
      v.tell(EVENT.attrib, target.link)
      return undefined
    },

    listxattr(req, caller) {
      const target = nodeOf(req, caller)
      if (target instanceof Failed) return target
      const names: string[] = []
      let bytes = 0
      for (const name of tables.get(target.node)?.keys() ?? []) {
        if (name.startsWith('trusted.') && !isRoot(caller)) continue
        names.push(name)
        bytes += Buffer.byteLength(name) + 1
      }
      return bytes > XATTR_LIST_MAX ? E2BIG : names
    },

    removexattr(req, caller) {
      const target = nodeOf(req, caller)
      if (target instanceof Failed) return target
      const { node } = target
      const refused = checkName(req.name) ?? permission(node, req.name, WRITE, caller)
      if (refused !== undefined) return refused
      if (tables.get(node)?.delete(req.name) !== true) return ENODATA
      node.ctime = now()
      v.tell(EVENT.attrib, target.link)
      return undefined
    },
  }
}
