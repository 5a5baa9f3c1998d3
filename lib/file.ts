import type { Path } from './op.js'

/**
 * Where a path leads, and what is there. Whoever keeps dentries hands out the same object again as long as it holds,
 * so that a guard may keep its decision about `path` (never about how it was reached) beside it.
 */
export interface Dentry {
  /** Canonical: absolute, no `.`, `..`, doubled or trailing slash, no symbolic link in any but the last component. */
  readonly path: Path
  /** Whether anything is there; false: a negative dentry. True also where whoever resolved it had no need to look. */
  readonly exists: boolean
  /** Whether what is there is a symbolic link (only where the last component was not followed). */
  readonly isLink: boolean
  /** The guard's own note about `path`, as `d_inode->i_security` is for a Linux security module. */
  security?: unknown
}

/** An open file, as the stack that opened it knows it. */
export interface OpenFile {
  readonly fd: number
  /** The path it was opened by, canonical where a layer above resolved it. It may have another name by now, or none. */
  readonly path: Path
  /** open(2) flags as they went down. */
  readonly flags: number
  /** Set by the passthrough layer: I/O skips whatever is not pinned. */
  passed: boolean
  /** Set by the exchange: no hook at all looks at this file's reads and writes. */
  direct: boolean
  /** Closed: its number may already be another file's. */
  closed: boolean
}
