// Scenarios: the same steps on node:fs, on a stack over the host and on one in memory, with a hook on every opcode; the
// outcomes are compared. Everything happens in one directory of the same name.
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import test from 'ava'
import { stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { everything, NEWER, notHere, outcome, shownError } from './everything.js'

export type Fs = typeof nodeFs
/** Does something in `dir`, and says what came of it. */
export type Scenario = (fs: Fs, dir: string) => unknown
interface Where {
  /** Not for the stack in memory: needs what only the system has. */
  readonly hostOnly?: true
}

/** A name for each kind of Error that is thrown, or the value. */
export const tried = async (run: () => unknown): Promise<unknown> => {
  const out = (await outcome(run)) as { value?: unknown; error?: unknown }
  return 'error' in out ? out.error : out.value
}
/** As `tried`, for what is thrown at once. */
export const thrown = (run: () => unknown): unknown => {
  try {
    return { value: run() }
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException
    if (NEWER) return { code }
    // V8's own TypeErrors are worded by it.
    return { name, code, message: code === undefined && name === 'TypeError' ? '' : message }
  }
}
/** The arguments that a callback gets, in an array: an Error as its fields. */
export const called = (run: (cb: (...args: unknown[]) => void) => void): Promise<unknown[]> =>
  new Promise((resolve) => {
    run((...args: unknown[]) => {
      resolve([
        ...args.map((each) => {
          if (!(each instanceof Error)) return each
          return shownError(each)
        }),
      ])
    })
  })

/** Where two values differ, by path: a scenario gives long lists, and one line of them is of interest. */
const differences = (found: unknown, expected: unknown, at = ''): unknown[] => {
  if (isDeepStrictEqual(found, expected)) return []
  const parts = (value: unknown): value is object =>
    value !== null && typeof value === 'object' && !Buffer.isBuffer(value)
  if (!parts(found) || !parts(expected)) return [{ at, found, expected }]
  const keys = new Set([...Object.keys(found), ...Object.keys(expected)])
  return [...keys].flatMap((key) =>
    differences((found as Record<string, unknown>)[key], (expected as Record<string, unknown>)[key], `${at}.${key}`),
  )
}

export const beside = (title: string, run: Scenario, { hostOnly }: Where = {}): void => {
  const why = notHere(title)
  if (why !== undefined) {
    test.skip(`${title}: Node ${process.version} differs: ${why}`, (t) => t.fail())
    return
  }
  test.serial(title, async (t) => {
    const dir = nodeFs.mkdtempSync(join(nodeFs.realpathSync(tmpdir()), 'plyfs-beside-'))
    const empty = (): void => {
      nodeFs.rmSync(dir, { recursive: true, force: true })
      nodeFs.mkdirSync(dir)
    }
    t.teardown(() => nodeFs.rmSync(dir, { recursive: true, force: true }))
    const expected = await outcome(() => run(nodeFs, dir))
    empty()
    const hooked = stack(nodeFs, [everything()])
    t.deepEqual(differences(await outcome(() => run(hooked, dir)), expected), [], 'over the host')
    if (hostOnly) return
    empty()
    const inMemory = stack(memory(), [everything()])
    inMemory.mkdirSync(dir, { recursive: true })
    t.deepEqual(differences(await outcome(() => run(inMemory, dir)), expected), [], 'in memory')
  })
}
