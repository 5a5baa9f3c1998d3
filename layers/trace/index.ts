/** trace: one event for each request, for whoever listens. */
import { ConfigError, describeValue } from '../../lib/codec/error.js'
import {
  type Caller,
  type Context,
  type Errno,
  type ExtensionMap,
  type Layer,
  layer,
  NEXT,
  OPS,
  type Op,
  type Path,
  type Site,
} from '../../lib/layer.js'

export interface TraceEvent {
  readonly op: Op
  /** As the caller gave it; absent where the request is on an open file of which only the descriptor is known. */
  readonly path?: Path
  readonly newPath?: Path
  readonly fd?: number
  readonly caller: Caller
  /** Of a read or write. */
  readonly bytes?: number
  /** Absent where it succeeded. */
  readonly errno?: Errno
  /** Between the request's passing here on its way down and its answer's on the way up. */
  readonly durationMs: number
  /** When it set out: what performance.now() said. */
  readonly startMs: number
  /** The layer that answered or refused it, by its name; the lower's name where it came that far. */
  readonly answeredBy: string
}
export type TraceSink = (event: TraceEvent) => void
/** What node:diagnostics_channel's `channel(name)` is. */
export interface TraceChannel {
  readonly hasSubscribers: boolean
  publish(event: unknown): void
}
export interface Trace extends Layer {
  /** Adds a listener; the returned function takes it away. A listener must not throw, and not call the stack. */
  listen(sink: TraceSink): () => void
  /** `events`: that were given to somebody. */
  stats(): { events: number }
}

interface Traced {
  readonly path?: Path
  readonly newPath?: Path
  readonly fd?: number | undefined
  readonly file?: { readonly path: Path } | undefined
}

/**
 * Tells each request's opcode, path, caller, bytes, errno and duration, once it is answered. Nothing is kept, and no clock is
 * read, while nobody listens. It only watches: files above it are still passed through, and their reads and writes then do
 * not come by.
 * @param sink a function, or a channel of node:diagnostics_channel; more can `listen` later
 * @throws {ConfigError} for what is neither
 */
export const trace = (sink?: TraceSink | TraceChannel): Trace => {
  const sinks = new Set<TraceSink>()
  let channel: TraceChannel | undefined
  if (typeof sink === 'function') sinks.add(sink)
  else if (isChannel(sink)) channel = sink
  else if (sink !== undefined && !isNothing(sink)) {
    throw new ConfigError('trace', 'a function, or a channel of node:diagnostics_channel', describeValue(sink))
  }
  let events = 0
  let site: Site | undefined
  /** When the requests that somebody listens to set out. */
  const starts = new WeakMap<object, number>()
  /** Kept, so that whoever has a function for a sink asks no set for its size. */
  let heard = sinks.size > 0
  const listening = (): boolean => heard || channel?.hasSubscribers === true

  const emit = (op: Op, req: Traced, cx: Context, value: unknown, errno: Errno | undefined): void => {
    const start = starts.get(req)
    if (start === undefined) return
    starts.delete(req)
    const path = req.fd === undefined ? req.path : req.file?.path
    const event: TraceEvent = {
      op,
      ...(path === undefined ? {} : { path }),
      ...(req.newPath === undefined ? {} : { newPath: req.newPath }),
      ...(req.fd === undefined ? {} : { fd: req.fd }),
      caller: cx.caller,
      ...((op === 'read' || op === 'write' || op === 'copy_file_range') && typeof value === 'number'
        ? { bytes: value }
        : {}),
      ...(errno === undefined ? {} : { errno }),
      durationMs: performance.now() - start,
      startMs: start,
      answeredBy: site?.answerer() ?? '',
    }
    events++
    for (const each of sinks) each(event)
    if (channel?.hasSubscribers === true) channel.publish(event)
  }
  const extensions: { [O in Op]?: object } = {}
  for (const op of OPS) {
    extensions[op] = {
      request: (req: object) => {
        if (listening()) starts.set(req, performance.now())
        return NEXT
      },
      reply: (value: unknown, req: Traced, cx: Context) => {
        if (listening()) emit(op, req, cx, value, undefined)
        return value
      },
      error: (errno: Errno, req: Traced, cx: Context) => {
        if (listening()) emit(op, req, cx, undefined, errno)
        return NEXT
      },
    }
  }
  const stats = () => ({ events })
  const listen = (each: TraceSink): (() => void) => {
    sinks.add(each)
    heard = true
    return () => {
      sinks.delete(each)
      heard = sinks.size > 0
    }
  }
  return {
    ...layer('trace', extensions as ExtensionMap, {
      consents: 'watches',
      stateful: true,
      stats,
      attach: (at) => {
        site = at
      },
    }),
    stats,
    listen,
  }
}

const isChannel = (value: unknown): value is TraceChannel =>
  value !== null && typeof value === 'object' && typeof (value as { publish?: unknown }).publish === 'function'
/** `{}`, as a stack file has it. */
const isNothing = (value: unknown): boolean =>
  value !== null && typeof value === 'object' && Object.keys(value).length === 0
