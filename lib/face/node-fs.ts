/** Builds the object that stands where node:fs stands. */
import type * as NodeFs from 'node:fs'
import type { Caller } from '../context.js'
import type { Exchange } from '../exchange.js'
import { originalFs } from '../lower/original-fs.js'
import { SafeWeakMap } from '../primordials.js'
import { STACK, type StackMark } from '../stack.js'
import { Dir } from './dir.js'
import type { Fn } from './method.js'
import { streamsOf, utf8StreamOf } from './streams.js'
import { fillSurface, makeSurface } from './surface.js'
import { type Convention, isDirect, table } from './table.js'
import type { View } from './view.js'
import { type XattrMethods, xattrs } from './xattr.js'

/** A stack, as its users hold it: all of node:fs, and extended attributes. */
export type PlyFs = typeof NodeFs & XattrMethods

/** The exchange behind each face. Private: a face leads nowhere but through its methods. */
const exchanges = new SafeWeakMap<object, Exchange>()
export const exchangeOf = (fs: object): Exchange | undefined => exchanges.get(fs)

type Bag = Record<string, unknown>

/** The lower's own function, bound once where it lives on a prototype and so needs its receiver. */
const own = (lower: object | undefined, name: string): Fn | undefined => {
  const fn = (lower as Bag | undefined)?.[name]
  if (typeof fn !== 'function') return undefined
  if (Object.hasOwn(lower as object, name)) return fn as Fn
  const bound = fn.bind(lower) as Fn & { native?: Fn }
  // realpath has a function of its own hanging on it.
  const { native } = fn as { native?: Fn }
  if (native !== undefined) bound.native = native.bind(lower)
  return bound
}

const define = (on: object, key: string, value: unknown, enumerable = true): void => {
  Object.defineProperty(on, key, { value, enumerable, writable: true, configurable: true })
}

/** A key of node:fs as a method's name and its convention; undefined for what is no method. */
const methodAt = (key: string): { name: string; convention: Convention } | undefined => {
  const name = key.endsWith('Sync') ? key.slice(0, -4) : key
  if (name !== key && table[name]?.sync !== undefined) return { name, convention: 'sync' }
  return table[key]?.callback === undefined ? undefined : { name: key, convention: 'callback' }
}

/** Node's own classes and helpers that touch no filesystem. */
const harmless = new Set(['Stats', 'Dirent', '_toUnixTimestamp'])
const streamClasses = new Set(['ReadStream', 'WriteStream', 'FileReadStream', 'FileWriteStream', 'Utf8Stream'])

/**
 * The face of `x` for `caller`: the names of the running Node's node:fs, in its order, and nothing else that is
 * enumerable. A function of node:fs that plyfs does not know is left out: it would lead around the plans.
 * @param mark what `Symbol.for('plyfs.stack')` carries
 */
export const nodeFace = (x: Exchange, mark: StackMark, caller: Caller): PlyFs => {
  const face: Bag = {}
  const view: View = { x, caller, surface: makeSurface(face) }
  const native = x.lower.native as Bag | undefined
  const method = (name: string, convention: Convention, key: string, original: unknown): Fn | undefined => {
    const owner = convention === 'promise' ? (native?.promises as object | undefined) : native
    const taken = isDirect(x, name, convention) ? own(owner, key) : undefined
    if (taken !== undefined) return taken
    const fn = table[name]?.[convention]?.(view)
    return fn === undefined ? undefined : dressed(fn, key, original)
  }
  const constants = Object.getOwnPropertyDescriptor(originalFs, 'constants') as PropertyDescriptor
  for (const key of Object.keys(originalFs)) {
    const original = (originalFs as unknown as Bag)[key]
    const at = methodAt(key)
    if (key === 'promises') define(face, key, promisesOf(method))
    else if (streamClasses.has(key)) defineClass(view, face, key, isDirect(x, 'createReadStream', 'callback'))
    else if (key === 'Dir') define(face, key, isDirect(x, 'opendir', 'sync') ? originalFs.Dir : Dir)
    else if (key === 'constants' || /^[FRWX]_OK$/.test(key)) {
      Object.defineProperty(face, key, { ...constants, value: original, writable: false, configurable: false })
    } else if (harmless.has(key) || original === undefined) define(face, key, original)
    else if (at !== undefined) {
      const fn = method(at.name, at.convention, key, original)
      if (fn !== undefined) define(face, key, fn)
    }
  }
  for (const key of Object.getOwnPropertyNames(originalFs)) {
    // Deprecated, and hidden, in Node 24.
    if (!/^[FRWX]_OK$/.test(key) || Object.hasOwn(face, key)) continue
    Object.defineProperty(face, key, Object.getOwnPropertyDescriptor(originalFs, key) as PropertyDescriptor)
  }
  for (const [name, { sync, callback, promise }] of Object.entries(xattrs)) {
    if (callback !== undefined) define(face, name, method(name, 'callback', name, undefined), false)
    if (sync !== undefined) define(face, `${name}Sync`, method(name, 'sync', `${name}Sync`, undefined), false)
    if (promise !== undefined) define(face.promises as object, name, method(name, 'promise', name, undefined), false)
  }
  Object.defineProperty(face, STACK, { value: mark, enumerable: false })
  exchanges.set(face, x)
  fillSurface(face)
  return face as unknown as PlyFs
}

type MakeMethod = (name: string, convention: Convention, key: string, original: unknown) => Fn | undefined

const promisesOf = (method: MakeMethod): object => {
  const promises: Bag = {}
  for (const key of Object.keys(originalFs.promises)) {
    const original = (originalFs.promises as unknown as Bag)[key]
    const value = typeof original === 'function' ? method(key, 'promise', key, original) : original
    if (value !== undefined) define(promises, key, value)
  }
  return promises
}

/** Named and promisified as Node's own. */
const dressed = (fn: Fn, key: string, original: unknown): Fn => {
  const like = typeof original === 'function' ? original : undefined
  Object.defineProperty(fn, 'name', { value: like?.name ?? key, configurable: true })
  if (like === undefined) return fn
  Object.defineProperty(fn, 'length', { value: like.length, configurable: true })
  for (const symbol of Object.getOwnPropertySymbols(like)) {
    // The names that util.promisify gives several results: `{ bytesRead, buffer }`.
    if (symbol.description !== 'customPromisifyArgs') continue
    Object.defineProperty(fn, symbol, Object.getOwnPropertyDescriptor(like, symbol) as PropertyDescriptor)
  }
  return fn
}

/** Stream classes are accessors, as Node's: programs replace them, and createReadStream then uses theirs. */
const defineClass = (view: View, face: Bag, key: string, direct: boolean): void => {
  let value: unknown
  const initial = (): unknown => {
    if (direct) return (originalFs as unknown as Bag)[key]
    if (key === 'Utf8Stream') return utf8StreamOf(view)
    const { ReadStream, WriteStream } = streamsOf(view)
    return key.endsWith('ReadStream') ? ReadStream : WriteStream
  }
  Object.defineProperty(face, key, {
    get: () => {
      value ??= initial()
      return value
    },
    set: (replacement: unknown) => {
      value = replacement
    },
    enumerable: true,
    configurable: true,
  })
}
