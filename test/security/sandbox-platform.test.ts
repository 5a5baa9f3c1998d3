// What a sandbox says where the lower cannot refuse swapped links.
import test from 'ava'
import { sandbox } from '../../layers/index.js'
import { hostLower } from '../../lib/lower/host.js'
import { exchangeOver } from '../layers/harness.js'

const without = { ...hostLower(), capabilities: { ...hostLower().capabilities, noFollow: false } }

test('over a real filesystem that cannot refuse links at the moment of use, a sandbox must be told to go on', (t) => {
  const error = t.throws(() => exchangeOver(without, [sandbox({ root: '/srv' })]), { code: 'ERR_PLYFS_UNSAFE' })
  t.regex(String(error?.message), /unsafe: true/)
  t.notThrows(() => exchangeOver(without, [sandbox({ root: '/srv', unsafe: true })]))
  t.notThrows(() => exchangeOver(hostLower(), [sandbox({ root: '/srv' })]))
})
