/** `plyfs try`: let a command write, look at what it changed, then keep it or throw it away. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { stackFromConfig } from '../config.js'
import type { PlyFs } from '../face/node-fs.js'
import { type Change, CommitConflict, changes, commit, diff, recover } from '../overlay.js'
import { abandoned, PREFIX, sign } from './abandoned.js'
import { Complaint } from './complaint.js'
import { type Ended, type Ground, runInstalled, runMounted } from './run.js'

const OPTIONS = {
  keep: { type: 'boolean', default: false },
  discard: { type: 'boolean', default: false },
  patch: { type: 'string' },
  json: { type: 'boolean', default: false },
  'no-mount': { type: 'boolean', default: false },
} as const

type Wish = { readonly do: 'keep' | 'discard' | 'ask' } | { readonly do: 'patch'; readonly file: string }
type Outcome = 'kept' | 'discarded' | 'patch' | 'conflict'

const wishOf = (keep: boolean, discard: boolean, patch: string | undefined): Wish => {
  if (Number(keep) + Number(discard) + Number(patch !== undefined) > 1) {
    throw new Complaint('plyfs try: one of --keep, --discard and --patch FILE, not several')
  }
  if (keep || discard) return { do: keep ? 'keep' : 'discard' }
  if (patch !== undefined) return { do: 'patch', file: resolve(patch) }
  if (!process.stdin.isTTY) {
    throw new Complaint('plyfs try: there is no terminal to ask at; say --keep, --discard or --patch FILE')
  }
  return { do: 'ask' }
}

/** The stack to run over: an overlay on top of a directory, or of what a stack file describes. */
const groundOf = (target: string, scratch: string): Ground => {
  const path = realpathSync(target)
  const overlay = { overlay: { upper: { host: {} }, dir: join(scratch, 'upper') } }
  if (!statSync(path).isDirectory()) {
    return { config: { lower: { file: path }, layers: [overlay] }, dir: undefined, scratch }
  }
  if (`${scratch}/`.startsWith(path === '/' ? '/' : `${path}/`)) {
    throw new Complaint(`plyfs try: ${path} holds the directory for temporary files; set TMPDIR to one outside of it`)
  }
  return { config: { lower: { host: {} }, layers: [overlay, { subdir: path }] }, dir: path, scratch }
}

const run = async (ground: Ground, command: readonly string[], mounts: boolean): Promise<Ended> => {
  if (!mounts) return runInstalled(ground, command, 'plyfs try: --no-mount')
  try {
    return await runMounted(ground, command)
  } catch (failed) {
    if ((failed as Error).name !== 'MountError') throw failed
    const { message } = failed as Error
    console.error(`plyfs: not mounted (${message}): only what this Node process does itself is tried`)
    return runInstalled(ground, command, message)
  }
}

const LETTERS = { added: 'A', modified: 'M', deleted: 'D', renamed: 'R' } as const
const lineOf = ({ type, path, from, kind, size, before }: Change): string => {
  const name = from === undefined ? path : `${from} -> ${path}`
  const bytes = kind === 'directory' ? '/' : type === 'modified' ? ` ${before} -> ${size} B` : ` ${size || before} B`
  return `${LETTERS[type]} ${JSON.stringify(name).slice(1, -1)}${bytes}`
}

const ask = async (fs: PlyFs): Promise<Wish> => {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  // Lines, not questions: what was typed ahead is not lost.
  const lines = terminal[Symbol.asyncIterator]()
  const answer = async (question: string): Promise<string | undefined> => {
    process.stderr.write(question)
    const { value, done } = await lines.next()
    return done === true ? undefined : value.trim()
  }
  try {
    for (;;) {
      const word = (await answer('keep (k), discard (d), save as a patch (p), show (s)? '))?.toLowerCase()
      // No more answers: nothing is kept that nobody asked for.
      if (word === undefined || word === 'd' || word === 'discard') return { do: 'discard' }
      if (word === 'k' || word === 'keep') return { do: 'keep' }
      if (word === 's' || word === 'show') process.stderr.write(await diff(fs))
      if (word !== 'p' && word !== 'patch') continue
      const file = await answer('file: ')
      if (file !== undefined && file !== '') return { do: 'patch', file: resolve(file) }
    }
  } finally {
    terminal.close()
  }
}

