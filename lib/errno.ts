/** Error numbers as values: the code is the value inside, the number and the text come from libuv at the face. */
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { SafeMap } from './primordials.js'

/** A system error's code, such as `'ENOENT'`. */
export type Errno = string

const numbers = new SafeMap<Errno, number>()
const texts = new SafeMap<Errno, string>()
const codes = new SafeMap<number, Errno>()
for (const [number, [code, text]] of getSystemErrorMap()) {
  numbers.set(code, -number)
  codes.set(-number, code)
  texts.set(code, text)
}
// What libuv has no text for, but filesystems answer: ENODATA, ESTALE, EDQUOT …
for (const [code, number] of Object.entries(constants.errno)) {
  if (numbers.has(code)) continue
  numbers.set(code, number)
  if (!codes.has(number)) codes.set(number, code)
}
const beyondLibuv: readonly (readonly [Errno, number, string])[] = [
  ['ENODATA', 61, 'no data available'],
  ['ESTALE', 116, 'stale file handle'],
  ['EDQUOT', 122, 'disk quota exceeded'],
]
for (const [code, number, text] of beyondLibuv) {
  if (!numbers.has(code)) numbers.set(code, number)
  if (!codes.has(number)) codes.set(number, code)
  if (!texts.has(code)) texts.set(code, text)
}
// Where ENOTSUP and EOPNOTSUPP share a number, libuv's name is ENOTSUP.
if (!numbers.has('EOPNOTSUPP')) numbers.set('EOPNOTSUPP', numbers.get('ENOTSUP') ?? 95)

/** The positive errno of `code`; 5 (EIO) for one that this system does not know. */
export const errnoNumber = (code: Errno): number => numbers.get(code) ?? 5
/** libuv's text for `code`, as Node puts it in messages. */
export const errnoText = (code: Errno): string => texts.get(code) ?? 'unknown error'
/** The code of a positive or negative errno; undefined for an unknown one. */
export const errnoCode = (number: number): Errno | undefined => codes.get(Math.abs(number))
export const isErrno = (code: unknown): code is Errno => typeof code === 'string' && numbers.has(code)
