/** Path strings, taken apart without methods that anybody may have replaced. */
import { charCodeAt, lastIndexOf, slice } from '../../primordials.js'

const SLASH = 47
const DOT = 46

/** Whether `name` is one component that names an entry: not empty, no slash, no NUL, not `.` or `..`. */
export const isPlain = (name: string): boolean => {
  const { length } = name
  if (length === 0) return false
  let dots = 0
  for (let at = 0; at < length; at++) {
    const unit = charCodeAt(name, at)
    if (unit === SLASH || unit === 0) return false
    if (unit === DOT) dots++
  }
  return dots !== length || length > 2
}

/** The same, but `.`, `..` and slashes at the end may stand: for calls that never look up a last `.`, `..` or link. */
export const isLast = (name: string): boolean => {
  const end = withoutSlashes(name, name.length)
  if (end === 0) return false
  for (let at = 0; at < end; at++) {
    const unit = charCodeAt(name, at)
    if (unit === SLASH || unit === 0) return false
  }
  return true
}

/** The end of `path[0..end)` without the slashes that trail. */
const withoutSlashes = (path: string, end: number): number => {
  let at = end
  while (at > 0 && charCodeAt(path, at - 1) === SLASH) at--
  return at
}

/** Everything up to the last component; '' where that is the root, or nothing. */
export const parentOf = (path: string): string => {
  const end = withoutSlashes(path, path.length)
  const at = lastIndexOf(path, '/', end - 1)
  return at <= 0 || end === 0 ? '' : slice(path, 0, at)
}

/** The last component, with one slash where any trail; '' for `/`. */
export const lastOf = (path: string): string => {
  const end = withoutSlashes(path, path.length)
  if (end === 0) return ''
  const name = slice(path, lastIndexOf(path, '/', end - 1) + 1, end)
  return end === path.length ? name : `${name}/`
}

/** A path, taken apart. */
export interface Parts {
  readonly path: string
  /** `lastOf(path)` */
  readonly name: string
  /** `parentOf(path)` */
  readonly above: string
  /** `isPlain(name)` */
  readonly isPlain: boolean
}
const NO_PARTS: Parts = { path: '', name: '', above: '', isPlain: false }
// A request takes its path apart more than once, and has two at most.
let one = NO_PARTS
let other = NO_PARTS
export const partsOf = (path: string): Parts => {
  if (path === one.path) return one
  if (path === other.path) return other
  other = one
  one = takenApart(path)
  return one
}
/** Once over the last component, which is shorter than the rest. */
const takenApart = (path: string): Parts => {
  const { length } = path
  const end = withoutSlashes(path, length)
  let from = end
  let dots = 0
  let isPlain = end === length && end !== 0
  for (; from > 0; from--) {
    const unit = charCodeAt(path, from - 1)
    if (unit === SLASH) break
    if (unit === DOT) dots++
    else if (unit === 0) isPlain = false
  }
  if (dots === end - from && dots <= 2) isPlain = false
  const name = slice(path, from, end)
  return {
    path,
    name: end === length || end === 0 ? name : `${name}/`,
    above: from <= 1 ? '' : slice(path, 0, from - 1),
    isPlain,
  }
}

/** Whether `path` is absolute and says nothing twice: no `.`, `..`, empty component, no trailing slash (but `/`). */
export const isCanonical = (path: string): boolean => {
  const { length } = path
  if (length === 0 || charCodeAt(path, 0) !== SLASH) return false
  if (length === 1) return true
  let dots = 0
  let size = 0
  for (let at = 1; at < length; at++) {
    const unit = charCodeAt(path, at)
    if (unit === SLASH) {
      if (size === 0 || (dots === size && size <= 2)) return false
      dots = 0
      size = 0
      continue
    }
    size++
    if (unit === DOT) dots++
  }
  return size > 0 && (dots !== size || size > 2)
}

/** Components still to be walked, first one outermost. Links, not an array: no setter of a prototype can come between. */
export interface Names {
  readonly name: string
  readonly rest: Names | undefined
}

/** The components of `path` before `rest`. A slash at the end becomes `''`: what is before it must be a directory. */
export const components = (path: string, rest: Names | undefined): Names | undefined => {
  let out = rest
  let end = path.length
  let wants: boolean = end > 0 && charCodeAt(path, end - 1) === SLASH
  while (end > 0) {
    const stop = withoutSlashes(path, end)
    if (stop === 0) break
    if (wants) {
      out = { name: '', rest: out }
      wants = false
    }
    const at = lastIndexOf(path, '/', stop - 1)
    out = { name: slice(path, at + 1, stop), rest: out }
    end = at === -1 ? 0 : at
  }
  return out
}
