/** rename(2) and renameat2(2) in memory, in the kernel's order of checks (do_renameat2, vfs_rename). */
import type { Caller } from '../../context.js'
import { Failed } from '../../verdict.js'
import { may, mayCreate, mayDelete, WRITE } from './caller.js'
import { EVENT, isDirectory, isEmpty, type Link } from './node.js'
import { now } from './times.js'
import { type MemoryOps, type MemoryVolume, stampDir } from './volume.js'
import { how, LONG_LATER, NORM, PARENT } from './walk.js'

export const RENAME_NOREPLACE = 1
export const RENAME_EXCHANGE = 2

const EACCES = Failed.of('EACCES')
const EBUSY = Failed.of('EBUSY')
const EEXIST = Failed.of('EEXIST')
const EINVAL = Failed.of('EINVAL')
const EISDIR = Failed.of('EISDIR')
const ENAMETOOLONG = Failed.of('ENAMETOOLONG')
const ENOENT = Failed.of('ENOENT')
const ENOTDIR = Failed.of('ENOTDIR')
const ENOTEMPTY = Failed.of('ENOTEMPTY')

/** Whether `above` is `link`, or a directory that it is in. */
const contains = (above: Link, link: Link): boolean => {
  for (let at = link; ; at = at.parent) {
    if (at === above) return true
    // memfs's root is its own parent.
    if (at.parent === undefined || at.parent === at) return false
  }
}

/** Gives `link` another place. Neither place may hold anything else. */
const move = (link: Link, dir: Link, name: string): void => {
  link.parent?.deleteChild(link)
  link.name = name
  link.steps = [...dir.steps, name]
  dir.setChild(name, link)
}

const exchange = (v: MemoryVolume, a: Link, b: Link): void => {
  const at = now()
  const aDir = a.parent as Link
  const bDir = b.parent as Link
  const aName = a.name
  const bName = b.name
  const aSteps = a.steps
  const bSteps = b.steps
  aDir.deleteChild(a)
  move(b, aDir, aName)
  a.name = bName
  a.steps = [...bDir.steps, bName]
  bDir.setChild(bName, a)
  a.node.ctime = at
  b.node.ctime = at
  stampDir(aDir, at)
  stampDir(bDir, at)
  v.tell(EVENT.move, a, aSteps)
  v.tell(EVENT.move, b, bSteps)
}

const replace = (v: MemoryVolume, from: Link, dir: Link, name: string, over: Link | undefined): void => {
  const at = now()
  const oldDir = from.parent as Link
  const oldSteps = from.steps
  if (over !== undefined) v.remove(over, at)
  move(from, dir, name)
  from.node.ctime = at
  stampDir(oldDir, at)
  stampDir(dir, at)
  v.tell(EVENT.move, from, oldSteps)
}

/** What may go wrong once both places are known. `over`: what has the new name. */
const refusal = (from: Link, dir: Link, over: Link | undefined, swap: boolean, caller: Caller): Failed | undefined => {
  const oldDir = from.parent as Link
  const refused = mayDelete(oldDir, from.node, caller)
  if (refused !== undefined) return refused
  const directory = isDirectory(from.node)
  if (over === undefined) {
    const no = mayCreate(dir, caller)
    if (no !== undefined) return no
  } else {
    const no = mayDelete(dir, over.node, caller)
    if (no !== undefined) return no
    if (!swap && directory && !isDirectory(over.node)) return ENOTDIR
    if (!swap && !directory && isDirectory(over.node)) return EISDIR
  }
  if (dir !== oldDir) {
    // Its `..` will change.
    if (directory && !may(from.node, WRITE, caller)) return EACCES
    if (swap && over !== undefined && isDirectory(over.node) && !may(over.node, WRITE, caller)) return EACCES
  }
  if (!swap && over !== undefined && directory && !isEmpty(over)) return ENOTEMPTY
  return undefined
}

export const renameOp = (v: MemoryVolume): MemoryOps['rename'] => {
  const { walk } = v
  return (req, caller) => {
    const { flags } = req
    const swap = flags === RENAME_EXCHANGE
    if (flags !== 0 && flags !== RENAME_NOREPLACE && !swap) return EINVAL
    const failed = walk.to(req.path, how(req, false) | PARENT | LONG_LATER, caller)
    if (failed !== undefined) return failed
    const { link: from, last: oldLast, slash: oldSlash, long: oldLong } = walk
    const newHow = how({ dentry: req.newDentry }, false) | PARENT | LONG_LATER
    const failedToo = walk.to(req.newPath, newHow, caller)
    if (failedToo !== undefined) return failedToo
    const { dir, name, link: over, last: newLast, slash: newSlash } = walk
    if (oldLast !== NORM) return EBUSY
    if (newLast !== NORM) return flags === RENAME_NOREPLACE ? EEXIST : EBUSY
    if (oldLong) return ENAMETOOLONG
    if (from === undefined) return ENOENT
    if (walk.long) return ENAMETOOLONG
    if (over !== undefined && flags === RENAME_NOREPLACE) return EEXIST
    if (over === undefined && swap) return ENOENT
    if (swap && over !== undefined && newSlash && !isDirectory(over.node)) return ENOTDIR
    if (!isDirectory(from.node) && (oldSlash || (!swap && newSlash))) return ENOTDIR
    if (contains(from, dir)) return EINVAL
    if (over !== undefined && contains(over, from.parent as Link)) return swap ? EINVAL : ENOTEMPTY
    // Two names of one file: nothing to do.
    if (over?.node === from.node) return undefined
    const refused = refusal(from, dir, over, swap, caller)
    if (refused !== undefined) return refused
    if (swap && over !== undefined) exchange(v, from, over)
    else replace(v, from, dir, name, over)
    return undefined
  }
}
