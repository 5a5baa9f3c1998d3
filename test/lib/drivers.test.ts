/** One plan, three drivers: what hooks say, and what comes of it. */
import test from 'ava'
import type { Context } from '../../lib/context.js'
import { runAsync } from '../../lib/driver/callback.js'
import { begin, interpretHead, LEFT } from '../../lib/driver/head.js'
import { runPromise } from '../../lib/driver/promise.js'
import { interpretPlan, runSync } from '../../lib/driver/sync.js'
import type { Exchange } from '../../lib/exchange.js'
import {
  AROUND,
  attempt,
  call,
  Failed,
  fail,
  forward,
  type Layer,
  layer,
  NEXT,
  type Op,
  PASSTHROUGH,
  Probe,
  type Reply,
  type Request,
  reply,
  type Verdict,
} from '../../lib/layer.js'
import type { Lower, LowerOp } from '../../lib/lower.js'
import { OPS } from '../../lib/op.js'
import { compose, layerMonoid, StackError } from '../../lib/stack.js'

const bare = { layers: [], depth: 0, maxDepth: Number.POSITIVE_INFINITY, beneath: [] }

/** A lower that answers `readlink` with the path, fails on '/missing', throws a bug on '/bug'; later, or at once. */
const fakeLower = (when: 'at once' | 'later', seen: string[] = []): Lower => {
  const answer = (op: Op, req: { path?: string; fd?: number }): unknown => {
    seen.push(`${op} ${req.path ?? req.fd}`)
    if (req.path === '/bug') throw new RangeError('a bug below')
    if (req.path === '/missing') return Failed.of('ENOENT')
    return op === 'open' ? 7 : op === 'readlink' ? req.path : undefined
  }
  const ops: Record<string, LowerOp<Op>> = {}
  for (const op of OPS) {
    ops[op] = {
      sync: (req) => answer(op, req as { path: string }) as never,
      async(req, done) {
        const go = () => {
          let out: unknown
          try {
            out = answer(op, req as { path: string })
          } catch (bug) {
            done(bug, undefined)
            return
          }
          done(null, out as never)
        }
        if (when === 'later') setImmediate(go)
        else go()
      },
    }
  }
  const capabilities = { stableInodes: true, xattr: false, renameFlags: false, noFollow: false }
  return { name: 'fake', ops: ops as unknown as Lower['ops'], native: undefined, capabilities }
}

const cx: Context = { caller: { uid: 0, gid: 0, pid: 1 }, epoch: 0, depth: 0 }

type Outcome = { value: unknown } | { errno: string } | { bug: string }
const outcome = (out: unknown): Outcome => (out instanceof Failed ? { errno: out.errno } : { value: out })
const bugged = (bug: unknown): Outcome => ({ bug: String(bug) })

/** The request through every driver (compiled and interpreted) over both kinds of lower; they must agree. Gives the outcome and what the lower saw. */
const everyWay = async (layers: () => Layer[], op: Op, req: Request<Op>): Promise<{ out: Outcome; seen: string[] }> => {
  const results: { out: Outcome; seen: string[] }[] = []
  for (const when of ['at once', 'later'] as const) {
    for (const how of ['sync', 'interpreted', 'callback', 'callback, interpreted', 'promise'] as const) {
      const seen: string[] = []
      const { exchange } = compose({ ...bare, lower: fakeLower(when, seen) }, layers())
      const plan = exchange.plans[op]
      if (how === 'callback, interpreted') plan.head = interpretHead(exchange, plan)
      let out: Outcome
      try {
        if (how === 'sync') out = outcome(runSync(exchange, op, req, cx))
        else if (how === 'interpreted') out = outcome(interpretPlan(exchange, plan)(req, cx))
        else if (how === 'promise') out = outcome(await runPromise(exchange, op, req, cx))
        else {
          out = await new Promise<Outcome>((resolve) => {
            runAsync(exchange, op, req, cx, (bug, reply) => resolve(bug === null ? outcome(reply) : bugged(bug)))
          })
        }
      } catch (bug) {
        out = bugged(bug)
      }
      results.push({ out, seen })
    }
  }
  const first = results[0] as { out: Outcome; seen: string[] }
  for (const other of results)
    if (JSON.stringify(other) !== JSON.stringify(first)) throw new Error(JSON.stringify(results))
  return first
}

