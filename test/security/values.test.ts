// Arguments that answer differently each time they are asked, objects that lead somewhere, and numbers that were guessed.
import * as nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import test, { type ExecutionContext } from 'ava'
import { sandbox } from '../../layers/index.js'
import { layer, NEXT, type PlyFs, stack, withCaller } from '../../lib/index.js'
import { host, memory } from '../../lib/lower/index.js'

const SECRET = 'canary-71ee'

interface Scene {
  readonly root: string
  readonly secret: string
  readonly fs: PlyFs
}

const scene = (t: ExecutionContext): Scene => {
  const base = nodeFs.realpathSync(nodeFs.mkdtempSync(join(tmpdir(), 'plyfs-values-')))
  t.teardown(() => nodeFs.rmSync(base, { recursive: true, force: true }))
  const root = `${base}/root`
  nodeFs.mkdirSync(root)
  nodeFs.writeFileSync(`${root}/file`, 'inside')
  nodeFs.writeFileSync(`${base}/secret`, SECRET)
  return { root, secret: `${base}/secret`, fs: stack(host(), [sandbox({ root })]) }
}

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).name
  }
}
/** Gives one value first, and another from then on. */
const turning = <T>(first: T, then: T): (() => T) => {
  let asked = 0
  return () => (asked++ === 0 ? first : then)
}

test('a path is read once, whatever it is', async (t) => {
  const { fs, root, secret } = scene(t)
  const good = `${root}/file`
  const make: Record<string, () => unknown> = {
    'toString of a URL': () => Object.assign(new URL(`file://${good}`), { toString: turning(good, secret) }),
    'pathname of a URL': () =>
      Object.defineProperty(new URL(`file://${good}`), 'pathname', { get: turning(good, secret) }),
    'href of a URL': () =>
      Object.defineProperty(new URL(`file://${good}`), 'href', { get: turning(`file://${good}`, `file://${secret}`) }),
    'an object like a URL': () => ({
      get href() {
        return `file://${secret}`
      },
      protocol: 'file:',
      get pathname() {
        return pathnames()
      },
      hostname: '',
    }),
    'a Proxy of a Buffer': () => new Proxy(Buffer.from(good), {}),
    'a String object': () => Object.assign(Object(good), { toString: turning(good, secret) }),
    'an object with a toString': () => ({ toString: turning(good, secret) }),
    'an object with toPrimitive': () => ({ [Symbol.toPrimitive]: turning(good, secret) }),
    'an array': () => [secret],
    'a Buffer with another toString': () => Object.assign(Buffer.from(good), { toString: turning(good, secret) }),
    'a Buffer with another slice': () =>
      Object.assign(Buffer.from(good), { slice: () => Buffer.from(secret), subarray: () => Buffer.from(secret) }),
    'a Uint8Array with another length': () =>
      Object.defineProperty(new Uint8Array(Buffer.from(good)), 'length', { get: turning(good.length, 2) }),
  }
  const pathnames = turning(good, secret)
  for (const [what, value] of Object.entries(make)) {
    const read = [
      () => fs.readFileSync(value() as string),
      () => fs.readFileSync(fs.openSync(value() as string, 'r')),
      () => fs.promises.readFile(value() as string),
      () => new Promise((resolve, reject) => fs.readFile(value() as string, (e, b) => (e ? reject(e) : resolve(b)))),
    ]
    for (const run of read) {
      let out: unknown
      try {
        out = await run()
      } catch (error) {
        out = (error as Error).message
      }
      t.false(String(out).includes(SECRET), what)
    }
  }
})

