/** What the tests of system calls share: a directory for each test, and what this process may do. */
import { mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import anyTest, { type ExecutionContext, type TestFn } from 'ava'
import { found } from './calls.js'

export const { errno } = constants

export { calls } from './calls.js'

type Body = (t: ExecutionContext, dir: string) => void | Promise<void>

const inDirectory =
  (body: Body) =>
  async (t: ExecutionContext): Promise<void> => {
    const dir = mkdtempSync(join(tmpdir(), 'plyfs-native-'))
    try {
      await body(t, dir)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  }
const skipped = anyTest.skip as TestFn
const able = found !== undefined
const isRoot = process.getuid?.() === 0
const add =
  (kind: TestFn) =>
  (title: string, body: Body): void =>
    kind(title, inDirectory(body))

/** A test in a fresh directory. */
export const test = add(able ? anyTest : skipped)
/** The same, one after the other: for what belongs to the whole process or thread. */
export const serial = add(able ? (anyTest.serial as TestFn) : skipped)
/** Serial, and needs CAP_SYS_ADMIN and its kin. */
export const rootOnly = add(able && isRoot ? (anyTest.serial as TestFn) : skipped)

/** The value of a call that must not fail. */
export const ok = <T>(result: T | number): T => {
  if (typeof result === 'number' && result < 0) throw new Error(`errno ${-result}`)
  return result as T
}
