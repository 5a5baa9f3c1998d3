/** What would be on the disk: the state that was last synced, and what has been done since. */
import { Buffer } from 'node:buffer'
import type { Path } from '../../lib/layer.js'

export interface FileNode {
  readonly type: 'file'
  mode: number
  /** As it was last synced. */
  synced: Buffer
  /** As it is. */
  size: number
}
export interface LinkNode {
  readonly type: 'link'
  readonly target: string
}
export interface DirNode {
  readonly type: 'dir'
  mode: number
  readonly synced: Map<string, Node>
  readonly now: Map<string, Node>
}
export type Node = FileNode | LinkNode | DirNode

/** Something that was done and may be lost. */
export type Pending =
  | { readonly kind: 'write'; readonly node: FileNode; readonly at: number; readonly data: Buffer }
  | { readonly kind: 'size'; readonly node: FileNode; readonly size: number }
  | { readonly kind: 'names'; readonly changes: readonly NameChange[] }
/** `node` undefined: the name was taken away. */
export interface NameChange {
  readonly dir: DirNode
  readonly name: string
  readonly node: Node | undefined
}

export const newDir = (mode: number): DirNode => ({ type: 'dir', mode, synced: new Map(), now: new Map() })
export const newFile = (mode: number): FileNode => ({ type: 'file', mode, synced: Buffer.alloc(0), size: 0 })

export const written = (old: Buffer, at: number, data: Buffer): Buffer => {
  const out = Buffer.alloc(Math.max(old.length, at + data.length))
  old.copy(out)
  data.copy(out, at)
  return out
}
export const resized = (old: Buffer, size: number): Buffer => {
  const out = Buffer.alloc(size)
  old.copy(out)
  return out
}

export class Shadow {
  root = newDir(0o755)
  pending: Pending[] = []

  /** By a path without links. */
  find(path: Path): Node | undefined {
    let node: Node = this.root
    for (const name of path.split('/')) {
      if (name === '') continue
      if (node.type !== 'dir') return undefined
      const next = node.now.get(name)
      if (next === undefined) return undefined
      node = next
    }
    return node
  }
  /** Changes that are made, or lost, together. */
  rename(changes: readonly NameChange[]): void {
    for (const { dir, name, node } of changes) {
      if (node === undefined) dir.now.delete(name)
      else dir.now.set(name, node)
    }
    this.pending.push({ kind: 'names', changes })
  }
  write(node: FileNode, at: number, data: Buffer): void {
    node.size = Math.max(node.size, at + data.length)
    this.pending.push({ kind: 'write', node, at, data })
  }
  resize(node: FileNode, size: number): void {
    if (size === node.size) return
    node.size = size
    this.pending.push({ kind: 'size', node, size })
  }
  /** fsync(2): a file keeps its data, a directory its names. */
  sync(node: Node): void {
    this.pending = this.pending.filter((op) => {
      if (op.kind === 'names') {
        // A rename between two directories is one change: the first of them that is synced keeps it.
        if (!op.changes.some(({ dir }) => dir === node)) return true
        for (const { dir, name, node: to } of op.changes) {
          if (to === undefined) dir.synced.delete(name)
          else dir.synced.set(name, to)
        }
        return false
      }
      if (op.node !== node) return true
      op.node.synced = op.kind === 'write' ? written(op.node.synced, op.at, op.data) : resized(op.node.synced, op.size)
      return false
    })
  }
  syncAll(): void {
    for (const op of [...this.pending])
      for (const node of op.kind === 'names' ? op.changes.map((c) => c.dir) : [op.node]) this.sync(node)
  }
}
