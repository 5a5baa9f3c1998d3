/**
 * The form of an encrypted file. An empty one has no bytes; any other has a header, and its contents in chunks, each
 * `nonce, ciphertext, tag` of AES-256-GCM under a key of the file's own. What is authenticated with a chunk is its number and
 * whether it is the last, so that chunks cannot be moved, repeated, left out or cut off, nor come from another file. Each
 * nonce is random and used once.
 */
import { Buffer } from 'node:buffer'
import { createCipheriv, createDecipheriv, randomBytes, timingSafeEqual } from 'node:crypto'
import { type Failed, fail } from '../../lib/layer.js'
import type { Keys } from './keys.js'

/** magic 8, version 1, zeros 3, bytes in a chunk 4, the key's fingerprint 8, the file's id 24, HMAC 16 */
export const HEADER = 64
const MAGIC = Buffer.from('plyfsenc')
const VERSION = 1
const NONCE = 12
const TAG = 16
/** Bytes that each chunk is longer than what is in it. */
export const OVERHEAD = NONCE + TAG
const CIPHER = 'aes-256-gcm'
const EIO = fail('EIO')
const EACCES = fail('EACCES')

/** How long a file of so many bytes is below. */
export const sizeBelow = (size: number, chunkBytes: number): number =>
  size === 0 ? 0 : HEADER + size + Math.ceil(size / chunkBytes) * OVERHEAD
/** How many bytes are in a file that is so long below. */
export const sizeAbove = (below: number, chunkBytes: number): number => {
  if (below <= HEADER) return 0
  const chunk = chunkBytes + OVERHEAD
  const full = Math.floor((below - HEADER) / chunk)
  return full * chunkBytes + Math.max(0, ((below - HEADER) % chunk) - OVERHEAD)
}

/** What a file's header says. */
export interface FileKey {
  readonly id: Buffer
  readonly key: Buffer
}
export const newHeader = (keys: Keys, chunkBytes: number): { bytes: Buffer; file: FileKey } => {
  const bytes = Buffer.alloc(HEADER)
  MAGIC.copy(bytes, 0)
  bytes[8] = VERSION
  bytes.writeUInt32LE(chunkBytes, 12)
  keys.fingerprint.copy(bytes, 16)
  const id = randomBytes(24)
  id.copy(bytes, 24)
  keys.seal(bytes.subarray(0, 48)).copy(bytes, 48)
  return { bytes, file: { id, key: keys.ofFile(id) } }
}
/** EACCES under another key; EIO for what is no header, or was changed, or has chunks of another size. */
export const readHeader = (bytes: Buffer, keys: Keys, chunkBytes: number): FileKey | Failed => {
  if (bytes.length !== HEADER || !bytes.subarray(0, 8).equals(MAGIC) || bytes[8] !== VERSION) return EIO
  if (!timingSafeEqual(bytes.subarray(16, 24), keys.fingerprint)) return EACCES
  if (!timingSafeEqual(keys.seal(bytes.subarray(0, 48)), bytes.subarray(48))) return EIO
  if (bytes.readUInt32LE(12) !== chunkBytes) return EIO
  const id = Buffer.from(bytes.subarray(24, 48))
  return { id, key: keys.ofFile(id) }
}

const label = Buffer.alloc(9)
const labelled = (index: number, isLast: boolean): Buffer => {
  label.writeUIntLE(index, 0, 6)
  label[8] = isLast ? 1 : 0
  return label
}

/**
 * The chunks of `plain`, the first of which is number `first`.
 * @param last the number of the file's last chunk
 */
export const sealed = ({ key }: FileKey, plain: Buffer, first: number, last: number, chunkBytes: number): Buffer => {
  const count = Math.ceil(plain.length / chunkBytes)
  const out = Buffer.allocUnsafe(plain.length + count * OVERHEAD)
  const nonces = randomBytes(NONCE * count)
  for (let k = 0, at = 0; k < count; k++) {
    const nonce = nonces.subarray(k * NONCE, (k + 1) * NONCE)
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG })
    cipher.setAAD(labelled(first + k, first + k === last))
    at += nonce.copy(out, at)
    at += cipher.update(plain.subarray(k * chunkBytes, (k + 1) * chunkBytes)).copy(out, at)
    cipher.final()
    at += cipher.getAuthTag().copy(out, at)
  }
  return out
}

/** What is in `chunks`; EIO where one is not what was written. */
export const opened = (
  { key }: FileKey,
  chunks: Buffer,
  first: number,
  last: number,
  chunkBytes: number,
): Buffer | Failed => {
  const whole = chunkBytes + OVERHEAD
  const parts: Buffer[] = []
  for (let at = 0, index = first; at < chunks.length; at += whole, index++) {
    const chunk = chunks.subarray(at, at + whole)
    if (chunk.length <= OVERHEAD) return EIO
    const decipher = createDecipheriv(CIPHER, key, chunk.subarray(0, NONCE), { authTagLength: TAG })
    decipher.setAAD(labelled(index, index === last))
    decipher.setAuthTag(chunk.subarray(chunk.length - TAG))
    parts.push(decipher.update(chunk.subarray(NONCE, chunk.length - TAG)))
    try {
      decipher.final()
    } catch {
      return EIO
    }
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
}
