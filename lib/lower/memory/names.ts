/** How long names and paths are, in the bytes that Linux counts. */
import { encodePath } from '../../path-bytes.js'

/** limits.h: a name. */
export const NAME_MAX = 255
/** limits.h: a path, without its NUL. */
export const PATH_MAX = 4095

/** Whether `text` is more than `max` bytes. */
export const longerThan = (text: string, max: number): boolean => {
  // A UTF-16 unit is one to three bytes.
  if (text.length * 3 <= max) return false
  if (text.length > max) return true
  return byteLength(text) > max
}
export const byteLength = (text: string): number => Buffer.byteLength(encodePath(text))
