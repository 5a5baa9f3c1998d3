// A crash at any step of commit leaves all or nothing, once recovered.
import { spawnSync } from 'node:child_process'
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { overlay } from '../../layers/overlay/index.js'
import { fail, type Layer, layer, NEXT, OP, OPS, type PlyFs, stack } from '../../lib/index.js'
import { memory, rooted } from '../../lib/lower/index.js'
import { commit, recover, restore, snapshot } from '../../lib/overlay.js'
import { runs } from '../runs.js'
import { contentsOf, plantPlain } from './overlay-support.js'

interface Place {
  readonly lower: PlyFs
  readonly upper: PlyFs
  readonly dir: string
  remove(): void
}
const places: Record<string, () => Place> = {
  memory: () => ({ lower: memory(), upper: memory(), dir: '', remove: () => undefined }),
  host: () => {
    const dir = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-')))
    nodeFs.mkdirSync(join(dir, 'lower'))
    nodeFs.mkdirSync(join(dir, 'upper'))
    const remove = (): void => nodeFs.rmSync(dir, { recursive: true })
    return { lower: rooted(join(dir, 'lower')), upper: rooted(join(dir, 'upper')), dir, remove }
  },
}

/** Lets `n` changes through, of those after `arm()`, then nothing at all: the machine is off. */
const crashAfter = (n: number, isArmed = true): { guard: Layer; crashed: () => boolean; arm: () => void } => {
  let left = n
  let off = false
  let armed = isArmed
  const hook = (writes: boolean) => ({
    request: () => {
      if (armed && writes && !off && left-- <= 0) off = true
      return off ? fail('EIO') : NEXT
    },
  })
  const extensions = Object.fromEntries(OPS.map((op) => [op, hook(OP[op].effect === 'write' && op !== 'open')]))
  const arm = (): void => {
    armed = true
  }
  return { guard: layer('crash', extensions), crashed: () => off, arm }
}

const act = (fs: PlyFs): void => {
  fs.writeFileSync('/root/a/c', 'changed')
  fs.writeFileSync('/root/new', 'made')
  fs.mkdirSync('/root/d/e', { recursive: true })
  fs.writeFileSync('/root/d/e/f', 'far down')
  fs.rmSync('/root/b/a', { recursive: true })
  fs.renameSync('/root/a/b', '/root/moved')
  fs.writeFileSync('/root/moved/a', 'moved and changed')
  fs.rmSync('/root/c')
  fs.mkdirSync('/root/c')
  fs.chmodSync('/root/b', 0o700)
}

/** What must hold after a crash and another start; says on which side of the point of no return it came down. */
const settled = async (
  t: { is: (got: unknown, expected: unknown, why?: string) => unknown; deepEqual: (a: unknown, b: unknown) => unknown },
  { lower, upper }: Place,
  before: string,
  seen: string,
  why: string,
): Promise<'undone' | 'finished'> => {
  const again = stack(lower, [overlay({ upper })])
  await recover(again)
  const after = contentsOf(lower, '/root')
  const undone = after === before
  if (undone) {
    t.is(contentsOf(again, '/root'), seen, why)
    await commit(again)
  }
  t.is(contentsOf(lower, '/root'), seen, why)
  t.is(contentsOf(again, '/root'), seen, why)
  t.deepEqual(lower.readdirSync('/'), ['root'])
  t.deepEqual(upper.readdirSync('/'), [])
  return undone ? 'undone' : 'finished'
}

for (const [name, make] of Object.entries(places)) {
  for (const side of ['lower', 'upper'] as const) {
    test(`a crash at any step of commit leaves all or nothing (${name}, at the ${side})`, async (t) => {
      const outcomes = { undone: 0, finished: 0 }
      // On a disk each takes its time: every third will do.
      for (let n = 0, on = true; on; n += name === 'memory' ? 1 : 3) {
        const place = make()
        const { lower, upper } = place
        try {
          plantPlain(lower)
          act(stack(lower, [overlay({ upper })]))
          const before = contentsOf(lower, '/root')
          const seen = contentsOf(stack(lower, [overlay({ upper })]), '/root')
          const { guard, crashed } = crashAfter(n)
          const [under, over] = side === 'lower' ? [stack(lower, [guard]), upper] : [lower, stack(upper, [guard])]
          let failed = false
          await commit(stack(under, [overlay({ upper: over })])).catch((error: NodeJS.ErrnoException) => {
            t.is(error.code, 'EIO')
            failed = true
          })
          outcomes[await settled(t, place, before, seen, `after ${n}`)]++
          on = crashed()
          if (!on) t.false(failed)
        } finally {
          place.remove()
        }
      }
      t.true(outcomes.undone >= 1)
      t.true(outcomes.finished > 1)
    })
  }
}

for (const [name, make] of Object.entries(places)) {
  test(`a crash at any step of restore leaves what was there, or what is restored (${name})`, async (t) => {
    const outcomes: Record<string, number> = {}
    for (let n = 0, on = true; on; n += Math.ceil((name === 'memory' ? 3 : 13) / runs(1))) {
      const place = make()
      const { lower, upper } = place
      try {
        plantPlain(lower)
        const { guard, crashed, arm } = crashAfter(n, false)
        const fs = stack(lower, [overlay({ upper: stack(upper, [guard]) })])
        act(fs)
        const first = contentsOf(fs, '/root')
        const kept = await snapshot(fs)
        fs.rmSync('/root/d', { recursive: true })
        fs.writeFileSync('/root/a/c', 'changed again')
        fs.writeFileSync('/root/later', 'made')
        fs.chmodSync('/root', 0o711)
        const second = contentsOf(fs, '/root')
        arm()
        await restore(fs, kept).catch((error: NodeJS.ErrnoException) => t.is(error.code, 'EIO'))
        on = crashed()
        const again = stack(lower, [overlay({ upper })])
        const outcome = await recover(again)
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
        // Where nothing is left to be done, it had not begun, or was over.
        const expected = outcome === 'undone' || (outcome === 'none' && n === 0) ? second : first
        t.is(contentsOf(again, '/root'), expected, `after ${n}`)
        t.is(contentsOf(stack(lower, [overlay({ upper })]), '/root'), expected, `after ${n}`)
        t.deepEqual(upper.readdirSync('/'), ['root'])
      } finally {
        place.remove()
      }
    }
    t.true((outcomes.undone ?? 0) > 0)
    t.true((outcomes.finished ?? 0) > 0)
  })
}

test('so does a process that is killed in the middle', async (t) => {
  const killed = fileURLToPath(new URL('overlay-killed.ts', import.meta.url))
  const outcomes = new Set<string>()
  for (const n of [9, 40]) {
    const place = (places.host as () => Place)()
    try {
      plantPlain(place.lower)
      act(stack(place.lower, [overlay({ upper: place.upper })]))
      const before = contentsOf(place.lower, '/root')
      const seen = contentsOf(stack(place.lower, [overlay({ upper: place.upper })]), '/root')
      const { signal, stderr } = spawnSync(process.execPath, [...process.execArgv, killed, place.dir, String(n)], {
        encoding: 'utf8',
      })
      t.is(signal, 'SIGKILL', stderr)
      outcomes.add(await settled(t, place, before, seen, `killed at ${n}`))
    } finally {
      place.remove()
    }
  }
  t.deepEqual([...outcomes].sort(), ['finished', 'undone'])
})
