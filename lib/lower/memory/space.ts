/** How much a volume may hold. */
import { totalmem } from 'node:os'
import { allocated } from './contents.js'
import { type Core, entriesOf, type Link, type Node } from './node.js'

export interface MemoryOptions {
  /** Bytes of contents that the volume may hold; ENOSPC beyond. Holes are free. Default: half of the machine's memory, as tmpfs. */
  readonly maxBytes?: number
  /** Files, directories and links that the volume may hold; ENOSPC beyond. Default: no limit. */
  readonly maxFiles?: number
  /** The size of one file, holes included; EFBIG beyond. Default 2^43 bytes, 8 TiB. */
  readonly maxFileBytes?: number
}

const checked = (name: keyof MemoryOptions, value: number | undefined, fallback: number): number => {
  if (value === undefined) return fallback
  if (typeof value !== 'number' || Number.isNaN(value) || value < 0) {
    throw new TypeError(`memory({ ${name} }): expected a number of 0 or more, found ${String(value)}`)
  }
  return value
}

export class Space {
  readonly maxBytes: number
  readonly maxFiles: number
  readonly maxFileBytes: number
  bytes = 0
  files = 0

  constructor(
    readonly core: Core,
    /** Files that are open, with how often: they hold space without a name. */
    readonly opens: ReadonlyMap<Node, number>,
    options: MemoryOptions,
  ) {
    this.maxBytes = checked('maxBytes', options.maxBytes, Math.floor(totalmem() / 2))
    this.maxFiles = checked('maxFiles', options.maxFiles, Number.POSITIVE_INFINITY)
    this.maxFileBytes = checked('maxFileBytes', options.maxFileBytes, 2 ** 43)
    this.count()
  }

  /** Counts anew: whoever owns the volume may have changed it without us. */
  count(): void {
    const seen = new Set<Node>(this.opens.keys())
    const visit = (link: Link): void => {
      seen.add(link.node)
      for (const [, child] of entriesOf(link)) visit(child)
    }
    visit(this.core.root)
    this.files = seen.size
    this.bytes = 0
    for (const node of seen) this.bytes += allocated(node)
  }

  hasBytes(more: number): boolean {
    if (more <= 0 || this.bytes + more <= this.maxBytes) return true
    this.count()
    return this.bytes + more <= this.maxBytes
  }

  hasFile(): boolean {
    if (this.files < this.maxFiles) return true
    this.count()
    return this.files < this.maxFiles
  }
}
