import test from 'ava'
import { mountPoints, type PowerLoss, powerLoss } from '../../layers/index.js'
import { ConfigError, install, layer, OP, OPS, type PlyFs, stack } from '../../lib/index.js'
import { host, memory } from '../../lib/lower/index.js'
import { load } from '../clients/places.js'
import { invoke } from '../laws/model.js'
import { conventions } from './harness.js'

const SEEDS = Array.from({ length: 40 }, (_, k) => k)
/** Every disk that the seeds lead to now. */
const disks = (loss: PowerLoss, seeds = SEEDS): PlyFs[] => seeds.map((seed) => loss.image(seed).writeTo(memory()))
const over = (plant: (fs: PlyFs) => void = () => undefined) => {
  const lower = memory()
  plant(lower)
  const loss = powerLoss()
  return { loss, fs: stack(lower, [loss]) }
}
const contents = (fs: PlyFs, path: string): string => (fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : 'none')
const kinds = (loss: PowerLoss, path: string): string[] =>
  [...new Set(disks(loss).map((fs) => contents(fs, path)))].sort()
const syncDir = (fs: PlyFs, path: string): void => {
  const fd = fs.openSync(path, 'r')
  fs.fsyncSync(fd)
  fs.closeSync(fd)
}

for (const [how, convention] of conventions.entries()) {
  // promises have no functions for descriptors.
  const by = how === 2 ? 1 : how
  test(`fsync of a file keeps its data, of its directory its name (${convention})`, async (t) => {
    const { loss, fs } = over()
    const fd = (await invoke(fs, by, 'open', '/f', 'w')) as number
    await invoke(fs, by, 'write', fd, Buffer.from('data'), 0, 4, 0)
    t.true(kinds(loss, '/f').includes('none'))
    await invoke(fs, by, 'fsync', fd)
    t.deepEqual(kinds(loss, '/f'), ['data', 'none'])
    syncDir(fs, '/')
    t.deepEqual(kinds(loss, '/f'), ['data'])
    await invoke(fs, by, 'write', fd, Buffer.from('DATA'), 0, 4, 0)
    t.deepEqual(kinds(loss, '/f'), ['DATA', 'data'])
    await invoke(fs, by, 'ftruncate', fd, 1)
    t.deepEqual(kinds(loss, '/f'), ['D', 'DATA', 'd', 'data'])
    await invoke(fs, by, 'close', fd)
    // close(2) keeps nothing.
    t.is(kinds(loss, '/f').length, 4)
  })
}

test('a rename is made or not made, and is kept by fsync of the directory', (t) => {
  const { loss, fs } = over((lower) => lower.writeFileSync('/f', 'old'))
  fs.writeFileSync('/tmp', 'new', { flush: true })
  fs.renameSync('/tmp', '/f')
  const seen = new Set(disks(loss).map((disk) => `${contents(disk, '/f')} ${contents(disk, '/tmp')}`))
  t.deepEqual([...seen].sort(), ['new none', 'old new', 'old none'])
  syncDir(fs, '/')
  t.deepEqual(kinds(loss, '/f'), ['new'])
})

test('the mistake that everybody made: a rename without fsync leaves a file that is neither', (t) => {
  const { loss, fs } = over((lower) => lower.writeFileSync('/f', 'old'))
  fs.writeFileSync('/tmp', 'new')
  fs.renameSync('/tmp', '/f')
  t.deepEqual(kinds(loss, '/f'), ['', '\0\0\0', 'new', 'old'])
})

test('pages are lost one by one, and torn between sectors', (t) => {
  const size = 4 * 4096
  const { loss, fs } = over((lower) => lower.writeFileSync('/f', 'a'.repeat(size)))
  const fd = fs.openSync('/f', 'r+')
  fs.writeSync(fd, 'b'.repeat(size), 0)
  fs.closeSync(fd)
  const texts = kinds(loss, '/f')
  t.true(texts.some((text) => /^(a{4096}|b{4096})+$/.test(text) && /ab/.test(text)))
  t.true(texts.some((text) => !/^(a{4096}|b{4096})+$/.test(text)))
  for (const text of texts) t.regex(text, /^(a{512}|b{512})+$/)
})

