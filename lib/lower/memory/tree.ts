/** Names in memory: what makes, finds and removes them. Orders of checks are Linux's (fs/namei.c). */
import type { Caller } from '../../context.js'
import type { Entry, Request } from '../../op.js'
import { Failed } from '../../verdict.js'
import { isRoot, masked, may, mayCreate, mayDelete, mayLink, READ } from './caller.js'

import { longerThan, PATH_MAX } from './names.js'
import {
  entriesOf,
  isDirectory,
  isEmpty,
  isLink,
  type Link,
  type Node,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  typeOf,
} from './node.js'
import { preciseStatsOf, statsOf } from './stat.js'
import { now } from './times.js'
import type { MemoryOps, MemoryVolume } from './volume.js'
import { DOT, DOTDOT, how, NORM, PARENT, pathTo, ROOT } from './walk.js'

const EBADF = Failed.of('EBADF')
const EEXIST = Failed.of('EEXIST')
const EINVAL = Failed.of('EINVAL')
const EISDIR = Failed.of('EISDIR')
const ENOENT = Failed.of('ENOENT')
const ENOTDIR = Failed.of('ENOTDIR')
const ENOTEMPTY = Failed.of('ENOTEMPTY')
const EBUSY = Failed.of('EBUSY')
const EACCES = Failed.of('EACCES')
const EPERM = Failed.of('EPERM')
const ENOSPC = Failed.of('ENOSPC')
const ENAMETOOLONG = Failed.of('ENAMETOOLONG')

type TreeOp =
  | 'lookup'
  | 'readlink'
  | 'symlink'
  | 'mknod'
  | 'mkdir'
  | 'unlink'
  | 'rmdir'
  | 'link'
  | 'opendir'
  | 'readdir'
  | 'resolve'

/** Where a new name goes. */
interface Place {
  readonly dir: Link
  readonly name: string
}

/** The place for a new name, as the kernel's filename_create finds it: whether it may be used is another question. */
const placeOf = (
  v: MemoryVolume,
  req: { readonly path: string; readonly dentry?: unknown },
  caller: Caller,
  directory: boolean,
): Place | Failed => {
  const { walk } = v
  const failed = walk.to(req.path, how(req, false) | PARENT, caller)
  if (failed !== undefined) return failed
  if (walk.last !== NORM || walk.link !== undefined) return EEXIST
  if (walk.slash && !directory) return ENOENT
  const { dir, name } = walk
  return { dir, name }
}

/** The place for a new name that the caller may make. */
export const placeFor = (
  v: MemoryVolume,
  req: { readonly path: string; readonly dentry?: unknown },
  caller: Caller,
  directory: boolean,
): Place | Failed => {
  const place = placeOf(v, req, caller, directory)
  return place instanceof Failed ? place : (mayCreate(place.dir, caller) ?? place)
}

/** UV_DIRENT_* by file type: they are DT_* in another order. */
const direntTypes = new Map([
  [S_IFREG, 1],
  [S_IFDIR, 2],
  [S_IFLNK, 3],
  [S_IFIFO, 4],
  [S_IFSOCK, 5],
  [S_IFCHR, 6],
  [S_IFBLK, 7],
])

const byName = (a: Entry, b: Entry): number => (a.name < b.name ? -1 : 1)