test('options are read once: a flag cannot become another', async (t) => {
  const { root } = scene(t)
  const fs = stack(host(), [sandbox({ rules: [{ allow: ['read', 'stat'], paths: [`${root}/**`] }] })])
  const flags = (): { flag: string } =>
    Object.defineProperty({}, 'flag', { get: turning('r', 'w'), enumerable: true }) as never
  t.is(String(fs.readFileSync(`${root}/file`, flags())), 'inside')
  t.is(nodeFs.readFileSync(`${root}/file`, 'utf8'), 'inside')
  const writing = (): { flag: string } =>
    Object.defineProperty({}, 'flag', { get: turning('r', 'w'), enumerable: true }) as never
  codeOf(() => fs.writeFileSync(`${root}/file`, 'changed', writing()))
  await fs.promises.writeFile(`${root}/file`, 'changed', writing()).catch(() => undefined)
  const stream = fs.createWriteStream(
    `${root}/file`,
    Object.defineProperty({}, 'flags', { get: turning('r', 'w'), enumerable: true }),
  )
  stream.end('changed')
  await finished(stream).catch(() => undefined)
  t.is(nodeFs.readFileSync(`${root}/file`, 'utf8'), 'inside')
})

test('a Buffer that is changed after the call changes nothing', async (t) => {
  const { fs, root, secret } = scene(t)
  for (let k = 0; k < 50; k++) {
    const path = Buffer.alloc(Math.max(root.length + 5, secret.length), '/')
    path.write(`${root}/file`)
    const reading = fs.promises.readFile(path.subarray(0, root.length + 5), 'utf8')
    path.fill('/')
    path.write(secret)
    t.is(await reading, 'inside')
  }
})

test('prototypes that are replaced after construction decide nothing', (t) => {
  const { fs, root, secret } = scene(t)
  const { slice, charCodeAt, startsWith, indexOf, lastIndexOf, split } = String.prototype
  const { test: regTest, exec } = RegExp.prototype
  const { get, has } = Map.prototype
  const outcomes: unknown[] = []
  const attempts = [secret, `${root}/../secret`, `${root}/file/../../secret`]
  try {
    const all = String.prototype as unknown as Record<string, unknown>
    all.startsWith = () => true
    all.slice = () => `${root}/file`
    all.charCodeAt = () => 47
    all.indexOf = () => -1
    all.lastIndexOf = () => 0
    all.split = () => ['', 'file']
    RegExp.prototype.test = () => true
    RegExp.prototype.exec = (() => ['x']) as never
    Map.prototype.get = (() => ({ path: secret, exists: true })) as never
    Map.prototype.has = () => true
    for (const path of attempts) {
      try {
        outcomes[outcomes.length] = fs.readFileSync(path)
      } catch {
        // Any failure will do: this is about what gets through.
      }
    }
  } finally {
    Object.assign(String.prototype, { slice, charCodeAt, startsWith, indexOf, lastIndexOf, split })
    Object.assign(RegExp.prototype, { test: regTest, exec })
    Object.assign(Map.prototype, { get, has })
  }
  t.false(Buffer.concat(outcomes as Buffer[]).includes(SECRET))
  t.is(String(fs.readFileSync(`${root}/file`)), 'inside')
})

test('a name has one text, whatever strings are made to say of themselves', (t) => {
  const { root } = scene(t)
  nodeFs.writeFileSync(`${root}/\ufffd`, SECRET)
  const rules = [
    { allow: ['*' as const], paths: [`${root}/**`] },
    { deny: ['*' as const], paths: [`${root}/\ufffd`] },
  ]
  const fs = stack(host(), [sandbox({ rules })])
  const { isWellFormed, toWellFormed } = String.prototype
  const said: unknown[] = []
  try {
    for (const is of [isWellFormed, () => true]) {
      String.prototype.isWellFormed = is
      if (is !== isWellFormed) {
        String.prototype.toWellFormed = function () {
          return `${this}`
        }
      }
      for (const name of ['\ufffd', '\ud800', '\udfff', '\udc41']) {
        said.push(codeOf(() => fs.readFileSync(`${root}/${name}`)))
        said.push(codeOf(() => fs.readFileSync(`${root}/./${name}`)))
      }
    }
  } finally {
    Object.assign(String.prototype, { isWellFormed, toWellFormed })
  }
  t.deepEqual(
    said,
    said.map(() => 'EACCES'),
  )
})

