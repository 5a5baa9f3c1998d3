/** The system calls beyond node:fs, loaded when the first one is made. */
import { errnoCode } from '../../errno.js'
import { type Native, native } from '../../native/index.js'
import { Failed } from '../../verdict.js'

export type { Native }

/** undefined where they are not to be had: see lib/native. */
export const system = (): Native | undefined => native()

/** A result that may be a negative errno. */
export const replied = <T>(value: T | number): T | Failed =>
  typeof value === 'number' && value < 0 ? Failed.of(errnoCode(value) ?? 'EIO') : (value as T)

/** A result of which only the errno counts. */
export const succeeded = (value: number): undefined | Failed =>
  value < 0 ? Failed.of(errnoCode(value) ?? 'EIO') : undefined
