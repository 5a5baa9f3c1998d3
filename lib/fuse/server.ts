/** The serving thread, as the one that mounts sees it. */
import { closeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { Counters } from './counters.js'
import type { ToList } from './lister.js'
import type { Told } from './notifier.js'
import type { FromWorker, WorkerData } from './worker.js'

type Ready = Extract<FromWorker, { readonly type: 'ready' }>

/** As sources, it takes a loader of TypeScript that threads inherit: scripts/ts-loader.mjs. */
const start = (data: WorkerData): Worker => {
  const name = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js'
  return new Worker(new URL(name, import.meta.url), {
    workerData: data,
    transferList: [data.port],
    trackUnmanagedFds: false,
  })
}

export class Server {
  /** The stack is made; the thread waits for the mount. */
  readonly ready: Promise<Ready>
  /** INIT is answered. */
  readonly serving: Promise<void>
  /** The thread is gone, and the device closed. */
  readonly ended: Promise<void>
  /** Who hears of what the kernel is to be told, and of directories that it keeps something of. */
  onTold: ((told: Told) => void) | undefined
  onLook: ((path: string) => void) | undefined
  /** Who lists. */
  onList: ((asked: ToList) => void) | undefined
  keptBack: { readonly [reason: string]: number } = {}

  /** The session's; -1 until it is mounted. */
  device = -1

  constructor(data: WorkerData, counters: Counters) {
    const worker = start(data)
    let failure: Error | undefined
    let onReady!: (ready: Ready) => void
    let onServing!: () => void
    let fail!: (reason: Error) => void
    const failed = new Promise<never>((_, reject) => {
      fail = reject
    })
    this.ready = Promise.race([new Promise<Ready>((resolve) => (onReady = resolve)), failed])
    this.serving = Promise.race([new Promise<void>((resolve) => (onServing = resolve)), failed])
    // Whoever has stopped waiting is told nothing.
    for (const promise of [failed, this.ready, this.serving]) promise.catch(() => {})
    worker.on('message', (message: FromWorker) => {
      if (message.type === 'ready') onReady(message)
      else if (message.type === 'serving') onServing()
      else if (message.type === 'told') this.onTold?.(message)
      else if (message.type === 'look') this.onLook?.(message.path)
      else if (message.type === 'list') this.onList?.(message)
      else if (message.type === 'ended') this.keptBack = message.keptBack
      else fail(new Error(message.message))
    })
    worker.on('error', (error) => {
      failure = error instanceof Error ? error : new Error(String(error))
      fail(failure)
    })
    this.ended = new Promise((resolve, reject) => {
      worker.on('exit', () => {
        if (this.device !== -1) closeSync(this.device)
        fail(new Error('the mount ended before it was answered'))
        counters.abandon()
        if (failure === undefined) resolve()
        else reject(failure)
      })
    })
    this.ended.catch(() => {})
  }
}
