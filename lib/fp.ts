/** The fp-ts face: every operation as a value that says how it may fail. */
import * as E from 'fp-ts/lib/Either.js'
import type { IOEither } from 'fp-ts/lib/IOEither.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { PlyFs } from './face/node-fs.js'
import type { XattrMethods } from './face/xattr.js'

/** A system error of node:fs as a value; `cause` is the Error itself. */
export interface FsError {
  readonly _tag: 'FsError'
  /** Such as `'ENOENT'`. */
  readonly code: string
  readonly syscall: string | undefined
  readonly path: string | undefined
  readonly dest: string | undefined
  readonly message: string
  readonly cause: NodeJS.ErrnoException
}

// The last overload is what TypeScript infers from; node:fs puts its widest one there.
type TaskOf<F> = F extends (...args: infer A) => Promise<infer R> ? (...args: A) => TaskEither<FsError, R> : never
type IOOf<F> = F extends (...args: infer A) => infer R ? (...args: A) => IOEither<FsError, R> : never

type Promises = PlyFs['promises']
type SyncName = Extract<keyof PlyFs | keyof XattrMethods, `${string}Sync`>

/** Every promise method as a TaskEither under its own name, every `…Sync` one as an IOEither. */
export type TaskEitherFs = {
  readonly [K in keyof Promises as Promises[K] extends (...args: never[]) => Promise<unknown> ? K : never]: TaskOf<
    Promises[K]
  >
} & { readonly [K in SyncName]: IOOf<PlyFs[K]> }

/** Anything but a system error is a bug, and is thrown on: an Either's left is for what may be expected. */
const toFsError = (thrown: unknown): FsError => {
  const cause = thrown as NodeJS.ErrnoException
  if (!(thrown instanceof Error) || typeof cause.code !== 'string') throw thrown
  const { code, syscall, path, message } = cause
  return { _tag: 'FsError', code, syscall, path, dest: (cause as { dest?: string }).dest, message, cause }
}

/**
 * @param fs a stack, or anything shaped like node:fs
 * @returns the same operations; nothing runs before the returned task or io is called
 */
export const taskEither = (fs: PlyFs): TaskEitherFs => {
  const face: Record<string, unknown> = {}
  for (const [name, method] of Object.entries(fs.promises) as [string, unknown][]) {
    // watch gives an iterator, no promise.
    if (typeof method !== 'function' || name === 'watch' || name === 'glob') continue
    face[name] =
      (...args: unknown[]): TaskEither<FsError, unknown> =>
      () =>
        (method as (...args: unknown[]) => Promise<unknown>)(...args).then(E.right, (thrown) =>
          E.left(toFsError(thrown)),
        )
  }
  for (const [name, method] of Object.entries(fs) as [string, unknown][]) {
    if (typeof method !== 'function' || !name.endsWith('Sync')) continue
    face[name] =
      (...args: unknown[]): IOEither<FsError, unknown> =>
      () =>
        E.tryCatch(() => (method as (...args: unknown[]) => unknown)(...args), toFsError)
  }
  return face as TaskEitherFs
}
