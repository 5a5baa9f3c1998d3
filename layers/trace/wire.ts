/** Requests and replies as lines of JSON, and back. */
import { Buffer } from 'node:buffer'
import { fromPrecise, makeStats, type Op, preciseOf, type Stats } from '../../lib/layer.js'

/** A line of a recording. */
export interface Line {
  readonly op: Op
  /** Without what is the caller's own: buffers, sinks, dentries. An open file is the number of its opening. */
  readonly request: Readonly<Record<string, unknown>>
  readonly reply?: unknown
  readonly errno?: string
}

const OWN = new Set(['buffer', 'file', 'fileOut', 'dentry', 'newDentry', 'sink', 'offset'])
const STATS = [
  'dev',
  'mode',
  'nlink',
  'uid',
  'gid',
  'rdev',
  'blksize',
  'ino',
  'size',
  'blocks',
  'atimeMs',
  'mtimeMs',
  'ctimeMs',
  'birthtimeMs',
] as const
const TIMES = ['atimeNs', 'mtimeNs', 'ctimeNs', 'birthtimeNs'] as const

interface OnBuffer {
  readonly buffer: NodeJS.ArrayBufferView
  readonly offset: number
  readonly length: number
}
const bytesOf = ({ buffer, offset }: OnBuffer, length: number): Buffer =>
  Buffer.from(buffer.buffer, buffer.byteOffset + offset, length)

/** @param number the number of an open file's opening */
export const requestLine = (op: Op, req: object, number: (fd: number) => number | null): Line['request'] => {
  const out: Record<string, unknown> = {}
  const given = req as Record<string, unknown>
  for (const key of Object.keys(given).sort()) {
    const value = given[key]
    if (value === undefined) continue
    if (key === 'fd' || key === 'fdOut') out[key] = number(value as number)
    else if (key === 'offset' ? op !== 'read' && op !== 'write' : !OWN.has(key)) out[key] = plain(value)
  }
  // What is written is part of what is asked.
  if (op === 'write') out.data = bytesOf(req as OnBuffer, (req as OnBuffer).length).toString('base64')
  return out
}

const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint') return { bigint: String(value) }
  if (Buffer.isBuffer(value)) return { bytes: value.toString('base64') }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(fields.flatMap(([key, each]) => (each === undefined ? [] : [[key, plain(each)]])))
}

export const replyLine = (op: Op, req: object, value: unknown): unknown => {
  switch (op) {
    case 'lookup':
    case 'getattr':
      return statsLine(value as Stats)
    case 'read':
      return { bytes: bytesOf(req as OnBuffer, value as number).toString('base64') }
    case 'resolve': {
      const { path, exists, isLink } = value as { path: string; exists: boolean; isLink: boolean }
      return { path, exists, isLink }
    }
    case 'watch':
      return undefined
    default:
      return plain(value)
  }
}
const statsLine = (stats: Stats): object => {
  const precise = preciseOf(stats)
  const numbers = Object.fromEntries(STATS.map((field) => [field, stats[field]]))
  if (precise === undefined) return numbers
  return { ...numbers, precise: Object.fromEntries(PRECISE.map((field) => [field, String(precise[field])])) }
}
const PRECISE = [...STATS.slice(0, 10), ...TIMES] as readonly (keyof NonNullable<ReturnType<typeof preciseOf>> &
  string)[]

/** What the layer above gets. */
export const replyOf = (op: Op, req: object, line: unknown): unknown => {
  switch (op) {
    case 'lookup':
    case 'getattr': {
      const { precise, ...numbers } = line as { precise?: Record<string, string> } & Stats
      if (precise === undefined) return makeStats(numbers as Stats)
      return fromPrecise(Object.fromEntries(Object.entries(precise).map(([k, v]) => [k, BigInt(v)])) as never)
    }
    case 'read': {
      const bytes = Buffer.from((line as { bytes: string }).bytes, 'base64')
      bytesOf(req as OnBuffer, bytes.length).set(bytes)
      return bytes.length
    }
    case 'getxattr':
      return Buffer.from((line as { bytes: string }).bytes, 'base64')
    case 'resolve':
      return { ...(line as object), security: undefined }
    case 'watch':
      // Nothing happens in a recording.
      return { close: () => undefined }
    default:
      // Nothing that is handed out is shared.
      return structuredClone(line)
  }
}
