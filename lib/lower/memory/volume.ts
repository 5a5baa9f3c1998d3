/** What the memory lower knows of a volume beside memfs's tree. */
import { type Caller, processCaller } from '../../context.js'
import type { Op, Reply, Request } from '../../op.js'
import type { Failed } from '../../verdict.js'
import { Descriptors } from '../descriptors.js'
import { allocated } from './contents.js'
import { type Core, EVENT, type FsEvent, isDirectory, type Link, type Node, S_ISGID } from './node.js'
import { type MemoryOptions, Space } from './space.js'
import { now, type Stamp } from './times.js'
import { Walk } from './walk.js'

/** The opcodes of the memory lower: each is done at once. */
export type MemoryOps = { readonly [O in Op]: (req: Request<O>, caller: Caller) => Reply<O> | Failed }

export interface OpenNode {
  readonly node: Node
  readonly link: Link
  readonly flags: number
  readonly readable: boolean
  readonly writable: boolean
  readonly append: boolean
  /** Opened with O_PATH: only its place and its attributes. */
  readonly pathOnly: boolean
  position: number
}

// Spells 'mem': no device of the host has so large a major number.
let devices = 0x6d656d00

export class MemoryVolume {
  readonly dev = ++devices
  readonly files = new Descriptors<OpenNode>()
  readonly opens: Map<Node, number> = new Map()
  /** Those without a name that may be given one. */
  readonly linkable = new WeakSet<Node>()
  readonly space: Space
  readonly walk: Walk
  readonly self: Caller = Object.freeze(processCaller())

  constructor(
    readonly core: Core,
    options: MemoryOptions,
  ) {
    this.space = new Space(core, this.opens, options)
    this.walk = new Walk(core)
  }

  /** An inode without a name, in the group that `dir` gives. `mode` has the type, and the umask has been applied. */
  makeNode(mode: number, caller: Caller, dir: Node): Node {
    const { core } = this
    // memfs gives a removed file's number out again at once, even while it is open.
    core.releasedInos.length = 0
    const node = core.createNode(mode)
    const inherits = (dir.mode & S_ISGID) !== 0
    const gid = inherits ? dir.gid : caller.gid
    if (node.uid !== caller.uid) node.uid = caller.uid
    if (node.gid !== gid) node.gid = gid
    if (inherits && isDirectory(node)) node.mode |= S_ISGID
    const at = now()
    node.atime = at
    node.mtime = at
    node.ctime = at
    node.btime = at
    this.space.files++
    return node
  }

  /** Gives `node` the name `name` in `dir`. */
  enter(dir: Link, name: string, node: Node, at: Stamp = now()): Link {
    const { atime } = node
    const link = dir.createChild(name, node)
    node.atime = atime
    node.ctime = at
    stampDir(dir, at)
    this.tell(EVENT.create, link)
    return link
  }

  /** Takes an entry out of its directory; the inode goes with the last of its names, once nobody has it open. */
  remove(link: Link, at: Stamp = now()): void {
    const { node, parent } = link
    const directory = isDirectory(node)
    parent?.deleteChild(link)
    if (parent !== undefined) stampDir(parent, at)
    node.nlink = directory ? 0 : node.nlink - 1
    node.ctime = at
    this.tell(EVENT.delete, link)
    if (node.nlink > 0) return
    this.core.deleteNode(node)
    this.core.releasedInos.length = 0
    if (!this.opens.has(node)) this.forget(node)
  }

  /** Its space is free again. */
  forget(node: Node): void {
    this.space.files--
    this.space.bytes -= allocated(node)
  }

  open(node: Node, link: Link, flags: number, access: Omit<OpenNode, 'node' | 'link' | 'flags' | 'position'>): number {
    this.opens.set(node, (this.opens.get(node) ?? 0) + 1)
    return this.files.add({ node, link, flags, position: 0, ...access })
  }

  close(fd: number): boolean {
    const file = this.files.remove(fd)
    if (file === undefined) return false
    const count = (this.opens.get(file.node) ?? 1) - 1
    if (count > 0) this.opens.set(file.node, count)
    else {
      this.opens.delete(file.node)
      if (file.node.nlink <= 0) this.forget(file.node)
    }
    return true
  }

  /** Tells everybody who watches the volume, through memfs too. */
  tell(type: number, link: Link, oldSteps?: string[]): void {
    const { changes } = this.core
    const { steps, node } = link
    changes.emit({ type, steps, node, link, oldSteps } as FsEvent)
  }
}

/** An entry came or went: memfs's own Date has no microseconds. */
export const stampDir = (dir: Link, at: Stamp): void => {
  dir.node.mtime = at
  dir.node.ctime = at
}
