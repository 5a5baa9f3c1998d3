/** Every method, in its three conventions, against real node:fs: the same calls in two directories, the same outcomes. */
import * as nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect, isDeepStrictEqual } from 'node:util'
import test from 'ava'
import { type ExtensionMap, layer, NEXT, OPS } from '../../lib/layer.js'
import { stack } from '../../lib/plyfs.js'
import { type Case, type Convention, cases, type Fs, type Outcome, populate, tree } from './cases.js'
import { NEWER, notHere } from './everything.js'

const hooked = (): Fs => {
  const extensions: Record<string, unknown> = {}
  for (const op of OPS) extensions[op] = { request: () => NEXT, reply: (value: unknown) => value }
  return stack(nodeFs, [layer('everything', extensions as ExtensionMap)]) as unknown as Fs
}

const fresh = (): string => nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-face-'))

/** A value as it can be compared: no inode numbers, no times of this moment, no directory of this run. */
const plain = (value: unknown, dir: string): unknown => {
  if (typeof value === 'string') return value.replaceAll(dir, '<dir>')
  if (typeof value === 'function') return `function ${value.name}`
  if (value === null || typeof value !== 'object') return value
  if (Buffer.isBuffer(value)) return `Buffer ${value.toString('latin1').replaceAll(dir, '<dir>')}`
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} ${Buffer.from(value.buffer).toString('hex')}`
  if (value instanceof Error) {
    const { name, message, code, errno, syscall, path, dest } = value as NodeJS.ErrnoException & { dest?: string }
    if (NEWER) return { code }
    // Whether Node's C++ sets `code` before `syscall` is nobody's business: compare the set of keys.
    const keys = Object.keys(value).sort().join()
    // The text of a TypeError that V8 itself made is not ours to repeat.
    const text = code === undefined && name === 'TypeError' ? '' : message
    return plain({ error: name, text, code, errno, syscall, path, dest, keys }, dir)
  }
  if (Array.isArray(value)) return value.map((each) => plain(each, dir))
  if (value instanceof Date) return 'Date'
  const out: Record<string, unknown> = { '[class]': value.constructor?.name }
  for (const [key, field] of Object.entries(value)) {
    if (/^(ino|dev|blocks|bfree|bavail|ffree)$|^[acm]time|^birthtime/.test(key)) out[key] = typeof field
    else out[key] = plain(field, dir)
  }
  return out
}

const run = async (fs: Fs, dir: string, work: (fs: Fs, dir: string) => unknown): Promise<Outcome> => {
  try {
    return { value: plain(await work(fs, dir), dir) }
  } catch (error) {
    return { error: plain(error, dir) }
  }
}

const promised = (fs: Fs, name: string, args: readonly unknown[]): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const back = (error: unknown, ...values: unknown[]): void => {
      if (name === 'exists') resolve(error)
      else if (error !== null && error !== undefined) reject(error)
      else resolve(values.length > 1 ? values : values[0])
    }
    try {
      fs[name]?.(...args, back)
    } catch (error) {
      // Thrown at once, and not given to the callback: another outcome.
      resolve({ thrown: error })
    }
  })

const perform = (fs: Fs, name: string, convention: Convention, args: unknown[]): unknown => {
  if (convention === 'sync') return fs[`${name}Sync`]?.(...args)
  if (convention === 'callback') return promised(fs, name, args)
  return (fs.promises as unknown as Fs)[name]?.(...args)
}

/** One directory for each side, made anew only when a call has changed it. */
interface Side {
  readonly fs: Fs
  dir: string
}
const remove = (side: Side): void => nodeFs.rmSync(side.dir, { recursive: true, force: true })
const renew = (side: Side): void => {
  remove(side)
  side.dir = fresh()
  populate(side.dir)
}

const outcomeOf = async (side: Side, convention: Convention, { name, args, close }: Case): Promise<Outcome> => {
  const { fs, dir } = side
  const given = args(dir)
  const outcome = await run(fs, dir, () => perform(fs, name, convention, given))
  close?.()
  const after = plain(tree(dir), dir)
  if (isDeepStrictEqual(after, untouched)) return outcome
  renew(side)
  return { ...outcome, after }
}

const shown = (args: readonly unknown[]): string => inspect(args, { depth: 2, breakLength: Number.POSITIVE_INFINITY })
const real: Side = { fs: nodeFs as unknown as Fs, dir: fresh() }
const face: Side = { fs: hooked(), dir: fresh() }
renew(real)
renew(face)
const untouched = plain(tree(real.dir), real.dir)
test.after.always(() => {
  remove(real)
  remove(face)
})

for (const name of new Set(cases.map((each) => each.name))) {
  for (const convention of ['sync', 'callback', 'promise'] as const) {
    const wanted = cases.filter((each) => each.name === name && (each.only?.includes(convention) ?? true))
    if (convention === 'promise' && typeof (real.fs.promises as unknown as Fs)[name] !== 'function') continue
    if (wanted.length === 0) continue
    const why = notHere(`differential ${name}, ${convention}`)
    if (why !== undefined) {
      test.skip(`${name}, ${convention}: Node ${process.version} differs: ${why}`, (t) => t.fail())
      continue
    }
    test.serial(`${name}, ${convention}: ${wanted.length} calls as on node:fs`, async (t) => {
      const different: unknown[] = []
      for (const each of wanted) {
        const expected = await outcomeOf(real, convention, each)
        const found = await outcomeOf(face, convention, each)
        if (isDeepStrictEqual(found, expected)) continue
        different.push({
          call: shown(each.shown ?? each.args('/dir')),
          found: shown([found]),
          expected: shown([expected]),
        })
      }
      t.deepEqual(different, [])
    })
  }
}
