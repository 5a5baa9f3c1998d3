// What is copied up is what was seen, whoever copies it: the kernel, where both files are its own, or the overlay.
import nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { encrypt, overlay, quota, subdir } from '../../layers/index.js'
import { type Layer, layer, NEXT, type PlyFs, stack } from '../../lib/index.js'
import { host, memory, rooted } from '../../lib/lower/index.js'
import { invoke } from '../laws/model.js'

const bytes = Buffer.from(Array.from({ length: 2_500_000 }, (_, k) => (k * k) % 251))
const secret = (): Layer => encrypt({ key: 'ab'.repeat(32) })

test('a file of some MiB, over and under layers that change bytes and such that do not', async (t) => {
  const dir = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-')))
  t.teardown(() => nodeFs.rmSync(dir, { recursive: true }))
  let count = 0
  const fresh = (name: string): string => {
    const path = join(dir, `${name}-${++count}`)
    nodeFs.mkdirSync(path)
    return path
  }
  const uppers: readonly (() => readonly [object, string])[] = [
    () => [host(), fresh('upper')],
    () => [stack(host(), [secret()]), fresh('upper')],
    () => [rooted(fresh('upper')), '/'],
    () => [memory(), '/'],
  ]
  const belows: readonly (() => readonly Layer[])[] = [() => [], () => [secret()], () => [quota({ bytes: 9 })]]
  for (const [k, make] of uppers.entries()) {
    for (const [m, below] of belows.entries()) {
      let asked = 0
      const request = (): typeof NEXT => {
        asked++
        return NEXT
      }
      const seen = layer('seen', { copy_file_range: { request } }, { consents: true })
      const place = fresh('lower')
      ;(m === 1 ? stack(host(), [secret()]) : host()).writeFileSync(join(place, 'file'), bytes)
      const [upper, at] = make()
      const over = overlay({ upper, dir: at })
      const fs: PlyFs = stack(host(), [over, ...below(), subdir(place), seen])
      await invoke(fs, (k + m) % 3, 'chmod', '/file', 0o640)
      t.true(fs.readFileSync('/file').equals(bytes), `${k} ${m}`)
      t.is(over.stats().copiedBytes, bytes.length)
      if (k === 0) t.true(nodeFs.readFileSync(join(at, 'file')).equals(bytes))
      // The lower is never the one that is asked to write.
      t.is(asked, 0)
    }
  }
})
