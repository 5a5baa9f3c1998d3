/// <reference lib="es2024.string" />
/**
 * File names are bytes; paths here are strings. A byte that is no part of valid UTF-8 becomes a lone surrogate
 * U+DC80..U+DCFF (Python's `surrogateescape`, PEP 383), so that every name survives the way up and down.
 */

const REPLACEMENT = '\ufffd'

/** Bytes that form one valid UTF-8 sequence at `at`, or 0 (Unicode 15, table 3-7: no overlong forms, no surrogates). */
const sequenceLength = (bytes: Uint8Array, at: number): number => {
  const first = bytes[at] ?? 0
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0
  const second = bytes[at + 1] ?? 0
  if (first < 0xe0) return second >> 6 === 2 ? 2 : 0
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  if ((bytes[at + 2] ?? 0) >> 6 !== 2) return 0
  if (first < 0xf0) return 3
  return (bytes[at + 3] ?? 0) >> 6 === 2 ? 4 : 0
}

/** Decodes what is known to hold U+FFFD or a stray byte. */
const decodeEscaping = (bytes: Buffer): string => {
  let text = ''
  let valid = 0
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at)
    if (length > 0) {
      at += length
      continue
    }
    text += bytes.toString('utf8', valid, at) + String.fromCharCode(0xdc00 + (bytes[at] ?? 0))
    at += 1
    valid = at
  }
  return text + bytes.toString('utf8', valid)
}

/** The string for a name's bytes, those from `start` to `end`. Never fails; `encodePath` gives the same bytes back. */
export const decodePath = (bytes: Uint8Array, start = 0, end = bytes.length): string => {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = buffer.toString('utf8', start, end)
  // Only what holds U+FFFD may have lost something; a name may also hold a real one.
  return text.includes(REPLACEMENT) ? decodeEscaping(buffer.subarray(start, end)) : text
}

/**
 * What to hand to a system call: `path` itself where it is well formed, else its raw bytes.
 *
 * A lone surrogate that `decodePath` could not have produced (outside U+DC80..U+DCFF, or spelling valid UTF-8 in
 * escapes: another string for a name that already has one, which would get past whoever compares paths as strings) is
 * written as U+FFFD, as Node writes it.
 */
export const encodePath = (path: string): string | Buffer => {
  if (path.isWellFormed()) return path
  // A unit becomes at most three bytes.
  const bytes = Buffer.allocUnsafe(path.length * 3)
  let end = 0
  let valid = 0
  for (let at = 0; at < path.length; at++) {
    const unit = path.charCodeAt(at)
    if (unit < 0xd800 || unit > 0xdfff) continue
    if (unit < 0xdc00) {
      const next = path.charCodeAt(at + 1)
      // A pair: the low half is no stray.
      if (next >= 0xdc00 && next <= 0xdfff) at++
      continue
    }
    if (unit < 0xdc80 || unit > 0xdcff) continue
    end += bytes.write(path.slice(valid, at), end, 'utf8')
    bytes[end++] = unit - 0xdc00
    valid = at + 1
  }
  end += bytes.write(path.slice(valid), end, 'utf8')
  const raw = bytes.subarray(0, end)
  return decodePath(raw) === path ? raw : Buffer.from(path, 'utf8')
}