const at = (path: string) => ({ path })

test('NEXT goes down, reply and error hooks see what comes up', async (t) => {
  const layers = () => [
    layer('up', {
      readlink: { reply: (target) => `${target}!`, error: (errno) => (errno === 'ENOENT' ? fail('EIO') : NEXT) },
    }),
    layer('next', { readlink: { request: () => NEXT } }),
  ]
  t.deepEqual(await everyWay(layers, 'readlink', at('/a')), { out: { value: '/a!' }, seen: ['readlink /a'] })
  t.deepEqual((await everyWay(layers, 'readlink', at('/missing'))).out, { errno: 'EIO' })
})

test('reply answers without asking below; the layer that answered does not see its own answer', async (t) => {
  const layers = () => [
    layer('above', { readlink: { reply: (target) => `${target}+` } }),
    layer('answers', { readlink: { request: () => reply('here'), reply: (target) => `${target} twice` } }),
    layer('below', { readlink: { request: () => fail('EIO') } }),
  ]
  t.deepEqual(await everyWay(layers, 'readlink', at('/a')), { out: { value: 'here+' }, seen: [] })
})

test('an error hook can mend a failure', async (t) => {
  const layers = () => [layer('mends', { readlink: { error: () => reply('mended') } })]
  t.deepEqual((await everyWay(layers, 'readlink', at('/missing'))).out, { value: 'mended' })
})

test('a reply hook can refuse what came up; above it, that is a failure', async (t) => {
  const layers = () => [
    layer('top', {
      readlink: { reply: (target) => `${target}!`, error: (errno) => (errno === 'EPERM' ? NEXT : reply(errno)) },
    }),
    layer('refuses', { readlink: { reply: (target) => fail(target === '/a' ? 'EPERM' : 'EACCES') } }),
    layer('below', { readlink: { reply: (target) => target } }),
  ]
  t.deepEqual((await everyWay(layers, 'readlink', at('/a'))).out, { errno: 'EPERM' })
  t.deepEqual((await everyWay(layers, 'readlink', at('/b'))).out, { value: 'EACCES' })
  const alone = () => layers().slice(1)
  t.deepEqual((await everyWay(alone, 'readlink', at('/a'))).out, { errno: 'EPERM' })
})

test('PASSTHROUGH skips what is below, in both directions, but not what is pinned', async (t) => {
  const visits: string[] = []
  const noting = (name: string, pinned: boolean) =>
    layer(
      name,
      {
        readlink: {
          request: () => {
            visits.push(`${name} down`)
            return NEXT
          },
          reply: (target) => {
            visits.push(`${name} up`)
            return target
          },
        },
      },
      { pinned },
    )
  const layers = () => [
    noting('first', false),
    layer('passes', { readlink: { request: () => PASSTHROUGH } }),
    noting('skipped', false),
    noting('guard', true),
  ]
  const { seen } = await everyWay(layers, 'readlink', at('/a'))
  t.deepEqual(seen, ['readlink /a'])
  t.deepEqual(visits.slice(0, 4), ['first down', 'guard down', 'guard up', 'first up'])
  t.false(visits.includes('skipped down') || visits.includes('skipped up'))
})

test('forward changes the request below; above, and at the layer itself, the first one stands', async (t) => {
  const layers = () => [
    layer('above', { readlink: { reply: (target, { path }) => `${target} seen above as ${path}` } }),
    layer('moves', {
      readlink: {
        request: (req) => forward({ ...req, path: `/base${req.path}` }),
        reply: (target, { path }) => `${target} asked as ${path},`,
      },
    }),
    layer('below', { readlink: { reply: (target, { path }) => `${target} (${path})` } }),
  ]
  t.deepEqual(await everyWay(layers, 'readlink', at('/a')), {
    out: { value: '/base/a (/base/a) asked as /a, seen above as /a' },
    seen: ['readlink /base/a'],
  })
})

