/** Making names, taking them away, and moving them. */
import {
  type Asking,
  attemptOn,
  callOn,
  Failed,
  fail,
  type Path,
  type Reply,
  type Request,
  W_OK,
  X_OK,
} from '../../lib/layer.js'
import { RESERVED } from './marks.js'
import { join, Node } from './node.js'
import { NAME, type Place, type Tree } from './tree.js'

const EBUSY = fail('EBUSY')
const EEXIST = fail('EEXIST')
const EINVAL = fail('EINVAL')
const EISDIR = fail('EISDIR')
const ENOENT = fail('ENOENT')
const ENOTDIR = fail('ENOTDIR')
const ENOTEMPTY = fail('ENOTEMPTY')
const EPERM = fail('EPERM')
const RENAME_NOREPLACE = 1

/** Changes by callers that do not wait come one after the other. */
export function* locked<T>(tree: Tree, steps: Asking<T>): Asking<T> {
  const mine = (yield* callOn(tree.lock, 'syncfs', { path: '/' })) as unknown as boolean
  try {
    return yield* steps
  } finally {
    if (mine) tree.lock.release()
  }
}

const isName = ({ name }: Place): boolean => name !== '' && name !== '.' && name !== '..'

/** A place for something new, in a directory that is on the upper. */
function* fresh(tree: Tree, path: Path, slashed: boolean): Asking<Place | Failed> {
  const place = yield* tree.walk(path, NAME)
  if (place instanceof Failed) return place
  if (place.node !== undefined) return EEXIST
  if (place.slash && !slashed) return ENOENT
  return place
}

/** Makes a name by `how`, over a whiteout where there is one. */
export function* make(
  tree: Tree,
  { parent, name }: Place,
  type: number,
  how: (path: Path) => Asking<unknown>,
): Asking<Failed | Node> {
  if (name.startsWith(RESERVED)) return EPERM
  const failed = yield* tree.copyUp(parent)
  if (failed !== undefined) return failed
  const dir = tree.at(parent)
  const path = join(dir, name)
  const hidden = parent.knows(name)
  const covers = hidden ? yield* tree.beneath(parent, name, undefined) : undefined
  const isDirectory = (type & 0o170000) === 0o040000
  const at = hidden ? tree.marks.temporary(dir) : path
  const made = yield* how(at)
  if (made instanceof Failed) return made
  if (hidden) {
    if (isDirectory) {
      yield* tree.marks.makeOpaque(at)
      yield* tree.marks.show(dir, name)
    }
    yield* callOn(tree.upper.asSelf, 'rename', { path: at, newPath: path, flags: 0 })
    yield* tree.marks.shown(dir, name)
  }
  const node = new Node(parent, name, type, true, undefined)
  node.loaded = true
  parent.set(name, node)
  if (covers !== undefined) yield* tree.cover(node, covers)
  return node
}

export function* mkdir(tree: Tree, req: Request<'mkdir'>): Asking<undefined | Failed> {
  const place = yield* fresh(tree, req.path, true)
  if (place instanceof Failed) return place
  const node = yield* make(tree, place, 0o040000, (path) => attemptOn(tree.upper, 'mkdir', { path, mode: req.mode }))
  return node instanceof Failed ? node : undefined
}

export function* symlink(tree: Tree, req: Request<'symlink'>): Asking<undefined | Failed> {
  const place = yield* fresh(tree, req.path, false)
  if (place instanceof Failed) return place
  const { target } = req
  const node = yield* make(tree, place, 0o120000, (path) => attemptOn(tree.upper, 'symlink', { path, target }))
  return node instanceof Failed ? node : undefined
}

export function* mknod(tree: Tree, req: Request<'mknod'>): Asking<undefined | Failed> {
  const place = yield* fresh(tree, req.path, false)
  if (place instanceof Failed) return place
  const { mode, rdev } = req
  const type = mode & 0o170000
  // It would be a whiteout.
  if (type === 0o020000 && rdev === 0) return EPERM
  const bits = type === 0 ? 0o100000 : type
  const node = yield* make(tree, place, bits, (path) => attemptOn(tree.upper, 'mknod', { path, mode, rdev }))
  return node instanceof Failed ? node : undefined
}

export function* link(tree: Tree, req: Request<'link'>): Asking<undefined | Failed> {
  const from = yield* tree.walk(req.path, NAME)
  if (from instanceof Failed) return from
  const source = from.node
  if (source === undefined) return ENOENT
  if (from.slash && !source.isDirectory) return ENOTDIR
  const place = yield* fresh(tree, req.newPath, false)
  if (place instanceof Failed) return place
  if (source.isDirectory) return EPERM
  const failed = yield* tree.copyUp(source)
  if (failed !== undefined) return failed
  const path = tree.at(source)
  const how = (newPath: Path) => attemptOn(tree.upper, 'link', { path, newPath })
  const node = yield* make(tree, place, source.type, how)
  if (node instanceof Failed) return node
  node.identity = source.identity
  return undefined
}

