// What a call gave, looked through for anything of the outside.
import { fstatSync } from 'node:fs'
import { resolve } from 'node:path'
import { inspect } from 'node:util'
import { CANARY, type Ground, HIDDEN } from './ground.js'

export interface Outcome {
  readonly value?: unknown
  readonly error?: NodeJS.ErrnoException
}

export const outcomeOf = async (run: () => Promise<unknown>): Promise<Outcome> => {
  try {
    return { value: await run() }
  } catch (error) {
    return { error: error as NodeJS.ErrnoException }
  }
}

const textOf = (value: unknown): string => {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
  return inspect(value, { depth: 8, showHidden: true, maxArrayLength: 1000, maxStringLength: 10_000 })
}

/** Everything of an Error that a program can print. */
const errorText = (error: unknown, depth = 0): string => {
  if (!(error instanceof Error) || depth > 4) return textOf(error)
  const own = Object.getOwnPropertyNames(error)
    .filter((name) => name !== 'cause')
    .map((name) => textOf((error as unknown as Record<string, unknown>)[name]))
  return [...own, errorText(error.cause, depth + 1)].join('\n')
}

const inosOf = (value: unknown, depth = 0): number[] => {
  if (value === null || typeof value !== 'object' || depth > 4 || value instanceof Uint8Array) return []
  const { ino } = value as { ino?: number | bigint }
  const here = ino === undefined ? [] : [Number(ino)]
  return Array.isArray(value) ? value.flatMap((each) => inosOf(each, depth + 1)) : here
}

/** What is wrong with an outcome: nothing, in the best of cases. */
export const leaks = (ground: Ground, asked: string, { value, error }: Outcome): string[] => {
  const found: string[] = []
  let text = error === undefined ? textOf(value) : errorText(error)
  text = text.replaceAll(asked, '')
  if (text.includes(CANARY)) found.push('an outside file was read')
  if (text.includes(HIDDEN)) found.push('an outside directory was listed')
  if (!resolve(asked).includes(ground.outside) && text.includes(ground.outside))
    found.push(`an outside name is told: ${text}`)
  if (inosOf(value).some((ino) => ground.inodes.has(ino))) found.push("an outside file's attributes are told")
  return found
}

interface Handle {
  readonly fd: number
  close(): Promise<void>
}
const isHandle = (value: unknown): value is Handle =>
  value !== null && typeof value === 'object' && typeof (value as Handle).fd === 'number' && 'close' in value

/** Closes what was opened, after a look at what it is. */
export const closed = async (ground: Ground, opens: boolean, { value }: Outcome): Promise<string[]> => {
  const fd = isHandle(value) ? value.fd : opens && typeof value === 'number' ? value : undefined
  if (fd === undefined) return []
  const stats = ground.real ? fstatSync(fd) : ground.fs.fstatSync(fd)
  const wrong = ground.inodes.has(stats.ino) ? ['an outside file is open'] : []
  if (isHandle(value)) await value.close()
  else ground.fs.closeSync(fd)
  return wrong
}
