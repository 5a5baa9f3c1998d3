/** Names that are no UTF-8: node:fs writes U+FFFD for what it cannot decode; then it is asked again for the bytes. */
import type { LowerOp } from '../../lower.js'
import type { Entry } from '../../op.js'
import { decodePath, encodePath } from '../../path-bytes.js'
import { Failed } from '../../verdict.js'
import { failureOf } from '../node-fs/failure.js'
import { toEntries } from '../node-fs/replies.js'
import { originalFs } from '../original-fs.js'

const { readdir, readdirSync, readlink, readlinkSync } = originalFs
const REPLACEMENT = '\ufffd'
const BYTES = { withFileTypes: true, encoding: 'buffer' } as const

const suspicious = (entries: readonly Entry[]): boolean => {
  for (let k = 0; k < entries.length; k++) if ((entries[k] as Entry).name.includes(REPLACEMENT)) return true
  return false
}

/** Ends with a failure, or with what `value` makes. */
const outcome = <T>(error: unknown, value: () => T): T | Failed => (error === null ? value() : failureOf(error))

export const exactReaddir = (plain: LowerOp<'readdir'>): LowerOp<'readdir'> => ({
  sync(req, cx) {
    const entries = plain.sync(req, cx)
    if (entries instanceof Failed || !suspicious(entries)) return entries
    try {
      return toEntries(readdirSync(encodePath(req.path), BYTES))
    } catch (thrown) {
      return failureOf(thrown)
    }
  },
  async(req, done, cx) {
    plain.async(
      req,
      (bug, entries) => {
        if (bug !== null || entries instanceof Failed || !suspicious(entries)) done(bug, entries)
        else
          readdir(encodePath(req.path), BYTES, (error, dirents) =>
            done(
              null,
              outcome(error, () => toEntries(dirents)),
            ),
          )
      },
      cx,
    )
  },
})

export const exactReadlink = (plain: LowerOp<'readlink'>): LowerOp<'readlink'> => ({
  sync(req, cx) {
    const target = plain.sync(req, cx)
    if (target instanceof Failed || !target.includes(REPLACEMENT)) return target
    try {
      return decodePath(readlinkSync(encodePath(req.path), 'buffer'))
    } catch (thrown) {
      return failureOf(thrown)
    }
  },
  async(req, done, cx) {
    plain.async(
      req,
      (bug, target) => {
        if (bug !== null || target instanceof Failed || !target.includes(REPLACEMENT)) done(bug, target)
        else
          readlink(encodePath(req.path), 'buffer', (error, bytes) =>
            done(
              null,
              outcome(error, () => decodePath(bytes)),
            ),
          )
      },
      cx,
    )
  },
})
