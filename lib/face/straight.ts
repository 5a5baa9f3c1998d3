/**
 * Files that are passed through, and whose bytes nobody looks at: their reads and writes go straight to the lower, where
 * it is shaped like node:fs, with the arguments as they came. The checks are then its own, and so are the Errors.
 */
import type { Fn } from './method.js'
import type { View } from './view.js'

/** The lower's own function of that name. */
export const straightOf = ({ x }: View, name: string): Fn | undefined => {
  const native = x.lower.native as Readonly<Record<string, unknown>> | undefined
  const fn = native?.[name]
  return typeof fn === 'function' ? (fn.bind(native) as Fn) : undefined
}

/** Not for a hook, which may have to be refused. */
export const goesStraight = ({ x }: View, fd: unknown): boolean => x.files.get(fd as number)?.direct === true && !x.busy
