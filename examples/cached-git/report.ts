type Counts = { readonly [op: string]: number }

/** The middle of `values`. */
export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** Reads and writes of passed files go straight to the lower, past the counter below. */
const IO = new Set(['read', 'write'])

/** Requests by opcode above and below, and what the layers between kept from going down. */
export const printRequests = (above: Counts, below: Counts): void => {
  const line = (name: string, up: number | string, down: number | string, kept: string): void =>
    console.log(`${name.padEnd(12)}${String(up).padStart(8)}${String(down).padStart(8)}${kept.padStart(10)}`)
  line('requests', 'above', 'below', 'kept')
  let [asked, reached] = [0, 0]
  for (const op of new Set([...Object.keys(above), ...Object.keys(below)])) {
    const up = above[op] ?? 0
    const passed = IO.has(op) ? up - (below[op] ?? 0) : 0
    const down = (below[op] ?? 0) + passed
    if (up + down === 0) continue
    asked += up
    reached += down
    line(op, up, down, passed > 0 ? 'passed' : up === 0 ? '' : percent(up, down))
  }
  line('all', asked, reached, percent(asked, reached))
}

const percent = (up: number, down: number): string => `${Math.round((1 - down / up) * 100)} %`
