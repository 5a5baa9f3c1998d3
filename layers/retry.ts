/** retry: a request that failed for a passing reason is made again. */
import * as t from 'io-ts'
import { ConfigError } from '../lib/codec/error.js'
import { closed, decodeOptions, milliseconds, positiveInteger } from '../lib/codec/options.js'
import {
  attempt,
  callOn,
  Delay,
  type Errno,
  type ExtensionMap,
  Failed,
  isErrno,
  type Layer,
  layer,
  OP,
  OPS,
  type Op,
  type Request,
} from '../lib/layer.js'

export interface RetryOptions {
  /** How often a request is made at most, the first time included. Default 4. */
  readonly attempts?: number | undefined
  /** Before the second attempt, doubled before each further one; up to half of it at random is left out. Default 10. */
  readonly delayMs?: number | undefined
  /**
   * What is taken to pass. Default: EAGAIN, EBUSY, EINTR, EMFILE, ENFILE, which say that nothing was done; for requests that
   * change nothing also EIO, ESTALE, ETIMEDOUT, ECONNRESET.
   */
  readonly errnos?: readonly Errno[] | undefined
}
export interface Retry extends Layer {
  /** `retried`: attempts after a first one; `gaveUp`: requests whose last attempt failed so, too. */
  stats(): { retried: number; gaveUp: number }
}

const UNDONE = ['EAGAIN', 'EBUSY', 'EINTR', 'EMFILE', 'ENFILE']
const PASSING = [...UNDONE, 'EIO', 'ESTALE', 'ETIMEDOUT', 'ECONNRESET']
const codec = closed(
  {},
  { attempts: positiveInteger, delayMs: milliseconds, errnos: t.readonlyArray(t.string) },
  "retry's options",
)

/**
 * Makes requests again that failed for a reason that passes. `release` is left alone: where it fails, the descriptor is gone
 * all the same. Reads at the file's own offset are left alone too: where the first attempt left it nobody knows.
 * @throws {ConfigError} for ill-typed and unknown options, and an errno that this system does not know
 */
export const retry = (options?: RetryOptions): Retry => {
  const { attempts = 4, delayMs = 10, errnos } = decodeOptions('retry', codec, options)
  for (const [k, errno] of (errnos ?? []).entries()) {
    if (!isErrno(errno)) throw new ConfigError(`retry.errnos[${k}]`, 'an errno that this system knows', `'${errno}'`)
  }
  let retried = 0
  let gaveUp = 0
  const extensions: { [O in Op]?: object } = {}
  for (const op of OPS) {
    if (op === 'release') continue
    const passing = new Set(errnos ?? (OP[op].effect === 'read' ? PASSING : UNDONE))
    extensions[op] = {
      *around(req: Request<Op>) {
        const once = 'position' in req && req.position === null
        for (let k = 1; ; k++) {
          const out = yield* attempt(op as Op, req)
          if (!(out instanceof Failed) || once || !passing.has(out.errno)) return out
          if (k >= attempts) {
            gaveUp++
            return out
          }
          retried++
          yield* callOn(new Delay(delayMs * 2 ** (k - 1) * (1 - Math.random() / 2)), 'syncfs', { path: '/' })
        }
      },
    }
  }
  const stats = () => ({ retried, gaveUp })
  return { ...layer('retry', extensions as ExtensionMap, { stateful: true, stats, offload: { waits: true } }), stats }
}
