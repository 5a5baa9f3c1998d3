// Where clients work: in memory, and on a sandboxed, cached host.
import nodeFs from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { metadataCache, requestCount, sandbox } from '../../layers/index.js'
import { install, type PlyFs, stack } from '../../lib/index.js'
import { host, memory, union } from '../../lib/lower/index.js'

/** Clients are programs of others; not all come with types. */
// biome-ignore lint/suspicious/noExplicitAny: whatever the package exports
export const load: ((name: string) => any) & { cache: NodeJS.Dict<unknown> } = createRequire(import.meta.url)
// biome-ignore lint/suspicious/noExplicitAny: whatever the package exports
export const loadModule = (name: string): Promise<any> => import(name)

export interface Place {
  readonly fs: PlyFs
  /** An empty directory. */
  readonly dir: string
  /** How many requests have come to the stack. */
  requests(): number
}

const inMemory = (): Place => {
  const counter = requestCount()
  const fs = stack(memory(), [counter])
  fs.mkdirSync('/work', { recursive: true })
  return { fs, dir: '/work', requests: () => total(counter.counts()) }
}

/** @param root what the sandbox lets the client see; default: its directory alone */
const onHost = (t: ExecutionContext, root?: string): Place => {
  const dir = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-client-')))
  t.teardown(() => nodeFs.rmSync(dir, { recursive: true, force: true }))
  const counter = requestCount()
  const fs = stack(host(), [counter, sandbox({ root: root ?? dir }), metadataCache({ ttlMs: 60_000 })])
  return { fs, dir, requests: () => total(counter.counts()) }
}

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0)

/** The same test in both places. It fails where the client did not come to the stack at all. */
export const both = (name: string, run: (t: ExecutionContext, place: Place) => Promise<void> | void): void => {
  test.serial(`${name}, in memory`, async (t) => {
    const place = inMemory()
    await run(t, place)
    t.true(place.requests() > 0)
  })
  test.serial(`${name}, on a sandboxed, cached host`, async (t) => {
    const place = onHost(t)
    await run(t, place)
    t.true(place.requests() > 0)
  })
}

/** Changes stay in memory; what is not there is read from the host: the client's own modules are. */
const overHost = (): Place => {
  const counter = requestCount()
  const upper = memory()
  const dir = '/plyfs-client'
  upper.mkdirSync(dir)
  const fs = stack(union([upper, host()], { write: upper }), [counter])
  return { fs, dir, requests: () => total(counter.counts()) }
}

/** Clients keep functions of node:fs that they found when they were loaded. */
const forget = (): void => {
  for (const file of Object.keys(load.cache)) if (file.includes('/node_modules/')) delete load.cache[file]
}

/** For clients that always use node:fs: it is the stack while `run` runs, and they are loaded through it. */
export const installed = (name: string, run: (t: ExecutionContext, place: Place) => Promise<void> | void): void => {
  test.serial(`${name}, over memory through install()`, async (t) => {
    const place = overHost()
    forget()
    const restore = install(place.fs)
    try {
      await run(t, place)
    } finally {
      restore()
    }
    t.true(place.requests() > 0)
  })
  test.serial(`${name}, over a sandboxed, cached host through install()`, async (t) => {
    const place = onHost(t, '/')
    forget()
    const restore = install(place.fs)
    try {
      await run(t, place)
    } finally {
      restore()
    }
    t.true(place.requests() > 0)
  })
}

/** Some files to find. */
export const plant = ({ fs, dir }: Place): void => {
  fs.mkdirSync(`${dir}/src/inner`, { recursive: true })
  fs.writeFileSync(`${dir}/src/a.js`, 'module.exports = require("./inner/b") + 1\n')
  fs.writeFileSync(`${dir}/src/inner/b.js`, 'module.exports = 41\n')
  fs.writeFileSync(`${dir}/src/inner/note.txt`, 'a note\n')
  fs.symlinkSync('src', `${dir}/link`)
}
