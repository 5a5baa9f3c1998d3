// A layer with a hook on every opcode that lets everything pass: nothing over it takes the direct way.
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { type ExtensionMap, type Layer, layer, NEXT, OPS } from '../../lib/layer.js'

export const everything = (): Layer =>
  layer('everything', Object.fromEntries(OPS.map((op) => [op, { request: () => NEXT }])) as ExtensionMap)

/** A temporary directory, removed after the test. */
export const scratch = (t: ExecutionContext): string => {
  const dir = fs.mkdtempSync(join(tmpdir(), 'plyfs-face-'))
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }))
  return dir
}

/**
 * plyfs words its Errors as Node 20 does; later versions word some in another way, so there only codes are compared.
 * Behaviour that is another one is named in `newer`.
 */
export const NEWER = Number.parseInt(process.versions.node, 10) > 20

/** Since which Node a comparison does not hold, and why: that one does something else, or ends. */
const newer: Readonly<Record<string, readonly [number, string]>> = {
  'mkdir without a callback, or with none that can be called': [22, 'the mode is checked before the callback'],
  'what is no path, everywhere': [22, 'openAsBlob and glob check in another order'],
  'differential cp, sync': [22, 'cpSync is in C++: it follows links that lead nowhere, and Node 26 aborts on some'],
  'symlink without a callback, or with none that can be called': [24, 'a type that is no string is refused'],
  'symlink types': [24, 'a type that is no string is refused'],
  'watchers that fail, and what they are': [24, 'a tree that is missing is no error at once'],
  'a missing path, recursively': [24, 'a tree that is missing is no error at once'],
  'classes and constants': [24, 'F_OK and its like are hidden; Node 26 has frsize in StatFs'],
  'rm and rmdir, in their corners': [24, 'rm is in C++: `link/` is refused'],
  'differential stat, callback': [24, 'options may be null'],
  'differential fstat, callback': [26, 'options may be null'],
  'differential stat, promise': [26, 'options that are no object are refused'],
  'cp, in its corners': [26, 'errorOnExist refuses directories for sync callers too'],
  'what an Error of a promise shows': [26, 'stacks end earlier'],
  'differential rmdir, sync': [26, 'options.recursive is gone'],
  'differential rmdir, callback': [26, 'options.recursive is gone'],
  'differential rmdir, promise': [26, 'options.recursive is gone'],
}
/** Why a comparison does not hold on the running Node; undefined: it does. */
export const notHere = (title: string): string | undefined => {
  const [since, why] = newer[title] ?? [Number.POSITIVE_INFINITY, '']
  return Number.parseInt(process.versions.node, 10) >= since ? why : undefined
}

/** What a comparison looks at in an Error. */
export const shownError = (error: unknown): object => {
  const { name, message, code, errno, syscall, path } = error as NodeJS.ErrnoException
  if (NEWER) return { code }
  return { name, message, code, errno, syscall, path }
}

/** The value or the Error of a function, a promise or an async function. */
export const outcome = async (run: () => unknown): Promise<unknown> => {
  try {
    return { value: await run() }
  } catch (error) {
    return { error: shownError(error) }
  }
}
