/** What measurements were made on. */
import { cpus } from 'node:os'
import { median } from './measure.js'

/**
 * What a system call that does nothing takes, with the way to it from JavaScript: ratios against node:fs follow it, since some
 * methods take one more than Node's.
 */
const systemCallNs = (): number | undefined => {
  const { getuid } = process
  if (getuid === undefined) return undefined
  const rounds = Array.from({ length: 7 }, () => {
    const begun = performance.now()
    for (let k = 0; k < 100_000; k++) getuid()
    return (performance.now() - begun) * 10
  })
  return Math.round(median(rounds))
}

export const machine = () => ({
  node: process.version,
  platform: process.platform,
  arch: process.arch,
  cpu: cpus()[0]?.model,
  systemCallNs: systemCallNs(),
})
