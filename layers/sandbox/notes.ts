/** What was decided about paths, remembered: a bounded number of notes, each of which says itself what it is about. */
import { SafeMap } from '../../lib/layer.js'

const { freeze } = Object

/** Longer texts of links are not kept. */
const KEPT_TARGET = 256

/** A decision about one path. Its fields are private: nobody can make or change one from outside. */
export class Note {
  readonly #rules: object
  readonly #path: string
  readonly #mask: number
  /** A link's text that may be shown, if it is found there. */
  #target: string | undefined
  constructor(rules: object, path: string, mask: number) {
    this.#rules = rules
    this.#path = path
    this.#mask = mask
  }
  /** What `kept` says, or -1 where it is no note of these rules about this path. */
  static read(kept: unknown, rules: object, path: string): number {
    if (typeof kept !== 'object' || kept === null || !(#mask in kept)) return -1
    return kept.#rules === rules && kept.#path === path ? kept.#mask : -1
  }
  static shows(note: Note, target: string): boolean {
    return note.#target === target
  }
  static show(note: Note, target: string): void {
    if (target.length <= KEPT_TARGET) note.#target = target
  }
}
// Whoever comes by a note comes by its class.
freeze(Note)
freeze(Note.prototype)

/** Of two generations of notes, each has so many. */
const GENERATION = 2048

/** Those about the paths that were asked about lately. What nobody asked for during a generation is forgotten. */
export class Notes {
  #young = new SafeMap<string, Note>()
  #old = new SafeMap<string, Note>()

  find(path: string): Note | undefined {
    const note = this.#young.get(path)
    if (note !== undefined) return note
    const old = this.#old.get(path)
    if (old !== undefined) this.keep(path, old)
    return old
  }

  keep(path: string, note: Note): void {
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young
      this.#young = new SafeMap()
    }
    this.#young.set(path, note)
  }
}
