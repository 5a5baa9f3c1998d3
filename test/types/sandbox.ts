// What must not compile: each line below `@ts-expect-error` is an error, or the type check fails.
import type { Guard, PathOp } from 'plyfs'
import { guardOf } from '../../layers/sandbox/guard.js'
import { type Policy, sandbox } from '../../layers/sandbox/index.js'
import type { Warden } from '../../layers/sandbox/warden.js'

declare const warden: Warden
const guard: Guard = guardOf(warden)
type Forgotten = Exclude<PathOp, keyof ReturnType<typeof guardOf>>
const none: Forgotten[] = [] satisfies never[]

const policy: Policy = { default: 'deny', rules: [{ allow: ['read', '*'], paths: ['/a'] }], root: '/' }
// @ts-expect-error no such action
const action: Policy = { rules: [{ allow: ['reed'], paths: ['/a'] }] }
// @ts-expect-error a rule has paths
const pathless: Policy = { rules: [{ allow: ['read'] }] }
// @ts-expect-error no such field
const unknown: Policy = { roots: '/' }
// @ts-expect-error no such opcode or action
sandbox(policy).check('fly', '/')
sandbox(policy).check('getattr', '/', { uid: 7 })
sandbox(policy, { audit: ({ verdict }) => verdict === 'deny' })

export { action, guard, none, pathless, unknown }
