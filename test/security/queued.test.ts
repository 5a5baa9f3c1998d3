// What is queued for libuv's pool, while the program closes the descriptor it is about, or moves the directory it is in.
import { execFileSync } from 'node:child_process'
import * as nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { metadataCache, passthrough, quota, sandbox } from '../../layers/index.js'
import { type PlyFs, stack } from '../../lib/index.js'
import { host, rooted } from '../../lib/lower/index.js'

const SECRET = 'canary-queued'
const linux = process.platform === 'linux' ? test.serial : test.serial.skip

interface Scene {
  readonly base: string
  /** The directory, as the host names it. */
  readonly inside: string
}
const scene = (t: ExecutionContext): Scene => {
  const base = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-queued-')))
  t.teardown(() => nodeFs.rmSync(base, { recursive: true, force: true }))
  const inside = `${base}/inside`
  nodeFs.mkdirSync(`${inside}/d`, { recursive: true })
  nodeFs.mkdirSync(`${inside}/strict`)
  nodeFs.mkdirSync(`${inside}/loose`)
  nodeFs.writeFileSync(`${inside}/d/x`, 'mine')
  nodeFs.writeFileSync(`${inside}/strict/key`, SECRET)
  nodeFs.writeFileSync(`${base}/secret`, SECRET)
  return { base, inside }
}

let fifos = 0
/** Until what it gives is called, nothing that is given to the pool is begun. */
const blockPool = async ({ base }: Scene): Promise<() => Promise<void>> => {
  const names: string[] = []
  const opened: Promise<number>[] = []
  for (;;) {
    const name = `${base}/fifo-${fifos++}`
    execFileSync('mkfifo', [name])
    names.push(name)
    opened.push(new Promise((resolve, reject) => nodeFs.open(name, 'r', (e, fd) => (e ? reject(e) : resolve(fd)))))
    const probe = new Promise((resolve) => nodeFs.stat(base, () => resolve('free')))
    if (names.length >= 4 && (await Promise.race([probe, delay(50, 'blocked')])) === 'blocked') break
  }
  return async () => {
    const writers = names.map((name) => nodeFs.openSync(name, nodeFs.constants.O_RDWR))
    for (const fd of [...writers, ...(await Promise.all(opened))]) nodeFs.closeSync(fd)
  }
}

type Any = (...args: unknown[]) => unknown
const called = (fs: PlyFs, name: string, ...args: unknown[]): Promise<unknown> =>
  new Promise((resolve) =>
    (fs as unknown as Record<string, Any>)[name]?.(...args, (error: NodeJS.ErrnoException | null, value: unknown) =>
      resolve(error?.code ?? value),
    ),
  )
const awaited = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: NodeJS.ErrnoException) => error.code ?? error.name,
  )

const kinds: Readonly<Record<string, (scene: Scene) => { fs: PlyFs; root: string }>> = {
  host: ({ inside }) => ({ fs: stack(host(), [sandbox({ root: inside })]), root: inside }),
  'over a cache': ({ inside }) => ({ fs: stack(host(), [sandbox({ root: inside }), metadataCache()]), root: inside }),
  'over a quota': ({ inside }) => ({
    fs: stack(host(), [sandbox({ root: inside }), quota({ bytes: 1e6 })]),
    root: inside,
  }),
  'passed through': ({ inside }) => ({ fs: stack(host(), [sandbox({ root: inside }), passthrough()]), root: inside }),
  rooted: ({ inside }) => ({ fs: rooted(inside), root: '' }),
  'rooted without koffi': ({ inside }) => ({ fs: rooted(inside, { native: false }), root: '' }),
  'sandbox over rooted': ({ inside }) => ({ fs: stack(rooted(inside), [sandbox({ default: 'allow' })]), root: '' }),
}

/** What is told of a descriptor after it was closed is of the file that it was. */
const onFd: Readonly<Record<string, (fs: PlyFs, fd: number) => Promise<unknown>>> = {
  read: async (fs, fd) => {
    const buffer = Buffer.alloc(SECRET.length)
    await called(fs, 'read', fd, buffer, 0, buffer.length, 0)
    return String(buffer)
  },
  readv: async (fs, fd) => {
    const buffer = Buffer.alloc(SECRET.length)
    await called(fs, 'readv', fd, [buffer], 0)
    return String(buffer)
  },
  readFile: (fs, fd) => called(fs, 'readFile', fd, 'utf8'),
  write: (fs, fd) => called(fs, 'write', fd, 'x', 0),
  writev: (fs, fd) => called(fs, 'writev', fd, [Buffer.from('x')], 0),
  writeFile: (fs, fd) => called(fs, 'writeFile', fd, 'x'),
  fstat: async (fs, fd) => (await called(fs, 'fstat', fd)) as { ino: number },
  ftruncate: (fs, fd) => called(fs, 'ftruncate', fd, 1),
  fchmod: (fs, fd) => called(fs, 'fchmod', fd, 0o777),
  futimes: (fs, fd) => called(fs, 'futimes', fd, 1, 2),
  fsync: (fs, fd) => called(fs, 'fsync', fd),
}
const closes: Readonly<Record<string, (fs: PlyFs, fd: number) => unknown>> = {
  closeSync: (fs, fd) => fs.closeSync(fd),
  close: (fs, fd) => called(fs, 'close', fd),
}

