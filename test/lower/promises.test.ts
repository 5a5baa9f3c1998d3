/** A lower that has promises alone. */
import test from 'ava'
import { requestCount } from '../../layers/index.js'
import { layer, NEXT, OPS, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'

/** Somebody looks at every request, so that each goes down as one. */
const looking = () => layer('looking', Object.fromEntries(OPS.map((op) => [op, { request: () => NEXT }])))

for (const [name, layers] of [
  ['direct', []],
  ['every request looked at', [looking(), requestCount()]],
] as const) {
  test(`files are read and written: ${name}`, async (t) => {
    const files = memory()
    const { promises } = stack({ promises: files.promises } as never, layers)
    await promises.mkdir('/dir')
    await promises.writeFile('/dir/file', 'contents')
    await promises.appendFile('/dir/file', '!')
    t.is(await promises.readFile('/dir/file', 'utf8'), 'contents!')
    const file = await promises.open('/dir/file', 'r+')
    t.is((await file.stat()).size, 9)
    await file.truncate(3)
    await file.chmod(0o600)
    await file.utimes(1, 2)
    await file.sync()
    t.deepEqual(await file.write('xyz', 1), { bytesWritten: 3, buffer: 'xyz' })
    await file.close()
    t.is(files.readFileSync('/dir/file', 'utf8'), 'cxyz')
    t.is((await promises.stat('/dir/file')).mode & 0o777, 0o600)
    await t.throwsAsync(promises.readFile('/none'), { code: 'ENOENT' })
  })
}
