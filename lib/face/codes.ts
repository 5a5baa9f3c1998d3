/** Node's own errors that are no system errors, and abort signals. */
import { invalidArgType } from './validate.js'

/** An Error as Node's own: `code` is an own property, and stands in the stack's first line. */
export const nodeError = (code: string, message: string, Base: ErrorConstructor = Error): NodeJS.ErrnoException => {
  const error = new Base(message) as NodeJS.ErrnoException
  error.code = code
  error.stack = error.stack?.replace(`${error.name}: `, `${error.name} [${code}]: `) ?? ''
  return error
}

export const notImplemented = (method: string): Error =>
  nodeError('ERR_METHOD_NOT_IMPLEMENTED', `The ${method} method is not implemented`)

/** What an operation on `signal` rejects with: name AbortError, code ABORT_ERR, the signal's reason as its cause. */
export const abortError = (signal: AbortSignal | undefined): Error => {
  const error = new Error('The operation was aborted', signal === undefined ? undefined : { cause: signal.reason })
  error.name = 'AbortError'
  return Object.assign(error, { code: 'ABORT_ERR' })
}

/** @throws the AbortError of a signal that has fired */
export const checkAborted = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted) throw abortError(signal)
}

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

/** Node's options argument: nothing, an encoding, or an object, of which a copy is taken. */
export const optionsOf = (options: unknown): Record<string, unknown> => {
  if (options === null || options === undefined || typeof options === 'function') return {}
  if (typeof options === 'string') return { encoding: options }
  if (typeof options !== 'object') throw invalidArgType('options', 'one of type string or object', options)
  const copy: Record<string, unknown> = {}
  // As Node's copyObject: inherited fields count.
  for (const key in options) copy[key] = (options as Record<string, unknown>)[key]
  return copy
}
