/** Stack files: a stack as JSON. One key a lower, one key a layer, options as in the functions. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import * as layers from '../layers/index.js'
import { ConfigError, describeValue } from './codec/error.js'
import { closed, decodeOptions, oneOf } from './codec/options.js'
import type { Layer } from './extension.js'
import type { PlyFs } from './face/node-fs.js'
import { host, memory, rooted, union } from './lower/index.js'
import { type LowerFs, stack } from './plyfs.js'
import { StackError } from './stack.js'
import { fromFile, record, replay, toFile } from './trace.js'

const recordCodec = closed({ file: t.string }, {}, "record's options")
const replayCodec = closed({ file: t.string }, { order: oneOf('key', 'strict') }, "replay's options")
/** From a file of the disk. */
const replayed = (options: unknown): Layer => {
  const { file, order = 'key' } = decodeOptions('replay', replayCodec, options)
  let lines: string
  try {
    lines = fromFile(file)
  } catch (thrown) {
    throw new ConfigError('replay.file', 'a recording that can be read', (thrown as Error).message)
  }
  return replay(lines, { order })
}

/** Each layer that a stack file may name. Its options are checked by the layer itself. */
const layerMakers = {
  metadataCache: layers.metadataCache,
  xattrElision: layers.xattrElision,
  sandbox: layers.sandbox,
  passthrough: layers.passthrough,
  stackDepth: layers.stackDepth,
  requestCount: layers.requestCount,
  overlay: layers.overlay,
  readOnly: layers.readOnly,
  quota: layers.quota,
  subdir: layers.subdir,
  faults: layers.faults,
  trace: layers.trace,
  retry: layers.retry,
  concurrencyLimit: layers.concurrencyLimit,
  mountPoints: layers.mountPoints,
  encrypt: layers.encrypt,
  powerLoss: layers.powerLoss,
  caseFold: layers.caseFold,
  timeout: layers.timeout,
  record: (options: unknown) => record(toFile(decodeOptions('record', recordCodec, options).file)),
  replay: replayed,
} as const satisfies Record<string, (options: never) => Layer>

/** Each lower that a stack file may name. `base` is the folder that relative paths start from. */
const lowerMakers: Readonly<Record<string, (value: unknown, field: string, base: string) => LowerFs>> = {
  memory: (value, field) => {
    noOptions(value, field)
    return memory()
  },
  host: (value, field) => {
    noOptions(value, field)
    return host()
  },
  rooted: (value, field, base) => {
    if (typeof value !== 'string') throw new ConfigError(field, "a directory's path", describeValue(value))
    return rooted(resolve(base, value))
  },
  union: (value, field, base) => {
    const { filesystems, write } = objectOf(value, field, ['filesystems', 'write'])
    if (!Array.isArray(filesystems)) {
      throw new ConfigError(`${field}.filesystems`, 'an array of lowers', describeValue(filesystems))
    }
    const members = filesystems.map((member, k) => lowerOf(member, `${field}.filesystems[${k}]`, base))
    if (write !== undefined && write !== null && members[write as number] === undefined) {
      throw new ConfigError(`${field}.write`, 'the index of one of the filesystems, or null', describeValue(write))
    }
    const writable = typeof write === 'number' ? members[write] : undefined
    return union(members, writable === undefined ? {} : { write: writable })
  },
  stack: (value, field, base) => build(value, field, base),
  file: (value, field, base) => {
    if (typeof value !== 'string') throw new ConfigError(field, "a stack file's path", describeValue(value))
    const path = resolve(base, value)
    if (reading.has(path))
      throw new ConfigError(field, 'a stack file that does not stand on itself', describeValue(value))
    reading.add(path)
    try {
      return build(parsed(path), field, dirname(path))
    } finally {
      reading.delete(path)
    }
  },
}
/** The stack files that the one being built stands in. */
const reading = new Set<string>()

const noOptions = (value: unknown, field: string): void => {
  objectOf(value, field, [])
}

/** A plain object with no keys but these; each is read once. */
const objectOf = (value: unknown, field: string, known: readonly string[]): Record<string, unknown> => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new ConfigError(field, 'an object', describeValue(value))
  }
  const copy: Record<string, unknown> = { ...value }
  for (const key of Object.keys(copy)) {
    if (!known.includes(key)) {
      const expected = known.length === 0 ? 'no such field' : `one of the fields ${known.join(', ')}`
      throw new ConfigError(field === '' ? key : `${field}.${key}`, expected, 'an unknown field')
    }
  }
  return copy
}

