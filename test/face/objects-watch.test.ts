// watch, watchFile and fs.promises.watch, beside node:fs's own.
import { type EventEmitter, once } from 'node:events'
import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { type ExtensionMap, fail, layer, NEXT, stack } from '../../lib/index.js'
import { everything, notHere, outcome, scratch } from './everything.js'

const hooked = stack(fs, [everything()])

const same = (title: string, step: (of: typeof fs, dir: string) => unknown) =>
  test(title, async (t) => {
    const results: unknown[] = []
    for (const of of [fs, hooked]) {
      const dir = scratch(t)
      const out = await outcome(() => step(of, dir))
      results.push(JSON.parse(JSON.stringify(out).replaceAll(dir, '')))
    }
    t.deepEqual(results[1], results[0])
  })

same('a change comes with its name', async (of, dir) => {
  fs.writeFileSync(`${dir}/file`, '')
  const watcher = of.watch(dir)
  fs.appendFileSync(`${dir}/file`, 'x')
  const event = await once(watcher, 'change')
  watcher.close()
  await once(watcher, 'close')
  return [event, watcher.constructor.name]
})
same('the listener, and an encoding', async (of, dir) => {
  const event = new Promise<unknown>((resolve) => {
    const watcher = of.watch(dir, { encoding: 'hex' } as never, (type, name) => {
      watcher.close()
      resolve([type, name])
    })
  })
  fs.writeFileSync(`${dir}/new`, '')
  return event
})
same('names as buffers', async (of, dir) => {
  const watcher = of.watch(dir, 'buffer')
  fs.writeFileSync(`${dir}/new`, '')
  const [, name] = await once(watcher, 'change')
  watcher.close()
  return Buffer.isBuffer(name) && name.toString()
})
same('a signal closes it', async (of, dir) => {
  const controller = new AbortController()
  const watcher = of.watch(dir, { signal: controller.signal })
  controller.abort()
  await once(watcher, 'close')
  return 'closed'
})
same('a signal that has fired', async (of, dir) => {
  const watcher = of.watch(dir, { signal: AbortSignal.abort() })
  await once(watcher, 'close')
  return 'closed'
})
same('closing twice', async (of, dir) => {
  const watcher = of.watch(dir)
  let closed = 0
  watcher.on('close', () => closed++)
  watcher.close()
  watcher.close()
  await sleep(10)
  return closed
})
same('ref and unref', (of, dir) => {
  const watcher = of.watch(dir, { persistent: false })
  const chain = watcher.unref() === watcher && watcher.ref() === watcher
  watcher.close()
  return chain
})
same('a missing path', (of, dir) => of.watch(`${dir}/missing`))
if (notHere('a missing path, recursively') === undefined)
  same('a missing path, recursively', (of, dir) => of.watch(`${dir}/missing`, { recursive: true }))
same('no path', (of) => of.watch(5 as never))
same('a bad encoding', (of, dir) => of.watch(dir, { encoding: 'bad' as never }))
same('the error carries filename', (of, dir) => {
  try {
    return of.watch(`${dir}/missing`)
  } catch (error) {
    return (error as { filename?: string }).filename
  }
})

same('promises.watch', async (of, dir) => {
  const controller = new AbortController()
  const events: unknown[] = []
  setTimeout(() => fs.writeFileSync(`${dir}/file`, ''), 20)
  try {
    for await (const event of of.promises.watch(dir, { signal: controller.signal })) {
      events.push(event)
      controller.abort()
    }
  } catch (error) {
    events.push((error as Error).name, (error as { code?: string }).code)
  }
  return events
})
same('promises.watch of a missing path', async (of, dir) => {
  for await (const _ of of.promises.watch(`${dir}/missing`)) break
})
same('promises.watch, aborted before', async (of, dir) => {
  for await (const _ of of.promises.watch(dir, { signal: AbortSignal.abort() })) break
})
same('promises.watch in buffers', async (of, dir) => {
  const events = of.promises.watch(dir, { encoding: 'buffer', signal: AbortSignal.timeout(20) })
  for await (const _ of events) break
})
same('promises.watch with what is no boolean', async (of, dir) => {
  for await (const _ of of.promises.watch(dir, { persistent: 5 } as never)) break
})

const quick = { interval: 15 }
same('watchFile: a change', async (of, dir) => {
  const file = `${dir}/file`
  fs.writeFileSync(file, 'a')
  const changed = new Promise<unknown>((resolve) => {
    of.watchFile(file, quick, (now, before) => resolve([now.size, before.size, now instanceof fs.Stats]))
  })
  await sleep(60)
  fs.writeFileSync(file, 'longer')
  const out = await changed
  of.unwatchFile(file)
  return out
})
same('watchFile: a file that comes and goes', async (of, dir) => {
  const file = `${dir}/file`
  const seen: unknown[] = []
  let wake = (): void => {}
  of.watchFile(file, quick, (now, before) => {
    seen.push([now.size, before.size, now.mtimeMs === 0])
    wake()
  })
  const next = () =>
    new Promise<void>((resolve) => {
      wake = resolve
    })
  await next()
  fs.writeFileSync(file, 'abc')
  await next()
  fs.rmSync(file)
  await next()
  of.unwatchFile(file)
  return seen
})
same('watchFile: bigint', async (of, dir) => {
  const changed = new Promise<unknown>((resolve) => {
    of.watchFile(`${dir}/missing`, { ...quick, bigint: true }, (now: fs.BigIntStats) => resolve(typeof now.size))
  })
  const out = await changed
  of.unwatchFile(`${dir}/missing`)
  return out
})
same('unwatchFile: one listener, then all', async (of, dir) => {
  const [a, b, c] = [() => {}, () => {}, () => {}]
  const watcher = of.watchFile(dir, quick, a) as unknown as EventEmitter
  const again = of.watchFile(dir, quick, b) as unknown as EventEmitter
  of.watchFile(dir, quick, c)
  of.unwatchFile(dir, a)
  const left = watcher.listenerCount('change')
  const stopped = once(watcher, 'stop')
  of.unwatchFile(dir)
  await stopped
  return [watcher === again, left, watcher.listenerCount('change'), watcher.constructor.name]
})
same('unwatchFile of what is not watched', (of, dir) => of.unwatchFile(dir))
same('watchFile without a listener', (of, dir) => of.watchFile(dir, undefined as never))
same('watchFile of no path', (of) => of.watchFile(5 as never, () => {}))
same('watchFile with a bad interval', (of, dir) => of.watchFile(dir, { interval: -1 }, () => {}))

test('a guard sees watch and the polling of watchFile', async (t) => {
  const seen: string[] = []
  const guard: ExtensionMap = {
    watch: { request: () => fail('EACCES') },
    getattr: {
      request: ({ path }) => {
        seen.push(path)
        return NEXT
      },
    },
  }
  const guarded = stack(fs, [layer('guard', guard)])
  t.throws(() => guarded.watch('/'), { code: 'EACCES' })
  guarded.watchFile('/', quick, () => {})
  for (let k = 0; k < 200 && seen.length < 2; k++) await sleep(15)
  guarded.unwatchFile('/')
  t.deepEqual(seen.slice(0, 2), ['/', '/'])
})
