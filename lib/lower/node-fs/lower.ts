/** A node-fs-shaped object as a lower: each opcode becomes one call of its functions, or a few. */
import type { Capabilities } from '../../extension.js'
import type { Lower } from '../../lower.js'
import { OPS, type Op } from '../../op.js'
import { Failed } from '../../verdict.js'
import { type AnyFs, type Mapping, mapped, type NodeFsLike } from './calls.js'
import { composedOps } from './composed.js'
import { directOps } from './direct.js'
import { mappings } from './mappings.js'
import { numbered } from './numbered.js'

export interface NodeFsOptions {
  readonly name?: string
  readonly capabilities?: Capabilities
  /**
   * Whether `throwIfNoEntry: false` makes stat answer undefined for what is missing, and for nothing else. Default false:
   * unionfs takes that undefined for an answer and does not ask its other members.
   */
  readonly quiet?: boolean
  /** Whether a quiet stat may be silent about ENOTDIR too, so that it is tried out. Default true. */
  readonly explains?: boolean
}

const ENOSYS = Failed.of('ENOSYS')

export const lowerOf = (fs: NodeFsLike, options: NodeFsOptions = {}): Lower => {
  const target = numbered(fs as AnyFs)
  const maps = mappings(target) as { readonly [O in Op]?: Mapping<Op> }
  const ops: { -readonly [O in Op]?: unknown } = {}
  // Those without a mapping are composed below.
  for (const op of OPS) ops[op] = mapped(target, maps[op] ?? (() => ENOSYS))
  const plain = { ...ops } as Lower['ops']
  Object.assign(plain, directOps(target, plain, options.quiet ?? false, options.explains ?? true))
  return {
    name: options.name ?? (fs as { constructor?: { name?: string } }).constructor?.name ?? 'fs',
    ops: { ...plain, ...composedOps(target, plain) },
    native: fs,
    capabilities: options.capabilities ?? {
      stableInodes: true,
      xattr: typeof target.getxattr === 'function',
      renameFlags: false,
      noFollow: false,
    },
  }
}