/** Whether the caller may change the names in a directory of the upper. */
function* mayChange(tree: Tree, dir: Path): Asking<Failed | undefined> {
  return (yield* attemptOn(tree.upper, 'access', { path: dir, mask: W_OK | X_OK })) as Failed | undefined
}

/** The tree forgets a name. */
const drop = (tree: Tree, { parent, name }: Place, node: Node, hidden: boolean): void => {
  node.gone = true
  if (hidden) parent.set(name, undefined)
  else parent.children?.delete(name)
  if (node.isLink) tree.paths.clear()
}

export function* unlink(tree: Tree, req: Request<'unlink'>): Asking<undefined | Failed> {
  const place = yield* tree.walk(req.path, NAME)
  if (place instanceof Failed) return place
  const { parent, name, node } = place
  if (!isName(place)) return EISDIR
  if (node === undefined) return ENOENT
  if (node.isDirectory) return EISDIR
  if (place.slash) return ENOTDIR
  const failed = yield* tree.copyUp(parent)
  if (failed !== undefined) return failed
  const dir = tree.at(parent)
  const beneath = yield* tree.beneath(parent, name, node)
  if (beneath !== undefined) {
    const refused = (yield* mayChange(tree, dir)) ?? (yield* tree.marks.hide(dir, name, beneath))
    if (refused !== undefined) return refused
    tree.counters.whiteouts++
  } else {
    const refused = yield* attemptOn(tree.upper, 'unlink', { path: join(dir, name) })
    if (refused instanceof Failed) return refused
  }
  drop(tree, place, node, beneath !== undefined)
  return undefined
}

/** Takes away a directory of the upper in which nothing but whiteouts and marks are left. */
function* sweep(tree: Tree, dir: Path): Asking<Failed | undefined> {
  const self = tree.upper.asSelf
  const entries = yield* attemptOn(self, 'readdir', { path: dir })
  if (entries instanceof Failed) return entries
  for (const { name } of entries) {
    const gone = yield* attemptOn(self, 'unlink', { path: join(dir, name) })
    if (gone instanceof Failed) return gone
  }
  return undefined
}

function* isEmpty(tree: Tree, node: Node): Asking<boolean | Failed> {
  const entries = yield* tree.readdir(node)
  return entries instanceof Failed ? entries : entries.length === 0
}

export function* rmdir(tree: Tree, req: Request<'rmdir'>): Asking<undefined | Failed> {
  const place = yield* tree.walk(req.path, NAME)
  if (place instanceof Failed) return place
  const { parent, name, node } = place
  if (!isName(place)) return name === '' ? EBUSY : name === '.' ? EINVAL : ENOTEMPTY
  if (node === undefined) return ENOENT
  if (!node.isDirectory) return ENOTDIR
  const empty = yield* isEmpty(tree, node)
  if (empty !== true) return empty === false ? ENOTEMPTY : empty
  const failed = yield* tree.copyUp(parent)
  if (failed !== undefined) return failed
  const dir = tree.at(parent)
  const beneath = yield* tree.beneath(parent, name, node)
  const refused = yield* mayChange(tree, dir)
  if (refused !== undefined) return refused
  let aside: Path | undefined
  if (node.upper) {
    aside = tree.marks.temporary(dir)
    const moved = yield* attemptOn(tree.upper.asSelf, 'rename', { path: join(dir, name), newPath: aside, flags: 0 })
    if (moved instanceof Failed) return moved
  }
  if (beneath !== undefined) {
    const hidden = yield* tree.marks.hide(dir, name, beneath)
    if (hidden !== undefined) return hidden
    tree.counters.whiteouts++
  }
  drop(tree, place, node, beneath !== undefined)
  if (aside === undefined) return undefined
  const swept = yield* sweep(tree, aside)
  return swept ?? ((yield* attemptOn(tree.upper.asSelf, 'rmdir', { path: aside })) as Failed | undefined)
}

const isWithin = (node: Node, above: Node): boolean => {
  for (let at: Node | undefined = node; at !== undefined; at = at.parent) if (at === above) return true
  return false
}

