/**
 * What the kernel knows files by (node ids) against what the stack knows them by (paths). One inode a file: hard links
 * share it, a rename moves it with all that is beneath it, and one whose last name is gone lives on as long as the kernel
 * holds it.
 */
import { FUSE_ROOT_ID } from './abi.js'
import type { Handle } from './handles.js'
import type { Listing } from './listing.js'

const S_IFMT = 0o170000
const S_IFDIR = 0o040000

/** What tells files apart below: as Stats has it. */
export interface Identity {
  readonly dev: number
  readonly ino: number
  readonly mode: number
  readonly nlink: number
}

/** One more name of an inode. */
interface Alias {
  parent: Inode
  name: string
}

export class Inode {
  /** Lookups that the kernel has not yet taken back. */
  nlookup = 0
  /** Its name; undefined parent: it has none (any more), or it is the root. */
  parent: Inode | undefined = undefined
  name = ''
  /** Its other known names. */
  aliases: Alias[] | undefined = undefined
  children: Map<string, Inode> | undefined = undefined
  /** The path, as of a count of moved directories. */
  path = ''
  pathStamp = -1
  dev = 0
  ino = 0
  /** File type bits. */
  type = 0
  nlink = 1
  /** As last told; with the type. */
  mode = 0
  /** As last told. */
  uid = 0
  gid = 0
  /** As last told. */
  ctimeMs = 0
  /** Extended attributes that it does not have, and until when that counts: see absent-xattrs.ts. */
  absent = 0
  absentUntil = 0
  /** Where its open files are, for what has no name any more. */
  handles: Handle[] | undefined = undefined
  /**
   * An open file of what has lost its last name: whoever was about to open it, or opens it anew through /proc/self/fd,
   * still can.
   */
  ghost: number | undefined = undefined
  ghostWritable = false
  /** Registered with the kernel as what reads and writes go to; 0: not. */
  backingId = 0
  /** As it was last read, where directories are not opened. */
  listing: Listing | undefined = undefined
  /** What was asked for in it since it was last listed, and how much of that makes a listing worth it: see read-around.ts. */
  asked = 0
  due = 0
  ticket = 0
  /** The ticket of the listing that it was last told in. */
  toldBy = 0
  /** Whether a watcher was asked for; and, until there is one, which names in it were told to be absent. */
  watched = false
  missed: string[] | undefined = undefined
  /** Open files that are passed through, and those that are read through the page cache. */
  passed = 0
  cached = 0
  /** How often it was opened to be read, since it was opened to be changed. */
  reads = 0
  /** The time of change of what the kernel has in its page cache; -1: that is not to be told. */
  pagesCtimeMs = -1

  constructor(
    readonly id: number,
    readonly generation: number,
  ) {}
}

export class InodeTable {
  readonly root = new Inode(FUSE_ROOT_ID, 0)
  readonly #byId: (Inode | undefined)[] = [undefined, this.root]
  /** Ids that were given back. They are given out again with another generation. */
  readonly #free: number[] = []
  #generation = 0
  readonly #byIno = new Map<number, Inode>()
  /** Of the filesystem that `#byIno` is about: that of the root. Other devices get a map of their own. */
  readonly #otherDevices = new Map<number, Map<number, Inode>>()
  #dev = -1
  /** Counts directories that have moved: kept paths of an earlier count are made again. */
  #moves = 0
  /** Inodes that the kernel holds. */
  size = 1

  /**
   * @param stable whether `dev` and `ino` of the lower name a file
   * @param onGone told of each inode that has a ghost and is let go
   */
  constructor(
    readonly stable: boolean,
    private readonly onGone: (ghost: number) => void = () => {},
  ) {
    this.root.type = S_IFDIR
    this.root.nlookup = 1
  }

  get(id: number): Inode | undefined {
    return this.#byId[id]
  }

  /** Changes whenever a path that was told may not lead to the same any more, because a directory has moved. */
  get moves(): number {
    return this.#moves
  }

