/** memfs's own objects, as the memory lower meets them. memfs is pinned: these are its typed internals, not its API. */
import type { Volume } from 'memfs'

export type { Volume }
/** A volume's tree and inodes. */
export type Core = Volume['_core']
/** A directory entry: a name that leads to an inode. */
export type Link = Core['root']
/** An inode. */
export type Node = Link['node']
/** What memfs tells its watchers; made here as a plain object of the same fields. */
export type FsEvent = Parameters<Core['changes']['emit']>[0]

/** memfs's FsEventType, which is a const enum. */
export const EVENT = { create: 0, delete: 1, modify: 2, attrib: 3, move: 4 } as const

export const S_IFMT = 0o170000
export const S_IFSOCK = 0o140000
export const S_IFLNK = 0o120000
export const S_IFREG = 0o100000
export const S_IFBLK = 0o060000
export const S_IFDIR = 0o040000
export const S_IFCHR = 0o020000
export const S_IFIFO = 0o010000
export const S_ISUID = 0o4000
export const S_ISGID = 0o2000
export const S_ISVTX = 0o1000
export const S_IXGRP = 0o0010

export const typeOf = (node: Node): number => node.mode & S_IFMT
export const isDirectory = (node: Node): boolean => (node.mode & S_IFMT) === S_IFDIR
export const isRegular = (node: Node): boolean => (node.mode & S_IFMT) === S_IFREG
export const isLink = (node: Node): boolean => (node.mode & S_IFMT) === S_IFLNK

/** A directory's names, without `.` and `..`, which memfs keeps among them. */
export function* entriesOf(dir: Link): Generator<[string, Link]> {
  for (const [name, link] of dir.children) {
    if (link !== undefined && name !== '.' && name !== '..') yield [name, link]
  }
}
export const isEmpty = (dir: Link): boolean => {
  for (const _ of entriesOf(dir)) return false
  return true
}
