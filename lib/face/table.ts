/** Every method of the face, by its name without `Sync`, and when it may be the lower's own. */
import { Stats } from 'node:fs'
import type { Exchange } from '../exchange.js'
import { HANDLE_OPS } from './file-handle.js'
import type { Method } from './method.js'
import { methods } from './methods.js'
import { objects } from './objects.js'
import { xattrs } from './xattr.js'

export type Convention = 'sync' | 'callback' | 'promise'

const merged: Record<string, Method> = { ...(methods as Readonly<Record<string, Method>>), ...xattrs }
for (const [name, method] of Object.entries(objects)) merged[name] = { ...merged[name], ...method }
// fs.open makes no object: it is one request, whatever FileHandles need.
const single: Method | undefined = (methods as Readonly<Record<string, Method>>).open
if (single !== undefined) merged.open = { ...merged.open, ops: single.ops }

/** Every method. */
export const table: Readonly<Record<string, Method>> = merged

/** What gives out or takes FileHandles: all of it is the lower's own, or none of it. */
const onHandles = new Set(['open', 'readFile', 'writeFile', 'appendFile'])

/**
 * Whether a method is the lower's own function: nobody looks at any opcode that it may consist of. What makes objects is
 * taken from a lower only where that is node:fs, whose classes the face promises.
 */
export const isDirect = (x: Exchange, name: string, convention: Convention): boolean => {
  const method = table[name]
  if (method === undefined || x.lower.native === undefined) return false
  const direct = (op: (typeof method.ops)[number]): boolean => x.isDirect(op)
  if (!method.ops.every(direct)) return false
  const handles = convention === 'promise' && onHandles.has(name)
  if (handles && !HANDLE_OPS.every(direct)) return false
  const makesObjects = handles || (Object.hasOwn(objects, name) && name !== 'open')
  return !makesObjects || (x.lower.native as { Stats?: unknown }).Stats === Stats
}
