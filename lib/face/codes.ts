/** Node's own errors that are no system errors. */
import { inspect } from 'node:util'

/** An Error as Node's own: `code` is an own property, and stands in the stack's first line. */
export const nodeError = (
  code: string,
  message: string,
  Base: new (message: string) => Error = Error,
): NodeJS.ErrnoException => {
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

/** How Node's messages describe a value of a wrong type. */
export const specificType = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  switch (typeof value) {
    case 'function':
      return `function ${value.name}`
    case 'object':
      if (value.constructor && 'name' in value.constructor) return `an instance of ${value.constructor.name}`
      return inspect(value, { depth: -1 })
    case 'string': {
      const shown = value.length > 28 ? `${value.slice(0, 25)}...` : value
      return shown.includes("'") ? `type string (${JSON.stringify(shown)})` : `type string ('${shown}')`
    }
    case 'number':
      return `type number (${Object.is(value, -0) ? '-0' : value})`
    case 'bigint':
      return `type bigint (${value}n)`
    default:
      return `type ${typeof value} (${String(value)})`
  }
}
const received = (value: unknown): string => ` Received ${specificType(value)}`

/** `expected` is Node's wording after the name: `'of type string'`. */
export const invalidArgType = (name: string, expected: string, value: unknown): NodeJS.ErrnoException => {
  const what = name.endsWith(' argument')
    ? `The ${name}`
    : `The "${name}" ${name.includes('.') ? 'property' : 'argument'}`
  return nodeError('ERR_INVALID_ARG_TYPE', `${what} must be ${expected}.${received(value)}`, TypeError)
}
export const invalidArgValue = (name: string, value: unknown, reason = 'is invalid'): NodeJS.ErrnoException => {
  let shown = inspect(value)
  if (shown.length > 128) shown = `${shown.slice(0, 128)}...`
  const kind = name.includes('.') ? 'property' : 'argument'
  return nodeError('ERR_INVALID_ARG_VALUE', `The ${kind} '${name}' ${reason}. Received ${shown}`, TypeError)
}
export const outOfRange = (name: string, range: string, value: unknown): NodeJS.ErrnoException => {
  const shown =
    typeof value === 'number' && Number.isInteger(value) && Math.abs(value) > 2 ** 32
      ? grouped(String(value))
      : typeof value === 'bigint'
        ? `${value > 2n ** 32n || value < -(2n ** 32n) ? grouped(String(value)) : String(value)}n`
        : inspect(value)
  return nodeError(
    'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${range}. Received ${shown}`,
    RangeError,
  )
}
const grouped = (digits: string): string => digits.replace(/\B(?=(\d{3})+$)/g, '_')
