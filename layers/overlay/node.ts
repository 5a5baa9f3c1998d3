/** What the overlay knows of a name: on which side it is. The upper's tree has the shape of the merged one. */
import { type OtherFs, type Path, S_IFDIR, S_IFLNK, S_IFREG } from '../../lib/layer.js'

/** The file that a lower's name had before it was copied up, so that its numbers stay. */
export interface Identity {
  readonly dev: number
  readonly ino: number
}

/** What a change started from. */
export interface Origin {
  readonly path: Path
  readonly ino: number
  readonly size: number
  readonly mtimeMs: number
  readonly ctimeMs: number
}

export class Node {
  /** The upper's listing is in `children`. Only for directories that are on the upper. */
  loaded = false
  /** Taken away; whoever has it open still holds it. */
  gone = false
  identity: Identity | undefined
  /** Where it was on the lower before it was copied up, and how; kept for as long as the overlay runs. */
  origin: Origin | undefined
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
  readonly capabilities = { stableInodes: false, xattr: false, renameFlags: false, noFollow: false }
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