/** Does what was wished; the scratch directory goes, unless it holds what could not be kept. */
const settle = async (
  fs: PlyFs,
  wish: Wish,
  scratch: string,
): Promise<{ outcome: Outcome; conflicts?: readonly string[] }> => {
  if (wish.do === 'patch') {
    writeFileSync(wish.file, await diff(fs))
    return { outcome: 'patch' }
  }
  if (wish.do !== 'keep') return { outcome: 'discarded' }
  try {
    await commit(fs)
    return { outcome: 'kept' }
  } catch (failed) {
    if (!(failed instanceof CommitConflict)) {
      console.error(`plyfs: the changes are still in ${join(scratch, 'upper')}`)
      throw failed
    }
    const file = join(scratch, 'changes.patch')
    writeFileSync(file, await diff(fs))
    console.error(`plyfs: nothing is kept: changed by others meanwhile: ${failed.paths.join(', ')}`)
    console.error(`plyfs: the changes are in ${file}`)
    return { outcome: 'conflict', conflicts: failed.paths }
  }
}

const stackOf = ({ config }: Ground): PlyFs => {
  const built = stackFromConfig(config)
  if (built._tag === 'Left') throw new Complaint(built.left.message)
  return built.right
}

/** An earlier run that was killed while it kept its changes is finished, or taken back; of another the changes are told. */
const settleAbandoned = async (target: string): Promise<void> => {
  for (const scratch of abandoned(realpathSync(target))) {
    const fs = stackOf(groundOf(target, scratch))
    if ((await recover(fs)) === 'finished') {
      console.error('plyfs: an earlier run was killed while it kept its changes: they are kept now')
      rmSync(scratch, { recursive: true, force: true })
    } else if ((await changes(fs)).length > 0) {
      const file = join(scratch, 'changes.patch')
      writeFileSync(file, await diff(fs))
      console.error(`plyfs: an earlier run was killed; what it had changed is in ${file}`)
    }
  }
}

/** @returns the command's exit status; 1 where that is 0 and the changes could not be kept */
export const runTry = async (args: readonly string[], usage: string): Promise<number> => {
  const at = args.indexOf('--')
  const command = at === -1 ? [] : args.slice(at + 1)
  const { positionals, values } = parseArgs({
    args: at === -1 ? [...args] : args.slice(0, at),
    allowPositionals: true,
    options: OPTIONS,
  })
  const [target, ...rest] = positionals
  if (target === undefined || rest.length > 0 || command.length === 0) throw new Complaint(usage)
  const wished = wishOf(values.keep, values.discard, values.patch)
  await settleAbandoned(target)
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), PREFIX)))
  let holds = false
  try {
    for (const name of ['upper', 'mnt']) mkdirSync(join(scratch, name))
    const ground = groundOf(target, scratch)
    // What is wrong with it is said before anything runs.
    stackOf(ground)
    sign(scratch, realpathSync(target))
    const { status, killed } = await run(ground, command, !values['no-mount'])
    const fs = stackOf(ground)
    const changed = await changes(fs)
    if (!values.json) for (const change of changed) console.error(lineOf(change))
    let wish: Wish = wished
    if (killed && wished.do === 'keep') {
      console.error('plyfs: the command was stopped: nothing is kept')
      wish = { do: 'discard' }
    } else if (wished.do === 'ask') wish = changed.length === 0 ? { do: 'discard' } : await ask(fs)
    // A commit that fails in the middle is one to be recovered.
    holds = wish.do === 'keep'
    const settled = await settle(fs, wish, scratch)
    holds = settled.outcome === 'conflict'
    if (values.json) console.log(JSON.stringify({ status, ...settled, changes: changed }))
    else console.error(`plyfs: ${settled.outcome}`)
    return status === 0 && holds ? 1 : status
  } finally {
    if (!holds) rmSync(scratch, { recursive: true, force: true })
  }
}
