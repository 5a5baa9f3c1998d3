// The overlay against a plain copy of the lower, by the same random operations.
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { overlay } from '../../layers/overlay/index.js'
import { type PlyFs, stack } from '../../lib/index.js'
import { host, memory } from '../../lib/lower/index.js'
import { fc } from '../fc.js'
import { Actor, operations } from '../laws/model.js'
import { difference, plant, survey } from './overlay-support.js'

const places: Record<string, () => { lower: PlyFs; upper: PlyFs; dir: string; root: string; remove: () => void }> = {
  memory: () => {
    const lower = memory()
    lower.mkdirSync('/root')
    return { lower, upper: memory(), dir: '/', root: '/root', remove: () => undefined }
  },
  host: () => {
    const dir = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-')))
    nodeFs.mkdirSync(join(dir, 'root'))
    nodeFs.mkdirSync(join(dir, 'upper'))
    const remove = (): void => nodeFs.rmSync(dir, { recursive: true })
    return { lower: host(), upper: host(), dir: join(dir, 'upper'), root: join(dir, 'root'), remove }
  },
}

for (const [name, place] of Object.entries(places)) {
  test.serial(`behaves as a copy of the lower would, and leaves the lower alone (${name})`, async (t) => {
    await fc.assert(
      fc.asyncProperty(operations(40), async (sequence) => {
        const { lower, upper, dir, root, remove } = place()
        const twin = memory()
        twin.mkdirSync(root, { recursive: true })
        plant(lower, root)
        plant(twin, root)
        const before = survey(lower, root)
        const ours = new Actor(stack(lower, [overlay({ upper, dir })]), root)
        const plain = new Actor(twin, root)
        try {
          t.is(difference(survey(ours.fs, root), survey(twin, root)), '')
          for (const [k, operation] of sequence.entries()) {
            const got = await ours.do(operation)
            const expected = await plain.do(operation)
            const order = (text: string): string => (operation.op === 'readdir' ? text.split(',').sort().join() : text)
            if (order(got) !== order(expected)) t.is(got, expected, `${k}: ${JSON.stringify(operation)}`)
            const wrong = difference(survey(ours.fs, root), survey(twin, root))
            if (wrong !== '') t.is(wrong, '', `${k}: after ${JSON.stringify(operation)}`)
          }
          t.is(survey(lower, root), before)
          // Another overlay, with nothing in its memory, finds the same on the upper.
          ours.closeAll()
          t.is(difference(survey(stack(lower, [overlay({ upper, dir })]), root), survey(ours.fs, root)), '')
        } finally {
          ours.closeAll()
          plain.closeAll()
          remove()
        }
      }),
      { numRuns: name === 'memory' ? 40 : 15 },
    )
  })
}
