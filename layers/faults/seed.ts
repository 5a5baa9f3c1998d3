/** Seeds that nobody chose: one for the process, so that one number repeats all of its faults. */
import { ConfigError } from '../../lib/codec/error.js'

let base: number | undefined
let drawn = 0

/**
 * The process's seed and, for each further layer, the next.
 * @throws {ConfigError} where PLYFS_FAULTS_SEED is no whole number from 0 to 4294967295
 */
export const drawSeed = (): number => {
  base ??= fromEnvironment() ?? Math.floor(Math.random() * 0x1_0000_0000)
  return (base + drawn++) >>> 0
}
const fromEnvironment = (): number | undefined => {
  const text = process.env.PLYFS_FAULTS_SEED
  if (text === undefined || text === '') return undefined
  const seed = Number(text)
  if (/^\d+$/.test(text) && seed < 0x1_0000_0000) return seed
  throw new ConfigError('PLYFS_FAULTS_SEED', 'a whole number from 0 to 4294967295', `'${text}'`)
}

let isTold = false
/** Once something was injected: a process that ends with a failure says how to repeat it. */
export const tellIfItFails = (): void => {
  if (isTold) return
  isTold = true
  process.once('exit', (code) => {
    if (code !== 0) process.stderr.write(`faults were injected; PLYFS_FAULTS_SEED=${base} repeats them\n`)
  })
}