for (const [kind, make] of Object.entries(kinds)) {
  for (const [how, close] of Object.entries(closes)) {
    linux(`what is queued for a descriptor never meets another file of that number, ${how}: ${kind}`, async (t) => {
      const at = scene(t)
      const { fs, root } = make(at)
      const secret = nodeFs.statSync(`${at.base}/secret`)
      const release = await blockPool(at)
      const own = Object.keys(onFd).map((name) => [name, fs.openSync(`${root}/d/x`, 'r+')] as const)
      const asked = own.map(async ([name, fd]) => [name, await onFd[name]?.(fs, fd)] as const)
      const ended = own.map(([, fd]) => close(fs, fd))
      // As many as were closed, so that each number would be given away again.
      const foreign = own.map(() => nodeFs.openSync(`${at.base}/secret`, 'r+'))
      await release()
      for (const [name, out] of await Promise.all(asked)) {
        t.false(JSON.stringify(out)?.includes(SECRET) ?? false, name)
        t.false(JSON.stringify(out)?.includes(`"ino":${secret.ino}`) ?? false, name)
      }
      t.deepEqual(
        (await Promise.all(ended)).filter((out) => typeof out === 'string'),
        [],
      )
      const { mode, size, mtimeMs } = nodeFs.statSync(`${at.base}/secret`)
      t.deepEqual({ mode, size, mtimeMs }, { mode: secret.mode, size: secret.size, mtimeMs: secret.mtimeMs })
      t.is(nodeFs.readFileSync(`${at.base}/secret`, 'utf8'), SECRET)
      for (const fd of foreign) nodeFs.closeSync(fd)
      // What was asked to be closed is, in the end, and closed once.
      const isOpen = (fd: number): boolean => {
        try {
          return nodeFs.fstatSync(fd).ino === nodeFs.statSync(`${at.inside}/d/x`).ino
        } catch {
          return false
        }
      }
      for (let k = 0; k < 100 && own.some(([, fd]) => isOpen(fd)); k++) await delay(10)
      t.deepEqual(
        own.filter(([, fd]) => isOpen(fd)),
        [],
      )
      for (const [, fd] of own) t.throws(() => fs.fstatSync(fd), { code: 'EBADF' })
    })
  }
}

/** Methods that open a file themselves; their descriptor can be guessed, and closed. */
const openers: Readonly<Record<string, (fs: PlyFs, root: string) => Promise<unknown>>> = {
  readFile: (fs, root) => fs.promises.readFile(`${root}/big`, 'latin1'),
  'readFile, called back': (fs, root) => called(fs, 'readFile', `${root}/big`, 'latin1'),
  writeFile: (fs, root) => fs.promises.writeFile(`${root}/new`, 'A'.repeat(1 << 21)),
  'writeFile, called back': (fs, root) => called(fs, 'writeFile', `${root}/new`, 'A'.repeat(1 << 21)),
  copyFile: async (fs, root) => {
    await fs.promises.copyFile(`${root}/big`, `${root}/new`)
    return fs.promises.readFile(`${root}/new`, 'latin1')
  },
  openAsBlob: async (fs, root) => (await fs.openAsBlob(`${root}/big`)).text(),
  createReadStream: async (fs, root) => {
    let out = ''
    for await (const piece of fs.createReadStream(`${root}/big`, 'latin1')) out += piece
    return out
  },
}
for (const [kind, make] of Object.entries(kinds)) {
  linux(`a descriptor that is closed under a method that opened it is no other file's: ${kind}`, async (t) => {
    const at = scene(t)
    const { fs, root } = make(at)
    const big = SECRET.repeat(50_000)
    nodeFs.writeFileSync(`${at.inside}/big`, 'x'.repeat(big.length))
    nodeFs.writeFileSync(`${at.base}/secret`, big)
    let closed = 0
    for (const [name, open] of Object.entries(openers)) {
      for (let round = 0; round < 12; round++) {
        const running = awaited(open(fs, root))
        const foreign: number[] = []
        for (let turn = 0; turn < 12 && foreign.length === 0; turn++) {
          await new Promise(setImmediate)
          if (turn < round % 6) continue
          for (let fd = 3; fd < 64 && foreign.length === 0; fd++) {
            try {
              fs.closeSync(fd)
            } catch {
              continue
            }
            closed++
            for (let k = 0; k < 40 && foreign.at(-1) !== fd; k++) {
              foreign.push(nodeFs.openSync(`${at.base}/secret`, 'r+'))
            }
          }
        }
        t.false(String(await running).includes(SECRET), name)
        // Nobody else has closed these, either.
        for (const fd of foreign) t.notThrows(() => nodeFs.closeSync(fd), name)
        t.true(nodeFs.readFileSync(`${at.base}/secret`, 'latin1') === big, name)
      }
    }
    t.true(closed > 20, `${closed}`)
  })
}

