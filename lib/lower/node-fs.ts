/** Whatever a user hands to `stack()`, as a lower. */
import type { Lower } from '../lower.js'
import { hostLower } from './host.js'
import type { NodeFsLike } from './node-fs/calls.js'
import { lowerOf } from './node-fs/lower.js'
import { isNodeFs } from './original-fs.js'

export { failureOf } from './node-fs/failure.js'
export { direntType } from './node-fs/replies.js'
export type { NodeFsLike }

/** Every stack's mark: see lib/stack.ts. */
const STACK = Symbol.for('plyfs.stack')

/** @param fs an object shaped like node:fs; node:fs itself is taken as it was before `install()` */
export const nodeFsLower = (fs: NodeFsLike): Lower => {
  if (isNodeFs(fs)) return hostLower()
  // memfs and stacks answer as node:fs does, and Errors are dear.
  // A stack does not hide ENOTDIR, and to try it out would ask every stack below.
  if (STACK in fs) return { ...lowerOf(fs, { quiet: true, explains: false }), foreign: true }
  return { ...lowerOf(fs, { quiet: '__vol' in fs }), foreign: true }
}
