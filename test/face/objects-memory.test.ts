// Handles, streams, directories, watchers and blobs over the filesystem in memory.
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { type PlyFs, stack } from '../../lib/index.js'
import { everything } from './everything.js'

const faces: [string, () => PlyFs][] = [
  ['bare', () => stack()],
  ['hooked', () => stack(undefined, [everything()])],
]
for (const [name, make] of faces) {
  test(`${name}: FileHandle`, async (t) => {
    const fs = make()
    const handle = await fs.promises.open('/file', 'w+')
    t.is(handle.constructor.name, 'FileHandle')
    await handle.writeFile('one\ntwo\n')
    t.is((await handle.read(Buffer.alloc(3), 0, 3, 4)).buffer.toString(), 'two')
    await handle.close()
    const again = await fs.promises.open('/file')
    const lines: string[] = []
    for await (const line of again.readLines()) lines.push(line)
    t.deepEqual(lines, ['one', 'two'])
    await t.throwsAsync(again.stat(), { code: 'EBADF', message: 'file closed' })
    t.is(await fs.promises.readFile('/file', 'utf8'), 'one\ntwo\n')
  })

  test(`${name}: streams`, async (t) => {
    const fs = make()
    const size = 300_000
    const writing = fs.createWriteStream('/big')
    writing.end(Buffer.alloc(size, 'a'))
    await once(writing, 'close')
    await pipeline(fs.createReadStream('/big', { start: 10 }), fs.createWriteStream('/copy'))
    t.is(fs.statSync('/copy').size, size - 10)
    t.true(fs.createReadStream('/big') instanceof fs.ReadStream)
  })

  test(`${name}: Dir`, async (t) => {
    const fs = make()
    fs.mkdirSync('/dir/sub', { recursive: true })
    fs.writeFileSync('/dir/sub/file', '')
    const names: string[] = []
    for await (const entry of await fs.promises.opendir('/dir', { recursive: true } as never)) names.push(entry.name)
    t.deepEqual(names, ['sub', 'file'])
    t.true(fs.opendirSync('/dir') instanceof fs.Dir)
  })

  test(`${name}: watch`, async (t) => {
    const fs = make()
    fs.writeFileSync('/file', '')
    const watcher = fs.watch('/')
    setTimeout(() => fs.writeFileSync('/file', 'x'), 5)
    const [, filename] = await once(watcher, 'change')
    t.is(filename, 'file')
    watcher.close()
    await once(watcher, 'close')
  })

  test(`${name}: openAsBlob and xattrs`, async (t) => {
    const fs = make()
    fs.writeFileSync('/file', 'hello')
    t.is(await (await fs.openAsBlob('/file')).text(), 'hello')
    fs.setxattrSync('/file', 'user.a', 'b')
    t.deepEqual(await fs.promises.listxattr('/file'), ['user.a'])
    t.throws(() => fs.getxattrSync('/file', 'user.b'), { code: 'ENODATA' })
  })
}
