/** What may be used up, and how much of it. */
import { closed, wholeNumber } from '../../lib/codec/options.js'

export interface QuotaOptions {
  /**
   * Bytes that files may grow by, all of them together; what is cut off or removed again is given back. What was there
   * before is not counted, nor are names, link targets and extended attributes. EDQUOT. Default: no limit.
   */
  readonly bytes?: number | undefined
  /** Names that may be made: files, directories, links. What is removed is given back. EDQUOT. Default: no limit. */
  readonly files?: number | undefined
  /** Files open at the same time. EMFILE. Default: no limit. */
  readonly handles?: number | undefined
  /** Watchers at the same time. ENOSPC, as inotify says it. Default: no limit. */
  readonly watchers?: number | undefined
  /** Components of the path of a name that is made. EDQUOT. Default: no limit. */
  readonly depth?: number | undefined
}

export const quotaCodec = closed(
  {},
  { bytes: wholeNumber, files: wholeNumber, handles: wholeNumber, watchers: wholeNumber, depth: wholeNumber },
  "quota's options",
)
