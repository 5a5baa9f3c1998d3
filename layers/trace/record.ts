/** Recording what passes, and answering from a recording: test fixtures out of real runs. */
import { ConfigError, describeValue } from '../../lib/codec/error.js'
import {
  type Errno,
  type ExtensionMap,
  fail,
  type Layer,
  layer,
  NEXT,
  OP,
  OPS,
  type Op,
  reply,
  virtualFd,
} from '../../lib/layer.js'
import { type Line, replyLine, replyOf, requestLine } from './wire.js'

const OPENING = new Set<Op>(['open', 'create', 'tmpfile'])

/**
 * Gives each request with its answer to `sink`, as a line of JSON (without a newline), in the order of the answers. Bytes
 * that are read and written are in it, and so is every path: a recording is as secret as the files. Files above it are not
 * passed through: their reads must come by.
 * @throws {ConfigError} where `sink` is no function
 */
export const record = (sink: (line: string) => void): Layer => {
  if (typeof sink !== 'function') throw new ConfigError('record', 'a function', describeValue(sink))
  const openings = new Map<number, number>()
  let opened = 0
  const number = (fd: number): number | null => openings.get(fd) ?? null
  const tell = (op: Op, req: object, answer: Pick<Line, 'reply' | 'errno'>): void => {
    sink(JSON.stringify({ op, request: requestLine(op, req, number), ...answer } satisfies Line))
    if (op === 'release') openings.delete((req as { fd: number }).fd)
  }
  const extensions: { [O in Op]?: object } = {}
  for (const op of OPS) {
    const opens = OPENING.has(op)
    extensions[op] = {
      reply(value: unknown, req: object) {
        if (opens) openings.set(value as number, ++opened)
        const told = opens ? opened : replyLine(op, req, value)
        tell(op, req, told === undefined ? {} : { reply: told })
        return value
      },
      error(errno: Errno, req: object) {
        tell(op, req, { errno })
        return NEXT
      },
    }
  }
  return layer('record', extensions as ExtensionMap, { stateful: true, consents: false })
}

/** A request that the recording has no answer for. */
export class NotRecorded extends Error {
  override readonly name = 'NotRecorded'
  readonly code = 'ERR_PLYFS_NOT_RECORDED'
}

export interface ReplayOptions {
  /**
   * `key`: each request is answered by the next line that has the same opcode and arguments; of requests that only read,
   * the last of these answers stands for all that follow. `strict`: requests must come in the order of the lines, each once.
   * Default `key`.
   */
  readonly order?: 'key' | 'strict'
}
export interface Replay extends Layer {
  /** The lines that nobody has asked for yet. */
  left(): number
}

/**
 * Answers every request from a recording; nothing reaches what is below. A request that was not recorded throws
 * `NotRecorded`, which names it.
 * @param recording lines of `record`, as an array or as one text
 * @throws {ConfigError} for what is no recording, and for unknown options
 */
export const replay = (recording: string | readonly string[], { order = 'key' }: ReplayOptions = {}): Replay => {
  if (order !== 'key' && order !== 'strict') {
    throw new ConfigError('replay.order', "'key' or 'strict'", describeValue(order))
  }
  const lines = parsed(recording)
  const keys = lines.map(({ op, request }) => keyOf(op, request))
  const queues = new Map<string, number[]>()
  for (const [k, key] of keys.entries()) {
    const queue = queues.get(key)
    if (queue === undefined) queues.set(key, [k])
    else queue.push(k)
  }
  const asked = new Set<number>()
  const openings = new Map<number, number>()
  let at = 0

  const next = (op: Op, key: string): Line => {
    if (order === 'strict') {
      if (keys[at] !== key) {
        throw new NotRecorded(
          `replay: ${key} was asked; line ${at + 1} of the recording is ${keys[at] ?? 'past its end'}`,
        )
      }
      asked.add(at)
      return lines[at++] as Line
    }
    const queue = queues.get(key)
    const first = queue?.[0]
    if (queue === undefined || first === undefined) {
      throw new NotRecorded(`replay: ${key} was ${queue === undefined ? 'never recorded' : 'recorded fewer times'}`)
    }
    if (queue.length > 1 || OP[op].effect === 'write') queue.shift()
    asked.add(first)
    return lines[first] as Line
  }
  const extensions: { [O in Op]?: object } = {}
  for (const op of OPS) {
    extensions[op] = {
      request(req: object) {
        const request = requestLine(op, req, (fd) => openings.get(fd) ?? null)
        const line = next(op, keyOf(op, request))
        if (op === 'release') openings.delete((req as { fd: number }).fd)
        if (line.errno !== undefined) return fail(line.errno)
        if (!OPENING.has(op)) return reply(replyOf(op, req, line.reply) as never)
        const fd = virtualFd()
        openings.set(fd, line.reply as number)
        return reply(fd as never)
      },
    }
  }
  const made = layer('replay', extensions as ExtensionMap, { stateful: true, answers: true, consents: false })
  return { ...made, left: () => lines.length - asked.size }
}

const keyOf = (op: Op, request: object): string => `${op} ${JSON.stringify(request)}`

const parsed = (recording: string | readonly string[]): Line[] => {
  const texts = typeof recording === 'string' ? recording.split('\n') : recording
  if (!Array.isArray(texts)) throw new ConfigError('replay', 'lines of a recording', describeValue(recording))
  return texts.flatMap((text: string, k) => {
    if (text === '') return []
    let line: unknown
    try {
      line = JSON.parse(text)
    } catch {
      // Said below.
    }
    const { op, request } = (line ?? {}) as Partial<Line>
    if (op !== undefined && OPS.includes(op) && typeof request === 'object') return [line as Line]
    throw new ConfigError(`replay[${k}]`, 'a line of a recording', describeValue(text))
  })
}
