type Counts = { readonly [op: string]: number }

const sum = (counts: Counts): number => Object.values(counts).reduce((a, b) => a + b, 0)

/** The middle of `values`. */
export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** Requests by opcode above and below, and what the layers between kept from going down. */
export const printRequests = (above: Counts, below: Counts): void => {
  const line = (name: string, up: number, down: number): string => {
    const saved = up === 0 ? '' : `${Math.round((1 - down / up) * 100)} %`
    return `${name.padEnd(12)}${String(up).padStart(8)}${String(down).padStart(8)}${saved.padStart(10)}`
  }
  console.log(`${'requests'.padEnd(12)}${'above'.padStart(8)}${'below'.padStart(8)}${'kept'.padStart(10)}`)
  const ops = [...new Set([...Object.keys(above), ...Object.keys(below)])]
  for (const op of ops) {
    const [up, down] = [above[op] ?? 0, below[op] ?? 0]
    if (up + down > 0) console.log(line(op, up, down))
  }
  console.log(line('all', sum(above), sum(below)))
}
