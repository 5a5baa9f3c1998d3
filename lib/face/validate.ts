/** Argument checks with Node's own errors, and arguments turned into what requests carry. */
import { constants } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { types } from 'node:util'
import { decodePath } from '../path-bytes.js'
import { uncurryThis } from '../primordials.js'
import { invalidArgType, invalidArgValue, nodeError, outOfRange } from './codes.js'

const isWellFormed = uncurryThis(String.prototype.isWellFormed)
const toWellFormed = uncurryThis(String.prototype.toWellFormed)

/** A callback, or Node's complaint. */
export const callbackOf = (cb: unknown, name = 'cb'): ((...args: unknown[]) => void) => {
  if (typeof cb !== 'function') throw invalidArgType(name, 'of type function', cb)
  return cb as (...args: unknown[]) => void
}

/** A path argument as an absolute path, and as Node's errors show it. */
export const pathOf = (path: unknown, name = 'path'): string => {
  if (typeof path === 'string') {
    if (path.includes('\0'))
      throw invalidArgValue(name, path, 'must be a string, Uint8Array, or URL without null bytes')
    // Two texts that name one file would be two to whoever judges by names.
    const text = isWellFormed(path) ? path : toWellFormed(path)
    return path.charCodeAt(0) === 47 ? text : absolute(text)
  }
  return absolute(givenPath(path, name))
}

/** The text of a path argument that is no string: a URL, or bytes. Read once. */
export const givenPath = (path: unknown, name = 'path'): string => {
  if (typeof path === 'string') return path
  if (path instanceof Uint8Array) {
    const bytes = Uint8Array.from(path)
    if (bytes.includes(0)) {
      throw invalidArgValue(name, path, 'must be a string, Uint8Array, or URL without null bytes')
    }
    return decodePath(bytes)
  }
  if (isUrl(path)) {
    const text = fileURLToPath(path as URL)
    if (text.includes('\0')) {
      throw invalidArgValue(name, text, 'must be a string, Uint8Array, or URL without null bytes')
    }
    return text
  }
  throw invalidArgType(name, 'of type string or an instance of Buffer or URL', path)
}
const isUrl = (value: unknown): boolean =>
  value !== null &&
  typeof value === 'object' &&
  Boolean((value as URL).href) &&
  Boolean((value as URL).protocol) &&
  (value as { auth?: unknown }).auth === undefined &&
  (value as { path?: unknown }).path === undefined

/** Joined to the working directory, and not normalised. An empty path stays empty: it is ENOENT. */
const absolute = (path: string): string => {
  if (path === '' || path.charCodeAt(0) === 47) return path
  let cwd: string
  try {
    cwd = process.cwd()
  } catch (error) {
    // It was removed: nothing is found from there.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
  return cwd === '/' ? `/${path}` : `${cwd}/${path}`
}

/** What an Error shows of a path argument: URLs become paths. */
export const shownPath = (path: unknown): unknown => (isUrl(path) ? fileURLToPath(path as URL) : path)

export const integerOf = (value: unknown, name: string, min: number, max: number): number => {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value)
  if (!Number.isInteger(value)) throw outOfRange(name, 'an integer', value)
  if (value < min || value > max) throw outOfRange(name, `>= ${min} && <= ${max}`, value)
  return value
}
const MAX_INT32 = 2147483647
export const fdOf = (fd: unknown): number => {
  // -0 is not a descriptor's number in requests.
  if (typeof fd === 'number' && fd >= 0 && fd <= MAX_INT32 && Number.isInteger(fd)) return fd + 0
  return integerOf(fd, 'fd', 0, MAX_INT32)
}

/** A file mode: a number, an octal string, or the default. */
export const modeOf = (mode: unknown, name: string, fallback?: number): number => {
  const value = mode ?? fallback
  if (typeof value === 'string') {
    if (!/^[0-7]+$/.test(value)) {
      throw invalidArgValue(name, value, 'must be a 32-bit unsigned integer or an octal string')
    }
    return integerOf(Number.parseInt(value, 8), name, 0, 4294967295)
  }
  return integerOf(value, name, 0, 4294967295)
}

const flagNames: Readonly<Record<string, number>> = {
  r: constants.O_RDONLY,
  rs: constants.O_RDONLY | constants.O_SYNC,
  sr: constants.O_RDONLY | constants.O_SYNC,
  'r+': constants.O_RDWR,
  'rs+': constants.O_RDWR | constants.O_SYNC,
  'sr+': constants.O_RDWR | constants.O_SYNC,
  w: constants.O_TRUNC | constants.O_CREAT | constants.O_WRONLY,
  wx: constants.O_TRUNC | constants.O_CREAT | constants.O_WRONLY | constants.O_EXCL,
  xw: constants.O_TRUNC | constants.O_CREAT | constants.O_WRONLY | constants.O_EXCL,
  'w+': constants.O_TRUNC | constants.O_CREAT | constants.O_RDWR,
  'wx+': constants.O_TRUNC | constants.O_CREAT | constants.O_RDWR | constants.O_EXCL,
  'xw+': constants.O_TRUNC | constants.O_CREAT | constants.O_RDWR | constants.O_EXCL,
  a: constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY,
  ax: constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_EXCL,
  xa: constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_EXCL,
  as: constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_SYNC,
  sa: constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_SYNC,
  'a+': constants.O_APPEND | constants.O_CREAT | constants.O_RDWR,
  'ax+': constants.O_APPEND | constants.O_CREAT | constants.O_RDWR | constants.O_EXCL,
  'xa+': constants.O_APPEND | constants.O_CREAT | constants.O_RDWR | constants.O_EXCL,
  'as+': constants.O_APPEND | constants.O_CREAT | constants.O_RDWR | constants.O_SYNC,
  'sa+': constants.O_APPEND | constants.O_CREAT | constants.O_RDWR | constants.O_SYNC,
}
/** open(2) flags out of Node's; `null` and `undefined` are `'r'`. */
export const flagsOf = (flags: unknown, name = 'flags'): number => {
  if (typeof flags === 'number') return integerOf(flags, name, -2147483648, MAX_INT32)
  if (flags == null) return constants.O_RDONLY
  const known = typeof flags === 'string' && Object.hasOwn(flagNames, flags) ? flagNames[flags] : undefined
  // Under this name always, as Node has it.
  if (known === undefined) throw invalidArgValue('flags', flags)
  return known
}

