/** Where nobody looks: the methods are the lower's own. */
import * as nodeFs from 'node:fs'
import { layer, NEXT, stack } from 'plyfs'
import { type Area, fill } from '../fixture.js'
import { type Fs, memfs } from '../peers.js'
import { ownLoops } from '../race.js'

/** The functions of `fs`, and of its `promises`, that are not the very ones of `lower`. */
const strangers = (fs: object, lower: object): string[] =>
  Object.entries(lower).flatMap(([name, own]) => {
    const value = (fs as Record<string, unknown>)[name]
    if (name === 'promises') return strangers(value as object, own as object).map((key) => `promises.${key}`)
    return typeof own !== 'function' || /^[A-Z_]/.test(name) || value === own ? [] : [name]
  })

export const direct: Area = async function* ({ dir, smoke }) {
  const n = smoke ? 200 : 5000
  const [path] = fill(nodeFs, dir, 1, 1024) as [string]
  const bare = stack(nodeFs, [])
  const elsewhere = stack(nodeFs, [layer('elsewhere', { symlink: { request: () => NEXT } })])
  const [a, b, c] = [await ownLoops(), await ownLoops(), await ownLoops()]
  const unlike = strangers(bare, nodeFs)
  if (unlike.length > 0) console.error(`direct: not node:fs's own in stack(nodeFs, []): ${unlike.join(', ')}`)
  yield {
    name: 'direct/node',
    title: 'readFileSync 1 KiB, no layer on its opcodes, over node:fs',
    ops: n,
    contenders: [
      { name: 'node:fs', run: () => a.readFileSame(nodeFs, path, n) },
      { name: 'plyfs, no layers', run: () => b.readFileSame(bare, path, n) },
      { name: 'plyfs, hooked elsewhere', run: () => c.readFileSame(elsewhere, path, n) },
    ],
    facts: () => ({
      'methods that are not the own': unlike.length,
      'statSync is the own where hooked elsewhere': Number(elsewhere.statSync === nodeFs.statSync),
    }),
  }

  const mem = memfs()
  const [inMemory] = fill(mem, '/work', 1, 1024) as [string]
  const over: Fs = stack(mem, [])
  const [d, e] = [await ownLoops(), await ownLoops()]
  yield {
    name: 'direct/memfs',
    title: 'statSync, no layers, over memfs (bound once)',
    ops: n,
    contenders: [
      { name: 'memfs', run: () => d.statSame(mem, inMemory, n) },
      { name: 'plyfs, no layers', run: () => e.statSame(over, inMemory, n) },
    ],
  }
}
