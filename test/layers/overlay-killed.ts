// Commits what is on an upper, and is killed at the nth change of the lower: overlay-crash.test.ts starts it.
import { join } from 'node:path'
import { overlay } from '../../layers/overlay/index.js'
import { type Layer, layer, NEXT, OP, OPS, stack } from '../../lib/index.js'
import { rooted } from '../../lib/lower/index.js'
import { commit } from '../../lib/overlay.js'

const [dir = '', count] = process.argv.slice(2)
let left = Number(count)
const request = () => {
  if (left-- <= 0) process.kill(process.pid, 'SIGKILL')
  return NEXT
}
const writes = OPS.filter((op) => OP[op].effect === 'write' && op !== 'open')
const killer: Layer = layer('killer', Object.fromEntries(writes.map((op) => [op, { request }])))
const lower = stack(rooted(join(dir, 'lower')), [killer])
await commit(stack(lower, [overlay({ upper: rooted(join(dir, 'upper')) })]))
