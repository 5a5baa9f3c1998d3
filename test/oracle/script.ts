/** A sequence of steps as a program that anyone can run. */
import { live } from './live.js'
import { SETTING } from './steps.js'
import { type Move, type Step, sourceOf } from './terms.js'

const HEAD = `import fs from 'node:fs'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const root = fs.mkdtempSync('/tmp/oracle-')
for (const dir of ${JSON.stringify(SETTING)}) fs.mkdirSync(root + '/' + dir, { recursive: true })
const open = []
const slot = (k) => open[k % open.length] ?? 100000
const show = async (run) => console.dir(await Promise.resolve().then(run).catch((error) => error), { depth: 6 })
`

const lived = ({ method, args, acts = [] }: Step): string => {
  const made = acts.map(
    ({ does, args: given, besideClose }) =>
      `\n  ['${does}', [${given.map(sourceOf).join(', ')}]${besideClose === true ? ', true' : ''}],`,
  )
  return `live(fs, '${method}', [${args.map(sourceOf).join(', ')}], [${made.join('')}])`
}
const called = (step: Step): string => {
  if (step.acts !== undefined) return lived(step)
  const { method, convention, args, slot } = step
  const sources = args.map(sourceOf)
  if (method.startsWith('create')) {
    const [path, options, data] = sources
    const runs = method === 'createReadStream' ? ".on('data', console.log)" : `.end(${data})`
    return `new Promise((done) => fs.${method}(${path}, ${options}).on('error', done).on('close', done)${runs})`
  }
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
  const steps = moves.flatMap((move) => ('together' in move ? move.together : [move]))
  const lives = steps.some(({ acts }) => acts !== undefined) ? `const live = ${live}\n` : ''
  return `${HEAD}${lives}${lines.join('\n')}\n`
}
