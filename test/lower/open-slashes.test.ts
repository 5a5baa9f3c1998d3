// What making a file says of names that no file can have, beside node:fs itself.
import nodeFs, { constants } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import {
  caseFold,
  encrypt,
  metadataCache,
  mountPoints,
  overlay,
  powerLoss,
  quota,
  readOnly,
  sandbox,
  subdir,
} from '../../layers/index.js'
import { type PlyFs, stack } from '../../lib/index.js'
import { memory, rooted } from '../../lib/lower/index.js'
import { codeOf, invoke } from '../laws/model.js'

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = constants

test('open with O_CREAT of names with a slash, a dot or two dots at the end', async (t) => {
  const dir = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-')))
  t.teardown(() => nodeFs.rmSync(dir, { recursive: true }))
  const plant = (fs: PlyFs | typeof nodeFs, root: string): void => {
    fs.mkdirSync(`${root}/d/e`, { recursive: true })
    fs.writeFileSync(`${root}/c`, '')
  }
  const bare = memory()
  for (const root of ['', '/sub']) plant(bare, root)
  plant(nodeFs, dir)
  const places: readonly (readonly [string, PlyFs, string])[] = [
    ['memory', bare, ''],
    ['rooted', rooted(dir), ''],
    ['rooted without koffi', rooted(dir, { native: false }), ''],
    ['quota', stack(bare, [quota({ files: 9 })]), ''],
    ['sandbox', stack(bare, [sandbox({ root: '/' })]), ''],
    ['overlay', stack(bare, [overlay()]), ''],
    ['mountPoints', stack(bare, [mountPoints({ '/mnt': bare })]), '/mnt'],
    ['caseFold', stack(bare, [caseFold()]), ''],
    ['encrypt', stack(bare, [encrypt({ key: 'ab'.repeat(32) })]), ''],
    ['powerLoss', stack(bare, [powerLoss()]), ''],
    ['metadataCache', stack(bare, [metadataCache()]), ''],
    ['subdir', stack(bare, [subdir('/sub')]), ''],
    ['readOnly', stack(bare, [readOnly()]), ''],
  ]
  const wrong: string[] = []
  for (const path of [
    '/c/',
    '/d/',
    '/n/',
    '/c/.',
    '/d/.',
    '/n/.',
    '/c/..',
    '/d/e/..',
    '/n/..',
    '/d/n/',
    '/c/n/',
    '/d',
  ]) {
    for (const flags of [O_RDWR | O_CREAT, O_RDONLY | O_CREAT, O_RDWR | O_CREAT | O_EXCL]) {
      const code = async (fs: PlyFs, root: string, how: number): Promise<string> => {
        try {
          return `opened ${await invoke(fs, how, 'open', root + path, flags)}`
        } catch (error) {
          return codeOf(error)
        }
      }
      const expected = await code(nodeFs as PlyFs, dir, 0)
      for (const [name, fs, root] of places) {
        for (const how of [0, 1, 2]) {
          const got = await code(fs, root, how)
          if (got !== expected) wrong.push(`${name}: ${path} ${flags} ${how}: ${got} | expected ${expected}`)
        }
      }
    }
  }
  t.deepEqual(wrong, [])
})
