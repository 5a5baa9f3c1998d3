/**
 * node:fs as it was when plyfs was loaded. `install()` assigns onto the CommonJS object of node:fs; whatever must go on
 * reaching the real filesystem (`host()`, Node's own stream classes) takes it from here.
 */
import nodeFs from 'node:fs'

/**
 * A frozen copy of node:fs's own properties, and of fs.promises's, in their order: later assignments to node:fs do not
 * reach it. Accessors (`ReadStream`) are read now: their setters would change node:fs itself.
 */
export const snapshot = (fs: typeof nodeFs): typeof nodeFs => {
  const copy = valuesOf(fs)
  copy.promises = Object.freeze(valuesOf(fs.promises))
  return Object.freeze(copy) as unknown as typeof nodeFs
}

const valuesOf = (from: object): Record<string, unknown> => {
  const values: Record<string, unknown> = {}
  for (const key of Object.keys(from)) values[key] = (from as Record<string, unknown>)[key]
  // Deprecated names (`F_OK` in Node 24) are hidden accessors that warn: not read here.
  for (const key of Object.getOwnPropertyNames(from)) {
    if (Object.hasOwn(values, key)) continue
    Object.defineProperty(values, key, Object.getOwnPropertyDescriptor(from, key) as PropertyDescriptor)
  }
  return values
}

/** node:fs's own functions, frozen. */
export const originalFs: typeof nodeFs = snapshot(nodeFs)

/** Whether `fs` is node:fs: its CommonJS object, or the namespace that `import * as fs` gives. */
export const isNodeFs = (fs: object): boolean =>
  fs === nodeFs ||
  (Object.prototype.toString.call(fs) === '[object Module]' && (fs as { default?: unknown }).default === nodeFs)
