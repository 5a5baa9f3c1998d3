// An overlay with other layers, above and below: what is written is seen, the lower is not written, and is once committed.
import test from 'ava'
import { metadataCache, overlay, passthrough, readOnly, sandbox, subdir, trace } from '../../layers/index.js'
import { type Layer, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { changes, commit } from '../../lib/overlay.js'

const pairs: Record<string, { layers: () => Layer[]; path?: string; code?: string }> = {
  'over a sandbox': { layers: () => [overlay(), sandbox({ root: '/d' })] },
  'under a sandbox': { layers: () => [sandbox({ root: '/d' }), overlay()] },
  'over another overlay': { layers: () => [passthrough(), overlay(), overlay()], code: '' },
  'over a cache': { layers: () => [passthrough(), overlay(), metadataCache()] },
  'over a read-only lower': { layers: () => [overlay(), readOnly()], code: 'EROFS' },
  'under a base path': { layers: () => [subdir('/d'), overlay()], path: '/f' },
  'over a base path': { layers: () => [overlay(), subdir('/d')], path: '/f' },
  'between passthroughs': { layers: () => [passthrough(), overlay(), passthrough()] },
  traced: { layers: () => [trace(() => undefined), overlay(), trace(() => undefined)] },
}
for (const [name, { layers, path = '/d/f', code }] of Object.entries(pairs)) {
  test(name, async (t) => {
    const lower = memory()
    lower.mkdirSync('/d')
    lower.writeFileSync('/d/f', 'hello')
    const fs = stack(lower, layers())
    fs.appendFileSync(path, '1')
    await fs.promises.appendFile(path, '2')
    const fd = fs.openSync(path, 'r+')
    fs.writeSync(fd, 'X', 0)
    fs.closeSync(fd)
    t.is(fs.readFileSync(path, 'utf8'), 'Xello12')
    t.is(await fs.promises.readFile(path, 'utf8'), 'Xello12')
    t.is(lower.readFileSync('/d/f', 'utf8'), 'hello')
    t.like(await changes(fs), [{ type: 'modified', size: 7, before: 5 }])
    // The uppermost overlay commits to the one below.
    if (code === undefined) {
      await commit(fs)
      t.is(lower.readFileSync('/d/f', 'utf8'), 'Xello12')
    } else if (code !== '') {
      await t.throwsAsync(() => commit(fs), { code })
    } else {
      await commit(fs)
      t.is(lower.readFileSync('/d/f', 'utf8'), 'hello')
      t.is((await changes(fs)).length, 0)
    }
    t.is(fs.readFileSync(path, 'utf8'), 'Xello12')
  })
}
