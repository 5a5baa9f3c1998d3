/** The thread that serves a mount. It makes the stack, says that it is ready, and reads requests until there are no more. */
import { parentPort, workerData } from 'node:worker_threads'
import { native } from '../native/index.js'
import { Counters, MOUNTED } from './counters.js'
import { openDevice } from './device.js'
import { dropOwn, isolate } from './isolate.js'
import { type OffloadOptions, planOffload } from './offload.js'
import { closeAll, initialise, makeRequestWire, serve } from './serve.js'
import { Session } from './session.js'
import { exchangeFrom, isModule, readConfig, type Source } from './source.js'

export interface WorkerData {
  readonly source: Exclude<Source, URL>
  /** The folder that a config's relative paths start from. */
  readonly base: string
  readonly device: number
  readonly mountpoint: string
  readonly offload: OffloadOptions
  readonly shared: SharedArrayBuffer
}
export type FromWorker =
  | {
      readonly type: 'ready'
      readonly lower: string
      readonly isolated: boolean
      readonly plan: ReturnType<typeof planOffload>
    }
  | { readonly type: 'serving' }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'ended'; readonly keptBack: { readonly [reason: string]: number } }

const { source, base, device, mountpoint, offload, shared } = workerData as WorkerData
const tell = (message: FromWorker): void => parentPort?.postMessage(message)

const run = async (): Promise<void> => {
  const counters = new Counters(shared)
  const sys = native()
  const config = typeof source === 'string' && !isModule(source) ? readConfig(source) : { config: source, base }
  const isolated = sys !== undefined && isolate(sys, config.config, config.base)
  const built = await exchangeFrom(source, base)
  const { layers, lower } = built.whole
  const plan = planOffload(layers, lower.capabilities, offload)
  const session = new Session(built.serving(plan.knobs), { knobs: plan.knobs, device, native: sys })
  session.prepare()
  tell({ type: 'ready', lower: lower.name, isolated, plan })
  if (counters.awaited() !== MOUNTED) return
  // Where mounts spread from one view to another, it has come here too.
  if (isolated) dropOwn(sys, mountpoint)
  const wire = makeRequestWire()
  const ends = openDevice(device, wire, session.out)
  if (initialise(session, wire, ends)) {
    tell({ type: 'serving' })
    serve(session, wire, ends, counters)
  }
  closeAll(session)
  tell({ type: 'ended', keptBack: session.backing?.counts.kept ?? {} })
}

run().catch((thrown: unknown) =>
  tell({ type: 'failed', message: thrown instanceof Error ? thrown.message : String(thrown) }),
)