export const treeOps = (v: MemoryVolume): Pick<MemoryOps, TreeOp> => {
  const { walk, space } = v

  /** What is to get one more name: what a path leads to, or an open file. */
  const linked = ({ path, dentry, fd }: Request<'link'>, caller: Caller): Node | Failed => {
    if (fd === undefined) {
      const from = walk.find(path, how({ dentry }, false), caller)
      return from instanceof Failed ? from : from.node
    }
    const file = v.files.get(fd)
    if (file === undefined) return EBADF
    return file.node.nlink > 0 || v.linkable.has(file.node) ? file.node : ENOENT
  }

  const readable = (req: { readonly path: string; readonly dentry?: unknown }, caller: Caller): Link | Failed => {
    const link = walk.find(req.path, how(req, true), caller)
    if (link instanceof Failed) return link
    if (!isDirectory(link.node)) return ENOTDIR
    return may(link.node, READ, caller) ? link : EACCES
  }

  return {
    lookup(req, caller) {
      const link = walk.find(req.path, how(req, false), caller)
      if (link instanceof Failed) return link
      return req.precise === true ? preciseStatsOf(v, link.node) : statsOf(v, link.node)
    },

    readlink(req, caller) {
      const link = walk.find(req.path, how(req, false), caller)
      if (link instanceof Failed) return link
      return isLink(link.node) ? link.node.symlink : EINVAL
    },

    symlink(req, caller) {
      if (req.target === '') return ENOENT
      if (longerThan(req.target, PATH_MAX)) return ENAMETOOLONG
      const place = placeFor(v, req, caller, false)
      if (place instanceof Failed) return place
      if (!space.hasFile()) return ENOSPC
      const node = v.makeNode(S_IFLNK | 0o777, caller, place.dir.node)
      node.symlink = req.target
      v.enter(place.dir, place.name, node)
      return undefined
    },

    mknod(req, caller) {
      const type = req.mode & S_IFMT
      if (type === S_IFDIR) return EPERM
      if (type !== 0 && (!direntTypes.has(type) || type === S_IFLNK)) return EINVAL
      const place = placeFor(v, req, caller, false)
      if (place instanceof Failed) return place
      const device = type === S_IFCHR || type === S_IFBLK
      if (device && !isRoot(caller)) return EPERM
      if (!space.hasFile()) return ENOSPC
      const mode = masked(req.mode & 0o7777, caller)
      const node = v.makeNode((type === 0 ? S_IFREG : type) | mode, caller, place.dir.node)
      if (device) node.rdev = req.rdev
      v.enter(place.dir, place.name, node)
      return undefined
    },

    mkdir(req, caller) {
      const place = placeFor(v, req, caller, true)
      if (place instanceof Failed) return place
      if (!space.hasFile()) return ENOSPC
      // mkdir(2): set-id bits are not taken from the caller.
      const node = v.makeNode(S_IFDIR | masked(req.mode & 0o1777, caller), caller, place.dir.node)
      v.enter(place.dir, place.name, node)
      return undefined
    },

    unlink(req, caller) {
      const failed = walk.to(req.path, how(req, false) | PARENT, caller)
      if (failed !== undefined) return failed
      if (walk.last !== NORM) return EISDIR
      const { link, dir, slash } = walk
      if (link === undefined) return ENOENT
      if (slash) return isDirectory(link.node) ? EISDIR : ENOTDIR
      const refused = mayDelete(dir, link.node, caller)
      if (refused !== undefined) return refused
      if (isDirectory(link.node)) return EISDIR
      v.remove(link)
      return undefined
    },

    rmdir(req, caller) {
      const failed = walk.to(req.path, how(req, false) | PARENT, caller)
      if (failed !== undefined) return failed
      if (walk.last === DOT) return EINVAL
      if (walk.last === DOTDOT) return ENOTEMPTY
      if (walk.last === ROOT) return EBUSY
      const { link, dir } = walk
      if (link === undefined) return ENOENT
      const refused = mayDelete(dir, link.node, caller)
      if (refused !== undefined) return refused
      if (!isDirectory(link.node)) return ENOTDIR
      if (!isEmpty(link)) return ENOTEMPTY
      v.remove(link)
      return undefined
    },

    link(req, caller) {
      const node = linked(req, caller)
      if (node instanceof Failed) return node
      const place = placeOf(v, { path: req.newPath, dentry: req.newDentry }, caller, false)
      if (place instanceof Failed) return place
      if (!mayLink(node, caller)) return EPERM
      const refused = mayCreate(place.dir, caller)
      if (refused !== undefined) return refused
      if (isDirectory(node)) return EPERM
      // It is the volume's again.
      if (v.linkable.delete(node)) v.core.inodes[node.ino] = node
      node.nlink++
      v.enter(place.dir, place.name, node, now())
      return undefined
    },

    opendir(req, caller) {
      const dir = readable(req, caller)
      return dir instanceof Failed ? dir : undefined
    },

    readdir(req, caller) {
      const dir = readable(req, caller)
      if (dir instanceof Failed) return dir
      const entries: Entry[] = []
      for (const [name, { node }] of entriesOf(dir)) entries.push({ name, type: direntTypes.get(typeOf(node)) ?? 0 })
      // As memfs lists them.
      return entries.sort(byName)
    },

    resolve(req, caller) {
      const failed = walk.to(req.path, how(req, req.follow), caller)
      if (failed !== undefined) return failed
      const { link, dir, name } = walk
      if (link !== undefined) {
        return { path: pathTo(link), exists: true, isLink: isLink(link.node), security: undefined }
      }
      const parent = pathTo(dir)
      const path = parent === '/' ? `/${name}` : `${parent}/${name}`
      return { path, exists: false, isLink: false, security: undefined }
    },
  }
}
