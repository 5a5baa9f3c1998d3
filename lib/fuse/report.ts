/** What came up, for people. */
import type { MountStats } from './live-mount.js'

/** One row an opcode, the most frequent first; latencies where they were measured. */
export const requestTable = (stats: MountStats): string => {
  const { requests, milliseconds, keptBackBecause } = stats
  const entries = Object.entries(requests).sort(([, a], [, b]) => b - a)
  const timed = Object.keys(milliseconds).length > 0
  const rows = entries.map(([op, count]) => {
    const ms = milliseconds[op as keyof typeof milliseconds] ?? 0
    return [op, String(count), ...(timed ? [((ms * 1000) / count).toFixed(1)] : [])]
  })
  const total = entries.reduce((sum, [, count]) => sum + count, 0)
  const all = [['request', 'count', ...(timed ? ['µs'] : [])], ...rows, ['all', String(total)]]
  const widths = [0, 1, 2].map((column) => Math.max(0, ...all.map((row) => row[column]?.length ?? 0)))
  const lines = all.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  )
  lines.push(`errors ${stats.errors}, passed through ${stats.passedThrough} open files, kept back ${stats.keptBack}`)
  if (stats.listedAround > 0) lines.push(`listed ${stats.listedAround} directories for what was looked up in them`)
  for (const [reason, count] of Object.entries(keptBackBecause)) lines.push(`  kept back ${count}: ${reason}`)
  return lines.join('\n')
}
