/** A whole file for callers that do not wait: one object a file, and no promise or generator on the way. */

import type { Context } from '../context.js'
import { runAsync } from '../driver/callback.js'
import type { OpenFile } from '../file.js'
import type { Op, Reply, Request, Stats } from '../op.js'
import { openOf } from '../request.js'
import { Failed } from '../verdict.js'
import { abortError } from './codes.js'
import { finished, giveScratch, Rest, SCRATCH, sizeOf, takeScratch } from './contents.js'
import { aggregate, fsError } from './errors.js'
import { isCreate } from './fields.js'
import { contextOf, type View } from './view.js'

export const openOp = (flags: number): 'open' | 'create' => (isCreate(flags) ? 'create' : 'open')

/** Why there are no contents. The Error is made by whoever hands it out, so that its stack shows the caller. */
export class Fault {
  closing: Failed | undefined
  constructor(
    readonly cause: unknown,
    readonly syscall = '',
    readonly shown: unknown = undefined,
  ) {}
  error(): unknown {
    const { cause, syscall, shown, closing } = this
    const error = cause instanceof Failed ? fsError(cause, syscall, shown) : cause
    return closing === undefined ? error : aggregate(fsError(closing, 'close'), error)
  }
}

/** What is wanted: a file by its name, which is opened and closed, or an open one from its own offset on. */
export interface Whole {
  readonly path: string
  readonly shown?: unknown
  readonly flags?: number
  readonly fd?: number
  readonly encoding: unknown
  readonly signal: AbortSignal | undefined
}

/** Reads it; `end` gets the contents or a Fault, possibly before this returns. */
export const readWhole = (v: View, whole: Whole, end: (out: string | Buffer | Fault) => void): void => {
  new Reading(v, whole, end).start()
}

type Stage = 'open' | 'read' | 'size' | 'blame' | 'release'
type Out = Reply<Op> | Failed

class Reading {
  readonly #cx: Context
  #fd: number
  #file: OpenFile | undefined
  #scratch: Buffer | undefined
  #rest: Rest | undefined
  #total = 0
  #value: string | Buffer | Fault | undefined
  /** What the answer on its way is to. */
  #next: Stage = 'read'
  readonly #landed = (bug: unknown, out: Out): void => this.#land(bug, out)

  constructor(
    readonly v: View,
    readonly whole: Whole,
    readonly end: (out: string | Buffer | Fault) => void,
  ) {
    this.#cx = contextOf(v)
    this.#fd = whole.fd ?? -1
  }

  start(): void {
    const { path, flags = 0, fd } = this.whole
    if (fd === undefined) this.#ask('open', openOp(flags), openOf(path, flags, 0o666))
    else this.#begin(fd)
  }

  #ask<O extends Op>(next: Stage, op: O, req: Request<O>): void {
    this.#next = next
    runAsync(this.v.x, op, req, this.#cx, this.#landed as never)
  }

  #begin(fd: number): void {
    this.#fd = fd
    this.#file = this.v.x.files.get(fd)
    this.#scratch = takeScratch()
    this.#read()
  }

  /** Where a signal is given, whoever has it gets a turn to fire it, also over a lower that answers at once. */
  #read(): void {
    if (this.whole.signal === undefined) this.#readNow()
    else setImmediate(() => this.#readNow())
  }

  #readNow(): void {
    const { signal } = this.whole
    if (signal?.aborted) {
      this.#close(new Fault(abortError(signal)))
      return
    }
    const rest = this.#rest
    const fd = this.#fd
    const file = this.#file
    const at = this.#total
    const req =
      rest === undefined
        ? { fd, file, buffer: this.#scratch as Buffer, offset: at, length: SCRATCH - at, position: null }
        : rest.next(fd, file)
    this.#ask('read', 'read', req)
  }

  #size(next: 'size' | 'blame'): void {
    const { path } = this.whole
    this.#ask(next, 'getattr', { path, follow: true, fd: this.#fd, file: this.#file, precise: false })
  }

  #land(bug: unknown, out: Out): void {
    if (bug !== null) {
      if (this.#next === 'open' || this.#next === 'release') this.end(new Fault(bug))
      else this.#finish(new Fault(bug))
      return
    }
    switch (this.#next) {
      case 'open':
        if (out instanceof Failed) this.end(new Fault(out, 'open', this.whole.shown))
        else this.#begin(out as number)
        return
      case 'read':
        this.#took(out as number | Failed)
        return
      case 'size':
        this.#sized(out as Stats | Failed)
        return
      case 'blame':
        this.#finish(out instanceof Failed ? new Fault(out, 'fstat') : new Fault(Failed.of('EBADF'), 'read'))
        return
      case 'release':
        if (out instanceof Failed) {
          if (!(this.#value instanceof Fault)) this.#value = new Fault(undefined)
          this.#value.closing = out
        }
        this.end(this.#value as string | Buffer | Fault)
    }
  }

  #took(got: number | Failed): void {
    const rest = this.#rest
    if (got instanceof Failed) {
      // Node asks for the size first: where that fails too, the Error is its.
      if (got.errno === 'EBADF' && rest === undefined) this.#size('blame')
      else this.#finish(new Fault(got, 'read'))
      return
    }
    const { encoding } = this.whole
    if (rest !== undefined) {
      rest.took(got)
      if (rest.done) this.#finish(rest.decoded(encoding))
      else this.#read()
      return
    }
    if (got === 0) {
      this.#finish(finished(this.#scratch as Buffer, this.#total, encoding, false))
      return
    }
    this.#total += got
    if (this.#total < SCRATCH) this.#read()
    else this.#size('size')
  }

  #sized(stats: Stats | Failed): void {
    if (stats instanceof Failed) {
      this.#finish(new Fault(stats, 'fstat'))
      return
    }
    let rest: Rest
    try {
      rest = new Rest(this.#scratch as Buffer, sizeOf(stats))
    } catch (error) {
      this.#finish(new Fault(error))
      return
    }
    this.#rest = rest
    if (rest.done) this.#finish(rest.decoded(this.whole.encoding))
    else this.#read()
  }

  #finish(value: string | Buffer | Fault): void {
    const { signal } = this.whole
    if (signal === undefined || value instanceof Fault) this.#close(value)
    else setImmediate(() => this.#close(signal.aborted ? new Fault(abortError(signal)) : value))
  }

  #close(value: string | Buffer | Fault): void {
    if (this.#scratch !== undefined) giveScratch(this.#scratch)
    this.#scratch = undefined
    this.#value = value
    if (this.whole.fd === undefined) this.#ask('release', 'release', { fd: this.#fd, file: this.#file })
    else this.end(value)
  }
}