test('Object.prototype gives no option and no permission', (t) => {
  const { root, secret } = scene(t)
  const proto = Object.prototype as Record<string, unknown>
  for (const [key, value] of Object.entries({
    default: 'allow',
    root: '/',
    allow: ['*'],
    recursive: true,
    fd: 3,
    fs: nodeFs,
  })) {
    try {
      proto[key] = value
      const fs = stack(host(), [sandbox({ rules: [{ allow: ['read'], paths: [`${root}/**`] }] })])
      t.is(
        codeOf(() => fs.readFileSync(secret)),
        'EACCES',
        key,
      )
      t.is(
        codeOf(() => fs.writeFileSync(`${root}/file`, 'x')),
        'EACCES',
        key,
      )
    } finally {
      delete proto[key]
    }
  }
})

test('Object.prototype makes no request one on an open file', (t) => {
  const { fs, root, secret } = scene(t)
  const fd = nodeFs.openSync(secret, 'r+')
  const look = () => {
    const { mode, uid, size, mtimeMs, ctimeMs } = nodeFs.statSync(secret)
    return { mode, uid, size, mtimeMs, ctimeMs }
  }
  const before = look()
  const path = `${root}/file`
  const proto = Object.prototype as Record<string, unknown>
  try {
    proto.fd = fd
    proto.file = { fd, path, flags: 2, passed: true, direct: true, closed: false }
    for (const attempt of [
      () => fs.chmodSync(path, 0o777),
      () => fs.chownSync(path, 7, 7),
      () => fs.utimesSync(path, 1, 2),
      () => fs.lutimesSync(path, 1, 2),
      () => fs.truncateSync(path, 1),
      () => fs.setxattrSync(path, 'user.plyfs', Buffer.from('x')),
    ]) {
      codeOf(attempt)
    }
  } finally {
    delete proto.fd
    delete proto.file
  }
  t.deepEqual(look(), before)
  nodeFs.closeSync(fd)
})

test('Object.prototype gives no foreign file a name inside', async (t) => {
  const { fs, root, secret } = scene(t)
  fs.statSync(`${root}/file`)
  const foreign = nodeFs.openSync(secret, 'r+')
  const proto = Object.prototype as Record<string, unknown>
  const ways: Readonly<Record<string, (from: string, to: string) => unknown>> = {
    sync: (from, to) => fs.linkSync(from, to),
    promise: (from, to) => fs.promises.link(from, to),
    callback: (from, to) => new Promise((resolve) => fs.link(from, to, resolve)),
  }
  for (const [convention, link] of Object.entries(ways)) {
    for (const [k, from] of [`${root}/file`, `${root}/./file`, `${root}//file`].entries()) {
      const to = `${root}/${convention}-${k}`
      try {
        proto.fd = foreign
        await link(from, to)
      } finally {
        delete proto.fd
      }
      t.is(nodeFs.statSync(to).ino, nodeFs.statSync(`${root}/file`).ino, `${convention} ${from}`)
    }
  }
  t.is(nodeFs.statSync(secret).nlink, 1)
  nodeFs.closeSync(foreign)
})

test('Object.prototype lets no path be looked at through a link', (t) => {
  const { root, secret } = scene(t)
  const fs = stack(host(), [sandbox({ rules: [{ allow: ['read', 'list', 'stat'], paths: [`${root}/**`] }] })])
  nodeFs.mkdirSync(`${secret}-dir`)
  nodeFs.writeFileSync(`${secret}-dir/there`, SECRET)
  nodeFs.symlinkSync(`${secret}-dir`, `${root}/out`)
  const proto = Object.prototype as Record<string, unknown>
  const looks: Readonly<Record<string, (path: string) => unknown>> = {
    stat: (path) => fs.statSync(path),
    access: (path) => fs.accessSync(path, 2),
    open: (path) => fs.openSync(path, 'r+'),
    rename: (path) => fs.renameSync(path, `${root}/moved`),
    link: (path) => fs.linkSync(path, `${root}/linked`),
    watch: (path) => fs.watch(path).close(),
    readdir: (path) => fs.readdirSync(path),
    resolve: (path) => fs.realpathSync.native(path),
  }
  for (const [name, look] of Object.entries(looks)) {
    try {
      proto.fd = 3
      t.is(
        codeOf(() => look(`${root}/out/there`)),
        codeOf(() => look(`${root}/out/nowhere`)),
        name,
      )
    } finally {
      delete proto.fd
    }
  }
})

