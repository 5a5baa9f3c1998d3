/** Paths made safe to act on: what every way of resolving offers. */
import type { Dentry } from '../../file.js'
import type { Path, Stats } from '../../op.js'
import { SafeFinalizationRegistry } from '../../primordials.js'
import { Failed } from '../../verdict.js'
import type { Calls, Held } from './calls.js'

/** What a link's target means beneath the root. */
export interface LinkMeaning {
  /** The target as a path here: absolute from the root, or relative to the link's own directory. */
  readonly path: string
  /** On the host, it names something outside. */
  readonly outward: boolean
}

/** How links are treated. */
export interface LinkPolicy {
  /** What an absolute target means; a failure refuses the link. Relative ones mean what they say. */
  absolute(target: string): LinkMeaning | Failed
  /** Every link in the way is refused: paths are canonical, and a link is a race. */
  readonly none: boolean
  /** The answer where a link that leads out meets nothing inside. */
  readonly escape: Failed
}

/** Every `Held` that is replied is the caller's to `release`. */
export interface Resolver {
  readonly calls: Calls
  /** What `path` leads to, held. `follow`: through a link in the last component, else the link itself is held. */
  hold(path: Path, follow: boolean): Held | Failed
  /** The directory that the last component is in. That component itself is not looked at: `lastOf(path)` has it. */
  parent(path: Path): Held | Failed
  /** The directory at `path`, where it is kept held; undefined: `hold` has to find it. */
  directory?(path: Path): Held | undefined
  /**
   * Acts on what `path` names, in the directory that it is in, where that is known to be no link; if one came there at that
   * moment, `act` met the link itself. Whether it acted, on no link, and did not fail; if not, it is to be done otherwise.
   */
  onNoLink?(path: Path, act: (dir: Held, name: string) => Failed | undefined): boolean
  stat(path: Path, follow: boolean, precise: boolean): Stats | Failed
  /** access(2), with the process's real ids, through a link in the last component. */
  access(path: Path, mask: number): Failed | undefined
  /** open(2), O_CREAT and links in the last component included. May block on a FIFO, as open does. */
  open(path: Path, flags: number, mode: number): number | Failed
  /** A place to act at, for callers that act in libuv's pool, and go on where they find a link there. */
  place(path: Path): Seeker | Failed
  resolve(path: Path, follow: boolean): Dentry | Failed
  release(held: Held): void
  /** Whether a directory that `parent` gave is no longer there: what was not found in it must be asked for again. */
  isStale?(dir: Held): boolean
}

/** access(2) for those that hold what they ask about. */
export const accessHeld = (resolver: Resolver, path: Path, mask: number): Failed | undefined => {
  const held = resolver.hold(path, true)
  if (held instanceof Failed) return held
  const out = mask === 0 ? undefined : resolver.calls.access(held, mask)
  resolver.release(held)
  return out
}

/** A walk that stands at a place: a directory and a name in it, which may be a link; `''` is the directory itself. */
export interface Seeker {
  readonly dir: Held
  readonly name: string
  /** What is there must be a directory: a slash trails. */
  readonly wantsDirectory: boolean
  /** Go through the link that is there. EINVAL where it is no longer one: try the place again. */
  through(): Failed | undefined
  /** What to answer where an attempt at the place failed. */
  say(failed: Failed): Failed
  release(): void
}

/**
 * The resolver for a path: with a dentry, one that refuses every link. Both have the same root and the same calls.
 */
export type Picker = (dentry: Dentry | undefined) => Resolver

/** The directory that everything is beneath. It is let go of when nobody can ask for anything there any more. */
export class Root {
  constructor(
    readonly held: Held,
    calls: Calls,
  ) {
    abandoned.register(this, () => calls.release(held))
  }
}
const abandoned = new SafeFinalizationRegistry<() => void>((release) => release())
