/**
 * Whether Node keeps a list of the descriptors that this thread has opened, and closes what is left of them at its end: a
 * number that was closed without a word may be another thread's by then.
 */
import { isMainThread } from 'node:worker_threads'

/** Workers do, but for those that were started with `trackUnmanagedFds: false`, and say so. */
export const descriptors = { areListed: !isMainThread }
