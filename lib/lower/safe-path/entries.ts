/** Directory entries with their names' bytes kept: node:fs writes U+FFFD for what it cannot decode. */
import type { Entry } from '../../op.js'
import { toEntries } from '../node-fs/replies.js'
import { originalFs as fs } from '../original-fs.js'

const TEXT = { withFileTypes: true } as const
const BYTES = { withFileTypes: true, encoding: 'buffer' } as const

const lost = (entries: readonly { readonly name: string }[]): boolean => {
  for (const { name } of entries) if (name.includes('\ufffd')) return true
  return false
}

/** Reads the directory at `path`. Throws as node:fs does. */
export const entriesOf = (path: string | Buffer): Entry[] => {
  const entries = fs.readdirSync(path, TEXT)
  return toEntries(lost(entries) ? fs.readdirSync(path, BYTES) : entries)
}

/** The same through libuv's pool. */
export const entriesLater = (path: string | Buffer, done: (error: unknown, entries: Entry[]) => void): void => {
  fs.readdir(path, TEXT, (error, entries) => {
    if (error !== null) done(error, [])
    else if (!lost(entries)) done(null, toEntries(entries))
    else fs.readdir(path, BYTES, (again, raw) => done(again, again === null ? toEntries(raw) : []))
  })
}
