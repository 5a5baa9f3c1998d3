#!/usr/bin/env node
/** `npx plyfs …` */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { Complaint } from './try/complaint.js'

const USAGE = `usage: plyfs explain [--mount] STACK.json
       plyfs mount STACK.json DIR [--json] [--stats]
       plyfs run STACK.json -- app.mjs [ARG ...]
       plyfs try STACK.json|DIR [--keep|--discard|--patch FILE] [--json] [--no-mount] -- COMMAND [ARG ...]`

/** Nobody who only asks how it is used loads the filesystem. */
const stackOf = async (file: string) => {
  const { stackFromFile } = await import('./config.js')
  const built = stackFromFile(file)
  if (built._tag === 'Left') throw new Complaint(built.left.message)
  return built.right
}

const explainCommand = async (args: readonly string[]): Promise<void> => {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { mount: { type: 'boolean', default: false } },
  })
  const [file, ...rest] = positionals
  if (file === undefined || rest.length > 0) throw new Complaint(USAGE)
  const fs = await stackOf(file)
  const { explain } = await import('./explain.js')
  console.log(String(explain(fs)))
  if (!values.mount) return
  const { offloadTable } = await import('./fuse/command.js')
  console.log(`\nMounted, the kernel would do:\n${offloadTable(fs)}`)
}

/** Runs the program in a Node of its own: the stack is in place before its first import. */
const runCommand = async (args: readonly string[]): Promise<void> => {
  const at = args.indexOf('--')
  const [file, ...rest] = at === -1 ? [] : args.slice(0, at)
  const program = args.slice(at + 1)
  if (file === undefined || rest.length > 0 || program.length === 0) throw new Complaint(USAGE)
  await stackOf(file)
  const register = new URL(import.meta.url.endsWith('.ts') ? './register.ts' : './register.js', import.meta.url)
  const { status, signal, error } = spawnSync(
    process.execPath,
    [...process.execArgv, `--import=${register.href}`, ...program],
    { stdio: 'inherit', env: { ...process.env, PLYFS_STACK: file } },
  )
  if (error !== undefined) throw error
  if (signal !== null) process.kill(process.pid, signal)
  process.exitCode = status ?? 1
}

/** Nobody who does not mount loads what mounting takes. */
const mountCommand = async (args: readonly string[]): Promise<void> => {
  const { runMount } = await import('./fuse/command.js')
  await runMount(args, USAGE)
}

const tryCommand = async (args: readonly string[]): Promise<void> => {
  const { runTry } = await import('./try/index.js')
  process.exitCode = await runTry(args, USAGE)
}

const commands: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  explain: explainCommand,
  mount: mountCommand,
  run: runCommand,
  try: tryCommand,
}

const main = async ([name, ...args]: readonly string[]): Promise<void> => {
  if (name === undefined || name === '--help' || name === 'help') {
    console.log(USAGE)
    return
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) throw new Complaint(`plyfs: no command '${name}'\n${USAGE}`)
  await command(args)
}

main(process.argv.slice(2)).catch((thrown: unknown) => {
  const { name: kind, code } = thrown as { name?: string; code?: string }
  const usage = thrown instanceof Complaint || kind === 'MountError' || code?.startsWith('ERR_PARSE_ARGS')
  console.error(usage ? (thrown as Error).message : thrown)
  process.exitCode = usage ? 2 : 1
})
