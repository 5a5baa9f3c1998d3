/** Keys: the one that is given, and what is derived of it. */
import { Buffer } from 'node:buffer'
import { createHmac, hkdfSync } from 'node:crypto'
import { ConfigError } from '../../lib/codec/error.js'

const KEY_BYTES = 32
const HEX = /^[0-9a-fA-F]{64}$/
const BASE64 = /^[A-Za-z0-9+/]{43}=$/

/**
 * 32 bytes, as they are, in hexadecimal or in base64.
 * @throws {ConfigError} for anything else; the message does not show what was found
 */
const bytesOf = (key: unknown): Buffer => {
  if (key instanceof Uint8Array && key.length === KEY_BYTES) return Buffer.from(key)
  if (typeof key === 'string' && HEX.test(key)) return Buffer.from(key, 'hex')
  if (typeof key === 'string' && BASE64.test(key)) return Buffer.from(key, 'base64')
  const found = key === undefined ? 'nothing' : `something else (${typeof key})`
  throw new ConfigError('encrypt.key', '32 bytes: a Uint8Array, 64 hexadecimal digits, or base64', found)
}

/** By HKDF (RFC 5869): one key for each purpose, and for each file. */
export class Keys {
  readonly #master: Buffer
  readonly nameSiv: Buffer
  readonly nameCipher: Buffer
  readonly #header: Buffer
  /** Tells another key from a changed file. */
  readonly fingerprint: Buffer

  constructor(key: unknown) {
    this.#master = bytesOf(key)
    this.nameSiv = this.#derived('', 'plyfs encrypt: names, synthetic nonce')
    this.nameCipher = this.#derived('', 'plyfs encrypt: names, cipher')
    this.#header = this.#derived('', 'plyfs encrypt: headers')
    this.fingerprint = this.#derived('', 'plyfs encrypt: fingerprint').subarray(0, 8)
  }
  #derived(salt: Uint8Array | string, info: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#master, salt, info, KEY_BYTES))
  }
  ofFile(id: Uint8Array): Buffer {
    return this.#derived(id, 'plyfs encrypt: contents')
  }
  /** Authenticates a header. */
  seal(header: Uint8Array): Buffer {
    return createHmac('sha256', this.#header).update(header).digest().subarray(0, 16)
  }
}
