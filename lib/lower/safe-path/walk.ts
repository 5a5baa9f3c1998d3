/**
 * Path resolution in our own hands, one component at a time: each directory is held before the next name in it is looked
 * at, links are read and never followed by the kernel, and `..` goes back to the directory that was held before. So the
 * walk cannot leave the root, whatever is renamed meanwhile.
 */
import { PATH_MAX } from '../../namei.js'
import type { Path } from '../../op.js'
import { charCodeAt } from '../../primordials.js'
import { Failed } from '../../verdict.js'
import type { Calls, Held } from './calls.js'
import { components, type Names } from './names.js'
import type { LinkPolicy, Seeker } from './resolver.js'

/** Linux's MAXSYMLINKS. */
const MAX_LINKS = 40
const ENOENT = Failed.of('ENOENT')
const ENOTDIR = Failed.of('ENOTDIR')
const ELOOP = Failed.of('ELOOP')
const ENAMETOOLONG = Failed.of('ENAMETOOLONG')
const SLASH = 47

/** A directory on the way, with the one above it. Links, not an array: see names.ts. */
interface Step {
  readonly held: Held
  readonly name: string
  readonly up: Step | undefined
}

export class Walk implements Seeker {
  /** The last component's name; `''` where the path ends at the directory itself. */
  name = ''
  wantsDirectory = false
  /** A link was followed whose target names something outside the root; it stays set while in that target. */
  outward = false
  /** Links that were followed. */
  links = 0
  #at: Step | undefined
  #todo: Names | undefined
  #wholly = false
  /** Whether what is walked comes from a link's target. */
  #inTarget = false
  /** What was still to be walked when the last link was met: reaching it ends `outward`. */
  #after: Names | undefined

  constructor(
    readonly calls: Calls,
    readonly root: Held,
    readonly policy: LinkPolicy,
  ) {}

  get dir(): Held {
    return this.#at === undefined ? this.root : this.#at.held
  }

  /**
   * Sets out. After `undefined` the walk stands at a place; after a failure nothing is held.
   * @param wholly go into the last component too: it is a directory
   */
  start(path: Path, wholly: boolean): Failed | undefined {
    this.#wholly = wholly
    if (path === '') return ENOENT
    if (path.length > PATH_MAX) return ENAMETOOLONG
    this.#todo = components(path, undefined)
    return this.#go()
  }

  /** On to the last component. */
  #go(): Failed | undefined {
    for (;;) {
      const next = this.#todo
      if (next === undefined) {
        this.name = ''
        return undefined
      }
      if (next === this.#after) this.outward = this.#inTarget = false
      const { name, rest } = next
      if (name === '.' || name === '') {
        this.#todo = rest
        continue
      }
      if (name === '..') {
        this.#todo = rest
        this.#up()
        continue
      }
      // A slash at the end: it wants a directory, yet one that is missing may be made.
      if (!this.#wholly && (rest === undefined || (rest.rest === undefined && rest.name === ''))) {
        this.name = name
        this.wantsDirectory = rest !== undefined
        return undefined
      }
      const held = this.calls.enter(this.dir, name)
      if (!(held instanceof Failed)) {
        this.#at = { held, name, up: this.#at }
        this.#todo = rest
        continue
      }
      if (held !== ENOTDIR && held !== ELOOP) return this.#fail(held)
      const failed = this.#expand(name, rest)
      if (failed !== undefined) return this.#fail(failed.errno === 'EINVAL' ? ENOTDIR : failed)
    }
  }

  /** One directory up; the root is above itself. */
  #up(): void {
    const step = this.#at
    if (step === undefined) {
      if (this.#inTarget) this.outward = true
      return
    }
    this.#at = step.up
    this.calls.release(step.held)
  }

  /** Puts a link's target in its place. */
  #expand(name: string, rest: Names | undefined): Failed | undefined {
    const target = this.calls.readlink(this.dir, name)
    if (target instanceof Failed) return target
    if (this.policy.none) return ELOOP
    if (++this.links > MAX_LINKS) return ELOOP
    if (target === '') return ENOENT
    this.#after = rest
    this.#inTarget = true
    if (charCodeAt(target, 0) === SLASH) {
      const meaning = this.policy.absolute(target)
      if (meaning instanceof Failed) return meaning
      this.#leave()
      if (meaning.outward) this.outward = true
      this.#todo = components(meaning.path, rest)
    } else this.#todo = components(target, rest)
    return undefined
  }

  through(): Failed | undefined {
    const rest: Names | undefined = this.wantsDirectory ? { name: '', rest: undefined } : undefined
    const failed = this.#expand(this.name, rest)
    if (failed !== undefined) return failed.errno === 'EINVAL' ? failed : this.#fail(failed)
    return this.#go()
  }

  /** What a failure at this place is: where a link has led out, the one answer for all of that. */
  say(failed: Failed): Failed {
    return this.outward && (failed.errno === 'ENOENT' || failed.errno === 'ENOTDIR') ? this.policy.escape : failed
  }

  #fail(failed: Failed): Failed {
    this.#leave()
    return this.say(failed)
  }

  #leave(): void {
    for (let step = this.#at; step !== undefined; step = step.up) this.calls.release(step.held)
    this.#at = undefined
  }

  release(): void {
    this.#leave()
  }

  /** Hands the directory that the walk stands in to the caller; undefined where that is the root. The rest is let go. */
  take(): Held | undefined {
    const step = this.#at
    if (step === undefined) return undefined
    this.#at = step.up
    this.#leave()
    return step.held
  }

  /** The canonical path of the place. */
  path(): Path {
    let path = this.name === '' ? '' : `/${this.name}`
    for (let step = this.#at; step !== undefined; step = step.up) path = `/${step.name}${path}`
    return path === '' ? '/' : path
  }
}
