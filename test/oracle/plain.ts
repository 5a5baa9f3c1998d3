/** Values and Errors as they can be compared: without what differs from run to run, or from filesystem to filesystem. */
import fs from 'node:fs'
import { dirname } from 'node:path'

const TIMES = /^[acm]time|^birthtime/
const OWN = /^(ino|dev|blocks|blksize|rdev)$/

/** @param root is written as `<root>` wherever it stands, and the directory that it is in as `<up>` */
export const plain = (value: unknown, root: string): unknown => {
  if (typeof value === 'string') return shortened(shortened(value, root, '<root>'), dirname(root), '<up>')
  if (typeof value === 'bigint') return `${value}n`
  if (value === null || typeof value !== 'object') return value
  if (Buffer.isBuffer(value)) return { buffer: plain(value.toString('latin1'), root) }
  if (value instanceof Error) return plainError(value, root)
  if (Array.isArray(value)) return value.map((each) => plain(each, root))
  if (isStats(value)) return plainStats(value)
  if (value instanceof fs.Dirent) {
    const { name, parentPath } = value
    const type = ['isFile', 'isDirectory', 'isSymbolicLink'].filter((is) => value[is as 'isFile']())
    return { dirent: plain(name, root), parent: plain(parentPath, root), type }
  }
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field, root)]))
}

/** Also where a link to an absolute path was read in hex. */
const shortened = (text: string, dir: string, name: string): string =>
  text.replaceAll(dir, name).replaceAll(Buffer.from(dir).toString('hex'), name)

const isStats = (value: object): value is fs.Stats => 'mode' in value && 'nlink' in value && 'isFile' in value

/** Sizes of directories and of links to absolute paths are each filesystem's own. */
const plainStats = (stats: fs.Stats): object => {
  const out: Record<string, unknown> = { class: stats.constructor.name, isStats: stats instanceof fs.Stats }
  for (const [key, field] of Object.entries(stats)) {
    if (TIMES.test(key) || OWN.test(key) || (key === 'size' && !stats.isFile())) out[key] = typeof field
    else out[key] = typeof field === 'bigint' ? `${field}n` : field
  }
  return out
}

const plainError = (error: Error, root: string): object => {
  const { name, message, code, errno, syscall, path, dest } = error as NodeJS.ErrnoException & { dest?: string }
  const keys = Object.keys(error).sort().join()
  return plain({ error: name, message, code, errno, syscall, path, dest, keys }, root) as object
}
