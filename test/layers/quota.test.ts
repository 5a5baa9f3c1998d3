// What a quota refuses, that nothing is half-done then, and that what is removed is given back.
import test from 'ava'
import { passthrough, type QuotaOptions, quota, sandbox } from '../../layers/index.js'
import { stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'

const over = (options: QuotaOptions) => {
  const raw = memory()
  raw.mkdirSync('/d')
  const account = quota(options)
  return { raw, account, fs: stack(raw, [sandbox({ root: '/d' }), account, passthrough()]) }
}
const code = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

test('bytes: a write that would go beyond is refused as a whole', (t) => {
  const { fs, raw, account } = over({ bytes: 10 })
  fs.writeFileSync('/d/a', '12345678')
  t.is(
    code(() => fs.appendFileSync('/d/a', '123')),
    'EDQUOT',
  )
  t.is(String(raw.readFileSync('/d/a')), '12345678')
  fs.appendFileSync('/d/a', '90')
  t.is(account.stats().bytes, 10)
  t.is(
    code(() => fs.writeFileSync('/d/b', 'x')),
    'EDQUOT',
  )
  t.is(
    code(() => fs.truncateSync('/d/a', 11)),
    'EDQUOT',
  )
  t.is(raw.statSync('/d/a').size, 10)
  t.is(account.stats().refused, 3)
})

test('bytes: overwriting costs nothing; what is cut off, truncated or removed is given back', (t) => {
  const { fs, account } = over({ bytes: 10 })
  fs.writeFileSync('/d/a', '1234567890')
  const fd = fs.openSync('/d/a', 'r+')
  t.is(fs.writeSync(fd, 'xxxxx', 5), 5)
  t.is(
    code(() => fs.writeSync(fd, 'xxxxxx', 5)),
    'EDQUOT',
  )
  fs.ftruncateSync(fd, 4)
  t.is(account.stats().bytes, 4)
  fs.closeSync(fd)
  fs.writeFileSync('/d/a', 'abc')
  t.is(account.stats().bytes, 3)
  const open = fs.openSync('/d/a', 'r+')
  fs.unlinkSync('/d/a')
  t.is(account.stats().bytes, 3, 'it is still there for whoever has it open')
  fs.closeSync(open)
  t.is(account.stats().bytes, 0)
})

test('bytes: writes that run at the same time are counted together', async (t) => {
  const { fs, account, raw } = over({ bytes: 100 })
  const handle = await fs.promises.open('/d/a', 'w')
  const all = await Promise.allSettled(
    Array.from({ length: 20 }, (_, k) => handle.write(Buffer.alloc(10), 0, 10, k * 10)),
  )
  await handle.close()
  t.is(all.filter(({ status }) => status === 'fulfilled').length, 10)
  t.is(raw.statSync('/d/a').size, 100)
  t.is(account.stats().bytes, 100)
})

test('bytes: what was there before is neither counted nor given back', (t) => {
  const { fs, raw, account } = over({ bytes: 5 })
  raw.writeFileSync('/d/old', Buffer.alloc(1000))
  fs.appendFileSync('/d/old', '12345')
  t.is(
    code(() => fs.appendFileSync('/d/old', '6')),
    'EDQUOT',
  )
  fs.unlinkSync('/d/old')
  t.is(account.stats().bytes, 0)
})

test('files: names of every kind; removing gives them back', (t) => {
  const { fs, account } = over({ files: 3 })
  fs.mkdirSync('/d/dir')
  fs.writeFileSync('/d/a', '')
  fs.symlinkSync('a', '/d/l')
  t.is(
    code(() => fs.linkSync('/d/a', '/d/h')),
    'EDQUOT',
  )
  t.is(
    code(() => fs.writeFileSync('/d/b', '')),
    'EDQUOT',
  )
  fs.writeFileSync('/d/a', 'again')
  fs.unlinkSync('/d/l')
  fs.renameSync('/d/a', '/d/c')
  fs.writeFileSync('/d/b', '')
  fs.renameSync('/d/b', '/d/c')
  t.is(account.stats().files, 2)
  t.deepEqual(fs.readdirSync('/d'), ['c', 'dir'])
})

test('handles and watchers', async (t) => {
  const { fs, account } = over({ handles: 2, watchers: 1 })
  fs.writeFileSync('/d/a', '')
  const fds = [fs.openSync('/d/a', 'r'), fs.openSync('/d/a', 'r')]
  t.is(
    code(() => fs.openSync('/d/a', 'r')),
    'EMFILE',
  )
  t.is(
    code(() => fs.readFileSync('/d/a')),
    'EMFILE',
  )
  t.is(
    code(() => fs.openSync('/d/missing', 'r')),
    'EMFILE',
  )
  for (const fd of fds) fs.closeSync(fd)
  t.is(account.stats().handles, 0)
  t.is(
    code(() => fs.openSync('/d/missing', 'r')),
    'ENOENT',
  )
  t.is(account.stats().handles, 0)
  const watcher = fs.watch('/d', { persistent: false })
  t.is(
    code(() => fs.watch('/d', { persistent: false })),
    'ENOSPC',
  )
  watcher.close()
  await new Promise((resolve) => setImmediate(resolve))
  t.is(account.stats().watchers, 0)
})

test('depth', (t) => {
  const { fs } = over({ depth: 3 })
  fs.mkdirSync('/d/1/2', { recursive: true })
  t.is(
    code(() => fs.mkdirSync('/d/1/2/3')),
    'EDQUOT',
  )
  t.is(
    code(() => fs.writeFileSync('/d/1/2/f', '')),
    'EDQUOT',
  )
  t.is(
    code(() => fs.renameSync('/d/1', '/d/1/2/../../x/y/z')),
    'ENOENT',
  )
})

test('limits that are no whole numbers are refused', (t) => {
  t.throws(() => quota({ bytes: -1 }), { message: /quota\.bytes/ })
  t.throws(() => quota({ inodes: 1 } as QuotaOptions), { message: /inodes/ })
})
