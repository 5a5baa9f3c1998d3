/** Extended attributes, which node:fs lacks: getxattr and its kin, with values as Buffers. */
import type { PathLike } from 'node:fs'
import type { OnEither, Request } from '../op.js'
import { invalidArgType, invalidArgValue } from './codes.js'
import { ending } from './compound.js'
import { onFile } from './fields.js'
import { type Method, request } from './method.js'
import { perform, performSync } from './perform.js'
import { callbackOf, integerOf, pathOf, shownPath } from './validate.js'
import type { View } from './view.js'

type Callback<T> = (error: NodeJS.ErrnoException | null, value: T) => void
type Done = (error: NodeJS.ErrnoException | null) => void
/** A string is stored as its UTF-8 bytes. */
export type XattrValue = NodeJS.ArrayBufferView | string

/** The methods of one target: a path, or a file descriptor. */
interface Sync<T> {
  get(target: T, name: string): Buffer
  set(target: T, name: string, value: XattrValue, flags?: number): void
  list(target: T): string[]
  remove(target: T, name: string): void
}
interface Later<T> {
  get(target: T, name: string, callback: Callback<Buffer>): void
  set: {
    (target: T, name: string, value: XattrValue, callback: Done): void
    (target: T, name: string, value: XattrValue, flags: number | undefined, callback: Done): void
  }
  list(target: T, callback: Callback<string[]>): void
  remove(target: T, name: string, callback: Done): void
}
interface Promised<T> {
  get(target: T, name: string): Promise<Buffer>
  set(target: T, name: string, value: XattrValue, flags?: number): Promise<void>
  list(target: T): Promise<string[]>
  remove(target: T, name: string): Promise<void>
}
type Named<M, Prefix extends string, Suffix extends string> = {
  [K in keyof M as `${Prefix}${K & string}xattr${Suffix}`]: M[K]
}

/**
 * What a stack has beside node:fs. `getxattr` follows a symbolic link, `lgetxattr` does not, `fgetxattr` takes a file
 * descriptor. `flags` of `setxattr`: XATTR_CREATE 1 (EEXIST where the name is there), XATTR_REPLACE 2 (ENODATA where it
 * is not), default 0. A missing name is ENODATA; a lower without extended attributes answers ENOTSUP.
 */
export type XattrMethods = Named<Sync<PathLike>, '' | 'l', 'Sync'> &
  Named<Sync<number>, 'f', 'Sync'> &
  Named<Later<PathLike>, '' | 'l', ''> &
  Named<Later<number>, 'f', ''> & { readonly promises: Named<Promised<PathLike>, '' | 'l', ''> }

type Kind = '' | 'l' | 'f'

const targetOf = (v: View, kind: Kind, target: unknown): OnEither => {
  if (kind !== 'f') return { path: pathOf(target), follow: kind === '', fd: undefined, file: undefined }
  const on = onFile(v, target)
  return { path: on.file?.path ?? '', follow: true, ...on }
}
const nameOf = (name: unknown): string => {
  if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name)
  if (name.includes('\0')) throw invalidArgValue('name', name, 'must be a string without null bytes')
  return name
}
/** A copy: the caller may write into its own again. */
const bytesFrom = (value: unknown): Buffer => {
  if (typeof value === 'string') return Buffer.from(value)
  if (ArrayBuffer.isView(value)) return Buffer.from(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  throw invalidArgType('value', 'of type string or an instance of Buffer, TypedArray, or DataView', value)
}
const flagsOf = (flags: unknown): number => (flags === undefined ? 0 : integerOf(flags, 'flags', 0, 3))

type XattrOp = 'getxattr' | 'setxattr' | 'listxattr' | 'removexattr'
type Parse<O extends XattrOp> = (target: ReturnType<typeof targetOf>, args: readonly unknown[]) => Request<O>

/** @param arity how many arguments stand before the callback; where `optional`, the last may be left out */
const method = <O extends XattrOp>(
  kind: Kind,
  op: O,
  arity: number,
  optional: boolean,
  parse: Parse<O>,
): [string, Method] => {
  const syscall = `${kind}${op}`
  const req = (v: View, args: readonly unknown[]): Request<O> => parse(targetOf(v, kind, args[0]), args)
  const shown = (target: unknown): unknown => (kind === 'f' ? undefined : shownPath(target))
  const both: Method = {
    ops: [op],
    sync:
      (v) =>
      (...args: unknown[]) =>
        performSync(v, op, req(v, args), syscall, shown(args[0])),
    callback:
      (v) =>
      (...args: unknown[]) => {
        const at = optional && typeof args[arity - 1] === 'function' ? arity - 1 : arity
        const cb = callbackOf(args[at])
        const asked = req(v, args.slice(0, at))
        request(v, op, asked, syscall, shown(args[0]), ending(cb))
      },
  }
  if (kind === 'f') return [syscall, both]
  const promise: Method['promise'] =
    (v) =>
    async (...args: unknown[]) =>
      perform(v, op, req(v, args), syscall, shown(args[0]))
  return [syscall, { ...both, promise }]
}

const methodsOf = (kind: Kind): [string, Method][] => [
  method(kind, 'getxattr', 2, false, (target, [, name]) => ({ ...target, name: nameOf(name) })),
  method(kind, 'setxattr', 4, true, (target, [, name, value, flags]) => ({
    ...target,
    name: nameOf(name),
    value: bytesFrom(value),
    flags: flagsOf(flags),
  })),
  method(kind, 'listxattr', 1, false, (target) => target),
  method(kind, 'removexattr', 2, false, (target, [, name]) => ({ ...target, name: nameOf(name) })),
]

/** By name; none of these is a name of node:fs. */
export const xattrs: Readonly<Record<string, Method>> = Object.fromEntries((['', 'l', 'f'] as const).flatMap(methodsOf))
