/** Failures become Errors here and nowhere else, with Node's fields and texts. */
import { errnoNumber, errnoText } from '../errno.js'
import type { Failed } from '../verdict.js'

/** The Error that node:fs gives for `failed` in `syscall` on `path`. */
export const fsError = (failed: Failed, syscall: string, path?: unknown, dest?: unknown): NodeJS.ErrnoException => {
  const code = failed.errno
  let message = `${code}: ${errnoText(code)}, ${syscall}`
  const from = pathText(path)
  const to = pathText(dest)
  if (from !== undefined) message += ` '${from}'`
  if (to !== undefined) message += ` -> '${to}'`
  const error = new Error(message) as NodeJS.ErrnoException & { dest?: string }
  error.errno = -errnoNumber(code)
  error.code = code
  error.syscall = syscall
  if (from !== undefined) error.path = from
  if (to !== undefined) error.dest = to
  return error
}

/** A path argument as Node puts it in an Error; undefined for a descriptor. */
const pathText = (path: unknown): string | undefined => {
  if (typeof path === 'string') return path.toWellFormed()
  if (path instanceof Uint8Array) return Buffer.from(path).toString()
  return undefined
}

/** What a SystemError is about. */
export interface SystemErrorInfo {
  readonly message: string
  readonly path: string
  readonly syscall: string
  /** Positive, or Node's own mistake where it makes one. */
  readonly errno: number
  readonly code: string
}

/** Node's SystemError: `rm` of a directory, and all that `cp` refuses. */
class SystemError extends Error {
  constructor(code: string, text: string, info: SystemErrorInfo) {
    super(`${text}: ${info.syscall} returned ${info.code} (${info.message}) ${info.path}`)
    Object.defineProperties(this, {
      code: { value: code, enumerable: true, writable: true, configurable: true },
      name: { value: 'SystemError', enumerable: false, writable: true, configurable: true },
      info: { value: info, enumerable: true, configurable: true, writable: false },
      errno: { value: info.errno, enumerable: true, writable: true, configurable: true },
      syscall: { value: info.syscall, enumerable: true, writable: true, configurable: true },
      path: { value: info.path, enumerable: true, writable: true, configurable: true },
    })
  }
  override toString(): string {
    return `${this.name} [${(this as unknown as NodeJS.ErrnoException).code}]: ${this.message}`
  }
}

const systemTexts: Readonly<Record<string, string>> = {
  ERR_FS_EISDIR: 'Path is a directory',
  ERR_FS_CP_DIR_TO_NON_DIR: 'Cannot overwrite non-directory with directory',
  ERR_FS_CP_EEXIST: 'Target already exists',
  ERR_FS_CP_EINVAL: 'Invalid src or dest',
  ERR_FS_CP_FIFO_PIPE: 'Cannot copy a FIFO pipe',
  ERR_FS_CP_NON_DIR_TO_DIR: 'Cannot overwrite directory with non-directory',
  ERR_FS_CP_SOCKET: 'Cannot copy a socket file',
  ERR_FS_CP_SYMLINK_TO_SUBDIRECTORY: 'Cannot overwrite symlink in subdirectory of self',
  ERR_FS_CP_UNKNOWN: 'Cannot copy an unknown file type',
}
/** @param code one of Node's `ERR_FS_…` */
export const systemError = (code: string, info: SystemErrorInfo): NodeJS.ErrnoException =>
  new SystemError(code, systemTexts[code] ?? code, info)

/** What Node gives where an operation failed and the close after it failed too. */
export const aggregate = (closing: unknown, failed: unknown): unknown => {
  if (!closing || closing === failed) return failed
  if (!failed) return closing
  const outer = failed as Error & { errors?: unknown; code?: unknown }
  if (Array.isArray(outer.errors)) {
    outer.errors.push(closing)
    return outer
  }
  return Object.assign(new AggregateError([outer, closing], outer.message), { code: outer.code })
}
