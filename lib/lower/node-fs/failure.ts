/** What a foreign filesystem throws, as an errno. */
import { type Errno, errnoCode, isErrno } from '../../errno.js'
import { Failed } from '../../verdict.js'

/** Node's and memfs's own wrappers around system errors. */
const wrapped = new Map<unknown, Errno>([['ERR_FS_EISDIR', 'EISDIR']])

/** The errno of what a lower threw, or called back with; anything that is no system error is a bug, and is thrown on. */
export const failureOf = (thrown: unknown): Failed => {
  if (thrown !== null && typeof thrown === 'object') {
    const { code, errno } = thrown as { code?: unknown; errno?: unknown }
    if (isErrno(code)) return Failed.of(code)
    if (typeof errno === 'number' && code === undefined) {
      const known = errnoCode(errno)
      if (known !== undefined) return Failed.of(known)
    }
    const inner = wrapped.get(code)
    if (inner !== undefined) return Failed.of(inner)
  }
  throw thrown
}
