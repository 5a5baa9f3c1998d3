/** mkdtemp: a prefix and six characters, tried until one is free. */

import { randomBytes } from 'node:crypto'
import { mkdirOf } from '../request.js'
import { Failed } from '../verdict.js'
import { driveAsync, drivePromise, driveSync, ending, type Steps, tryAsk } from './compound.js'
import { fsError } from './errors.js'
import { encodeName } from './fields.js'
import type { Method } from './method.js'
import { callbackOf, givenPath, optionsOf, pathOf, shownPath } from './validate.js'

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
// glibc's own bound is 62^3; a directory so full has another trouble.
const TRIES = 1000

const suffix = (): string => {
  let out = ''
  for (const byte of randomBytes(6)) out += LETTERS[byte % LETTERS.length]
  return out
}

function* steps(path: string, given: string, encoding: unknown, sync: boolean): Steps<string | Buffer> {
  for (let k = 0; ; k++) {
    const tail = suffix()
    const made = yield* tryAsk('mkdir', mkdirOf(path === '' ? pathOf(tail) : path + tail, 0o700))
    if (!(made instanceof Failed)) return encodeName(given + tail, encoding)
    if (made.errno !== 'EEXIST' || k === TRIES) throw fsError(made, 'mkdtemp', given + (sync ? 'XXXXXX' : tail))
  }
}

let warned = false
const prepared = (prefix: unknown, encoding: unknown, sync: boolean): Steps<string | Buffer> => {
  const path = pathOf(prefix, 'prefix')
  const given = givenPath(shownPath(prefix), 'prefix')
  if (!warned && given.endsWith('X')) {
    process.emitWarning(
      'mkdtemp() templates ending with X are not portable. For details see: https://nodejs.org/api/fs.html',
    )
    warned = true
  }
  return steps(path, given, encoding, sync)
}

export const mkdtemp: Method = {
  ops: ['mkdir'],
  sync: (v) =>
    function mkdtempSync(prefix: unknown, options: unknown) {
      const { encoding } = optionsOf(options)
      return driveSync(v, prepared(prefix, encoding, true))
    },
  callback: (v) =>
    function mkdtemp(prefix: unknown, options: unknown, callback: unknown) {
      const cb = callbackOf(typeof options === 'function' ? options : callback)
      const { encoding } = optionsOf(options)
      driveAsync(v, prepared(prefix, encoding, false), ending(cb))
    },
  promise: (v) =>
    async function mkdtemp(prefix: unknown, options: unknown) {
      const { encoding } = optionsOf(options)
      return await drivePromise(v, prepared(prefix, encoding, false))
    },
}
