/** node:fs, and what Linux has beyond it, as a lower. */
import type { Lower, LowerOp } from '../lower.js'
import type { Reply } from '../op.js'
import { encodePath } from '../path-bytes.js'
import { Failed } from '../verdict.js'
import { hostAccessTimes } from './host/access-times.js'
import { closingLast } from './host/in-flight.js'
import { exactReaddir, exactReadlink } from './host/names.js'
import { nativeOps } from './host/native-ops.js'
import { resolveOp } from './host/resolve.js'
import { isStrict, strictly } from './host/strict.js'
import { system } from './host/system.js'
import { failureOf } from './node-fs/failure.js'
import { lowerOf } from './node-fs/lower.js'
import { originalFs } from './original-fs.js'

const capabilities = {
  stableInodes: true,
  // Asked when somebody wants to know: nobody else loads koffi.
  get xattr() {
    return system() !== undefined
  },
  get renameFlags() {
    return system() !== undefined
  },
  get linksFiles() {
    return system() !== undefined
  },
  get noFollow() {
    return isStrict()
  },
  kernelFiles: true,
  accessTimes: hostAccessTimes,
}

/** node:fs's own functions serve where no hook looks, as they were when plyfs was loaded. */
export const hostLower = (): Lower => {
  const plain = lowerOf(originalFs, { name: 'host', quiet: true, capabilities })
  const { ops } = plain
  return {
    ...plain,
    capabilities,
    ops: strictly(
      closingLast({
        ...ops,
        ...nativeOps(ops),
        access: accessOp(ops),
        getattr: getattrOp(ops.getattr),
        opendir,
        readdir: exactReaddir(ops.readdir),
        readlink: exactReadlink(ops.readlink),
        resolve: resolveOp(ops, ops.resolve),
      }),
    ),
  }
}

/**
 * Of a file that was opened by a dentry, attributes are had before `async` returns, as they are of a name with one: a way
 * through libuv's pool takes ten times as long.
 */
const getattrOp = (plain: LowerOp<'getattr'>): LowerOp<'getattr'> => ({
  sync: plain.sync,
  async(req, done, cx) {
    if (req.fd === undefined || req.dentry === undefined) {
      plain.async(req, done, cx)
      return
    }
    let out: Reply<'getattr'> | Failed
    try {
      out = plain.sync(req, cx)
    } catch (bug) {
      done(bug, EINVAL)
      return
    }
    done(null, out)
  },
})

const EINVAL = Failed.of('EINVAL')
const { existsSync } = originalFs

/** Whether something is there is asked without an Error. */
const accessOp = (plain: Lower['ops']): LowerOp<'access'> => ({
  sync(req, cx) {
    if (req.mask !== 0) return plain.access.sync(req, cx)
    if (existsSync(encodePath(req.path))) return undefined
    const stats = plain.getattr.sync({ path: req.path, follow: true, precise: false }, cx)
    return stats instanceof Failed ? stats : undefined
  },
  async: plain.access.async,
})

/** Opened, not read. */
const opendir: LowerOp<'opendir'> = {
  sync(req) {
    try {
      originalFs.opendirSync(encodePath(req.path) as string).closeSync()
      return undefined
    } catch (thrown) {
      return failureOf(thrown)
    }
  },
  async(req, done) {
    originalFs.opendir(encodePath(req.path) as string, (error, dir) => {
      if (error === null) {
        dir.close((bug) => done(bug ?? null, undefined))
        return
      }
      let failed: Failed
      try {
        failed = failureOf(error)
      } catch (bug) {
        done(bug, undefined)
        return
      }
      done(null, failed)
    })
  },
}
