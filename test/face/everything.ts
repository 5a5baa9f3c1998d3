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

/** What a comparison looks at in an Error. */
export const shownError = (error: unknown): object => {
  const { name, message, code, errno, syscall, path } = error as NodeJS.ErrnoException
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
