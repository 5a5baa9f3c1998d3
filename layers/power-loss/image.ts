/** What a disk may hold after the power went, and where to put it. */
import { Buffer } from 'node:buffer'
import { type Path, randomOf } from '../../lib/layer.js'
import { type DirNode, type FileNode, type Node, resized, type Shadow, written } from './shadow.js'

export interface ImageEntry {
  readonly path: Path
  readonly type: 'file' | 'dir' | 'link'
  readonly mode: number
  /** Of a file. Names that were hard links are files of their own here. */
  readonly data?: Buffer
  /** Of a symbolic link. */
  readonly target?: string
}
/** The functions of node:fs that an image is written with. */
export interface ImageTarget {
  mkdirSync(path: string, options: { recursive: true }): unknown
  writeFileSync(path: string, data: Uint8Array): unknown
  symlinkSync(target: string, path: string): unknown
  chmodSync(path: string, mode: number): unknown
}
export interface DiskImage {
  /** Parents first. */
  readonly entries: readonly ImageEntry[]
  /** Repeats it, at the same moment of the same run. */
  readonly seed: number
  /** Puts the tree into `fs`, and returns it: `image.writeTo(memory())`. */
  writeTo<T extends ImageTarget>(fs: T): T
}

/** What a disk writes whole, or not at all. */
const SECTOR = 512

/**
 * What POSIX allows to be left. Of each write that was not synced, each page is on the disk, or is not, or the first sectors
 * of it are; a size that changed may have changed without its data, which is then zeros. Of each directory's names
 * those that changed first may have, and then no later ones.
 */
export const imageOf = (shadow: Shadow, seed: number, pageBytes: number): DiskImage => {
  const random = randomOf(seed)
  const files = new Map<FileNode, Buffer>()
  const dirs = new Map<DirNode, Map<string, Node>>()
  const lost = new Set<DirNode>()
  const contents = (node: FileNode): Buffer => files.get(node) ?? node.synced
  const names = (dir: DirNode): Map<string, Node> => {
    let now = dirs.get(dir)
    if (now === undefined) {
      now = new Map(dir.synced)
      dirs.set(dir, now)
    }
    return now
  }
  // One of the extremes more often than chance has it: they are what most disks do.
  const mood = random()
  const keeps = mood < 0.15 ? () => false : mood > 0.85 ? () => true : () => random() < 0.5
  for (const op of shadow.pending) {
    if (op.kind === 'names') {
      if (op.changes.some(({ dir }) => lost.has(dir)) || !keeps()) {
        for (const { dir } of op.changes) lost.add(dir)
        continue
      }
      for (const { dir, name, node } of op.changes) {
        if (node === undefined) names(dir).delete(name)
        else names(dir).set(name, node)
      }
    } else if (op.kind === 'size') {
      if (keeps()) files.set(op.node, resized(contents(op.node), op.size))
    } else {
      const end = op.at + op.data.length
      if (end > contents(op.node).length && keeps()) files.set(op.node, resized(contents(op.node), end))
      for (let at = op.at; at < end; ) {
        const next = Math.min(end, (Math.floor(at / pageBytes) + 1) * pageBytes)
        if (keeps()) {
          const torn = random() < 0.25 ? at + Math.floor((random() * (next - at)) / SECTOR) * SECTOR : next
          if (torn > at) files.set(op.node, written(contents(op.node), at, op.data.subarray(at - op.at, torn - op.at)))
        }
        at = next
      }
    }
  }
  const entries: ImageEntry[] = []
  const seen = new Set<DirNode>()
  const visit = (dir: DirNode, path: Path): void => {
    // A directory whose move was kept in one place and not lost in the other is in the first only.
    if (seen.has(dir)) return
    seen.add(dir)
    for (const [name, node] of dirs.get(dir) ?? dir.synced) {
      const at = `${path}/${name}`
      if (node.type === 'link') entries.push({ path: at, type: 'link', mode: 0o777, target: node.target })
      else if (node.type === 'file')
        entries.push({ path: at, type: 'file', mode: node.mode, data: Buffer.from(contents(node)) })
      else {
        entries.push({ path: at, type: 'dir', mode: node.mode })
        visit(node, at)
      }
    }
  }
  visit(shadow.root, '')
  const writeTo = <T extends ImageTarget>(fs: T): T => {
    for (const { path, type, data, target } of entries) {
      if (type === 'dir') fs.mkdirSync(path, { recursive: true })
      else if (type === 'link') fs.symlinkSync(target as string, path)
      else fs.writeFileSync(path, data as Buffer)
    }
    for (const { path, type, mode } of [...entries].reverse()) if (type !== 'link') fs.chmodSync(path, mode)
    return fs
  }
  return { entries, seed, writeTo }
}
