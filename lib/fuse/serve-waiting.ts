/** Serves a session that waits: requests come from a thread that reads them. */
import { Worker } from 'node:worker_threads'
import type { Counters } from './counters.js'
import type { Device } from './device.js'
import type { FromReader, ReaderData } from './reader.js'
import { type Calls, report } from './serve.js'
import type { WaitingSession } from './waiting.js'
import { RequestWire } from './wire.js'

/** Resolves at the end of the mount. @param wire the one that INIT came in */
export const serveWaiting = (
  s: WaitingSession,
  wire: RequestWire,
  device: Device,
  counters: Counters,
  calls: Calls,
  wake: number | undefined,
): Promise<void> =>
  new Promise((resolve, reject) => {
    const name = import.meta.url.endsWith('.ts') ? './reader.ts' : './reader.js'
    const workerData: ReaderData = { device: device.fd, wake, shared: counters.shared }
    const reader = new Worker(new URL(name, import.meta.url), { workerData, trackUnmanagedFds: false })
    s.serveTo((length) => device.send(length), counters)
    reader.on('message', (message: FromReader) => {
      if (message === null) {
        calls.answer()
        return
      }
      const request = new RequestWire(Buffer.from(message))
      request.setxattr_ext = wire.setxattr_ext
      s.receive(request)
      report(s, counters)
      if (s.forgotten.length > 0) calls.forgot()
    })
    reader.on('error', reject)
    reader.on('exit', () => resolve())
  })
