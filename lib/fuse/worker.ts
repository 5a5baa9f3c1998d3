/** The thread that serves a mount. It makes the stack, says that it is ready, and reads requests until there are no more. */
import { statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { descriptors, native } from '../native/index.js'
import { Counters } from './counters.js'
import { openDevice } from './device.js'
import { forget, listen } from './forget.js'
import { dropOwn, isolate } from './isolate.js'
import type { ToList } from './lister.js'
import type { Told, ToWorker } from './notifier.js'
import { type OffloadOptions, planOffload } from './offload.js'
import { type Lists, ReadAround } from './read-around.js'
import { type Calls, closeAll, initialise, makeRequestWire, serve } from './serve.js'
import { serveWaiting } from './serve-waiting.js'
import { type OwnPlace, Session } from './session.js'
import { exchangeFrom, isModule, readConfig, type Source } from './source.js'
import { staleMessages } from './stale.js'
import { isLate, WaitingSession } from './waiting.js'

export interface WorkerData {
  readonly source: Exclude<Source, URL>
  /** The folder that a config's relative paths start from. */
  readonly base: string
  readonly mountpoint: string
  readonly offload: OffloadOptions
  readonly shared: SharedArrayBuffer
  /** What it is asked, beside what the kernel asks: it looks when it is called (see counters.ts). */
  readonly port: MessagePort
  /** Waited for beside the device. */
  readonly wake: number | undefined
}
export type FromWorker =
  | {
      readonly type: 'ready'
      readonly lower: string
      readonly isolated: boolean
      readonly plan: ReturnType<typeof planOffload>
    }
  | { readonly type: 'serving' }
  | ({ readonly type: 'told' } & Told)
  | ({ readonly type: 'list' } & ToList)
  /** The kernel keeps something of this directory. */
  | { readonly type: 'look'; readonly path: string }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'ended'; readonly keptBack: { readonly [reason: string]: number } }

// See server.ts.
descriptors.areListed = false
const { source, base, mountpoint, offload, shared, port, wake } = workerData as WorkerData
const tell = (message: FromWorker): void => parentPort?.postMessage(message)

/** Where this thread sees its own mount. */
const ownPlace = (): OwnPlace | undefined => {
  const above = dirname(mountpoint)
  if (above === mountpoint) return undefined
  const { dev, ino } = statSync(above)
  return { dev, ino, name: basename(mountpoint) }
}

const callsOf = (s: Session, counters: Counters): Calls => ({
  answer() {
    if (!counters.answer()) return false
    s.asSelf()
    for (;;) {
      const asked = receiveMessageOnPort(port) as { message: ToWorker } | undefined
      if (asked === undefined) return true
      const { id, paths } = asked.message
      forget(s, paths)
      tell({ type: 'told', id, messages: staleMessages(s, asked.message), everything: false })
    }
  },
  forgot() {
    const everything = s.forgotten.includes(undefined)
    const paths = s.forgotten.splice(0).filter((path) => path !== undefined)
    s.asSelf()
    const messages = everything ? [] : staleMessages(s, { paths, depth: Number.POSITIVE_INFINITY, gently: true })
    tell({ type: 'told', id: undefined, messages, everything })
  },
})

/** Directories that wait to be listed, at most. */
const MOST = 32

const lists = (counters: Counters): Lists => {
  let asked = 0
  return {
    list(path, node) {
      const { listed } = counters
      if (asked - listed >= MOST || listed > asked) return 0
      tell({ type: 'list', path, node })
      return ++asked
    },
    isPending: (ticket) => ticket > counters.listed,
  }
}

const run = async (): Promise<void> => {
  const counters = new Counters(shared)
  const sys = native()
  const config = typeof source === 'string' && !isModule(source) ? readConfig(source) : { config: source, base }
  const isolated = sys !== undefined && isolate(sys, config.config, config.base)
  const built = await exchangeFrom(source, base)
  const { layers, lower } = built.whole
  const plan = planOffload(layers, lower.capabilities, { ...offload, late: isLate(built.whole) })
  const session = new (plan.knobs.waits ? WaitingSession : Session)(built.serving(plan.knobs), {
    knobs: plan.knobs,
    native: sys,
    own: isolated ? undefined : ownPlace(),
  })
  await session.prepare()
  listen(session)
  if (plan.knobs.watch) session.onLook = (path) => tell({ type: 'look', path })
  if (plan.knobs.readAround) session.around = new ReadAround(lists(counters))
  tell({ type: 'ready', lower: lower.name, isolated, plan })
  const device = counters.awaited()
  if (device === undefined) return
  // Where mounts spread from one view to another, it has come here too.
  if (isolated) dropOwn(sys, mountpoint)
  const wire = makeRequestWire()
  const ends = openDevice(device, wire, session.out, wake)
  if (initialise(session, wire, ends)) {
    tell({ type: 'serving' })
    const calls = callsOf(session, counters)
    if (session instanceof WaitingSession) await serveWaiting(session, wire, ends, counters, calls, wake)
    else serve(session, wire, ends, counters, calls)
  }
  closeAll(session)
  tell({ type: 'ended', keptBack: session.backing?.counts.kept ?? {} })
}

run().catch((thrown: unknown) =>
  tell({ type: 'failed', message: thrown instanceof Error ? thrown.message : String(thrown) }),
)
