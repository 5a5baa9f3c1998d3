/** read and write: their many argument forms, each one request. */

import { invalidArgType, invalidArgValue, outOfRange } from './codes.js'
import { onFile } from './fields.js'
import { type Method, request } from './method.js'
import { performSync } from './perform.js'
import { goesStraight, straightOf } from './straight.js'
import { callbackOf, integerOf, isView } from './validate.js'
import { READ_POSITION_FITS } from './versions.js'

const MAX_INT32 = 2147483647
const DEFAULT_SIZE = 16384
type Bytes = NodeJS.ArrayBufferView
type Form = { buffer?: unknown; offset?: unknown; length?: unknown; position?: unknown }

const checkBuffer = (buffer: unknown): Bytes => {
  if (!isView(buffer)) {
    throw invalidArgType('buffer', 'an instance of Buffer, TypedArray, or DataView', buffer)
  }
  return buffer
}
const checkOptions = (options: unknown): void => {
  if ((typeof options !== 'object' && options !== null) || Array.isArray(options)) {
    throw invalidArgType('options', 'of type object', options)
  }
}
const offsetOf = (offset: unknown): number => integerOf(offset, 'offset', 0, Number.MAX_SAFE_INTEGER)

/** Where to read: null is the file's own offset. */
const readPosition = (position: unknown, length: number): number | bigint | null => {
  if (position === null || position === undefined) return null
  if (typeof position === 'number') {
    integerOf(position, 'position', -1, Number.MAX_SAFE_INTEGER)
    return position < 0 ? null : position
  }
  if (typeof position === 'bigint') {
    const min = READ_POSITION_FITS ? -1n : -(2n ** 63n)
    const max = 2n ** 63n - 1n - (READ_POSITION_FITS ? BigInt(length) : 0n)
    if (position < min || position > max) throw outOfRange('position', `>= ${min} && <= ${max}`, position)
    return position < 0n ? null : position
  }
  throw invalidArgType('position', 'of type bigint or integer', position)
}
/** Where to write: what is no offset means the file's own. */
export const writePosition = (position: unknown): number | null =>
  Number.isSafeInteger(position) && (position as number) >= 0 ? (position as number) : null

const checkRead = (buffer: Bytes, offset: number, length: number): void => {
  if (buffer.byteLength === 0) throw invalidArgValue('buffer', buffer, 'is empty and cannot be written')
  if (length < 0) throw outOfRange('length', '>= 0', length)
  if (offset + length > buffer.byteLength) throw outOfRange('length', `<= ${buffer.byteLength - offset}`, length)
}
const checkWrite = (offset: number, length: number, byteLength: number): void => {
  if (offset > byteLength) throw outOfRange('offset', `<= ${byteLength}`, offset)
  if (length > byteLength - offset) throw outOfRange('length', `<= ${byteLength - offset}`, length)
  if (length < 0) throw outOfRange('length', '>= 0', length)
  integerOf(length, 'length', 0, MAX_INT32)
}

export const read: Method = {
  ops: ['read'],
  sync: (v) => {
    const straight = straightOf(v, 'readSync')
    return function readSync(
      fd: unknown,
      bufferArg: unknown,
      offsetOrOptions: unknown,
      lengthArg: unknown,
      positionArg: unknown,
    ) {
      if (
        straight !== undefined &&
        typeof offsetOrOptions === 'number' &&
        typeof lengthArg === 'number' &&
        goesStraight(v, fd)
      ) {
        return straight(fd, bufferArg, offsetOrOptions, lengthArg, positionArg)
      }
      const { fd: number, file } = onFile(v, fd)
      const buffer = checkBuffer(bufferArg)
      let offset = offsetOrOptions
      let length = lengthArg
      let position = positionArg
      // biome-ignore lint/complexity/noArguments: how many were given decides, as in Node
      if (arguments.length <= 3 || typeof offsetOrOptions === 'object') {
        if (offsetOrOptions !== undefined) checkOptions(offsetOrOptions)
        const form = (offsetOrOptions ?? {}) as Form
        ;({ offset = 0, position = null } = form)
        length = form.length === undefined ? buffer.byteLength - (offset as number) : form.length
      }
      const at = offset === undefined ? 0 : offsetOf(offset)
      const size = (length as number) | 0
      if (size === 0) return 0
      checkRead(buffer, at, size)
      const where = readPosition(position, size)
      return performSync(v, 'read', { fd: number, file, buffer, offset: at, length: size, position: where }, 'read')
    }
  },
  callback: (v) => {
    // Where numbers are watched, those that are still to be read are counted.
    const straight = v.x.ownFilesOnly ? undefined : straightOf(v, 'read')
    return function read(
      fd: unknown,
      bufferArg: unknown,
      offsetOrOptions: unknown,
      lengthArg: unknown,
      positionArg: unknown,
      callback: unknown,
    ) {
      if (
        straight !== undefined &&
        typeof offsetOrOptions === 'number' &&
        typeof lengthArg === 'number' &&
        typeof callback === 'function' &&
        goesStraight(v, fd)
      ) {
        straight(fd, bufferArg, offsetOrOptions, lengthArg, positionArg, callback)
        return
      }
      const { fd: number, file } = onFile(v, fd)
      let given = bufferArg
      let offset = offsetOrOptions
      let length = lengthArg
      let position = positionArg
      let cb = callback
      // biome-ignore lint/complexity/noArguments: how many were given decides, as in Node
      const count = arguments.length
      if (count <= 4) {
        let form: unknown = null
        if (count === 4) {
          checkOptions(offsetOrOptions)
          cb = lengthArg
          form = offsetOrOptions
        } else if (count === 3) {
          if (!isView(bufferArg)) {
            form = bufferArg
            given = (bufferArg as Form | null | undefined)?.buffer ?? Buffer.alloc(DEFAULT_SIZE)
          }
          cb = offsetOrOptions
        } else {
          cb = bufferArg
          given = Buffer.alloc(DEFAULT_SIZE)
        }
        if (form !== undefined) checkOptions(form)
        const fields = (form ?? {}) as Form
        ;({ offset = 0, position = null } = fields)
        const total = (given as Bytes | null | undefined)?.byteLength as number
        length = fields.length === undefined ? total - (offset as number) : fields.length
      }
      const buffer = checkBuffer(given)
      const done = callbackOf(cb)
      const at = offset === null || offset === undefined ? 0 : offsetOf(offset)
      const size = (length as number) | 0
      if (size === 0) {
        process.nextTick(done, null, 0, buffer)
        return
      }
      checkRead(buffer, at, size)
      const where = readPosition(position, size)
      const req = { fd: number, file, buffer, offset: at, length: size, position: where }
      request(v, 'read', req, 'read', undefined, (error, bytes) => done(error, bytes ?? 0, buffer))
    }
  },
}

