/** Results for people. */
import type { Result } from './measure.js'
import type { Judged, Target } from './targets.js'

const table = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    row.map((cell, k) => (k === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[k] ?? 0))).join('  ')
  return rows.map((row) => `  ${line(row)}`.trimEnd()).join('\n')
}

const duration = (ns: number): string =>
  ns >= 1e6 ? `${(ns / 1e6).toFixed(2)} ms` : ns >= 1e4 ? `${(ns / 1e3).toFixed(1)} µs` : `${ns.toFixed(0)} ns`
const plain = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(2))

export const shown = ({ name, title, rounds, timings, leftOut, facts }: Result): string =>
  [
    `${name}: ${title} (${rounds} rounds)`,
    table([
      ['', 'median', 'ratio', 'min–max', 'CPU ratio'],
      ...timings.map(({ name: who, ns, ratio, cpuRatio }) => [
        who,
        duration(ns),
        ratio.median.toFixed(2),
        `${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)}`,
        cpuRatio.toFixed(2),
      ]),
    ]),
    ...Object.entries(leftOut).map(([who, why]) => `  ${who}: cannot do it (${why})`),
    ...Object.entries(facts).map(([fact, value]) => `  ${fact}: ${plain(value)}`),
  ].join('\n')

const bound = ({ kind, bound }: Target): string => `${kind === 'atLeast' ? '≥' : '≤'} ${plain(bound)}`

export const verdicts = (judged: readonly Judged[]): string =>
  table([
    ['target', 'work', 'bound', 'measured', ''],
    ...judged.map(({ target, value, ok }) => [
      target.what,
      target.work,
      bound(target),
      value.toFixed(2),
      ok ? 'ok' : 'MISSED',
    ]),
  ])