/** utimes' times: seconds, a Date, or a string of seconds. A negative number is now. */
export const timeOf = (time: unknown, name = 'time'): number => {
  if (typeof time === 'string' && !Number.isNaN(Number(time))) return Number(time)
  if (typeof time === 'number' && Number.isFinite(time)) return time < 0 ? Date.now() / 1000 : time
  if (types.isDate(time)) return Number(time) / 1000
  throw invalidArgType(name, 'an instance of Date or an Time in seconds', time)
}

/** chown's ids: -1 leaves it as it is. */
export const idOf = (id: unknown, name: string): number => integerOf(id, name, -1, 4294967295)

/** A mode that Node checks in C++, with the texts that it has there. */
export const bindingModeOf = (mode: unknown, max: number): number => {
  if (mode === undefined || mode === null) return 0
  if (typeof mode !== 'number') {
    throw nodeError('ERR_INVALID_ARG_TYPE', 'mode must be int32 or null/undefined', TypeError)
  }
  if (!Number.isFinite(mode)) throw nodeError('ERR_OUT_OF_RANGE', 'mode is out of range', RangeError)
  const whole = Math.trunc(mode)
  if (whole < 0 || whole > max) {
    throw nodeError('ERR_OUT_OF_RANGE', `mode is out of range: >= 0 && <= ${max}`, RangeError)
  }
  return whole
}

const SYMLINK_TYPES = new Set(['dir', 'file', 'junction'])
/** symlink's type: of no use here, but checked. */
export const checkSymlinkType = (type: unknown): void => {
  if (typeof type !== 'string' || SYMLINK_TYPES.has(type)) return
  throw nodeError(
    'ERR_FS_INVALID_SYMLINK_TYPE',
    `Symlink type must be one of "dir", "file", or "junction". Received "${type}"`,
  )
}

/** Node's options argument: an object as it is, an encoding, or nothing. The encoding and the signal are checked. */
export const optionsOf = (options: unknown, defaults: Options = NO_OPTIONS): Options => {
  if (options === null || options === undefined || typeof options === 'function') return defaults
  let given: Options
  if (typeof options === 'string') given = { ...defaults, encoding: options }
  else if (typeof options === 'object') given = options as Options
  else throw invalidArgType('options', 'one of type string or object', options)
  const { encoding, signal } = given
  if (encoding && encoding !== 'buffer' && !Buffer.isEncoding(encoding as string)) {
    throw invalidArgValue('encoding', encoding, 'is invalid encoding')
  }
  signalOf(signal)
  return given
}
/** The options that methods of node:fs take; each field is checked where it is used. */
export interface Options {
  readonly encoding?: unknown
  readonly flag?: unknown
  readonly mode?: unknown
  readonly flush?: unknown
  readonly signal?: AbortSignal
  readonly recursive?: unknown
  readonly withFileTypes?: unknown
}
const NO_OPTIONS: Options = {}

/** @throws ERR_INVALID_ARG_TYPE unless it is a boolean */
export const checkBoolean = (value: unknown, name: string): boolean => {
  if (typeof value !== 'boolean') throw invalidArgType(name, 'of type boolean', value)
  return value
}

export const isView = (value: unknown): value is NodeJS.ArrayBufferView => ArrayBuffer.isView(value)

/** Bytes of any view, not copied. */
export const bytesOf = (view: NodeJS.ArrayBufferView): Buffer =>
  Buffer.from(view.buffer, view.byteOffset, view.byteLength)

/** `options.signal`, or Node's complaint. */
export const signalOf = (signal: unknown): AbortSignal | undefined => {
  if (signal === undefined) return undefined
  if (signal === null || typeof signal !== 'object' || !('aborted' in signal)) {
    throw invalidArgType('options.signal', 'an instance of AbortSignal', signal)
  }
  return signal as AbortSignal
}

/** @throws ERR_INVALID_ARG_TYPE unless it is an object that is no array and no function */
export const objectOf = (value: unknown, name: string): object => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalidArgType(name, 'of type object', value)
  }
  return value
}

/** As `optionsOf`, unchecked, and always an object of the caller's own. */
export const copiedOptions = (options: unknown): Record<string, unknown> => {
  if (options === null || options === undefined || typeof options === 'function') return {}
  if (typeof options === 'string') return { encoding: options }
  if (typeof options !== 'object') throw invalidArgType('options', 'one of type string or object', options)
  const copy: Record<string, unknown> = {}
  // As Node's copyObject: inherited fields count.
  for (const key in options) copy[key] = (options as Record<string, unknown>)[key]
  return copy
}
