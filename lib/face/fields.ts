/** What arguments become in requests, and names in results. */
import { constants } from 'node:fs'
import type { Attributes, Request } from '../op.js'
import { encodePath } from '../path-bytes.js'
import { invalidArgValue } from './codes.js'
import { fdOf } from './validate.js'
import type { View } from './view.js'

/** A request's fields for an open file. */
export const onFile = (v: View, fd: unknown) => {
  const number = fdOf(fd)
  return { fd: number, file: v.x.files.get(number) }
}
/** Requests on open files that may be on paths as well, with the fields of those in request.ts. */
export const getattrOn = (v: View, given: unknown, precise: boolean): Request<'getattr'> => {
  const { fd, file } = onFile(v, given)
  return { path: file?.path ?? '', follow: true, precise, dentry: undefined, fd, file }
}
export const setattrOn = (v: View, given: unknown, set: Attributes): Request<'setattr'> => {
  const { fd, file } = onFile(v, given)
  return { path: file?.path ?? '', follow: true, set, dentry: undefined, fd, file }
}

export const fsyncOn = (v: View, given: unknown, datasync: boolean): Request<'fsync'> => {
  const { fd, file } = onFile(v, given)
  return { fd, file, datasync }
}

/** Whether open(2) with these flags may make a file: another opcode. */
export const isCreate = (flags: number): boolean => (flags & constants.O_CREAT) !== 0

/** `encoding` of an option argument: a string, or an object's field. */
export const encodingOf = (options: unknown): string | undefined => {
  const encoding =
    typeof options === 'string' ? options : (options as { encoding?: unknown } | null | undefined)?.encoding
  if (!encoding) return undefined
  if (encoding !== 'buffer' && !Buffer.isEncoding(encoding as string)) {
    throw invalidArgValue('encoding', encoding, 'is invalid encoding')
  }
  return encoding as string
}
/** A name or path as the caller wants it: a string, its bytes, or its bytes in an encoding. */
export const encodeName = (name: string, encoding: unknown): string | Buffer => {
  if (!encoding || encoding === 'utf8' || encoding === 'utf-8') {
    return name.isWellFormed() ? name : Buffer.from(encodePath(name) as Buffer).toString()
  }
  const bytes = Buffer.from(encodePath(name))
  return encoding === 'buffer' ? bytes : bytes.toString(encoding as BufferEncoding)
}
