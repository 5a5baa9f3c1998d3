/** The session without a mount: messages in, messages out. */
import { constants } from 'node:os'
import test from 'ava'
import { OPCODES } from '../../lib/fuse/abi.js'
import { HANDLER_OF } from '../../lib/fuse/handlers/index.js'
import { IN_HEADER } from '../../lib/fuse/layout.js'
import { layer, stack } from '../../lib/index.js'
import { fc } from '../fc.js'
import { ask, sessionOf, text } from './messages.js'
import { REQUESTS } from './wire-fixtures.js'

test('every opcode has a handler', (t) => {
  for (const [op, code] of Object.entries(OPCODES)) t.is(typeof HANDLER_OF[code], 'function', op)
})

test('a name is looked up, and what is not there is ENOENT', (t) => {
  const fs = stack()
  fs.writeFileSync('/file', 'x')
  const s = sessionOf(fs)
  t.is(ask(s, OPCODES.lookup, 1, text('file')), 0)
  t.is(s.table.size, 2)
  t.is(ask(s, OPCODES.lookup, 1, text('none')), constants.errno.ENOENT)
  t.is(ask(s, OPCODES.lookup, 99, text('file')), constants.errno.ESTALE)
  t.is(ask(s, OPCODES.forget, 2, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])), undefined)
  t.is(s.table.size, 1)
})

test('what nobody serves is ENOSYS, and an unknown opcode too', (t) => {
  const s = sessionOf()
  t.is(ask(s, OPCODES.flush, 1, Buffer.alloc(24)), constants.errno.ENOSYS)
  t.is(ask(s, 4000, 1, Buffer.alloc(8)), constants.errno.ENOSYS)
  t.is(ask(s, OPCODES.ioctl, 1, Buffer.alloc(32)), constants.errno.ENOTTY)
})

test.serial('a layer’s bug is EIO for whoever asked, and its reason is logged', (t) => {
  const logged: unknown[] = []
  const { error } = console
  console.error = (thrown: unknown) => logged.push(thrown)
  try {
    const broken = layer('broken', {
      lookup: {
        request: () => {
          throw new RangeError('a bug')
        },
      },
    })
    t.is(ask(sessionOf(stack(undefined, [broken])), OPCODES.lookup, 1, text('x')), constants.errno.EIO)
  } finally {
    console.error = error
  }
  t.true(logged[0] instanceof RangeError)
})

test('whatever is sent, the answer is whole', (t) => {
  const fs = stack()
  fs.mkdirSync('/dir')
  fs.writeFileSync('/dir/file', 'content')
  const s = sessionOf(fs)
  const codes = Object.values(OPCODES).filter((code) => code !== OPCODES.init && code !== OPCODES.destroy)
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.constantFrom('file', 'dir', 'x').map((name) => Uint8Array.from(text(name))),
    fc.constantFrom(
      ...Object.values(REQUESTS).map((hex) => Uint8Array.from(Buffer.from(hex, 'hex').subarray(IN_HEADER.SIZE))),
    ),
  )
  fc.assert(
    fc.property(fc.constantFrom(...codes), fc.nat(6), bodies, (code, nodeid, body) => {
      const errno = ask(s, code, nodeid, body)
      t.true(errno === undefined || (errno >= 0 && errno < 512))
    }),
    { numRuns: 3000 },
  )
})