test('around makes one request several, below its own layer', async (t) => {
  const layers = () => [
    layer('above', { unlink: { request: () => fail('EIO') }, readlink: { reply: (target) => `<${target}>` } }),
    layer('several', {
      readlink: {
        *around(req) {
          yield* call('unlink', { path: '/x' })
          const missing = yield* attempt('readlink', { path: '/missing' })
          const below = yield* call('readlink', req)
          return `${missing instanceof Failed ? missing.errno : '?'} ${below}`
        },
      },
    }),
    layer('below', { readlink: { reply: (target) => `[${target}]` } }),
  ]
  t.deepEqual(await everyWay(layers, 'readlink', at('/a')), {
    out: { value: '<ENOENT [/a]>' },
    seen: ['unlink /x', 'readlink /missing', 'readlink /a'],
  })
})

test('a failure that an around does not catch is its answer', async (t) => {
  const layers = () => [
    layer('several', {
      readlink: {
        request: ({ path }) => (path === '/fast' ? reply('fast') : AROUND),
        *around() {
          return yield* call('readlink', { path: '/missing' })
        },
      },
    }),
  ]
  t.deepEqual((await everyWay(layers, 'readlink', at('/a'))).out, { errno: 'ENOENT' })
  t.deepEqual((await everyWay(layers, 'readlink', at('/fast'))).out, { value: 'fast' })
})

test('ten thousand requests of one around do not deepen the stack', async (t) => {
  const layers = () => [
    layer('many', {
      readlink: {
        *around() {
          let last = ''
          for (let k = 0; k < 10_000; k++) last = yield* call('readlink', { path: `/${k}` })
          return last
        },
      },
    }),
    layer('answers', { readlink: { request: ({ path }) => reply(path) } }),
  ]
  t.deepEqual((await everyWay(layers, 'readlink', at('/a'))).out, { value: '/9999' })
})

/** Asks for the text of `path`, and goes by it. */
class Ask extends Probe<'readlink', 'readlink'> {
  constructor(
    path: string,
    readonly then: (out: Reply<'readlink'> | Failed, req: Request<'readlink'>) => Verdict<'readlink'>,
  ) {
    super('readlink', { path })
  }
  answered(out: Reply<'readlink'> | Failed, req: Request<'readlink'>): Verdict<'readlink'> {
    return this.then(out, req)
  }
}

test('a probe asks below its own layer, and its answer decides on the request', async (t) => {
  const asks = (then: Ask['then'], path = '/asked') => [
    layer('above', { readlink: { reply: (target) => `<${target}>` } }),
    layer('asks', {
      readlink: {
        request: () => new Ask(path, then),
        *around(req) {
          return `around ${yield* call('readlink', req)}`
        },
        reply: (target) => `${target} seen`,
        error: (errno) => (errno === 'EIO' ? reply('own failure') : NEXT),
      },
    }),
    layer('below', { readlink: { reply: (target) => `[${target}]` } }),
  ]
  const both = ['readlink /asked', 'readlink /a']
  const cases: readonly [Ask['then'], Outcome, string[]][] = [
    [(out, { path }) => reply(`${out} for ${path}`), { value: '<[/asked] for /a>' }, ['readlink /asked']],
    [() => fail('EIO'), { errno: 'EIO' }, ['readlink /asked']],
    [() => NEXT, { value: '<[/a] seen>' }, both],
    [() => PASSTHROUGH, { value: '</a seen>' }, both],
    [() => forward({ path: '/b' }), { value: '<[/b] seen>' }, ['readlink /asked', 'readlink /b']],
    [() => AROUND, { value: '<around [/a]>' }, both],
    [
      (first) => new Ask('/again', (second) => reply(`${first} ${second}`)),
      { value: '<[/asked] [/again]>' },
      ['readlink /asked', 'readlink /again'],
    ],
    [
      () => {
        throw new RangeError('a bug above')
      },
      { bug: 'RangeError: a bug above' },
      ['readlink /asked'],
    ],
    [() => undefined as never, { bug: String(notAVerdict) }, ['readlink /asked']],
  ]
  for (const [then, out, seen] of cases)
    t.deepEqual(await everyWay(() => asks(then), 'readlink', at('/a')), { out, seen })
  const failing: Ask['then'] = (out) => reply(out instanceof Failed ? out.errno : 'none')
  t.deepEqual((await everyWay(() => asks(failing, '/missing'), 'readlink', at('/a'))).out, { value: '<ENOENT>' })
  t.deepEqual((await everyWay(() => asks(failing, '/bug'), 'readlink', at('/a'))).out, {
    bug: 'RangeError: a bug below',
  })
  // Nobody below looks at it.
  const alone = () => asks((out) => reply(`${out}`)).slice(0, 2)
  t.deepEqual((await everyWay(alone, 'readlink', at('/a'))).out, { value: '</asked>' })
})
const notAVerdict = new TypeError(
  "layer 'asks', readlink.request: expected a verdict (NEXT, PASSTHROUGH, reply(value), fail(errno) …), found undefined",
)

