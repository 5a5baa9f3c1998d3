import type * as NodeFs from 'node:fs'
import { join } from 'node:path'

type Fs = typeof NodeFs

/** Copy regular files from `source` on `from` into `target` on `to`, at most `limit` of them. Gives how many. */
export const copyTree = (from: Fs, source: string, to: Fs, target: string, limit: number): number => {
  let copied = 0
  to.mkdirSync(target, { recursive: true })
  const entries = from.readdirSync(source, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    if (copied >= limit) break
    // A repository does not hold another one.
    if (entry.name === '.git') continue
    const [here, there] = [join(source, entry.name), join(target, entry.name)]
    if (entry.isDirectory()) copied += copyTree(from, here, to, there, limit - copied)
    else if (entry.isFile()) {
      to.writeFileSync(there, from.readFileSync(here))
      copied++
    }
  }
  return copied
}
