// What must not compile: each line below `@ts-expect-error` is an error, or the type check fails.
import {
  type Extension,
  type ExtensionMap,
  fail,
  type Guard,
  layer,
  NEXT,
  type PathOp,
  reply,
  type Verdict,
} from 'plyfs'

// A hook must return a verdict.
// @ts-expect-error void is no verdict
layer('forgets', { getattr: { request() {} } })
layer('remembers', { getattr: { request: () => NEXT } })

// The reply's type is the opcode's.
// @ts-expect-error readlink replies a string
layer('wrong', { readlink: { request: () => reply(7) } })
layer('right', { readlink: { request: () => reply('/target') } })
// @ts-expect-error an open replies a descriptor, and this is readlink's reply
const another: Verdict<'open'> = reply<'readlink'>('/target')
// @ts-expect-error reply hooks return the opcode's reply
layer('turns', { listxattr: { reply: (names) => names.length } })
layer('keeps', { listxattr: { reply: (names) => names.filter((name) => name !== 'user.secret') } })

// Opcodes, hooks and options are those of the tables.
// @ts-expect-error no such opcode
layer('unknown', { getattrs: { request: () => NEXT } })
// @ts-expect-error no such hook
layer('unknown', { getattr: { requests: () => NEXT } })
// @ts-expect-error no such option
layer('unknown', {}, { pined: true })
layer('changes', {
  unlink: {
    request(req) {
      // @ts-expect-error a request is not changed in place
      req.path = '/other'
      return NEXT
    },
  },
})

// A guard that forgets an opcode that carries a path does not compile.
const refuse = { request: () => fail('EACCES') }
type Complete = { readonly [O in PathOp]: Extension<O> }
declare const complete: Complete
const guard: Guard = complete
const { rename: _forgotten, ...incomplete } = complete
// @ts-expect-error rename is not guarded
const leaky: Guard = incomplete
// @ts-expect-error an undefined extension guards nothing
const hollow: Guard = { ...complete, rename: undefined }
const map: ExtensionMap = { unlink: refuse }

export { another, guard, hollow, leaky, map }
