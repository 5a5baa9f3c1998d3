/** What the arguments of a step are made of: as data, so that a step can be done anywhere, shrunk, and printed. */

/** A path beneath the side's root, as a string, as bytes or as a URL. */
export interface PathTerm {
  readonly path: string
  readonly as: 'string' | 'buffer' | 'url'
}
/** An open file, by the number of its place; wraps around. */
export interface SlotTerm {
  readonly slot: number
}
export interface BytesTerm {
  readonly bytes: string
}
/** Buffers to read into. */
export interface SpaceTerm {
  readonly space: readonly number[]
}
export interface ListTerm {
  readonly list: readonly BytesTerm[]
}
/** Something to iterate over. */
export interface PiecesTerm {
  readonly pieces: readonly string[]
  readonly as: 'set' | 'generator' | 'async'
}
export interface LiteralTerm {
  readonly literal: unknown
}
export type Term = PathTerm | SlotTerm | BytesTerm | SpaceTerm | ListTerm | PiecesTerm | LiteralTerm

export const literal = (value: unknown): LiteralTerm => ({ literal: value })

const under = (root: string, path: string): string => (path === '' ? '' : `${root}/${path}`)

const generated = (pieces: readonly string[]) =>
  (function* () {
    yield* pieces
  })()
const generatedLater = (pieces: readonly string[]) =>
  (async function* () {
    yield* pieces
  })()

/** @param slot what stands for an open file: a descriptor or a handle */
export const madeOf = (term: Term, root: string, slot: (k: number) => unknown): unknown => {
  if ('path' in term) {
    const path = under(root, term.path)
    if (term.as === 'buffer') return Buffer.from(path)
    return term.as === 'url' && path !== '' ? new URL(`file://${encodeURI(path)}`) : path
  }
  if ('slot' in term) return slot(term.slot)
  if ('bytes' in term) return Buffer.from(term.bytes)
  if ('list' in term) return term.list.map(({ bytes }) => Buffer.from(bytes))
  if ('pieces' in term) {
    if (term.as === 'set') return new Set(term.pieces)
    return term.as === 'async' ? generatedLater(term.pieces) : generated(term.pieces)
  }
  if ('space' in term) {
    const buffers = term.space.map((size) => Buffer.alloc(size))
    return buffers.length === 1 ? buffers[0] : buffers
  }
  // Node's own functions may change what they are given.
  return structuredClone(term.literal)
}

const json = (value: unknown): string => (value === undefined ? 'undefined' : JSON.stringify(value))

/** The same as source text; `root` and `open` are names in the script. */
export const sourceOf = (term: Term): string => {
  if ('path' in term) {
    const text = term.path === '' ? "''" : `root + ${json(`/${term.path}`)}`
    if (term.as === 'buffer') return `Buffer.from(${text})`
    return term.as === 'url' && term.path !== '' ? `pathToFileURL(${text})` : text
  }
  if ('slot' in term) return `slot(${term.slot})`
  if ('bytes' in term) return `Buffer.from(${json(term.bytes)})`
  if ('list' in term) return `[${term.list.map(sourceOf).join(', ')}]`
  if ('pieces' in term) {
    if (term.as === 'set') return `new Set(${json(term.pieces)})`
    return `(${term.as === 'async' ? 'async ' : ''}function* () { yield* ${json(term.pieces)} })()`
  }
  if ('space' in term) {
    const buffers = term.space.map((size) => `Buffer.alloc(${size})`)
    return buffers.length === 1 ? (buffers[0] as string) : `[${buffers.join(', ')}]`
  }
  return json(term.literal)
}

export const CONVENTIONS = ['sync', 'callback', 'promise'] as const
export type Convention = (typeof CONVENTIONS)[number]

/** One call. */
export interface Step {
  readonly method: string
  readonly convention: Convention
  readonly args: readonly Term[]
  /** It opens a file (its result gets a place), or it is done on one. */
  readonly slot?: 'opens' | 'closes' | 'uses'
  /** It is the whole life of an object (live.ts): made with `args`, and then these are done to it. */
  readonly acts?: readonly ActTerm[]
}
export interface ActTerm {
  readonly does: string
  readonly args: readonly Term[]
  readonly besideClose?: boolean
}
/** Several at once, each in a directory of its own, so that their order does not matter. */
export interface Batch {
  readonly together: readonly Step[]
}
export type Move = Step | Batch
