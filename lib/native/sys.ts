/**
 * System calls by number through libc's own `syscall()`, which koffi finds in the running process: the same on glibc and
 * musl, and no wrapper that an older libc lacks (openat2, statx, fchmodat2) or spreads over all threads (setgroups).
 * AAPCS64 and the x86-64 psABI pass integer arguments alike to variadic and other functions.
 */
import { createRequire } from 'node:module'
import { NUMBERS, type SyscallName } from './numbers.js'

/** An integer or an address. */
export type Arg = number | bigint

/** What is `by` bytes further on. */
export const offsetBy = (base: Arg, by: number): Arg => (typeof base === 'bigint' ? base + BigInt(by) : base + by)

/** Makes system calls: each function answers the result, or a negative errno. Defined once, when the module loads. */
export interface Sys {
  of1(name: SyscallName): (a: Arg) => number
  of2(name: SyscallName): (a: Arg, b: Arg) => number
  of3(name: SyscallName): (a: Arg, b: Arg, c: Arg) => number
  of4(name: SyscallName): (a: Arg, b: Arg, c: Arg, d: Arg) => number
  of5(name: SyscallName): (a: Arg, b: Arg, c: Arg, d: Arg, e: Arg) => number
  of6(name: SyscallName): (a: Arg, b: Arg, c: Arg, d: Arg, e: Arg, f: Arg) => number
  /**
   * In libuv's pool: the result, or -1 for a failure, of which nobody knows why. What an argument is the address of must be
   * there until then.
   */
  later(name: SyscallName, a: Arg, b: Arg, c: Arg, d: Arg): Promise<number>
  /** The address of an ArrayBuffer's memory, which stays where it is. */
  address(memory: ArrayBuffer): Arg
}

interface Call {
  (...args: Arg[]): Arg
  async(...args: [...Arg[], (error: unknown, result: Arg) => void]): void
}
/** The little of koffi that is used; its own types stay out of the declarations, since it is optional. */
interface Koffi {
  load(path: null): { func(name: string, result: string, args: string[]): Call }
  errno(): number
  address(memory: ArrayBuffer): bigint
}

/** EOVERFLOW: a result that a number cannot hold exactly. */
const EOVERFLOW = 75

const load = (): Sys | undefined => {
  const numbers = process.platform === 'linux' ? NUMBERS[process.arch] : undefined
  if (numbers === undefined) return undefined
  let koffi: Koffi
  let of: (arity: number) => Call
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi
    const libc = koffi.load(null)
    of = (arity) => libc.func('syscall', 'int64', ['int64', ...Array<string>(arity).fill('int64')])
    of(0)
  } catch {
    // Not installed, or no binary for this system: callers do without.
    return undefined
  }
  const result = (value: Arg): number => {
    if (value === -1) return -koffi.errno()
    return typeof value === 'number' ? value : -EOVERFLOW
  }
  const [one, two, three, four, five, six] = [of(1), of(2), of(3), of(4), of(5), of(6)]
  const bind =
    <F>(make: (number: number) => F) =>
    (name: SyscallName): F =>
      make(numbers[name])
  return {
    of1: bind((n) => (a) => result(one(n, a))),
    of2: bind((n) => (a, b) => result(two(n, a, b))),
    of3: bind((n) => (a, b, c) => result(three(n, a, b, c))),
    of4: bind((n) => (a, b, c, d) => result(four(n, a, b, c, d))),
    of5: bind((n) => (a, b, c, d, e) => result(five(n, a, b, c, d, e))),
    of6: bind((n) => (a, b, c, d, e, f) => result(six(n, a, b, c, d, e, f))),
    later: (name, a, b, c, d) =>
      new Promise((resolve) => {
        four.async(numbers[name], a, b, c, d, (error, value) => resolve(error ? -1 : Number(value)))
      }),
    address: (memory) => {
      const address = koffi.address(memory)
      // A tagged pointer (arm64 MTE) is too large for a number; a number costs less.
      return address <= Number.MAX_SAFE_INTEGER ? Number(address) : address
    },
  }
}

let loaded: { readonly sys: Sys | undefined } | undefined

/** undefined where there are no Linux system calls to make: another platform or processor, or no koffi. */
export const sys = (): Sys | undefined => {
  loaded ??= { sys: load() }
  return loaded.sys
}
