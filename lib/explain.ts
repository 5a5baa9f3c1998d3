/** A plan that can be printed and looked at. */
import type { Layer } from './extension.js'
import { exchangeOf, type PlyFs } from './face/node-fs.js'
import { type Convention, isDirect, table as methods } from './face/table.js'
import { OPS, type Op } from './op.js'

export interface Explanation {
  /** How many stacks stand on each other. */
  readonly depth: number
  /** Names, top first. */
  readonly layers: readonly string[]
  readonly lower: string
  /** The layers that each opcode meets, top first. */
  readonly opcodes: { readonly [O in Op]: readonly string[] }
  /** By method, as it is called (`statSync`, `promises.stat`): the lower's own function, or opcodes through the plans. */
  readonly methods: { readonly [name: string]: 'direct' | 'desugared' }
  /** The plan as a table. */
  toString(): string
}

/** How `fs` answers: which layers each opcode meets, and which methods are the lower's own. */
export const explain = (fs: PlyFs): Explanation => {
  const x = exchangeOf(fs)
  if (x === undefined) throw new TypeError('explain(fs): expected what stack() returned')
  const opcodes = {} as Record<Op, readonly string[]>
  for (const op of OPS) opcodes[op] = x.plans[op].steps.map(({ layer }) => layer.name)
  const ways: Record<string, 'direct' | 'desugared'> = {}
  const way = (name: string, convention: Convention) => (isDirect(x, name, convention) ? 'direct' : 'desugared')
  for (const name of Object.keys(methods)) {
    if (typeof fs[name as 'stat'] === 'function') ways[name] = way(name, 'callback')
    if (typeof fs[`${name}Sync` as 'statSync'] === 'function') ways[`${name}Sync`] = way(name, 'sync')
    if (typeof fs.promises[name as 'stat'] === 'function') ways[`promises.${name}`] = way(name, 'promise')
  }
  const text = (): string => table(x.layers, x.lower.name, ways)
  return {
    depth: x.depth,
    layers: x.layers.map(({ name }) => name),
    lower: x.lower.name,
    opcodes,
    methods: ways,
    toString: text,
  }
}

/** What one layer does with one opcode, in a word. */
const cell = (layer: Layer, op: Op): string => {
  const ext = layer.extensions[op]
  if (ext === undefined) return '·'
  if (layer.pinned === true) return 'guards'
  const comesUp = ext.reply !== undefined || ext.error !== undefined
  if (ext.request === undefined) return ext.around !== undefined ? 'expands' : 'sees reply'
  if (layer.answers === true) return 'answers'
  return comesUp ? 'sees both' : 'sees'
}

const table = (layers: readonly Layer[], lower: string, ways: Explanation['methods']): string => {
  const rows = [['opcode', ...layers.map(({ name }) => name), lower]]
  for (const op of OPS) {
    const cells = layers.map((layer) => cell(layer, op))
    rows.push([op, ...cells, cells.every((c) => c === '·') ? 'direct' : 'lower'])
  }
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const lines = rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  lines.splice(1, 0, widths.map((width) => '─'.repeat(width)).join('  '))
  const names = Object.keys(ways).filter((name) => !name.includes('.') && !name.endsWith('Sync'))
  const direct = names.filter((name) => ways[name] === 'direct')
  lines.push('', `direct (the lower's own function): ${direct.length === 0 ? 'none' : direct.join(', ')}`)
  lines.push(`desugared into opcodes: ${names.filter((name) => ways[name] === 'desugared').join(', ') || 'none'}`)
  return lines.join('\n')
}
