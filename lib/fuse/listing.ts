/**
 * A directory's entries as they are told, with the cookie of each: where whoever has read so far goes on. Several read one
 * listing, and one of them may have it taken anew while another is in the middle of it; so a name keeps its cookie, and what
 * is new comes last.
 */
import type { Entry } from '../op.js'

export interface Listing {
  /** By cookie. */
  readonly entries: readonly Entry[]
  /** undefined: FIRST, and so on. */
  readonly cookies: readonly number[] | undefined
}

/** The cookie of the first entry; those of `.` and `..` are 1 and 2. */
export const FIRST = 3

export const cookieOf = ({ cookies }: Listing, k: number): number =>
  cookies === undefined ? k + FIRST : (cookies[k] as number)

/** Which entry comes after the one with this cookie; -2 and -1 are `.` and `..`. */
export const indexAfter = ({ entries, cookies }: Listing, cookie: number): number => {
  if (cookies === undefined || cookie < FIRST) return Math.min(cookie - FIRST + 1, entries.length)
  let low = 0
  for (let high = cookies.length; low < high; ) {
    const middle = (low + high) >> 1
    if ((cookies[middle] as number) <= cookie) low = middle + 1
    else high = middle
  }
  return low
}

/** What has just been read, after `last`. */
export const listed = (entries: readonly Entry[], last: Listing | undefined): Listing => {
  if (last === undefined || last.entries.length === 0) return { entries, cookies: undefined }
  if (isSame(entries, last.entries)) return { entries, cookies: last.cookies }
  const known = new Map(last.entries.map(({ name }, k) => [name, cookieOf(last, k)]))
  let next = cookieOf(last, last.entries.length - 1)
  const placed = entries
    .map((entry) => ({ entry, cookie: known.get(entry.name) ?? ++next }))
    .sort((a, b) => a.cookie - b.cookie)
  return { entries: placed.map(({ entry }) => entry), cookies: placed.map(({ cookie }) => cookie) }
}

const isSame = (entries: readonly Entry[], others: readonly Entry[]): boolean => {
  if (entries.length !== others.length) return false
  for (let k = 0; k < entries.length; k++) if (entries[k]?.name !== others[k]?.name) return false
  return true
}
