/** What the kernel must be told when others have changed something below, path by path: made in the serving thread. */

import { posix } from 'node:path'
import { S_IFDIR, S_IFLNK } from '../namei.js'
import { lookupOf } from '../request.js'
import { Failed } from '../verdict.js'
import { FUSE_EXPIRE_ONLY } from './abi.js'
import type { Inode } from './inode-table.js'
import { encodeDelete, encodeInvalEntry, encodeInvalInode } from './notify.js'
import type { Session } from './session.js'
import { Wire } from './wire.js'

export interface StalePaths {
  readonly paths: readonly string[]
  /** How far what is beneath them is meant as well: 0 not at all. */
  readonly depth: number
  /** Nothing may lose its place: something is mounted beneath. */
  readonly gently: boolean
}

const MAX_LINKS = 40
/** A header, the largest structure, a name. */
const ROOM = 64 + 256

class Messages {
  readonly list: Uint8Array[] = []
  readonly #seen = new Set<number>()
  constructor(readonly s: Session) {}

  #put(encode: (out: Wire) => number): void {
    const out = new Wire(Buffer.alloc(ROOM))
    const length = encode(out)
    if (length > 0) this.list.push(out.bytes.subarray(0, length))
  }
  /** Attributes, pages, a listing. */
  inode(inode: Inode): void {
    const { id } = inode
    if (this.#seen.has(id)) return
    this.#seen.add(id)
    this.s.absentXattrs?.forget(inode)
    this.#put((out) => encodeInvalInode(out, id, 0, 0))
  }
  /** A name, which is looked up before it is used again. `flags`: FUSE_EXPIRE_ONLY keeps what is in use in its place. */
  name(dir: Inode, name: string, flags: number): void {
    this.#put((out) => encodeInvalEntry(out, dir.id, name, this.s.expires ? flags : 0))
  }
  gone(dir: Inode, child: Inode, name: string): void {
    this.#put((out) => encodeDelete(out, dir.id, child.id, name))
  }
}

/** Notifications, in the order in which they are to be sent. */
export const staleMessages = (s: Session, { paths, depth, gently }: StalePaths): Uint8Array[] => {
  const out = new Messages(s)
  for (const path of paths) along(s, out, posix.resolve('/', path), depth, gently, MAX_LINKS)
  return out.list
}

/** Up to the first name that the kernel does not know, which it may yet know to be absent. */
const along = (s: Session, out: Messages, path: string, depth: number, gently: boolean, links: number): void => {
  const parts = path.split('/').filter(Boolean)
  let dir = s.table.root
  if (parts.length === 0) {
    out.inode(dir)
    below(out, dir, depth)
    return
  }
  for (const [k, name] of parts.entries()) {
    const child = dir.children?.get(name)
    const isLast = k === parts.length - 1
    if (child?.type === S_IFLNK && links > 0 && !s.waits) {
      const at = parts.slice(0, k + 1).join('/')
      const led = s.ask('resolve', { path: `/${at}`, dentry: undefined, follow: true })
      const rest = parts.slice(k + 1).join('/')
      if (!(led instanceof Failed)) along(s, out, posix.join(led.path, rest), depth, gently, links - 1)
      if (!isLast) return
    }
    if (child === undefined || isLast) {
      changed(s, out, dir, name, child, depth, gently)
      return
    }
    dir = child
  }
}

const changed = (
  s: Session,
  out: Messages,
  dir: Inode,
  name: string,
  child: Inode | undefined,
  depth: number,
  gently: boolean,
): void => {
  const path = s.table.pathIn(dir, name)
  const isDir = child?.type === S_IFDIR
  if (child !== undefined && path !== undefined && !s.isOwn(dir, name) && isGone(s, path, child)) {
    out.gone(dir, child, name)
    s.table.drop(dir, name)
  }
  // A directory whose absent names are to be forgotten has to be let go of as a whole.
  out.name(dir, name, depth > 1 && isDir && !gently ? 0 : FUSE_EXPIRE_ONLY)
  if (child !== undefined) {
    out.inode(child)
    if (isDir && depth === 0) unwatched(child)
    below(out, child, depth)
  }
  out.inode(dir)
}

/** Whether another file, or none, has its name. */
const isGone = (s: Session, path: string, child: Inode): boolean => {
  if (s.waits) return false
  const stats = s.ask('lookup', lookupOf(path))
  if (stats instanceof Failed) return stats.errno === 'ENOENT'
  return s.table.stable && (stats.ino !== child.ino || stats.dev !== child.dev)
}

/** It may have been moved, or replaced: whoever looks into it next asks for a watcher. */
const unwatched = (dir: Inode): void => {
  dir.watched = false
  for (const child of dir.children?.values() ?? []) if (child.watched) unwatched(child)
}

const below = (out: Messages, dir: Inode, depth: number): void => {
  if (depth === 0) return
  for (const name of dir.missed ?? []) out.name(dir, name, FUSE_EXPIRE_ONLY)
  dir.missed = undefined
  for (const [name, child] of dir.children ?? []) {
    out.name(dir, name, FUSE_EXPIRE_ONLY)
    out.inode(child)
    below(out, child, depth - 1)
  }
}