test('Object.prototype lets no watcher hear of what links lead to', async (t) => {
  const { fs, root, secret } = scene(t)
  nodeFs.symlinkSync(secret, `${root}/link`)
  const proto = Object.prototype as Record<string, unknown>
  const heard: unknown[] = []
  let watcher: nodeFs.FSWatcher
  try {
    proto.fd = 3
    watcher = fs.watch(root, { recursive: true }, (_type, name) => heard.push(name))
  } finally {
    delete proto.fd
  }
  nodeFs.appendFileSync(secret, 'x')
  const done = new Promise((resolve) => watcher.on('change', (_type, name) => name === 'last' && resolve(undefined)))
  nodeFs.writeFileSync(`${root}/last`, '')
  await done
  watcher.close()
  t.deepEqual(
    heard.filter((name) => name !== 'last'),
    [],
  )
})

test('a policy is copied: changing it afterwards changes nothing', (t) => {
  const { root, secret } = scene(t)
  const paths = [`${root}/**`]
  const policy = { default: 'deny' as 'allow' | 'deny', rules: [{ allow: ['read' as const], paths }] }
  const fs = stack(host(), [sandbox(policy)])
  policy.default = 'allow'
  paths.push('/**')
  policy.rules.length = 0
  t.is(
    codeOf(() => fs.readFileSync(secret)),
    'EACCES',
  )
})

test('descriptors that this stack did not open, closed and used again, are EBADF', (t) => {
  const { fs, root, secret } = scene(t)
  const foreign = nodeFs.openSync(secret, 'r+')
  const tries: ((fd: number) => unknown)[] = [
    (fd) => fs.readSync(fd, Buffer.alloc(8)),
    (fd) => fs.writeSync(fd, 'x'),
    (fd) => fs.fstatSync(fd),
    (fd) => fs.ftruncateSync(fd, 0),
    (fd) => fs.fchmodSync(fd, 0o777),
    (fd) => fs.fchownSync(fd, 0, 0),
    (fd) => fs.futimesSync(fd, 1, 2),
    (fd) => fs.fsyncSync(fd),
    (fd) => fs.fdatasyncSync(fd),
    (fd) => fs.readFileSync(fd),
    (fd) => fs.writeFileSync(fd, 'x'),
    (fd) => fs.appendFileSync(fd, 'x'),
    (fd) => fs.readvSync(fd, [Buffer.alloc(1)]),
    (fd) => fs.writevSync(fd, [Buffer.alloc(1)]),
    (fd) => fs.closeSync(fd),
  ]
  for (const attempt of tries)
    for (const fd of [foreign, 0, 1, 2, 999])
      t.is(
        codeOf(() => attempt(fd)),
        'EBADF',
        `${attempt}`,
      )
  const own = fs.openSync(`${root}/file`, 'r')
  fs.closeSync(own)
  const reused = nodeFs.openSync(secret, 'r+')
  t.is(reused, own, 'the system gave the number away again')
  for (const attempt of tries)
    t.is(
      codeOf(() => attempt(own)),
      'EBADF',
      `${attempt}`,
    )
  t.is(nodeFs.readFileSync(secret, 'utf8'), SECRET)
  nodeFs.closeSync(foreign)
  nodeFs.closeSync(reused)
})

