/** `plyfs mount`, and what `plyfs explain --mount` adds. */
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { exchangeOf, type PlyFs } from '../face/node-fs.js'
import type { Mount } from './live-mount.js'
import { type MountOptions, mount } from './mount.js'
import { MountError } from './mount-error.js'
import { describeOffload, planOffload } from './offload.js'
import { requestTable } from './report.js'

/** The kernel's knobs for a stack, and why they stand as they do. */
export const offloadTable = (fs: PlyFs): string => {
  const exchange = exchangeOf(fs)
  if (exchange === undefined) throw new TypeError('offloadTable(fs): expected what stack() returned')
  return describeOffload(planOffload(exchange.layers, exchange.lower.capabilities, { allowOther: true }))
}

const OPTIONS = {
  json: { type: 'boolean', default: false },
  stats: { type: 'boolean', default: false },
  'read-only': { type: 'boolean', default: false },
  'no-xattrs': { type: 'boolean', default: false },
  'no-passthrough': { type: 'boolean', default: false },
  'no-read-around': { type: 'boolean', default: false },
  'no-default-permissions': { type: 'boolean', default: false },
  'allow-other': { type: 'boolean', default: false },
  'no-allow-other': { type: 'boolean', default: false },
} as const

/** How often the live table is written, in milliseconds. */
const EVERY = 1000

/** Stays until the mount has ended. */
export const runMount = async (args: readonly string[], usage: string): Promise<void> => {
  const { positionals, values } = parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS })
  const [source, directory, ...rest] = positionals
  if (source === undefined || directory === undefined || rest.length > 0) throw new MountError('EINVAL', usage)
  const options: MountOptions = {
    readOnly: values['read-only'],
    latencies: values.stats,
    ...(values['no-xattrs'] ? { xattrs: false } : {}),
    ...(values['no-passthrough'] ? { passthrough: false } : {}),
    ...(values['no-read-around'] ? { readAround: false } : {}),
    ...(values['no-default-permissions'] ? { defaultPermissions: false } : {}),
    ...(values['allow-other'] ? { allowOther: true } : {}),
    ...(values['no-allow-other'] ? { allowOther: false } : {}),
  }
  const mounting = mount(/\.[cm]?js$/.test(source) ? pathToFileURL(source) : source, directory, options)
  // Before anybody can know that it is mounted, and may want to end it.
  onSignals(mounting, directory)
  const mounted = await mounting
  console.log(`mounted ${directory}`)
  const live = values.stats ? setInterval(() => void showLive(mounted), EVERY) : undefined
  await mounted.ended
  clearInterval(live)
  const stats = await mounted.stats()
  console.log(requestTable(stats))
  if (values.json) console.log(JSON.stringify(stats))
}

const showLive = async (mounted: Mount): Promise<void> => {
  // Over the last one, on a terminal.
  if (process.stderr.isTTY) process.stderr.write('\x1b[H\x1b[2J')
  process.stderr.write(`${requestTable(await mounted.stats())}\n`)
}

/** The first signal unmounts, as soon as it is mounted; where that had to be lazy, the second one breaks off. */
const onSignals = (mounting: Promise<Mount>, directory: string): void => {
  let asked = false
  const stop = async (): Promise<void> => {
    const mounted = await mounting.catch(() => undefined)
    if (mounted === undefined) return
    if (asked) {
      mounted.abort()
      return
    }
    asked = true
    try {
      const { lazy } = await mounted.unmount()
      if (lazy) console.error(`plyfs: ${directory} is busy; detached, and served until it is not (again: break off)`)
    } catch (failed) {
      asked = false
      console.error(`plyfs: ${(failed as Error).message}`)
    }
  }
  process.on('SIGINT', () => void stop())
  process.on('SIGTERM', () => void stop())
}
