/** Times with nanoseconds, kept where memfs keeps its Dates. */
import { cutOff } from '../uv-times.js'
import type { Node } from './node.js'

/** A moment. memfs reads it as the Date that it is; where memfs put a Date of its own since, that one counts. */
export class Stamp extends Date {
  constructor(
    /** Seconds since the epoch, rounded down. */
    readonly sec: number,
    /** Nanoseconds, 0 to 999,999,999. */
    readonly nsec: number,
  ) {
    super(sec * 1000 + Math.floor(nsec / 1e6))
  }
}

/** As Node computes `mtimeMs` and its like. */
export const msOf = (date: Date): number => (date instanceof Stamp ? date.sec * 1000 + date.nsec / 1e6 : date.getTime())
export const nsOf = (date: Date): bigint =>
  date instanceof Stamp ? BigInt(date.sec) * 1_000_000_000n + BigInt(date.nsec) : BigInt(date.getTime()) * 1_000_000n

const monotonic = performance.now.bind(performance)
let origin = performance.timeOrigin

/** Now. Date.now() decides, also where a test has replaced it; what is below a millisecond comes from the steady clock. */
export const now = (): Stamp => {
  const wall = Date.now()
  let ms = origin + monotonic()
  // The clock was set, or the two drifted apart.
  if (ms < wall || ms >= wall + 2) {
    origin = wall - monotonic()
    ms = wall
  }
  const sec = Math.floor(ms / 1000)
  return new Stamp(sec, Math.min(Math.round((ms - sec * 1000) * 1e6), 999_999_999))
}

/** Seconds as utimes() has them. */
export const fromSeconds = (seconds: number): Stamp => {
  const [whole, nsec] = cutOff(seconds)
  return new Stamp(whole, nsec)
}
export const fromNs = (ns: bigint): Stamp => {
  let sec = ns / 1_000_000_000n
  let nsec = ns % 1_000_000_000n
  if (nsec < 0n) {
    sec -= 1n
    nsec += 1_000_000_000n
  }
  return new Stamp(Number(sec), Number(nsec))
}

/** What is in it changed. */
export const touch = (node: Node, at: Stamp = now()): void => {
  // In this order: memfs's setter of mtime sets ctime too.
  node.mtime = at
  node.ctime = at
}

const DAY_MS = 86_400_000

/** It was read: atime moves as by Linux's default (relatime), when it is not newer than the last change, or a day old. */
export const read = (node: Node): void => {
  const { atime } = node
  const at = msOf(atime)
  const stale = at <= msOf(node.mtime) || at <= msOf(node.ctime) || Date.now() - at > DAY_MS
  if (stale) node.atime = now()
}
