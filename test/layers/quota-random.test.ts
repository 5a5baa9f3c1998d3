// Random work by several at once, in each convention: a quota is never exceeded, nothing is half-written, all is counted.

import test from 'ava'
import { quota, sandbox } from '../../layers/index.js'
import { type PlyFs, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { fc } from '../fc.js'

const BYTES = 64
const FILES = 5
const HANDLES = 2
const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as const
const REFUSALS = new Set(['EDQUOT', 'EMFILE', 'ENOSPC'])

interface Step {
  readonly what: 'write' | 'append' | 'remove' | 'truncate' | 'hold' | 'let go' | 'mkdir' | 'rename'
  readonly name: (typeof names)[number]
  readonly other: (typeof names)[number]
  readonly size: number
}
const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('write', 'append', 'remove', 'truncate', 'hold', 'let go', 'mkdir', 'rename'),
  name: fc.constantFrom(...names),
  other: fc.constantFrom(...names),
  size: fc.integer({ min: 0, max: 48 }),
})

type Call = (fs: PlyFs, name: string, ...args: unknown[]) => Promise<unknown>
type Methods = Record<string, (...args: unknown[]) => unknown>
const conventions: Readonly<Record<string, Call>> = {
  sync: async (fs, name, ...args) => (fs as unknown as Methods)[`${name}Sync`]?.(...args),
  callback: (fs, name, ...args) =>
    new Promise((done, fail) => {
      const back = (error: unknown, out: unknown): void => (error ? fail(error) : done(out))
      ;(fs as unknown as Methods)[name]?.(...args, back)
    }),
  promise: (fs, name, ...args) => (fs.promises as unknown as Methods)[name]?.(...args) as Promise<unknown>,
}

const close = async (call: Call, fs: PlyFs, opened: unknown): Promise<void> => {
  if (typeof opened === 'number') await call(fs, 'close', opened)
  else await (opened as { close(): Promise<void> }).close()
}

for (const [convention, call] of Object.entries(conventions)) {
  test(`never more than is allowed, never half a write: ${convention}`, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 6 }), { minLength: 1, maxLength: 4 }), async (workers) => {
        const raw = memory()
        raw.mkdirSync('/d')
        const account = quota({ bytes: BYTES, files: FILES, handles: HANDLES })
        const fs = stack(raw, [sandbox({ root: '/d' }), account])
        const held: unknown[] = []
        let refusals = 0
        const perform = async ({ what, name, other, size }: Step): Promise<void> => {
          const path = `/d/${name}`
          const data = Buffer.alloc(size, name)
          if (what === 'write') await call(fs, 'writeFile', path, data)
          else if (what === 'append') await call(fs, 'appendFile', path, data)
          else if (what === 'remove') await call(fs, 'rm', path, { recursive: true })
          else if (what === 'truncate') await call(fs, 'truncate', path, size)
          else if (what === 'mkdir') await call(fs, 'mkdir', path)
          // By itself only: see docs/layers/quota.md.
          else if (what === 'rename' && workers.length > 1) await call(fs, 'appendFile', path, data)
          else if (what === 'rename') await call(fs, 'rename', path, `/d/${other}`)
          else if (what === 'hold') held.push(await call(fs, 'open', path, 'r'))
          else if (held.length > 0) await close(call, fs, held.pop())
        }
        const check = (): void => {
          let bytes = 0
          let files = 0
          for (const entry of raw.readdirSync('/d', { withFileTypes: true })) {
            files++
            if (!entry.isFile()) continue
            const contents = raw.readFileSync(`/d/${entry.name}`)
            bytes += contents.length
          }
          if (bytes > BYTES || files > FILES) throw new Error(`${bytes} bytes, ${files} files`)
        }
        await Promise.all(
          workers.map(async (steps) => {
            for (const each of steps) {
              try {
                await perform(each)
              } catch (error) {
                const { code } = error as NodeJS.ErrnoException
                if (code === undefined) throw error
                if (REFUSALS.has(code)) refusals++
              }
              check()
            }
          }),
        )
        for (const opened of held) await close(call, fs, opened)
        const stats = account.stats()
        const names = raw.readdirSync('/d', { withFileTypes: true })
        const sizes = names.map((entry) => (entry.isFile() ? raw.statSync(`/d/${entry.name}`).size : 0))
        const all = sizes.reduce((sum, size) => sum + size, 0)
        const counted = { bytes: stats.bytes, files: stats.files, handles: stats.handles }
        const real = { bytes: all, files: names.length, handles: 0 }
        if (JSON.stringify(counted) !== JSON.stringify(real)) {
          throw new Error(`counted ${JSON.stringify(counted)}, found ${JSON.stringify(real)}`)
        }
        if ((stats.refused ?? 0) < refusals) throw new Error(`${refusals} refusals, ${stats.refused} counted`)
      }),
      { numRuns: 60 },
    )
    t.pass()
  })

  test(`a write that finds no room leaves the file as it was: ${convention}`, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: BYTES }), fc.integer({ min: 1, max: BYTES }), async (before, more) => {
        const raw = memory()
        raw.mkdirSync('/d')
        const fs = stack(raw, [quota({ bytes: BYTES })])
        await call(fs, 'writeFile', '/d/file', Buffer.alloc(before, 'x'))
        let code: string | undefined
        await call(fs, 'appendFile', '/d/file', Buffer.alloc(more, 'y')).catch((error) => {
          code = error.code
        })
        const fits = before + more <= BYTES
        t.is(code, fits ? undefined : 'EDQUOT')
        t.is(raw.statSync('/d/file').size, fits ? before + more : before)
      }),
      { numRuns: 30 },
    )
  })
}