test('requests in flight that share are performed once, for callers that do not wait', async (t) => {
  const seen: string[] = []
  const token = {}
  const { exchange } = compose({ ...bare, lower: fakeLower('later', seen) }, [
    layer('single flight', {
      readlink: {
        *around(req) {
          const out = yield* attempt('readlink', req, token)
          return out instanceof Failed ? out : `${out} for ${req.path}`
        },
      },
    }),
  ])
  const paths = ['/a', '/b', '/c']
  const outs = await Promise.all(paths.map((path) => runPromise(exchange, 'readlink', at(path), cx)))
  t.deepEqual(outs, ['/a for /a', '/a for /b', '/a for /c'])
  t.deepEqual(seen, ['readlink /a'])
  // Once it has landed, the next one sets out.
  t.is(await runPromise(exchange, 'readlink', at('/d'), cx), '/d for /d')
  const missing = await Promise.all(['/missing', '/e'].map((path) => runPromise(exchange, 'readlink', at(path), cx)))
  t.deepEqual(missing, [Failed.of('ENOENT'), Failed.of('ENOENT')])
  t.is(exchange.flights.size, 0)
})

test('a bug in a hook surfaces as itself, and the stack stays usable', async (t) => {
  for (const hook of ['request', 'reply', 'around'] as const) {
    const bug = new RangeError(`a bug in ${hook}`)
    const broken = {
      request: {
        request: () => {
          throw bug
        },
      },
      reply: {
        reply: () => {
          throw bug
        },
      },
      around: {
        // biome-ignore lint/correctness/useYield: it throws before it would
        *around() {
          throw bug
        },
      },
    }[hook] as never
    const { exchange } = compose({ ...bare, lower: fakeLower('later') }, [
      layer('broken', { readlink: broken }),
      layer('limit', {}, { maxDepth: 8 }),
    ])
    t.is(
      t.throws(() => runSync(exchange, 'readlink', at('/a'), cx)),
      bug,
    )
    t.is(await t.throwsAsync(async () => runPromise(exchange, 'readlink', at('/a'), cx)), bug)
    await new Promise<void>((resolve) => {
      runAsync(exchange, 'readlink', at('/a'), cx, (thrown) => {
        t.is(thrown, bug)
        resolve()
      })
    })
    t.is(runSync(exchange, 'unlink', at('/a'), cx), undefined)
  }
})

test('a bug below reaches an around as an exception, and its finally runs', async (t) => {
  let cleaned = 0
  const layers = () => [
    layer('several', {
      readlink: {
        *around() {
          try {
            return yield* call('readlink', { path: '/bug' })
          } finally {
            cleaned++
          }
        },
      },
    }),
  ]
  t.deepEqual((await everyWay(layers, 'readlink', at('/a'))).out, { bug: 'RangeError: a bug below' })
  t.is(cleaned, 10)
})

