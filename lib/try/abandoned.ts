/** Runs that were killed: what they have left in the directory for temporary files. */
import { lstatSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const PREFIX = 'plyfs-try-'
const RUN = 'run.json'

interface Run {
  readonly pid: number
  readonly born: string
  /** What is tried, without links. */
  readonly target: string
}

/** When a process began, as the kernel counts it: its number may be another's by now. `''` where nobody says. */
const bornOf = (pid: number): string => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
const isRunning = ({ pid, born }: Run): boolean => {
  try {
    process.kill(pid, 0)
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM'
  }
  return bornOf(pid) === born
}

/** Says whose `scratch` is. */
export const sign = (scratch: string, target: string): void => {
  const run: Run = { pid: process.pid, born: bornOf(process.pid), target }
  writeFileSync(join(scratch, RUN), JSON.stringify(run))
}

/** The directories of runs on `target` that nobody is behind any more; each is given to one caller only. */
export const abandoned = (target: string): string[] =>
  readdirSync(tmpdir()).flatMap((name) => {
    if (!name.startsWith(PREFIX)) return []
    const scratch = join(tmpdir(), name)
    const file = join(scratch, RUN)
    try {
      const { uid } = lstatSync(scratch)
      // Others may have put it there.
      if (uid !== process.geteuid?.()) return []
      const run = JSON.parse(readFileSync(file, 'utf8')) as Run
      if (run.target !== target || isRunning(run)) return []
      renameSync(file, `${file}.ended`)
      return [scratch]
    } catch {
      return []
    }
  })