  /** Its path in the stack; undefined where it has no name any more. */
  pathOf(inode: Inode): string | undefined {
    if (inode.pathStamp === this.#moves) return inode.path
    if (inode === this.root) return '/'
    const { parent } = inode
    if (parent === undefined) return undefined
    const above = this.pathOf(parent)
    if (above === undefined) return undefined
    inode.path = parent === this.root ? `/${inode.name}` : `${above}/${inode.name}`
    inode.pathStamp = this.#moves
    return inode.path
  }
  /** The path of a name in a directory. */
  pathIn(dir: Inode, name: string): string | undefined {
    if (dir === this.root) return `/${name}`
    const above = this.pathOf(dir)
    return above === undefined ? undefined : `${above}/${name}`
  }

  /**
   * The inode that `name` in `dir` leads to, as the lower has just told: known, known by another name, or new.
   * @param path where it is, as `pathIn` says
   */
  adopt(dir: Inode, name: string, found: Identity, path?: string): Inode {
    const type = found.mode & S_IFMT
    const known = dir.children?.get(name)
    if (known !== undefined) {
      if (known.type === type && (!this.stable || (known.ino === found.ino && known.dev === found.dev))) {
        known.nlink = found.nlink
        known.mode = found.mode
        return known
      }
      this.drop(dir, name)
    }
    const same = this.stable ? this.#ofDevice(found.dev).get(found.ino) : undefined
    if (same !== undefined && same.type === type && same !== this.root) {
      // A directory has one name: it has moved behind the mount's back.
      const old = type === S_IFDIR ? same.parent : undefined
      if (old !== undefined) this.#unname(same, old, same.name)
      this.#enname(same, dir, name)
      if (old !== undefined) this.#collect(old)
      same.nlink = found.nlink
      same.mode = found.mode
      return same
    }
    const made = this.#make(found)
    this.#enname(made, dir, name)
    if (path !== undefined) {
      // One text for all requests to come: those that are equal are the same, and need not be compared.
      made.path = path
      made.pathStamp = this.#moves
    }
    return made
  }

  /** What has just been made without a name. */
  nameless(found: Identity): Inode {
    return this.#make(found)
  }

  /** The name is gone, or leads elsewhere. */
  drop(dir: Inode, name: string): void {
    const inode = dir.children?.get(name)
    if (inode === undefined) return
    this.#unname(inode, dir, name)
    if (inode.parent === undefined) {
      // Below, the number may be another file's as soon as nobody has it open.
      if (inode.nlink <= 1 || inode.type === S_IFDIR) this.#forgetIno(inode)
      this.#collect(inode)
    }
    this.#collect(dir)
  }
  /** After unlink or rmdir: one name fewer. */
  removed(dir: Inode, name: string): void {
    const inode = dir.children?.get(name)
    if (inode === undefined) return
    this.drop(dir, name)
    if (inode.nlink > 0) inode.nlink--
  }

  /** After a rename: `name` in `dir` is now `newName` in `newDir`, with all that is beneath it. */
  move(dir: Inode, name: string, newDir: Inode, newName: string): void {
    if (dir === newDir && name === newName) return
    const inode = dir.children?.get(name)
    const target = newDir.children?.get(newName)
    // rename(2) of two names of one file leaves both.
    if (inode !== undefined && inode === target) return
    this.removed(newDir, newName)
    if (inode === undefined) return
    this.#rename(inode, dir, name, newDir, newName)
    this.#collect(dir)
  }
  /** After RENAME_EXCHANGE. */
  exchange(dir: Inode, name: string, otherDir: Inode, otherName: string): void {
    const one = dir.children?.get(name)
    const other = otherDir.children?.get(otherName)
    if (one === other) return
    if (one !== undefined) this.#unname(one, dir, name)
    if (other !== undefined) this.#unname(other, otherDir, otherName)
    if (one !== undefined) this.#enname(one, otherDir, otherName)
    if (other !== undefined) this.#enname(other, dir, name)
    this.#moves++
  }

  /** The kernel takes back `count` lookups. */
  forget(id: number, count: number): void {
    const inode = this.#byId[id]
    if (inode === undefined || inode === this.root) return
    inode.nlookup = Math.max(0, inode.nlookup - count)
    this.#collect(inode)
  }
  /** After an open file of it is closed. */
  released(inode: Inode): void {
    this.#collect(inode)
  }

  #make(found: Identity): Inode {
    const id = this.#free.pop() ?? this.#byId.length
    const inode = new Inode(id, ++this.#generation)
    this.#byId[id] = inode
    this.size++
    inode.dev = found.dev
    inode.ino = found.ino
    inode.type = found.mode & S_IFMT
    inode.nlink = found.nlink
    inode.mode = found.mode
    // Larger numbers were rounded, and may be those of several files.
    if (this.stable && found.ino <= Number.MAX_SAFE_INTEGER) this.#ofDevice(found.dev).set(found.ino, inode)
    return inode
  }

  #ofDevice(dev: number): Map<number, Inode> {
    if (this.#dev === -1) this.#dev = dev
    if (dev === this.#dev) return this.#byIno
    let map = this.#otherDevices.get(dev)
    if (map === undefined) {
      map = new Map()
      this.#otherDevices.set(dev, map)
    }
    return map
  }
  #forgetIno(inode: Inode): void {
    if (!this.stable) return
    const map = this.#ofDevice(inode.dev)
    if (map.get(inode.ino) === inode) map.delete(inode.ino)
  }

  #enname(inode: Inode, dir: Inode, name: string): void {
    if (inode.parent === undefined) {
      inode.parent = dir
      inode.name = name
      inode.pathStamp = -1
      if (inode.children !== undefined) this.#moves++
    } else {
      inode.aliases ??= []
      inode.aliases.push({ parent: dir, name })
    }
    dir.children ??= new Map()
    dir.children.set(name, inode)
  }
  #unname(inode: Inode, dir: Inode, name: string): void {
    dir.children?.delete(name)
    const { aliases } = inode
    if (inode.parent === dir && inode.name === name) {
      const next = aliases?.pop()
      inode.parent = next?.parent
      inode.name = next?.name ?? ''
      inode.pathStamp = -1
      // What is beneath has no path from now on.
      if (inode.children !== undefined) this.#moves++
    } else if (aliases !== undefined) {
      const at = aliases.findIndex((alias) => alias.parent === dir && alias.name === name)
      if (at !== -1) aliases.splice(at, 1)
    }
  }
  #rename(inode: Inode, dir: Inode, name: string, newDir: Inode, newName: string): void {
    dir.children?.delete(name)
    if (inode.parent === dir && inode.name === name) {
      inode.parent = newDir
      inode.name = newName
      inode.pathStamp = -1
      if (inode.children !== undefined && inode.children.size > 0) this.#moves++
    } else {
      const alias = inode.aliases?.find((each) => each.parent === dir && each.name === name)
      if (alias !== undefined) {
        alias.parent = newDir
        alias.name = newName
      }
    }
    newDir.children ??= new Map()
    newDir.children.set(newName, inode)
  }

  /** Lets go of what neither the kernel nor an open file nor anything beneath it needs; and then of what is above. */
  #collect(first: Inode): void {
    let inode = first
    for (;;) {
      if (inode.nlookup > 0 || inode.handles !== undefined || inode === this.root) return
      if (inode.children !== undefined && inode.children.size > 0) return
      if (this.#byId[inode.id] !== inode) return
      this.#byId[inode.id] = undefined
      this.#free.push(inode.id)
      this.size--
      this.#forgetIno(inode)
      if (inode.ghost !== undefined) {
        this.onGone(inode.ghost)
        inode.ghost = undefined
      }
      const { parent, aliases } = inode
      if (parent !== undefined) parent.children?.delete(inode.name)
      for (const alias of aliases ?? []) alias.parent.children?.delete(alias.name)
      for (const alias of aliases ?? []) if (alias.parent !== parent) this.#collect(alias.parent)
      if (parent === undefined) return
      inode = parent
    }
  }
}
