/** Puts a stack in the place of node:fs for the whole process. */
import nodeFs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { exchangeOf, type PlyFs } from './face/node-fs.js'
import { moveSurface } from './face/surface.js'
import { originalFs } from './lower/original-fs.js'

type Bag = Record<string, unknown>

/** The stacks that are installed, the newest last. */
const installed: { readonly fs: Bag }[] = []
/** node:fs as it was before the first of them: a program may have patched it since it was loaded. */
let before: { readonly fs: PropertyDescriptorMap; readonly promises: PropertyDescriptorMap } | undefined

/**
 * From now on every program in this process that uses node:fs or node:fs/promises, as CommonJS or ESM, uses `fs`; so does
 * Node's own module loader. Not reached: programs that took a function out of node:fs earlier (`const { readFileSync } =
 * require('fs')`), worker threads and child processes.
 * @returns restores what was there; with several installed, in any order; calling it again does nothing
 * @throws {TypeError} for what stack() did not return
 */
export const install = (fs: PlyFs): (() => void) => {
  if (fs === null || typeof fs !== 'object' || exchangeOf(fs) === undefined) {
    throw new TypeError('install(fs): expected what stack() returned')
  }
  before ??= {
    fs: Object.getOwnPropertyDescriptors(nodeFs),
    promises: Object.getOwnPropertyDescriptors(nodeFs.promises),
  }
  const entry = { fs: fs as unknown as Bag }
  installed.push(entry)
  put(entry.fs)
  return () => {
    const at = installed.indexOf(entry)
    if (at === -1) return
    installed.splice(at, 1)
    moveSurface(fs, fs)
    const under = installed.at(-1)
    if (under === undefined) restore()
    else put(under.fs)
  }
}

const put = (fs: Bag): void => {
  moveSurface(fs, nodeFs)
  for (const key of Object.keys(originalFs)) if (key !== 'promises') set(nodeFs, key, fs[key])
  for (const key of Object.keys(originalFs.promises)) set(nodeFs.promises, key, (fs.promises as Bag)[key])
  syncBuiltinESMExports()
}

const restore = (): void => {
  if (before === undefined) return
  const { fs, promises } = before
  before = undefined
  for (const [key, value] of Object.entries(saved)) set(nodeFs, key, value)
  saved = {}
  for (const [on, descriptors] of [
    [nodeFs, fs],
    [nodeFs.promises, promises],
  ] as const) {
    for (const [key, descriptor] of Object.entries(descriptors)) {
      if (descriptor.configurable === true) Object.defineProperty(on, key, descriptor)
    }
  }
  syncBuiltinESMExports()
}

/** What accessors with a setter (`ReadStream`) gave before: Node's own functions look at what is set there. */
let saved: Bag = {}

const set = (on: object, key: string, value: unknown): void => {
  const descriptor = Object.getOwnPropertyDescriptor(on, key)
  if (descriptor === undefined || (on as Bag)[key] === value) return
  if (descriptor.set !== undefined) {
    if (!Object.hasOwn(saved, key)) saved[key] = (on as Bag)[key]
    ;(on as Bag)[key] = value
  } else if (descriptor.configurable === true) {
    Object.defineProperty(on, key, {
      value,
      writable: true,
      configurable: true,
      enumerable: descriptor.enumerable === true,
    })
  }
}