test('what is no verdict is named, with its layer', async (t) => {
  const layers = () => [layer('forgetful', { readlink: { request: (() => undefined) as never } })]
  const { out } = await everyWay(layers, 'readlink', at('/a'))
  t.regex((out as { bug: string }).bug, /TypeError: layer 'forgetful', readlink\.request: expected a verdict/)
})

test('a hook that calls its own stack is refused with ELOOP where the depth is limited', async (t) => {
  let exchange: Exchange
  const heard: unknown[] = []
  const reentrant = layer('reentrant', {
    readlink: {
      request: () => {
        heard.push(outcome(runSync(exchange, 'unlink', at('/x'), cx)))
        runAsync(exchange, 'unlink', at('/x'), cx, (_bug, out) => heard.push(outcome(out)))
        return NEXT
      },
    },
    unlink: { request: () => NEXT },
  })
  exchange = compose({ ...bare, lower: fakeLower('later') }, [reentrant, layer('limit', {}, { maxDepth: 8 })]).exchange
  runSync(exchange, 'readlink', at('/a'), cx)
  await runPromise(exchange, 'readlink', at('/a'), cx)
  t.deepEqual(heard, Array(4).fill({ errno: 'ELOOP' }))
  // From outside it still answers, also from within a callback.
  t.is(runSync(exchange, 'unlink', at('/x'), cx), undefined)
})

test('the compiled plan and the interpreted one ask the same hooks in the same order', (t) => {
  const verdicts = [
    () => NEXT,
    () => PASSTHROUGH,
    () => reply('r'),
    () => fail('EIO'),
    (r: Request<'readlink'>) => forward({ ...r, path: '/f' }),
  ]
  // Every stack of three layers out of these, with and without hooks on the way up and pins.
  for (let code = 0; code < verdicts.length ** 3 * 8; code++) {
    const trace = (run: 'compiled' | 'interpreted'): string => {
      const heard: string[] = []
      const layers = [0, 1, 2].map((k) => {
        const verdict = verdicts[Math.floor(code / 8 / verdicts.length ** k) % verdicts.length] as (typeof verdicts)[0]
        const up = (code >> k) & 1
        return layer(
          `l${k}`,
          {
            readlink: {
              request: (req) => {
                heard.push(`down ${k} ${req.path}`)
                return verdict(req) as never
              },
              ...(up === 1 && {
                reply: (target: string, { path }: Request<'readlink'>) => {
                  heard.push(`up ${k} ${path}`)
                  return k === 1 && code % 7 === 0 ? Failed.of('EACCES') : target + k
                },
                error: (errno: string) => {
                  heard.push(`error ${k} ${errno}`)
                  return k === 0 ? reply<'readlink'>('mended') : NEXT
                },
              }),
            },
          },
          { pinned: k === 2 },
        )
      })
      const { exchange } = compose({ ...bare, lower: fakeLower('at once', heard) }, layers)
      const req = at(code % 3 === 0 ? '/missing' : '/a')
      const out =
        run === 'compiled'
          ? runSync(exchange, 'readlink', req, cx)
          : interpretPlan(exchange, exchange.plans.readlink)(req, cx)
      return JSON.stringify([outcome(out), heard])
    }
    if (trace('compiled') !== trace('interpreted')) t.fail(`${trace('compiled')} but ${trace('interpreted')}`)
  }
  t.pass()
})

test('open files are known from open to release', (t) => {
  const { exchange } = compose({ ...bare, lower: fakeLower('later') }, [
    layer('eyes', { open: { request: () => NEXT } }),
  ])
  t.is(runSync(exchange, 'open', { path: '/a', flags: 0, mode: 0 }, cx), 7)
  const file = exchange.files.get(7)
  t.is(file?.path, '/a')
  runSync(exchange, 'release', { fd: 7, file }, cx)
  t.is(exchange.files.get(7), undefined)
  t.true(file?.closed)
})

