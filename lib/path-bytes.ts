/// <reference lib="es2024.string" />
/**
 * File names are bytes; paths here are strings. A byte that is no part of valid UTF-8 becomes a lone surrogate
 * U+DC80..U+DCFF (Python's `surrogateescape`, PEP 383), so that every name survives the way up and down.
 */

import { charCodeAt, indexOf, uncurryThis } from './primordials.js'

const { fromCodePoint } = String
const bufferFrom: (memory: ArrayBuffer, at: number, length: number) => Buffer = Buffer.from
const isWellFormed = uncurryThis(String.prototype.isWellFormed)
// Node's own, past `toString`, which calls it by its name.
const utf8Slice = uncurryThis(
  (Buffer.prototype as unknown as { utf8Slice(start: number, end: number): string }).utf8Slice,
) as unknown as (bytes: Uint8Array, start: number, end: number) => string

const REPLACEMENT = '\ufffd'

/** Bytes that form one valid UTF-8 sequence at `at`, or 0 (Unicode 15, table 3-7: no overlong forms, no surrogates). */
const sequenceLength = (bytes: Uint8Array, at: number, end: number): number => {
  const byte = (k: number): number => (k < end ? (bytes[k] as number) : 0)
  const first = byte(at)
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0
  const second = byte(at + 1)
  if (first < 0xe0) return second >> 6 === 2 ? 2 : 0
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  if (byte(at + 2) >> 6 !== 2) return 0
  if (first < 0xf0) return 3
  return byte(at + 3) >> 6 === 2 ? 4 : 0
}

/** Decodes what is known to hold U+FFFD or a stray byte. */
const decodeEscaping = (bytes: Uint8Array, start: number, end: number): string => {
  let text = ''
  let at = start
  while (at < end) {
    const first = bytes[at] as number
    const length = sequenceLength(bytes, at, end)
    if (length === 0) text += fromCodePoint(0xdc00 + first)
    else if (length === 1) text += fromCodePoint(first)
    else {
      let point = first & (0xff >> (length + 1))
      for (let k = 1; k < length; k++) point = (point << 6) | ((bytes[at + k] as number) & 0x3f)
      text += fromCodePoint(point)
    }
    at += length || 1
  }
  return text
}

/** The string for a name's bytes, those from `start` to `end`. Never fails; `encodePath` gives the same bytes back. */
export const decodePath = (bytes: Uint8Array, start = 0, end = bytes.length): string => {
  // Only what holds U+FFFD may have lost something; a name may also hold a real one.
  const text = utf8Slice(bytes, start, end)
  return indexOf(text, REPLACEMENT) === -1 ? text : decodeEscaping(bytes, start, end)
}

/**
 * Writes the bytes of `path`.
 * @param strays whether a lone surrogate U+DC80..U+DCFF is the byte that it stands for, and not U+FFFD
 * @returns where they end: the buffer has three bytes for each unit
 */
const write = (path: string, bytes: Uint8Array, strays: boolean): number => {
  let at = 0
  for (let k = 0; k < path.length; k++) {
    let point = charCodeAt(path, k)
    if (point >= 0xd800 && point <= 0xdfff) {
      const next = point < 0xdc00 && k + 1 < path.length ? charCodeAt(path, k + 1) : 0
      if (next >= 0xdc00 && next <= 0xdfff) {
        point = 0x10000 + ((point - 0xd800) << 10) + (next - 0xdc00)
        k++
      } else if (strays && point >= 0xdc80 && point <= 0xdcff) {
        bytes[at++] = point - 0xdc00
        continue
      } else point = 0xfffd
    }
    if (point < 0x80) bytes[at++] = point
    else {
      if (point < 0x800) bytes[at++] = 0xc0 | (point >> 6)
      else {
        if (point < 0x10000) bytes[at++] = 0xe0 | (point >> 12)
        else {
          bytes[at++] = 0xf0 | (point >> 18)
          bytes[at++] = 0x80 | ((point >> 12) & 0x3f)
        }
        bytes[at++] = 0x80 | ((point >> 6) & 0x3f)
      }
      bytes[at++] = 0x80 | (point & 0x3f)
    }
  }
  return at
}

/**
 * What to hand to a system call: `path` itself where it is well formed, else its raw bytes.
 *
 * A lone surrogate that `decodePath` could not have produced (outside U+DC80..U+DCFF, or spelling valid UTF-8 in
 * escapes: another string for a name that already has one, which would get past whoever compares paths as strings) is
 * written as U+FFFD, as Node writes it.
 */
export const encodePath = (path: string): string | Buffer => (isWellFormed(path) ? path : pathBytes(path))

/** The same, as bytes in any case. */
export const pathBytes = (path: string): Buffer => {
  const memory = new ArrayBuffer(path.length * 3)
  const bytes = new Uint8Array(memory)
  let end = write(path, bytes, true)
  if (!isWellFormed(path) && decodeEscaping(bytes, 0, end) !== path) end = write(path, bytes, false)
  return bufferFrom(memory, 0, end)
}
