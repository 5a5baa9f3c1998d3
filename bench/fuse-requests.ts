/**
 * Requests that come up with the five layers against none: as root, after `npm run build`,
 *   node --import ./scripts/ts-loader.mjs --import ./scripts/dist-loader.mjs bench/fuse-requests.ts [--files N] [--dir DIR] [--json FILE]
 * The same programs on the same tree: git status three times, find, grep -r, make. Cold: nothing of it has been looked at
 * through the mount. Primed: it has been listed once.
 */
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { FIVE, Place, sh, type Target } from './mounts.js'

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '10000' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
  },
})
const place = new Place(values.dir)
type Counted = { [opcode: string]: number }

const PROGRAMS = [
  ...Array<string>(3).fill('cd $M/tree && git status --short'),
  'find $M/tree -type f',
  'grep -r nowhere $M/tree || true',
  'make -s -C $M/tree/project',
]
const on = ({ at }: Target, script: string): Promise<string> => sh(`M='${at}'; (${script}) > /dev/null 2>&1`)
const countOf = async ({ mounted }: Target): Promise<Counted> => ({ ...(await mounted?.stats())?.requests })
/** A tree that git knows, and need not read again: its index is younger than its files. */
const prepare = async (back: string): Promise<void> => {
  await sh(`tar -C ${back} -xf ${place.work}/tree.tar; cd ${back}/tree && git init -q && sleep 1.1 && git add -A`)
}
const requestsOf = async (name: string, layers: readonly object[], primed: boolean, options = {}): Promise<Counted> => {
  const target = await place.plyfs(name, layers, options, prepare)
  if (primed) await on(target, 'ls -lR $M')
  const before = await countOf(target)
  for (const script of PROGRAMS) await on(target, script)
  const after = await countOf(target)
  return Object.fromEntries(Object.entries(after).map(([op, count]) => [op, count - (before[op] ?? 0)]))
}

try {
  await place.material(Number(values.files))
  const none = await requestsOf('none', [], false)
  const counted = {
    cold: await requestsOf('cold', FIVE, false),
    primed: await requestsOf('primed', FIVE, true),
    'primed, --no-xattrs': await requestsOf('no-xattrs', FIVE, true, { xattrs: false }),
  }
  const ops = [...new Set([none, ...Object.values(counted)].flatMap((each) => Object.keys(each)))]
  /** Of what comes up without layers; undefined where nothing does. */
  const percent = (of: Counted, op: string): number | undefined =>
    none[op] === undefined || none[op] === 0 ? undefined : (100 * (of[op] ?? 0)) / none[op]
  const rows = ops.map((op) => ({
    op,
    none: none[op] ?? 0,
    ...Object.fromEntries(
      Object.entries(counted).map(([name, of]) => [name, { count: of[op] ?? 0, percent: percent(of, op) }]),
    ),
  }))
  const line = (first: string, cells: readonly string[]): string =>
    first.padEnd(14) + cells.map((cell) => cell.padStart(22)).join('')
  console.log(line('requests', ['no layers', ...Object.keys(counted)]))
  for (const op of ops) {
    const cells = Object.values(counted).map((of) => `${of[op] ?? 0} (${percent(of, op)?.toFixed(2) ?? '-'} %)`)
    console.log(line(op, [String(none[op] ?? 0), ...cells]))
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`)
} finally {
  await place.close()
}