const ruled: Readonly<Record<string, (scene: Scene, deny: readonly ('read' | 'write' | 'delete')[]) => Placed>> = {
  host: ({ inside }, deny) => ({ fs: stack(host(), [strict(inside, deny)]), root: inside }),
  'over a cache': ({ inside }, deny) => ({ fs: stack(host(), [strict(inside, deny), metadataCache()]), root: inside }),
  'over rooted': ({ inside }, deny) => ({ fs: stack(rooted(inside), [strict('', deny)]), root: '' }),
  'over rooted without koffi': ({ inside }, deny) => ({
    fs: stack(rooted(inside, { native: false }), [strict('', deny)]),
    root: '',
  }),
}
type Placed = { readonly fs: PlyFs; readonly root: string }
const strict = (root: string, deny: readonly ('read' | 'write' | 'delete')[]) =>
  sandbox({
    rules: [
      { allow: ['*'], paths: [`${root}/**`] },
      { deny, paths: [`${root}/strict/**`] },
    ],
  })

/** Asked while `d` is where everything is allowed. */
const inD: Readonly<Record<string, (fs: PlyFs, root: string) => Promise<unknown>>> = {
  readFile: (fs, root) => awaited(fs.promises.readFile(`${root}/d/x`, 'utf8')),
  'readFile, called back': (fs, root) => called(fs, 'readFile', `${root}/d/x`, 'utf8'),
  open: (fs, root) =>
    awaited(
      fs.promises.open(`${root}/d/x`, 'r+').then(async (handle) => {
        const out = await handle.readFile('utf8')
        await handle.write('written', 0)
        await handle.close()
        return out
      }),
    ),
  'open to truncate': (fs, root) => awaited(fs.promises.open(`${root}/d/x`, 'w').then((handle) => handle.close())),
  writeFile: (fs, root) => awaited(fs.promises.writeFile(`${root}/d/x`, 'written')),
  appendFile: (fs, root) => called(fs, 'appendFile', `${root}/d/x`, 'written'),
  truncate: (fs, root) => called(fs, 'truncate', `${root}/d/x`, 1),
  rename: (fs, root) => awaited(fs.promises.rename(`${root}/d/x`, `${root}/loose/y`)),
  'rename, called back': (fs, root) => called(fs, 'rename', `${root}/d/x`, `${root}/loose/y`),
  unlink: (fs, root) => awaited(fs.promises.unlink(`${root}/d/x`)),
  rmdir: (fs, root) => called(fs, 'rmdir', `${root}/d/empty`),
}
const attempt = (run: () => void): void => {
  try {
    run()
  } catch {
    // It is about what comes of it.
  }
}

for (const [kind, make] of Object.entries(ruled)) {
  for (const [name, ask] of Object.entries(inD)) {
    linux(`what was judged is what is done, when its directory is moved meanwhile, ${name}: ${kind}`, async (t) => {
      for (const way of ['a secret is put there', 'a link is put there'] as const) {
        const at = scene(t)
        nodeFs.mkdirSync(`${at.inside}/d/empty`)
        const isMoved = way === 'a secret is put there'
        const { fs, root } = make(at, isMoved ? ['read'] : ['write', 'delete'])
        const free = await blockPool(at)
        const asked = ask(fs, root)
        // What is asked for in promises begins at once, or in the next turn.
        await new Promise(setImmediate)
        attempt(() => fs.renameSync(`${root}/d`, `${root}/strict/d`))
        const there = `${root}/strict`
        if (isMoved) attempt(() => fs.renameSync(`${there}/key`, `${there}/d/x`))
        else {
          // Somebody else takes it away.
          attempt(() => nodeFs.unlinkSync(`${at.inside}/strict/d/x`))
          attempt(() => fs.linkSync(`${there}/key`, `${there}/d/x`))
        }
        const isLinked = nodeFs.existsSync(`${at.inside}/strict/d/x`)
        const isEmptyThere = nodeFs.existsSync(`${at.inside}/strict/d/empty`)
        await free()
        const out = await asked
        t.false(String(out).includes(SECRET), way)
        if (nodeFs.existsSync(`${at.inside}/loose/y`)) t.is(nodeFs.readFileSync(`${at.inside}/loose/y`, 'utf8'), 'mine')
        const kept = [`${at.inside}/strict/key`, `${at.inside}/strict/d/x`].filter(nodeFs.existsSync)
        t.true(kept.some((path) => nodeFs.readFileSync(path, 'utf8') === SECRET))
        if (!isMoved) {
          t.is(nodeFs.existsSync(`${at.inside}/strict/d/x`), isLinked, way)
          t.is(nodeFs.existsSync(`${at.inside}/strict/d/empty`), isEmptyThere, way)
        }
      }
    })
  }
}
