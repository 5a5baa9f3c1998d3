/** Random numbers that repeat themselves, for layers that do things by chance. */

/** Numbers from 0 up to 1, the same again for the same seed. mulberry32, by Tommy Ettinger: 32 bits of state do for tests. */
export const randomOf = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 15), z | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return ((z ^ (z >>> 14)) >>> 0) / 0x1_0000_0000
  }
}