test('a descriptor that was opened for reading changes nothing', async (t) => {
  const { fs, root } = scene(t)
  const before = nodeFs.statSync(`${root}/file`)
  const fd = fs.openSync(`${root}/file`, 'r')
  const tries: (() => unknown)[] = [
    () => fs.fchmodSync(fd, 0o777),
    () => fs.fchownSync(fd, 7, 7),
    () => fs.futimesSync(fd, 1, 2),
    () => fs.ftruncateSync(fd, 0),
  ]
  for (const attempt of tries) t.is(codeOf(attempt), 'EACCES', `${attempt}`)
  fs.closeSync(fd)
  const handle = await fs.promises.open(`${root}/file`, 'r')
  await t.throwsAsync(handle.chmod(0o777), { code: 'EACCES' })
  await t.throwsAsync(handle.chown(7, 7), { code: 'EACCES' })
  await t.throwsAsync(handle.utimes(1, 2), { code: 'EACCES' })
  await t.throwsAsync(handle.truncate(0), { code: 'EACCES' })
  await handle.close()
  const after = nodeFs.statSync(`${root}/file`)
  t.deepEqual(
    [after.mode, after.uid, after.mtimeMs, after.size],
    [before.mode, before.uid, before.mtimeMs, before.size],
  )
})

test('nothing that is handed out leads to the real filesystem', async (t) => {
  const { fs, root, secret } = scene(t)
  const stream = fs.createReadStream(`${root}/file`)
  const dir = fs.opendirSync(root)
  const handle = await fs.promises.open(`${root}/file`, 'r')
  const watcher = fs.watch(root, { persistent: false })
  const starts: Record<string, unknown> = {
    fs,
    promises: fs.promises,
    stream,
    dir,
    handle,
    watcher,
    stats: fs.statSync(root),
    entry: fs.readdirSync(root, { withFileTypes: true })[0],
    error: (() => {
      try {
        return fs.readFileSync(secret)
      } catch (error) {
        return error
      }
    })(),
  }
  const raw = new Set<unknown>([nodeFs, (nodeFs as { default?: unknown }).default, nodeFs.promises])
  for (const name of Object.keys(nodeFs)) {
    const value = (nodeFs as unknown as Record<string, unknown>)[name]
    // What opens or changes something; Stats and such classes only hold numbers.
    if (typeof value === 'function' && !/^(_toUnix|Stats|Dirent|Dir$)/.test(name)) raw.add(value)
  }
  const found: string[] = []
  const seen = new Set<unknown>()
  const visit = (value: unknown, way: string, depth: number): void => {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function') || seen.has(value) || depth > 5)
      return
    seen.add(value)
    if (raw.has(value)) {
      found.push(way)
      return
    }
    // Classes of the platform itself are everybody's.
    if (value === globalThis || value === process || value === Function.prototype || value === Object.prototype) return
    for (const key of Reflect.ownKeys(value as object)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value as object, key)
      if (descriptor === undefined || descriptor.get !== undefined) continue
      visit(descriptor.value, `${way}.${String(key)}`, depth + 1)
    }
    visit(Object.getPrototypeOf(value), `${way}.__proto__`, depth + 1)
  }
  for (const [name, value] of Object.entries(starts)) visit(value, name, 0)
  watcher.close()
  dir.closeSync()
  await handle.close()
  stream.destroy()
  t.deepEqual(found, [])
})

test('long, deep, looping and broken paths get the errno of Linux, promptly', (t) => {
  const { fs, root } = scene(t)
  nodeFs.symlinkSync('b', `${root}/a`)
  nodeFs.symlinkSync('a', `${root}/b`)
  const expected: [string, string][] = [
    [`${root}/${'x'.repeat(5000)}`, 'ENAMETOOLONG'],
    [`${root}/${'x'.repeat(300)}`, 'ENAMETOOLONG'],
    [`${root}${'/x'.repeat(10_000)}`, 'ENAMETOOLONG'],
    [`${root}/a`, 'ELOOP'],
    [`${root}/a/b/c`, 'ELOOP'],
    [`${root}/\0`, 'ERR_INVALID_ARG_VALUE'],
    [`${root}/file/`, 'ENOTDIR'],
    [`${root}/%2f`, 'ENOENT'],
    ['\\\\server\\share', 'EACCES'],
    ['', 'ENOENT'],
  ]
  const begun = performance.now()
  for (const [path, code] of expected)
    t.is(
      codeOf(() => fs.statSync(path)),
      code,
      path.slice(0, 80),
    )
  t.is(
    codeOf(() => fs.statSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xc0])]))),
    'ENOENT',
  )
  t.true(performance.now() - begun < 1000)
})

