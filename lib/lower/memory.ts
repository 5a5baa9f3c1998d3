/**
 * A filesystem in memory: memfs's volumes, corrected to behave as Linux does.
 *
 * memfs keeps the tree and the bytes; paths, permissions, times, descriptors and the order of checks are plyfs's own,
 * above memfs's Link and Node. So whoever holds the volume sees the same files through memfs.
 */

import { type IFs, Volume } from 'memfs'
import type { Context } from '../context.js'
import type { Lower, LowerOp } from '../lower.js'
import { OPS, type Op, type Reply, type Request } from '../op.js'
import type { Failed } from '../verdict.js'
import { attributeOps } from './memory/attributes.js'
import { fileOps } from './memory/file.js'
import { type Core, S_IFDIR, S_IFLNK } from './memory/node.js'
import { openOps } from './memory/open.js'
import { renameOp } from './memory/rename.js'
import type { MemoryOptions } from './memory/space.js'
import { treeOps } from './memory/tree.js'
import { type MemoryOps, MemoryVolume } from './memory/volume.js'
import { watchOp } from './memory/watch.js'
import { xattrOps } from './memory/xattrs.js'

export type { MemoryOptions }

/** A volume of memfs, or the `fs` that memfs's createFsFromVolume makes of one. */
export type MemfsVolume = Volume | IFs

const coreOf = (volume: MemfsVolume): Core => {
  const { _core } = ('__vol' in volume ? volume.__vol : volume) as Partial<Volume>
  if (_core?.root?.children === undefined || _core.changes === undefined) {
    throw new TypeError('memory(volume): expected a Volume of memfs 4.80, or what createFsFromVolume makes of one')
  }
  return _core
}

/**
 * @param volume default: a fresh, empty one
 * @throws {TypeError} for what is no volume of memfs, and for ill-typed options
 */
export const memoryLower = (volume: MemfsVolume = new Volume(), options: MemoryOptions = {}): Lower => {
  const v = new MemoryVolume(coreOf(volume), options)
  const done: MemoryOps = {
    ...treeOps(v),
    ...openOps(v),
    ...fileOps(v),
    ...attributeOps(v),
    ...xattrOps(v),
    rename: renameOp(v),
    watch: watchOp(v),
  }
  const ops: Partial<Record<Op, unknown>> = {}
  for (const op of OPS) ops[op] = lowerOp(v, done[op] as Perform)
  return {
    name: 'memory',
    ops: ops as Lower['ops'],
    native: undefined,
    capabilities: {
      stableInodes: true,
      xattr: true,
      renameFlags: true,
      linksFiles: true,
      noFollow: true,
      // As memory/times.ts moves them, and directories' and links' not at all.
      accessTimes: (dev, type) =>
        dev !== v.dev ? 'always' : type === S_IFDIR || type === S_IFLNK ? 'never' : 'relatime',
    },
  }
}

type Perform = (req: Request<Op>, caller: Context['caller']) => Reply<Op> | Failed

const lowerOp = (v: MemoryVolume, perform: Perform): LowerOp<Op> => ({
  sync: (req, cx) => perform(req, cx === undefined ? v.self : cx.caller),
  async(req, done, cx) {
    let out: Reply<Op> | Failed
    try {
      out = perform(req, cx === undefined ? v.self : cx.caller)
    } catch (bug) {
      setImmediate(done, bug, undefined)
      return
    }
    // node:fs answers from the event loop: after every nextTick and every settled promise.
    setImmediate(done, null, out)
  },
})
