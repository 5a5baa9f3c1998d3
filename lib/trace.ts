/** plyfs/trace: where traces go, and recordings of them. */
import type { TraceEvent, TraceSink } from '../layers/trace/index.js'
import { originalFs } from './lower/original-fs.js'

export { NotRecorded, type Replay, type ReplayOptions, record, replay } from '../layers/trace/record.js'
export type { TraceEvent, TraceSink }

/** SpanStatusCode.ERROR of @opentelemetry/api. */
const ERROR = 2

/** What is needed of an OpenTelemetry tracer: `trace.getTracer('plyfs')` of @opentelemetry/api is one. */
export interface SpanTracer {
  startSpan(
    name: string,
    options?: { startTime?: number; attributes?: Record<string, string | number> },
  ): {
    setStatus(status: { code: number; message?: string }): unknown
    end(endTime?: number): void
  }
}

/**
 * A sink for `trace` that makes a span of each request, a child of the span that is active when it is answered. Its name is
 * the opcode; attributes are `file.path`, `plyfs.new_path`, `plyfs.answered_by`, `plyfs.bytes`, `plyfs.caller.uid`, and
 * `error.type`, an errno.
 */
export const openTelemetry =
  (tracer: SpanTracer): TraceSink =>
  ({ op, path, newPath, caller, bytes, errno, durationMs, startMs, answeredBy }) => {
    const startTime = performance.timeOrigin + startMs
    const span = tracer.startSpan(`fs.${op}`, {
      startTime,
      attributes: {
        'plyfs.opcode': op,
        'plyfs.answered_by': answeredBy,
        'plyfs.caller.uid': caller.uid,
        ...(path === undefined ? {} : { 'file.path': path }),
        ...(newPath === undefined ? {} : { 'plyfs.new_path': newPath }),
        ...(bytes === undefined ? {} : { 'plyfs.bytes': bytes }),
        ...(errno === undefined ? {} : { 'error.type': errno }),
      },
    })
    if (errno !== undefined) span.setStatus({ code: ERROR, message: errno })
    span.end(startTime + durationMs)
  }

/** For `record`: appends each line to a file of the disk, at once. */
export const toFile =
  (path: string): ((line: string) => void) =>
  (line) =>
    originalFs.appendFileSync(path, `${line}\n`)
/** For `replay`: the lines of a file of the disk. */
export const fromFile = (path: string): string => originalFs.readFileSync(path, 'utf8')
