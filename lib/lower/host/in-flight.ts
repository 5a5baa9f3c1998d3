/**
 * A descriptor is closed when nothing that libuv's pool has yet to do is about it. Closed at once, its number might be
 * another file's by then, and what is queued would be done to that one.
 */
import type { Done, Lower, LowerOp } from '../../lower.js'
import { OP, OPS, type Op, type OpInfo, type Request } from '../../op.js'
import { SafeMap } from '../../primordials.js'
import { Failed } from '../../verdict.js'

/** What is on its way with one descriptor. */
interface Flight {
  count: number
  /** Somebody wants it closed. */
  close: (() => void) | undefined
}
/** By descriptor: numbers are the process's, and so is this, as far as one thread can know. */
const flights = new SafeMap<number, Flight>()

const begin = (fd: number): void => {
  const flight = flights.get(fd)
  if (flight === undefined) flights.set(fd, { count: 1, close: undefined })
  else flight.count++
}
const end = (fd: number): void => {
  const flight = flights.get(fd)
  if (flight === undefined || --flight.count > 0) return
  flights.delete(fd)
  flight.close?.()
}

/** Whether something is on its way with a descriptor: it is not to be closed at once. */
export const isInFlight = (fd: number): boolean => flights.has(fd)

const EBADF = Failed.of('EBADF')
const ignored = (): void => undefined

const counted = (plain: LowerOp<Op>, hasTwo: boolean): LowerOp<Op> => ({
  sync: plain.sync,
  async(req, done, cx) {
    const { fd } = req as Request<'read'>
    if (fd === undefined) {
      plain.async(req, done, cx)
      return
    }
    const other = hasTwo ? (req as Request<'copy_file_range'>).fdOut : fd
    begin(fd)
    if (hasTwo) begin(other)
    let isOver = false
    const over = (): void => {
      if (isOver) return
      isOver = true
      end(fd)
      if (hasTwo) end(other)
    }
    const landed: Done<Op> = (bug, out) => {
      // Whoever hears of it may have more to do with the file at once.
      try {
        done(bug, out)
      } finally {
        over()
      }
    }
    try {
      plain.async(req, landed, cx)
    } catch (thrown) {
      over()
      throw thrown
    }
  },
})

const release = (plain: LowerOp<'release'>): LowerOp<'release'> => ({
  sync(req, cx) {
    const flight = flights.get(req.fd)
    if (flight === undefined) return plain.sync(req, cx)
    if (flight.close !== undefined) return EBADF
    flight.close = () => plain.async(req, ignored, cx)
    return undefined
  },
  async(req, done, cx) {
    const flight = flights.get(req.fd)
    if (flight === undefined) plain.async(req, done, cx)
    else if (flight.close !== undefined) done(null, EBADF)
    else flight.close = () => plain.async(req, done, cx)
  },
})

/** The same opcodes, with those counted that are about open files. */
export const closingLast = (ops: Lower['ops']): Lower['ops'] => {
  const out: { -readonly [O in Op]?: unknown } = { ...ops }
  for (const op of OPS) {
    const { fds }: OpInfo = OP[op]
    if (fds.length > 0) out[op] = counted(ops[op] as LowerOp<Op>, fds.length > 1)
  }
  out.release = release(ops.release)
  return out as Lower['ops']
}