/** The bytes of a string argument, in its encoding; an unknown one is UTF-8. */
const stringBytes = (text: unknown, encoding: unknown): Buffer => {
  if (typeof text !== 'string') {
    throw invalidArgType('buffer', 'of type string or an instance of Buffer, TypedArray, or DataView', text)
  }
  const known = typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8'
  if (known.toLowerCase() === 'hex' && text.length % 2 !== 0) {
    throw invalidArgValue('encoding', encoding, `is invalid for data of length ${text.length}`)
  }
  return Buffer.from(text, known)
}

export const write: Method = {
  ops: ['write'],
  sync: (v) => {
    const straight = straightOf(v, 'writeSync')
    return function writeSync(
      fd: unknown,
      data: unknown,
      offsetOrOptions: unknown,
      lengthArg: unknown,
      positionArg: unknown,
    ) {
      if (
        straight !== undefined &&
        typeof offsetOrOptions === 'number' &&
        typeof lengthArg === 'number' &&
        goesStraight(v, fd)
      ) {
        v.x.epoch++
        try {
          return straight(fd, data, offsetOrOptions, lengthArg, positionArg)
        } finally {
          v.x.epoch++
        }
      }
      const { fd: number, file } = onFile(v, fd)
      if (!isView(data)) {
        const buffer = stringBytes(data, lengthArg)
        const position = writePosition(offsetOrOptions)
        return performSync(
          v,
          'write',
          { fd: number, file, buffer, offset: 0, length: buffer.length, position },
          'write',
        )
      }
      let offset = offsetOrOptions
      let length = lengthArg
      let position = positionArg
      if (typeof offsetOrOptions === 'object') {
        const form = (offsetOrOptions ?? {}) as Form
        ;({ offset = 0, position = null } = form)
        length = form.length === undefined ? data.byteLength - (offset as number) : form.length
      }
      const at = offset === null || offset === undefined ? 0 : offsetOf(offset)
      const size = typeof length === 'number' ? length : data.byteLength - at
      checkWrite(at, size, data.byteLength)
      const where = writePosition(position)
      return performSync(
        v,
        'write',
        { fd: number, file, buffer: data, offset: at, length: size, position: where },
        'write',
      )
    }
  },
  callback: (v) =>
    function write(
      fd: unknown,
      data: unknown,
      offsetOrOptions: unknown,
      lengthArg: unknown,
      positionArg: unknown,
      callback: unknown,
    ) {
      const { fd: number, file } = onFile(v, fd)
      if (!isView(data)) {
        if (typeof data !== 'string') stringBytes(data, undefined)
        // write(fd, string[, position[, encoding]], callback)
        let position = offsetOrOptions
        let encoding = lengthArg
        let cb = positionArg
        if (typeof cb !== 'function') {
          encoding = 'utf8'
          if (typeof position === 'function') {
            cb = position
            position = null
          } else cb = lengthArg
        }
        const buffer = stringBytes(data, encoding)
        const done = callbackOf(cb)
        const where = writePosition(position)
        const req = { fd: number, file, buffer, offset: 0, length: buffer.length, position: where }
        request(v, 'write', req, 'write', undefined, (error, bytes) => done(error, bytes ?? 0, data))
        return
      }
      const done = callbackOf(callback || positionArg || lengthArg || offsetOrOptions)
      let offset = offsetOrOptions
      let length = lengthArg
      let position = positionArg
      if (typeof offsetOrOptions === 'object') {
        const form = (offsetOrOptions ?? {}) as Form
        ;({ offset = 0, position = null } = form)
        length = form.length === undefined ? data.byteLength - (offset as number) : form.length
      }
      const at = offset === null || offset === undefined || typeof offset === 'function' ? 0 : offsetOf(offset)
      const size = typeof length === 'number' ? length : data.byteLength - at
      checkWrite(at, size, data.byteLength)
      const where = writePosition(position)
      const req = { fd: number, file, buffer: data, offset: at, length: size, position: where }
      request(v, 'write', req, 'write', undefined, (error, bytes) => done(error, bytes ?? 0, data))
    },
}
