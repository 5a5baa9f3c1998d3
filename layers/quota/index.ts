/** quota: how much may be used through this place in the stack. */
import { decodeOptions } from '../../lib/codec/options.js'
import { type Layer, layer } from '../../lib/layer.js'
import { Account } from './account.js'
import { fileHooks } from './files.js'
import { nameHooks, tooDeep, watchHooks } from './names.js'
import { type QuotaOptions, quotaCodec } from './options.js'

export type { QuotaOptions } from './options.js'

export interface Quota extends Layer {
  /** What is in use (`bytes`, `files`, `handles`, `watchers`), and `refused`: requests that found no room. */
  stats(): Record<string, number>
}

/**
 * Limits what is used up through it. A request that would go beyond a limit is refused before anything is done: nothing is
 * half-written. It counts what this stack does, not what was there before or what others do; who makes files and removes
 * them has their room again, that of an open file when it is closed. With `bytes`, files are not passed through: writes are
 * what it looks at.
 *
 * Put it beneath a sandbox and above a cache.
 * @throws {ConfigError} for limits that are no whole numbers from 0 on, and for unknown options
 */
export const quota = (options?: QuotaOptions): Quota => {
  const account = new Account(decodeOptions('quota', quotaCodec, options))
  const counts = Number.isFinite(account.max.bytes)
  const isTooDeep = tooDeep(account)
  const stats = () => ({
    bytes: account.bytes,
    files: account.files,
    handles: account.handles,
    watchers: account.watchers,
    refused: account.refused,
  })
  const made = layer(
    'quota',
    { ...fileHooks(account, counts, isTooDeep), ...nameHooks(account, isTooDeep), ...watchHooks(account) },
    { pinned: true, stateful: true, ownFilesOnly: counts, stats },
  )
  return { ...made, stats }
}
