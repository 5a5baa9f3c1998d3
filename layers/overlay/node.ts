/** What the overlay knows of a name: on which side it is. The upper's tree has the shape of the merged one. */
import type { Buffer } from 'node:buffer'
import { NO_CAPABILITIES, type OtherFs, type Path, S_IFDIR, S_IFLNK, S_IFREG } from '../../lib/layer.js'

/** The file that a lower's name had before it was copied up, so that its numbers stay. */
export interface Identity {
  readonly dev: number
  readonly ino: number
}

/** A name of the lower as it was when a change began: if it is different later, somebody else has changed it. */
export interface Origin {
  readonly path: Path
  readonly ino: number
  readonly size: number
  readonly mtimeMs: number
  readonly ctimeMs: number
  /** When it was looked at: milliseconds since the epoch. */
  readonly at: number
}
export const originOf = (path: Path, { ino, size, mtimeMs, ctimeMs }: Omit<Origin, 'path' | 'at'>): Origin => ({
  path,
  ino,
  size,
  mtimeMs,
  ctimeMs,
  at: Date.now(),
})

export class Node {
  /** The upper's listing is in `children`. Only for directories that are on the upper. */
  loaded = false
  /** Taken away; whoever has it open still holds it. */
  gone = false
  identity: Identity | undefined
  /** What it is a copy of. */
  origin: Origin | undefined
  /** What of the lower its name hides, where that is not its origin. */
  covers: Origin | undefined
  /** `origin` and `covers` are those that the upper has kept. */
  recalled = false
  /** Grows with each write to the file. */
  version = 0
  /** What a snapshot holds of it, and of which version. */
  kept: { readonly version: number; readonly bytes: WeakRef<Buffer> } | undefined
  /** By name; undefined: hidden by a whiteout. Of the lower's names only those that were asked for. */
  children: Map<string, Node | undefined> | undefined

  constructor(
    public parent: Node | undefined,
    public name: string,
    /** S_IFMT's bits of its mode. */
    readonly type: number,
    /** It is on the upper, at its own path. */
    public upper: boolean,
    /** Where it is on the lower: what it is, or for a directory of the upper, what it is merged with. */
    public lower: Path | undefined,
  ) {}

  get isDirectory(): boolean {
    return this.type === S_IFDIR
  }
  get isLink(): boolean {
    return this.type === S_IFLNK
  }
  get isFile(): boolean {
    return this.type === S_IFREG
  }
  /** Its path in the merged tree. */
  get path(): Path {
    let path = ''
    for (let node: Node = this; node.parent !== undefined; node = node.parent) path = `/${node.name}${path}`
    return path === '' ? '/' : path
  }
  get(name: string): Node | undefined {
    return this.children?.get(name)
  }
  knows(name: string): boolean {
    return this.children?.has(name) === true
  }
  set(name: string, node: Node | undefined): void {
    this.children ??= new Map()
    this.children.set(name, node)
  }
}

export const join = (dir: Path, name: string): Path => (dir === '/' ? `/${name}` : `${dir}/${name}`)

/** An open file of the upper, behind a virtual descriptor. */
export interface Open {
  readonly fd: number
  readonly node: Node
}

/** One change at a time for callers that do not wait; a caller that waits cannot be interrupted, and is let through. */
export class Lock implements OtherFs {
  readonly name = 'lock'
  readonly capabilities = NO_CAPABILITIES
  readonly asSelf = this
  #held = false
  readonly #waiting: (() => void)[] = []

  /** Whether there is something to be released. */
  sync(): never {
    return false as never
  }
  async(_op: unknown, _req: unknown, done: (bug: unknown, out: never) => void): void {
    const take = (): void => done(null, true as never)
    if (this.#held) this.#waiting.push(take)
    else {
      this.#held = true
      take()
    }
  }
  release(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#held = false
    else queueMicrotask(next)
  }
}
