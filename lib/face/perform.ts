/** One request of an object of the face (a handle, a directory, a watcher), with the Error that node:fs gives. */
import { runPromise } from '../driver/promise.js'
import { runSync } from '../driver/sync.js'
import type { Op, Reply, Request } from '../op.js'
import { Failed } from '../verdict.js'
import { fsError } from './errors.js'
import { contextOf, type View } from './view.js'

/** @throws the Error of a failure */
export const performSync = <O extends Op>(
  v: View,
  op: O,
  req: Request<O>,
  syscall: string,
  path?: unknown,
): Reply<O> => {
  const out = runSync(v.x, op, req, contextOf(v))
  if (out instanceof Failed) throw fsError(out, syscall, path)
  return out as Reply<O>
}

export const perform = async <O extends Op>(
  v: View,
  op: O,
  req: Request<O>,
  syscall: string,
  path?: unknown,
): Promise<Reply<O>> => {
  const pending = runPromise(v.x, op, req, contextOf(v))
  const out = pending instanceof Promise ? await pending : pending
  // As in method.ts: the Error shows who awaits.
  if (out instanceof Failed && !(pending instanceof Promise)) await undefined
  if (out instanceof Failed) throw fsError(out, syscall, path)
  return out as Reply<O>
}
