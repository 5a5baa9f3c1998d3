/** What arguments become in requests, and names in results. */
import { constants } from 'node:fs'
import { encodePath } from '../path-bytes.js'
import { invalidArgValue } from './codes.js'
import { fdOf } from './validate.js'
import type { View } from './view.js'

/** A request's fields for an open file. */
export const onFile = (v: View, fd: unknown) => {
  const number = fdOf(fd)
  return { fd: number, file: v.x.files.get(number) }
}
/** The same for requests that may be on a path or on an open file. */
export const onEither = (v: View, fd: unknown) => {
  const { fd: number, file } = onFile(v, fd)
  return { path: file?.path ?? '', follow: true, fd: number, file }
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
