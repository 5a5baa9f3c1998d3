/** The same loop for several filesystems, each with call sites of its own. */
import { ownLoops } from './loops.js'
import type { Contender } from './measure.js'
import type { Place } from './peers.js'

export type Loops = Awaited<ReturnType<typeof ownLoops>>
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