test('names of a directory are kept in the order of their changes; the stack goes on; a seed repeats a disk', (t) => {
  const { loss, fs } = over()
  fs.mkdirSync('/d')
  syncDir(fs, '/')
  for (let k = 0; k < 5; k++) fs.writeFileSync(`/d/${k}`, '')
  fs.unlinkSync('/d/0')
  for (const disk of disks(loss)) {
    const names = disk.readdirSync('/d') as string[]
    t.true(['', '0', '0,1', '0,1,2', '0,1,2,3', '0,1,2,3,4', '1,2,3,4'].includes(names.join()), names.join())
  }
  t.deepEqual(loss.image(7).entries, loss.image(7).entries)
  t.is(loss.image().seed + 1, loss.image().seed)
  t.deepEqual(fs.readdirSync('/d'), ['1', '2', '3', '4'])
  t.like(loss.stats(), { pending: 6 })
})

test('options are checked, and so is what has to fit into memory', (t) => {
  const field = (options: unknown) => t.throws(() => powerLoss(options as never), { instanceOf: ConfigError }).field
  t.is(field({ seed: -1 }), 'powerLoss.seed')
  t.is(field({ pageBytes: 0 }), 'powerLoss.pageBytes')
  t.is(field({ sector: 1 }), 'powerLoss.sector')
  const lower = memory()
  lower.writeFileSync('/f', 'x'.repeat(100))
  t.throws(() => stack(lower, [powerLoss({ maxBytes: 99 })]).mkdirSync('/d'), { code: 'EFBIG' })
})

/** Calls `look` after every change. */
const moments = (look: () => void) =>
  layer(
    'moments',
    Object.fromEntries(
      OPS.filter((op) => OP[op].effect === 'write').map((op) => [
        op,
        {
          reply: (value: unknown) => {
            look()
            return value
          },
        },
      ]),
    ),
  )

test.serial(
  'write-file-atomic: old or new, never torn; but done is not kept, since it does not sync the directory',
  async (t) => {
    const lower = memory()
    lower.writeFileSync('/f', 'old')
    const loss = powerLoss()
    const seen = new Set<string>()
    const fs = stack(lower, [moments(() => kinds(loss, '/f').forEach((each) => void seen.add(each))), loss])
    const restore = install(stack(host(), [mountPoints({ '/crash': fs })]))
    try {
      for (const file of Object.keys(load.cache)) if (/write-file-atomic/.test(file)) delete load.cache[file]
      const write = load('write-file-atomic')
      await write('/crash/f', 'new')
      t.deepEqual([...seen].sort(), ['new', 'old'])
      t.deepEqual(kinds(loss, '/f'), ['new', 'old'])
      seen.clear()
      write.sync('/crash/f', 'newer', { fsync: false })
      t.true(
        [...seen].some((text) => !['old', 'new', 'newer'].includes(text)),
        'without its fsync, it is torn',
      )
    } finally {
      restore()
    }
  },
)

test('proper-lockfile: a lock that is left behind is stale, and can be had', async (t) => {
  const lockfile = load('proper-lockfile')
  const { loss, fs } = over((lower) => lower.writeFileSync('/state', ''))
  const release = await lockfile.lock('/state', { fs, realpath: false })
  const left = disks(loss)
  // It remembers by path, in whatever filesystem, what it holds.
  await release()
  t.deepEqual([...new Set(left.map((disk) => disk.existsSync('/state.lock')))].sort(), [false, true])
  for (const disk of left) {
    const past = Date.now() / 1000 - 60
    if (disk.existsSync('/state.lock')) disk.utimesSync('/state.lock', past, past)
    const again = await lockfile.lock('/state', { fs: disk, realpath: false })
    await again()
    t.false(disk.existsSync('/state.lock'))
  }
})

test('isomorphic-git: a commit that is done may be lost, and take the branch with it', async (t) => {
  const git = load('isomorphic-git')
  const lower = memory()
  const author = { name: 'a', email: 'a@example.org', timestamp: 1, timezoneOffset: 0 }
  await git.init({ fs: lower, dir: '/' })
  const commit = async (fs: PlyFs, text: string): Promise<void> => {
    await fs.promises.writeFile('/file', text)
    await git.add({ fs, dir: '/', filepath: 'file' })
    await git.commit({ fs, dir: '/', message: text, author })
  }
  await commit(lower, 'one')
  const loss = powerLoss()
  const fs = stack(lower, [loss])
  await commit(fs, 'two')
  const outcomes = new Map<string, number>()
  for (const disk of disks(loss)) {
    let outcome: string
    try {
      outcome = ((await git.log({ fs: disk, dir: '/' })) as { commit: { message: string } }[])
        .map((each) => each.commit.message.trim())
        .join()
    } catch (error) {
      outcome = (error as { code: string }).code ?? (error as Error).name
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  t.log(Object.fromEntries(outcomes))
  t.true(outcomes.has('two,one') && outcomes.has('one'))
  // It syncs nothing: the ref may be empty, or name an object that is not there.
  t.true(outcomes.size > 2)
})