/** What rename(2) refuses before anything is done; undefined where it may go on, 'same' where nothing is to be done. */
function* refusal(tree: Tree, from: Place, to: Place, flags: number): Asking<Failed | 'same' | undefined> {
  const { node } = from
  const target = to.node
  if (!isName(from) || !isName(to)) return EBUSY
  if ((flags & ~RENAME_NOREPLACE) !== 0) return EINVAL
  if (node === undefined) return ENOENT
  if (target !== undefined && (flags & RENAME_NOREPLACE) !== 0) return EEXIST
  if (!node.isDirectory && (from.slash || to.slash)) return ENOTDIR
  if (isWithin(to.parent, node)) return EINVAL
  if (target === undefined) return to.name.startsWith(RESERVED) ? EPERM : undefined
  if (isWithin(from.parent, target)) return ENOTEMPTY
  if (node === target) return 'same'
  if (node.isDirectory && !target.isDirectory) return ENOTDIR
  if (!node.isDirectory && target.isDirectory) return EISDIR
  if (target.isDirectory) {
    const empty = yield* isEmpty(tree, target)
    return empty === true ? undefined : empty === false ? ENOTEMPTY : empty
  }
  if (!node.upper || !target.upper) return undefined
  // Two names of one file: nothing is moved.
  const one = yield* attemptOn(tree.upper, 'lookup', { path: tree.at(node) })
  const two = yield* attemptOn(tree.upper, 'lookup', { path: tree.at(target) })
  const same = !(one instanceof Failed) && !(two instanceof Failed) && one.ino === two.ino && one.dev === two.dev
  return same ? 'same' : undefined
}

export function* rename(tree: Tree, req: Request<'rename'>, redirects: boolean): Asking<undefined | Failed> {
  const from = yield* tree.walk(req.path, NAME)
  if (from instanceof Failed) return from
  const to = yield* tree.walk(req.newPath, NAME)
  if (to instanceof Failed) return to
  const refused = yield* refusal(tree, from, to, req.flags)
  if (refused !== undefined) return refused === 'same' ? undefined : refused
  const node = from.node as Node
  if (node.isDirectory) {
    const failed = yield* tree.load(node)
    if (failed !== undefined) return failed
    if (node.lower !== undefined && !redirects) return fail('EXDEV')
  }
  const failed = (yield* tree.copyUp(node)) ?? (yield* tree.copyUp(to.parent))
  if (failed !== undefined) return failed
  const hides = yield* tree.beneath(from.parent, from.name, node)
  const covers = yield* tree.beneath(to.parent, to.name, to.node)
  const marked = yield* prepare(tree, node, to, covers !== undefined)
  if (marked !== undefined) return marked
  const oldDir = tree.at(from.parent)
  const newDir = tree.at(to.parent)
  const paths = { path: join(oldDir, from.name), newPath: join(newDir, to.name) }
  const moved = yield* attemptOn(tree.upper, 'rename', { ...paths, flags: 0 })
  if (moved instanceof Failed) return moved
  yield* tree.marks.shown(newDir, to.name)
  if (hides !== undefined) {
    const hidden = yield* tree.marks.hide(oldDir, from.name, hides)
    if (hidden !== undefined) return hidden
    tree.counters.whiteouts++
    from.parent.set(from.name, undefined)
  } else from.parent.children?.delete(from.name)
  if (to.node !== undefined) to.node.gone = true
  node.parent = to.parent
  node.name = to.name
  to.parent.set(to.name, node)
  tree.paths.clear()
  yield* tree.cover(node, covers)
  return undefined
}

/** Marks a directory for its new place, and makes room there. */
function* prepare(tree: Tree, node: Node, to: Place, covers: boolean): Asking<Failed | undefined> {
  const dir = tree.at(to.parent)
  if (node.isDirectory) {
    const at = tree.at(node)
    const marked =
      node.lower !== undefined
        ? yield* tree.marks.redirect(at, node.lower)
        : covers
          ? yield* tree.marks.makeOpaque(at)
          : undefined
    if (marked !== undefined) return marked
    // A directory does not replace a device.
    if (to.node === undefined && to.parent.knows(to.name)) return yield* tree.marks.show(dir, to.name)
  }
  if (to.node?.isDirectory === true && to.node.upper) return yield* sweep(tree, tree.at(to.node))
  return undefined
}

/** Where a path leads, for whoever asks for dentries. */
export function* resolve(tree: Tree, req: Request<'resolve'>): Asking<Reply<'resolve'> | Failed> {
  const place = yield* tree.walk(req.path, req.follow ? 0 : 1)
  if (place instanceof Failed) return place
  const { parent, name, node } = place
  const path = node === undefined ? join(parent.path, name) : node.path
  return { path, exists: node !== undefined, isLink: node?.isLink === true, security: undefined }
}
