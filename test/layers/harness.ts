// Requests through a stack in each calling convention, and the lowers that layers are tested over.
import nodeFs, { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memfs } from 'memfs'
import type { Caller } from '../../lib/context.js'
import { runAsync } from '../../lib/driver/callback.js'
import { runPromise } from '../../lib/driver/promise.js'
import { runSync } from '../../lib/driver/sync.js'
import type { Exchange } from '../../lib/exchange.js'
import type { Layer } from '../../lib/extension.js'
import { nodeFsLower } from '../../lib/lower/node-fs.js'
import type { Lower } from '../../lib/lower.js'
import type { Op, Reply, Request } from '../../lib/op.js'
import { reach } from '../../lib/plyfs.js'
import { compose } from '../../lib/stack.js'
import { Failed } from '../../lib/verdict.js'

export const baseOf = (lower: Lower) => ({
  lower,
  layers: [],
  depth: 0,
  maxDepth: Number.POSITIVE_INFINITY,
  beneath: [],
})
export const exchangeOver = (lower: Lower, layers: readonly Layer[]): Exchange =>
  compose(baseOf(lower), layers, reach).exchange

export type Convention = 'sync' | 'callback' | 'promise'
export const conventions: readonly Convention[] = ['sync', 'callback', 'promise']

/** The errno of a failure, else the reply. */
export type Outcome<O extends Op> = Reply<O> | string
const outcome = <O extends Op>(out: Reply<O> | Failed): Outcome<O> => (out instanceof Failed ? out.errno : out)

/** Performs requests, as a face does. */
export class Asker {
  constructor(
    readonly x: Exchange,
    readonly convention: Convention,
    readonly caller: Caller = x.caller,
  ) {}
  async ask<O extends Op>(op: O, given: Request<O>): Promise<Outcome<O>> {
    const { x } = this
    const fd = (given as { fd?: number }).fd
    const req = fd === undefined ? given : { ...(given as object), file: x.files.get(fd) }
    const request = req as Request<O>
    const cx = x.context(this.caller)
    if (this.convention === 'sync') return outcome(runSync(x, op, request, cx))
    if (this.convention === 'promise') return outcome(await runPromise(x, op, request, cx))
    return new Promise((resolve, reject) => {
      runAsync(x, op, request, cx, (bug, out) => (bug === null ? resolve(outcome(out)) : reject(bug)))
    })
  }
}

/** A tree to test in: where it is, the lower it is on, and the filesystem itself to look from outside. */
export interface Ground {
  readonly name: 'memory' | 'host'
  readonly root: string
  readonly fs: typeof nodeFs
  readonly lower: Lower
  remove(): void
}
export const grounds: readonly (() => Ground)[] = [
  () => {
    const fs = memfs().fs as unknown as typeof nodeFs
    fs.mkdirSync('/ground', { recursive: true })
    return { name: 'memory', root: '/ground', fs, lower: nodeFsLower(fs), remove: () => undefined }
  },
  () => {
    const root = nodeFs.realpathSync(mkdtempSync(join(tmpdir(), 'plyfs-')))
    return {
      name: 'host',
      root,
      fs: nodeFs,
      lower: nodeFsLower(nodeFs),
      remove: () => rmSync(root, { recursive: true }),
    }
  },
]
