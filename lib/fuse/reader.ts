/** The thread that reads requests for a session whose own thread must not wait: each is sent on, in memory of its own. */
import { parentPort, workerData } from 'node:worker_threads'
import { Counters } from './counters.js'
import { openDevice, WOKEN } from './device.js'
import { makeRequestWire } from './serve.js'
import { Wire } from './wire.js'

export interface ReaderData {
  readonly device: number
  readonly wake: number | undefined
  readonly shared: SharedArrayBuffer
}
/** A message, or null where the session's thread is called. */
export type FromReader = ArrayBuffer | null

const { device, wake, shared } = workerData as ReaderData
const counters = new Counters(shared)
const wire = makeRequestWire()
const ends = openDevice(device, wire, new Wire(Buffer.alloc(64)), wake)
for (;;) {
  const received = ends.receive()
  if (received === 0 || counters.isAbandoned) break
  if (counters.called) parentPort?.postMessage(null)
  if (received === WOKEN) continue
  const message = new Uint8Array(received)
  message.set(wire.bytes.subarray(0, received))
  parentPort?.postMessage(message.buffer, [message.buffer])
}
