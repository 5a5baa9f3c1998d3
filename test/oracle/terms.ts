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
export interface LiteralTerm {
  readonly literal: unknown
}
export type Term = PathTerm | SlotTerm | BytesTerm | SpaceTerm | ListTerm | LiteralTerm

export const literal = (value: unknown): LiteralTerm => ({ literal: value })

const under = (root: string, path: string): string => (path === '' ? '' : `${root}/${path}`)

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
  if ('space' in term) {
    const buffers = term.space.map((size) => `Buffer.alloc(${size})`)
    return buffers.length === 1 ? (buffers[0] as string) : `[${buffers.join(', ')}]`
  }
  return json(term.literal)
}
