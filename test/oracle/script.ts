/** A sequence of steps as a program that anyone can run. */
import { type Move, SETTING, type Step } from './steps.js'
import { sourceOf } from './terms.js'

const HEAD = `import fs from 'node:fs'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const root = fs.mkdtempSync('/tmp/oracle-')
for (const dir of ${JSON.stringify(SETTING)}) fs.mkdirSync(root + '/' + dir, { recursive: true })
const open = []
const slot = (k) => open[k % open.length] ?? 100000
const show = async (run) => console.log(await Promise.resolve().then(run).catch((error) => error))
`

const called = ({ method, convention, args, slot }: Step): string => {
  const sources = args.map(sourceOf)
  if (method.startsWith('create')) return `fs.${method}(${sources.slice(0, 2).join(', ')}) // ${sources[2] ?? ''}`
  const [name, native] = method.split('.')
  const tail = native === undefined ? '' : `.${native}`
  if (convention === 'sync') return `fs.${name}Sync${tail}(${sources.join(', ')})`
  if (convention === 'callback') return `promisify(fs.${name}${tail})(${sources.join(', ')})`
  if (slot === 'uses' || slot === 'closes') return `${sources[0]}.${method}(${sources.slice(1).join(', ')})`
  return `fs.promises.${name}(${sources.join(', ')})`
}
const line = (step: Step): string => {
  const call = called(step)
  return `await show(async () => ${step.slot === 'opens' ? `open.push(await ${call})` : call})`
}

export const scriptOf = (moves: readonly Move[]): string => {
  const lines = moves.map((move) =>
    'together' in move
      ? `await Promise.all([\n${move.together.map((step) => `  ${line(step).slice(6)},`).join('\n')}\n])`
      : line(move),
  )
  return `${HEAD}${lines.join('\n')}\n`
}