/** `{ name: options }` with exactly one of the known names. */
const oneKey = (value: unknown, field: string, known: readonly string[], what: string): [string, unknown] => {
  const expected = `an object with one key, the name of ${what}: ${known.join(', ')}`
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new ConfigError(field, expected, describeValue(value))
  }
  const entries = Object.entries(value)
  const first = entries[0]
  if (first === undefined || entries.length !== 1) {
    throw new ConfigError(field, expected, `${entries.length} keys`)
  }
  if (!known.includes(first[0])) {
    throw new ConfigError(`${field}.${first[0]}`, `the name of ${what}: ${known.join(', ')}`, `'${first[0]}'`)
  }
  return first
}

const lowerOf = (value: unknown, field: string, base: string): LowerFs => {
  const [name, options] = oneKey(value, field, Object.keys(lowerMakers), 'a lower')
  const make = lowerMakers[name] as (typeof lowerMakers)[string]
  return make(options, `${field}.${name}`, base)
}

const layerOf = (value: unknown, field: string, base: string): Layer => {
  const [name, options] = oneKey(value, field, Object.keys(layerMakers), 'a layer')
  const make = layerMakers[name as keyof typeof layerMakers] as (options: unknown) => Layer
  try {
    return make(withPlaces(name, options, `${field}.${name}`, base))
  } catch (thrown) {
    // The layer names its field from its own name on.
    if (thrown instanceof ConfigError) throw new ConfigError(`${field}.${thrown.field}`, thrown.expected, thrown.found)
    throw thrown
  }
}

/** An overlay's upper, and what is mounted at a mount point, is a lower like any other; relative paths start from `base`. */
const withPlaces = (name: string, options: unknown, field: string, base: string): unknown => {
  if (options === null || typeof options !== 'object' || Array.isArray(options)) return options
  if (name === 'overlay') {
    const { upper } = options as { upper?: unknown }
    return upper === undefined ? options : { ...options, upper: lowerOf(upper, `${field}.upper`, base) }
  }
  if (name === 'record' || name === 'replay') {
    const { file } = options as { file?: unknown }
    return typeof file === 'string' ? { ...options, file: resolve(base, file) } : options
  }
  if (name !== 'mountPoints') return options
  return Object.fromEntries(
    Object.entries(options).map(([point, lower]) => [
      point,
      lowerOf(lower, `${field}[${JSON.stringify(point)}]`, base),
    ]),
  )
}

const build = (json: unknown, field: string, base: string): PlyFs => {
  const config = objectOf(json, field, ['lower', 'layers'])
  const at = (key: string): string => (field === '' ? key : `${field}.${key}`)
  const { lower, layers: list = [] } = config
  if (!Array.isArray(list)) throw new ConfigError(at('layers'), 'an array, top layer first', describeValue(list))
  const under = lower === undefined ? memory() : lowerOf(lower, at('lower'), base)
  const over = list.map((entry, k) => layerOf(entry, at(`layers[${k}]`), base))
  try {
    return stack(under, over)
  } catch (thrown) {
    if (thrown instanceof StackError) throw new ConfigError(at('layers'), 'a stack that may be built', thrown.message)
    throw thrown
  }
}

/**
 * A stack out of a parsed stack file.
 * @param options.base the folder that relative paths start from; default: the working directory
 */
export const stackFromConfig = (
  json: unknown,
  options: { readonly base?: string } = {},
): E.Either<ConfigError, PlyFs> => E.tryCatch(() => build(json, '', options.base ?? process.cwd()), onlyConfigErrors)

/** A stack out of a stack file; relative paths in it start from its own folder. */
export const stackFromFile = (path: string): E.Either<ConfigError, PlyFs> =>
  E.tryCatch(() => {
    const json = parsed(path)
    return build(json, '', dirname(resolve(path)))
  }, onlyConfigErrors)

const parsed = (path: string): unknown => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (thrown) {
    throw new ConfigError(path, 'a stack file that can be read', (thrown as Error).message)
  }
  try {
    return JSON.parse(text)
  } catch (thrown) {
    throw new ConfigError(path, 'JSON', (thrown as Error).message)
  }
}

/** Anything else (a missing directory for rooted, say) is what the lower says of it. */
const onlyConfigErrors = (thrown: unknown): ConfigError => {
  if (thrown instanceof ConfigError) return thrown
  if (thrown instanceof Error && typeof (thrown as NodeJS.ErrnoException).code === 'string') {
    return new ConfigError('lower', 'a lower that can be reached', thrown.message)
  }
  throw thrown
}
