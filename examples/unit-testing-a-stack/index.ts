// Code that takes an fs is tested in memory, with no disk, and with faults on demand.
import assert from 'node:assert/strict'
import { fail, layer, NEXT, type PlyFs, stack } from 'plyfs'
import { requestCount } from 'plyfs/layers'

/** The code under test: saves so that a reader sees the old text or the new one, and leaves nothing behind. */
const save = async (fs: PlyFs, path: string, text: string): Promise<void> => {
  const draft = `${path}.draft`
  try {
    await fs.promises.writeFile(draft, text)
    await fs.promises.rename(draft, path)
  } catch (error) {
    await fs.promises.rm(draft, { force: true })
    throw error
  }
}

// It saves.
const fs = stack()
await save(fs, '/settings.json', '{"a":1}')
assert.equal(fs.readFileSync('/settings.json', 'utf8'), '{"a":1}')

// The disk fills up in the middle of a write.
const full = stack(fs, [layer('full', { write: { request: () => fail('ENOSPC') } })])
await assert.rejects(save(full, '/settings.json', '{"a":2}'), { code: 'ENOSPC' })
assert.equal(fs.readFileSync('/settings.json', 'utf8'), '{"a":1}')
assert.deepEqual(fs.readdirSync('/'), ['settings.json'])

// The second rename fails, once.
let renames = 0
const flaky = stack(fs, [layer('flaky', { rename: { request: () => (++renames === 2 ? fail('EIO') : NEXT) } })])
await save(flaky, '/settings.json', '{"a":3}')
await assert.rejects(save(flaky, '/settings.json', '{"a":4}'), { code: 'EIO' })
assert.equal(fs.readFileSync('/settings.json', 'utf8'), '{"a":3}')

// It asks no more than it must.
const count = requestCount()
await save(stack(fs, [count]), '/settings.json', '{"a":5}')
assert.equal(count.counts().rename, 1)
assert.equal(count.counts().write, 1)
console.log('all is well:', count.counts())