test('where only own files are allowed, a foreign descriptor is EBADF', async (t) => {
  const layers = () => [layer('own', {}, { ownFilesOnly: true })]
  t.deepEqual(await everyWay(layers, 'fsync', { fd: 1, file: undefined, datasync: false }), {
    out: { errno: 'EBADF' },
    seen: [],
  })
})

test('unsafe stacks are refused, and the refusal says what to do', (t) => {
  const build = (layers: Layer[], base = bare) => compose({ ...base, lower: fakeLower('later') }, layers)
  const cache = layer('cache', {}, { answers: true })
  const guard = layer('guard', {}, { pinned: true })
  const order = t.throws(() => build([cache, guard]), { instanceOf: StackError })
  t.is(order?.code, 'ERR_PLYFS_ORDER')
  t.regex(order?.message ?? '', /'cache' stands above 'guard'.*put 'guard' above 'cache'/)
  t.notThrows(() => build([guard, cache]))

  const kept = layer('kept', {}, { stateful: true })
  t.is(t.throws(() => build([kept, kept]), { instanceOf: StackError })?.code, 'ERR_PLYFS_ATTACHED')
  build([kept])
  t.regex(t.throws(() => build([kept]), { instanceOf: StackError })?.message ?? '', /'kept'.*make another one/)

  const deep = t.throws(() => build([layer('limit', {}, { maxDepth: 1 })], { ...bare, depth: 1 }), {
    instanceOf: StackError,
  })
  t.is(deep?.code, 'ELOOP')
  t.regex(deep?.message ?? '', /'limit' allows 1/)

  t.throws(() => build([undefined as never]), { instanceOf: StackError, message: /layers\[0\].*undefined/ })
  t.throws(() => build([(() => cache) as never]), { message: /a function \(call it first\?\)/ })
  t.throws(() => layer('x', { nosuch: {} } as never), { message: /unknown opcode 'nosuch'/ })
  t.throws(() => layer('x', { open: { requst: () => NEXT } } as never), { message: /unknown hook 'requst'/ })
  t.throws(() => layer('x', {}, { pined: true } as never), { message: /unknown option 'pined'/ })
})

test('layers are a monoid', (t) => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => layer(name, {})) as [Layer, Layer, Layer]
  const { concat, empty } = layerMonoid
  const names = (whole: Layer) => compose({ ...bare, lower: fakeLower('later') }, [whole]).mark.layers
  t.deepEqual(names(concat(concat(a, b), c)), ['a', 'b', 'c'])
  t.deepEqual(names(concat(a, concat(b, c))), ['a', 'b', 'c'])
  t.is(concat(empty, a), a)
  t.is(concat(a, empty), a)
  t.deepEqual(names(empty), [])
})

test('fail takes codes and numbers of either sign, and nothing else', (t) => {
  for (const errno of ['EACCES', 13, -13]) t.is(fail(errno).errno, 'EACCES')
  t.is(fail('ENOENT'), fail(2))
  t.throws(() => fail('ENOSUCH'), { message: /no such errno/ })
  t.throws(() => fail(99999), { message: /no such errno/ })
})

test('a request that was left, and then given up, is not gone on with in the place of another', async (t) => {
  const seen: string[] = []
  const above = layer('above', {
    readlink: {
      request: () => NEXT,
      error: () => AROUND,
      *around(req) {
        seen.push(`again ${req.path}`)
        return yield* attempt('readlink', { path: `${req.path}-again` })
      },
    },
  })
  const below = layer('below', {
    readlink: { request: (req) => (req.path === '/given-up' ? Failed.of('ELOOP') : NEXT) },
  })
  const { exchange } = compose({ ...bare, lower: fakeLower('later') }, [above, below])
  const cx = exchange.context(exchange.caller)
  // As where the caller's stack ends between the two.
  t.is(begin(exchange, exchange.plans.readlink, { path: '/given-up' }, cx), LEFT)
  const out = await new Promise((resolve) =>
    runAsync(exchange, 'readlink', { path: '/other' }, cx, (_, got) => resolve(got)),
  )
  t.is(out, '/other')
  t.deepEqual(seen, [])
})
