/**
 * Patches in git's extended format (gitformat and git-diff-tree(1), "Generating patch text with -p"): what `git apply`
 * takes. Text as unified hunks, everything else as git's binary literals.
 */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import { structuredPatch } from 'diff'
import { encodePath } from './path-bytes.js'

export interface PatchSide {
  /** Absolute; written without its first slash. */
  readonly path: string
  /** As in Stats: git keeps the kind, and whether the owner may execute. */
  readonly mode: number
  /** Of a symbolic link: its target. */
  readonly contents: Buffer | string
}

const bytesOfPath = (path: string): Buffer => {
  const encoded = encodePath(path)
  return typeof encoded === 'string' ? Buffer.from(encoded) : encoded
}

/** Lines around a change. */
const CONTEXT = 3
/** Past so many changed lines a file is shown as replaced: finding the shortest way costs their square. */
const MAX_EDITS = 1000
const NONE = '0'.repeat(40)

/** One file's part of a patch; `''` where git would see no difference. */
export const patchOf = (before: PatchSide | undefined, after: PatchSide | undefined): string => {
  const old = before && prepared(before)
  const now = after && prepared(after)
  if (old !== undefined && now !== undefined && old.kind !== now.kind)
    return section(old, undefined) + section(undefined, now)
  return section(old, now)
}

interface Prepared {
  readonly name: string
  readonly mode: string
  /** Git's file type bits: a link does not become a file by a change of mode. */
  readonly kind: string
  readonly bytes: Buffer
  readonly text: string | undefined
  readonly id: string
}

const prepared = ({ path, mode, contents }: PatchSide): Prepared => {
  const isLink = typeof contents === 'string'
  const bytes = isLink ? bytesOfPath(contents) : contents
  return {
    name: path.slice(1),
    kind: isLink ? '12' : '10',
    mode: isLink ? '120000' : (mode & 0o100) === 0 ? '100644' : '100755',
    bytes,
    text: textOf(bytes),
    id: createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex'),
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Git looks for a zero byte in the first 8000; what is no UTF-8 could not stand in a string either. */
const textOf = (bytes: Buffer): string | undefined => {
  if (bytes.includes(0)) return undefined
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

const section = (old: Prepared | undefined, now: Prepared | undefined): string => {
  const one = old ?? now
  const two = now ?? old
  if (one === undefined || two === undefined) return ''
  const moved = one.name !== two.name
  const same = old?.id === now?.id
  if (same && !moved && old?.mode === now?.mode) return ''
  const lines = [`diff --git ${quoted('a/', one.name)} ${quoted('b/', two.name)}`]
  if (old === undefined) lines.push(`new file mode ${two.mode}`)
  else if (now === undefined) lines.push(`deleted file mode ${one.mode}`)
  else if (old.mode !== now.mode) lines.push(`old mode ${old.mode}`, `new mode ${now.mode}`)
  if (moved) {
    if (same) lines.push('similarity index 100%')
    lines.push(`rename from ${quoted('', one.name)}`, `rename to ${quoted('', two.name)}`)
  }
  if (!same) {
    const mode = old !== undefined && now !== undefined && old.mode === now.mode ? ` ${now.mode}` : ''
    lines.push(`index ${old?.id ?? NONE}..${now?.id ?? NONE}${mode}`)
    const isText = (old === undefined || old.text !== undefined) && (now === undefined || now.text !== undefined)
    if (isText) lines.push(...textLines(old, now))
    else lines.push('GIT binary patch', ...binaryLines(now?.bytes), ...binaryLines(old?.bytes))
  }
  return `${lines.join('\n')}\n`
}

const textLines = (old: Prepared | undefined, now: Prepared | undefined): string[] => {
  const [was, is] = [old?.text ?? '', now?.text ?? '']
  if (was === is) return []
  const lines = [
    `--- ${old === undefined ? '/dev/null' : titled('a/', old.name)}`,
    `+++ ${now === undefined ? '/dev/null' : titled('b/', now.name)}`,
  ]
  const hunks = structuredPatch('', '', was, is, '', '', { context: CONTEXT, maxEditLength: MAX_EDITS })?.hunks
  if (hunks === undefined) return [...lines, ...replaced(was, is)]
  for (const { oldStart, oldLines, newStart, newLines, lines: body } of hunks) {
    lines.push(`@@ -${range(oldStart, oldLines)} +${range(newStart, newLines)} @@`, ...body)
  }
  return lines
}
/** A range of no lines stands before the line that it names. */
const range = (start: number, count: number): string => `${count === 0 ? start - 1 : start},${count}`

/** All of one text gone, and all of another come. */
const replaced = (was: string, is: string): string[] => {
  const [gone, come] = [marked('-', was), marked('+', is)]
  return [`@@ -${range(1, gone.count)} +${range(1, come.count)} @@`, ...gone.lines, ...come.lines]
}
const marked = (sign: string, text: string): { lines: string[]; count: number } => {
  if (text === '') return { lines: [], count: 0 }
  const lines = text.split('\n').map((line) => sign + line)
  if (text.endsWith('\n')) lines.pop()
  const count = lines.length
  if (!text.endsWith('\n')) lines.push('\\ No newline at end of file')
  return { lines, count }
}

/** Git's base 85, in its order. */
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~'
const LINE = 52

/** `literal SIZE`, then the deflated bytes, 52 a line, each after its length as a letter. */
const binaryLines = (bytes: Buffer = Buffer.alloc(0)): string[] => {
  const packed = deflateSync(bytes)
  const lines = [`literal ${bytes.length}`]
  for (let at = 0; at < packed.length; at += LINE) {
    const part = packed.subarray(at, at + LINE)
    const { length } = part
    let line = String.fromCharCode(length <= 26 ? 64 + length : 96 + length - 26)
    for (let k = 0; k < length; k += 4) {
      let word = 0
      for (let j = 0; j < 4; j++) word = word * 256 + (part[k + j] ?? 0)
      let digits = ''
      for (let j = 0; j < 5; j++) {
        digits = DIGITS[word % 85] + digits
        word = Math.floor(word / 85)
      }
      line += digits
    }
    lines.push(line)
  }
  return [...lines, '']
}

const ESCAPES: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
}
/** As git with core.quotePath: in quotes where a byte is a control, a quote, a backslash, or not ASCII. */
const quoted = (prefix: string, name: string): string => {
  const bytes = bytesOfPath(name)
  let out = ''
  let plain = true
  for (const byte of bytes) {
    const short = ESCAPES[byte]
    if (short === undefined && byte >= 32 && byte < 127) out += String.fromCharCode(byte)
    else {
      plain = false
      out += short ?? `\\${byte.toString(8).padStart(3, '0')}`
    }
  }
  return plain ? prefix + name : `"${prefix}${out}"`
}
/** In front of a hunk, a tab ends a name that has blanks in it. */
const titled = (prefix: string, name: string): string => {
  const text = quoted(prefix, name)
  return text.includes(' ') && !text.startsWith('"') ? `${text}\t` : text
}
