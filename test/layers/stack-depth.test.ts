import test from 'ava'
import { type StackDepthOptions, stackDepth } from '../../layers/stack-depth.js'
import { ConfigError } from '../../lib/codec/error.js'
import { type Layer, layer } from '../../lib/extension.js'
import { memoryLower } from '../../lib/lower/memory.js'
import { compose, StackError } from '../../lib/stack.js'
import { NEXT } from '../../lib/verdict.js'
import { Asker, baseOf, conventions, exchangeOver, grounds } from './harness.js'

const over = (depth: number, layers: readonly Layer[], beneath: readonly string[] = [], maxDepth = Infinity) => {
  const { lower } = (grounds[0] as (typeof grounds)[0])()
  return compose({ ...baseOf(lower), depth, beneath, maxDepth }, layers)
}

test('up to max stacks stand on each other', (t) => {
  t.is(over(7, [stackDepth()]).mark.depth, 8)
  t.is(over(1, [stackDepth({ max: 2 })]).mark.depth, 2)
  const error = t.throws(() => over(8, [layer('mine', {}), stackDepth()], ['theirs']), { instanceOf: StackError })
  t.is(error.code, 'ELOOP')
  t.regex(error.message, /^ELOOP: 9 stacks .*allows 8 .*mine, stackDepth, theirs/)
})

test('a limit below holds for what is stacked on it', (t) => {
  t.throws(() => over(2, [], ['stackDepth'], 2), { instanceOf: StackError, code: 'ELOOP' })
  t.is(over(1, [stackDepth({ max: 5 })], [], 3).mark.maxDepth, 3)
})

test('no opcode pays for it', (t) => {
  const { exchange } = compose(baseOf(memoryLower()), [stackDepth()])
  t.deepEqual(stackDepth().extensions, {})
  t.true(exchange.isDirect('getattr') && exchange.isDirect('read'))
  t.deepEqual(stackDepth({ max: 3 }).stats(), { max: 3 })
  t.like(stackDepth({ max: 3 }), { maxDepth: 3, offload: { maxStackDepth: 3 } })
})

for (const convention of conventions) {
  for (const make of grounds) {
    const { name, remove } = make()
    remove()
    test(`a hook that calls its own stack is refused (${convention}, ${name})`, async (t) => {
      const ground = make()
      try {
        const inner: unknown[] = []
        let again: (() => void) | undefined
        const reentrant = layer('reentrant', {
          getattr: {
            request() {
              again?.()
              return NEXT
            },
          },
        })
        const x = exchangeOver(ground.lower, [stackDepth(), reentrant])
        const asker = new Asker(x, convention)
        const stat = () => asker.ask('getattr', { path: ground.root, follow: true, precise: false })
        again = () => {
          void stat().then((out) => inner.push(out))
        }
        t.not(typeof (await stat()), 'string')
        await new Promise((resolve) => setImmediate(resolve))
        t.deepEqual(inner, ['ELOOP'])
        // And the stack still works.
        again = undefined
        t.not(typeof (await stat()), 'string')
      } finally {
        ground.remove()
      }
    })
  }
}

test('options are checked', (t) => {
  const refused = (options: unknown) =>
    t.throws(() => stackDepth(options as StackDepthOptions), { instanceOf: ConfigError }).field
  for (const max of [0, -1, 1.5, Number.NaN, '8', null]) t.is(refused({ max }), 'stackDepth.max')
  t.is(refused({ depth: 8 }), 'stackDepth.depth')
})
