import test from 'ava'
import { memory, union } from '../../lib/lower/index.js'

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

const setting = () => {
  const upper = memory()
  const lower = memory()
  upper.mkdirSync('/d')
  upper.writeFileSync('/d/both', 'upper')
  upper.writeFileSync('/d/own', 'upper')
  lower.mkdirSync('/d/deep', { recursive: true, mode: 0o750 })
  lower.mkdirSync('/only/dir', { recursive: true })
  lower.writeFileSync('/d/both', 'lower')
  lower.writeFileSync('/d/low', 'lower')
  lower.symlinkSync('/d', '/only/link')
  return { upper, lower, fs: union([upper, lower], { write: upper }) }
}

test('the first member that has a path is the one that is seen', async (t) => {
  const { fs } = setting()
  t.is(fs.readFileSync('/d/both', 'utf8'), 'upper')
  t.is(await fs.promises.readFile('/d/low', 'utf8'), 'lower')
  t.deepEqual(fs.readdirSync('/d'), ['both', 'deep', 'low', 'own'])
  t.deepEqual(await fs.promises.readdir('/'), ['d', 'only'])
  // A link of one member leads through the union.
  t.is(fs.readFileSync('/only/link/own', 'utf8'), 'upper')
  t.is(
    codeOf(() => fs.statSync('/d/none')),
    'ENOENT',
  )
  t.is(
    codeOf(() => fs.statSync('/d/own/x')),
    'ENOTDIR',
  )
})

test('changes go to the writable member, and never lose what is seen', async (t) => {
  const { fs, upper, lower } = setting()
  const before = JSON.stringify(lower.readdirSync('/', { recursive: true }))
  fs.writeFileSync('/d/own', 'new')
  fs.writeFileSync('/d/deep/new', 'x')
  t.is(upper.readFileSync('/d/deep/new', 'utf8'), 'x')
  t.is(upper.statSync('/d/deep').mode & 0o777, lower.statSync('/d/deep').mode & 0o777)
  t.is(
    codeOf(() => fs.appendFileSync('/d/low', 'x')),
    'EROFS',
  )
  t.is(
    codeOf(() => fs.chmodSync('/d/low', 0o600)),
    'EROFS',
  )
  t.is(
    codeOf(() => fs.unlinkSync('/d/low')),
    'EROFS',
  )
  t.is(
    codeOf(() => fs.unlinkSync('/d/both')),
    'EROFS',
  )
  t.is(
    codeOf(() => fs.mkdirSync('/only')),
    'EEXIST',
  )
  t.is(
    codeOf(() => fs.openSync('/d/low', 'wx')),
    'EEXIST',
  )
  t.is(
    codeOf(() => fs.linkSync('/d/low', '/d/l')),
    'EXDEV',
  )
  t.is(
    codeOf(() => fs.renameSync('/d/low', '/d/l')),
    'EROFS',
  )
  t.is(
    codeOf(() => fs.renameSync('/d', '/dd')),
    'EXDEV',
  )
  t.is(
    codeOf(() => fs.rmdirSync('/only/dir')),
    'EROFS',
  )
  fs.unlinkSync('/d/own')
  t.is(
    codeOf(() => fs.statSync('/d/own')),
    'ENOENT',
  )
  await t.throwsAsync(fs.promises.writeFile('/d/low', 'x'), { code: 'EROFS' })
  t.is(JSON.stringify(lower.readdirSync('/', { recursive: true })), before)
  t.is(lower.readFileSync('/d/low', 'utf8'), 'lower')
})

test('without a writable member nothing changes', (t) => {
  const { upper, lower } = setting()
  const fs = union([upper, lower])
  t.is(
    codeOf(() => fs.writeFileSync('/new', '')),
    'EROFS',
  )
  t.is(
    codeOf(() => fs.mkdirSync('/new')),
    'EROFS',
  )
  t.is(
    codeOf(() => fs.unlinkSync('/d/own')),
    'EROFS',
  )
  t.is(
    codeOf(() => fs.truncateSync('/d/own')),
    'EROFS',
  )
})

test('open files belong to their member', (t) => {
  const { fs, lower } = setting()
  const a = fs.openSync('/d/low', 'r')
  const b = fs.openSync('/d/both', 'r+')
  t.not(a, b)
  const bytes = Buffer.alloc(5)
  fs.readSync(a, bytes)
  t.is(bytes.toString(), 'lower')
  fs.writeSync(b, 'UPPER', 0)
  t.is(fs.readFileSync('/d/both', 'utf8'), 'UPPER')
  t.is(
    codeOf(() => fs.fchmodSync(a, 0o600)),
    'EROFS',
  )
  t.is(
    codeOf(() => lower.closeSync(a)),
    'EBADF',
  )
  fs.closeSync(a)
  fs.closeSync(b)
  t.is(
    codeOf(() => fs.closeSync(a)),
    'EBADF',
  )
  fs.copyFileSync('/d/low', '/copy')
  t.is(fs.readFileSync('/copy', 'utf8'), 'lower')
})

test('wrong arguments say what was expected', (t) => {
  t.throws(() => union([]), { instanceOf: TypeError, message: /at least one/ })
  t.throws(() => union([memory()], { write: memory() }), { instanceOf: TypeError, message: /one of the filesystems/ })
})
