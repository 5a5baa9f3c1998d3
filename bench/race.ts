/** The same loop for several filesystems, each with call sites of its own. */
import type { Contender } from './measure.js'
import type { Place } from './peers.js'

export type Loops = typeof import('./loops.js') & { readonly paths: typeof import('./path-loops.js') }

let copies = 0
/** A copy of the loops that nobody else runs. */
export const ownLoops = async (): Promise<Loops> => {
  const copy = ++copies
  return { ...(await import(`./loops.js?copy=${copy}`)), paths: await import(`./path-loops.js?copy=${copy}`) }
}

export type Run = (loops: Loops, place: Place) => unknown

/** The first place is the baseline; those that say so are peers. */
export const race = async (places: readonly Place[], run: Run): Promise<Contender[]> => {
  const contenders: Contender[] = []
  for (const place of places) {
    const loops = await ownLoops()
    contenders.push({ name: place.name, run: () => run(loops, place), peer: place.peer === true })
  }
  return contenders
}