test('a thousand refusals leave no descriptor open, and a FIFO does not block the decision', async (t) => {
  const { fs, root, secret } = scene(t)
  const { execFileSync } = await import('node:child_process')
  execFileSync('mkfifo', [`${root}/fifo`])
  const before = nodeFs.readdirSync('/proc/self/fd').length
  for (let k = 0; k < 1000; k++) codeOf(() => fs.openSync(secret, 'r'))
  await Promise.all(Array.from({ length: 200 }, () => fs.promises.open(secret, 'r').catch(() => undefined)))
  t.is(fs.statSync(`${root}/fifo`).isFIFO(), true)
  t.is(
    codeOf(() => fs.accessSync(`${root}/fifo`)),
    undefined,
  )
  t.true(nodeFs.readdirSync('/proc/self/fd').length - before < 8)
})

test('views by callers: one is never answered by what another may see', (t) => {
  const lower = memory()
  lower.mkdirSync('/d')
  lower.writeFileSync('/d/mine', 'x')
  const fs = stack(lower, [
    sandbox({
      rules: [
        { allow: ['*'], paths: ['/d/**'] },
        { deny: ['*'], paths: ['/d/mine'], callers: { name: 'guest' } },
      ],
    }),
  ])
  const guest = withCaller(fs, { name: 'guest' })
  for (let k = 0; k < 3; k++) {
    t.is(
      codeOf(() => fs.statSync('/d/mine')),
      undefined,
    )
    t.is(
      codeOf(() => guest.statSync('/d/mine')),
      'EACCES',
    )
  }
  const fd = fs.openSync('/d/mine', 'r')
  t.is(
    codeOf(() => guest.fstatSync(fd)),
    undefined,
    'what is open carries what was granted',
  )
  fs.closeSync(fd)
})

test('existing and missing names outside are answered alike', (t) => {
  const { fs, root, secret } = scene(t)
  nodeFs.symlinkSync(secret, `${root}/there`)
  nodeFs.symlinkSync(`${secret}-not`, `${root}/nowhere`)
  const shapes = (path: string) => {
    try {
      fs.statSync(path)
      return 'ok'
    } catch (error) {
      const { code, errno, syscall, message } = error as NodeJS.ErrnoException
      return [code, errno, syscall, message.replaceAll(path, 'PATH')].join()
    }
  }
  t.is(shapes(secret), shapes(`${secret}-not`))
  t.is(shapes(`${root}/there`), shapes(`${root}/nowhere`))
  t.is(shapes(`${secret}/x`), shapes(`${secret}-not/x`))
})

test('stacks on stacks: too deep is ELOOP, and a hook that calls the top again too', (t) => {
  let fs: PlyFs = memory()
  t.throws(
    () => {
      for (let k = 0; k < 2000; k++)
        fs = stack(fs, [layer('guard', { getattr: { request: () => NEXT } }, { maxDepth: 1000 })])
    },
    { code: 'ELOOP' },
  )
  let top: PlyFs | undefined
  let inner: string | undefined
  const calling = layer(
    'calling',
    {
      getattr: {
        request: () => {
          inner = codeOf(() => top?.statSync('/'))
          return NEXT
        },
      },
    },
    { maxDepth: 8 },
  )
  top = stack(memory(), [calling])
  top.statSync('/')
  t.is(inner, 'ELOOP')
  const proxied = stack(new Proxy(top, {}), [layer('above', { getattr: { request: () => NEXT } })])
  t.true(proxied.statSync('/').isDirectory())
})
