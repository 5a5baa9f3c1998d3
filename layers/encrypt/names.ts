/** Names, encrypted one by one: the same name is the same everywhere, so that the lower still finds paths, and links lead. */
import { Buffer } from 'node:buffer'
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { decodePath, type Path, pathBytes } from '../../lib/layer.js'
import type { Keys } from './keys.js'

const SIV = 16
const CIPHER = 'aes-256-ctr'
/** Kept in each direction. */
const KEPT = 4096
/** A name of so many bytes still fits into NAME_MAX (255) as base64: 4 characters for 3 bytes. */
export const NAME_BYTES = 175
const BASE64URL = /^[A-Za-z0-9_-]+$/

/**
 * The nonce of each name is made of the name (RFC 5297's idea: a synthetic IV, which also authenticates), here by HMAC-SHA256
 * cut to 128 bits; the cipher is AES-256-CTR, the text base64url.
 */
export class Names {
  readonly #encrypted = new LRUCache<string, string>({ max: KEPT })
  readonly #decrypted = new LRUCache<string, string>({ max: KEPT })
  constructor(readonly keys: Keys) {}

  #siv(name: Buffer): Buffer {
    return createHmac('sha256', this.keys.nameSiv).update(name).digest().subarray(0, SIV)
  }
  /** undefined: too long. */
  encrypt(name: string): string | undefined {
    const kept = this.#encrypted.get(name)
    if (kept !== undefined) return kept
    const plain = pathBytes(name)
    if (plain.length > NAME_BYTES) return undefined
    const siv = this.#siv(plain)
    const cipher = createCipheriv(CIPHER, this.keys.nameCipher, siv)
    const out = Buffer.concat([siv, cipher.update(plain), cipher.final()]).toString('base64url')
    this.#encrypted.set(name, out)
    return out
  }
  /** undefined: it is none that this key made. */
  decrypt(text: string): string | undefined {
    const kept = this.#decrypted.get(text)
    if (kept !== undefined) return kept
    if (!BASE64URL.test(text)) return undefined
    const bytes = Buffer.from(text, 'base64url')
    if (bytes.length <= SIV || bytes.toString('base64url') !== text) return undefined
    const siv = bytes.subarray(0, SIV)
    const decipher = createDecipheriv(CIPHER, this.keys.nameCipher, siv)
    const plain = Buffer.concat([decipher.update(bytes.subarray(SIV)), decipher.final()])
    if (!timingSafeEqual(this.#siv(plain), siv)) return undefined
    const name = decodePath(plain)
    this.#decrypted.set(text, name)
    return name
  }
  /** A path or a link's target; undefined where a name in it is too long. */
  encryptPath(path: Path): Path | undefined {
    return mapNames(path, (name) => this.encrypt(name))
  }
  /** undefined where a name in it is none of ours. */
  decryptPath(path: Path): Path | undefined {
    return mapNames(path, (name) => this.decrypt(name))
  }
}

const mapNames = (path: string, map: (name: string) => string | undefined): string | undefined => {
  const parts = path.split('/')
  for (let k = 0; k < parts.length; k++) {
    const name = parts[k] as string
    if (name === '' || name === '.' || name === '..') continue
    const mapped = map(name)
    if (mapped === undefined) return undefined
    parts[k] = mapped
  }
  return parts.join('/')
}
