/** A session without a mount: messages in, messages out. */
import type { Exchange } from '../../lib/exchange.js'
import { exchangeOf } from '../../lib/face/node-fs.js'
import { planOffload } from '../../lib/fuse/index.js'
import { IN_HEADER, OUT_HEADER } from '../../lib/fuse/layout.js'
import { handle, makeRequestWire } from '../../lib/fuse/serve.js'
import { Session } from '../../lib/fuse/session.js'
import { type Layer, stack } from '../../lib/index.js'

/** @param taken layers that the kernel stands in for: beside those of `fs` */
export const sessionOf = (fs = stack(), taken: readonly Layer[] = []): Session => {
  const x = exchangeOf(fs) as Exchange
  const { knobs } = planOffload([...x.layers, ...taken], x.lower.capabilities)
  return new Session(x, { knobs, native: undefined })
}
const wire = makeRequestWire()
/** Sends a body under an opcode; the reply's errno (0: success), or undefined for none. */
export const ask = (s: Session, opcode: number, nodeid: number, body: Uint8Array, uid = 0): number | undefined => {
  const length = IN_HEADER.SIZE + body.length
  wire.bytes.fill(0, 0, IN_HEADER.SIZE)
  wire.view.setUint32(IN_HEADER.len, length, true)
  wire.view.setUint32(IN_HEADER.opcode, opcode, true)
  wire.view.setBigUint64(IN_HEADER.unique, 42n, true)
  wire.view.setBigUint64(IN_HEADER.nodeid, BigInt(nodeid), true)
  wire.view.setUint32(IN_HEADER.uid, uid, true)
  wire.bytes.set(body, IN_HEADER.SIZE)
  const sent = handle(s, wire, length)
  if (sent === 0) return undefined
  if (s.out.view.getUint32(OUT_HEADER.len, true) !== sent) throw new Error('a reply of another length')
  if (s.out.view.getBigUint64(OUT_HEADER.unique, true) !== 42n) throw new Error('a reply to another request')
  return 0 - s.out.view.getInt32(OUT_HEADER.error, true)
}
/** A name, as bodies end with it. */
export const text = (name: string): Buffer => Buffer.from(`${name}\0`)
