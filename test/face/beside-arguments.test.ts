// Arguments: how many, which, in which order they are checked, and what is thrown at once.
import nodeFs from 'node:fs'
import { pathToFileURL } from 'node:url'
import { beside, called, type Fs, thrown, tried } from './beside.js'
import { NEWER } from './everything.js'

// biome-ignore lint/suspicious/noExplicitAny: any function of node:fs, with any arguments
type Any = Record<string, (...args: any[]) => any>
const any = (fs: Fs): Any => fs as unknown as Any
const promises = (fs: Fs): Any => fs.promises as unknown as Any

const callbacks = Object.keys(nodeFs).filter(
  (key) =>
    typeof (nodeFs as unknown as Any)[`${key}Sync`] === 'function' &&
    !/^(exists|glob|mkdtempDisposable|rm|close)$/.test(key),
)
// rm, close: Node does not check their callbacks at once.
for (const name of callbacks) {
  beside(`${name} without a callback, or with none that can be called`, (fs, dir) => {
    fs.writeFileSync(`${dir}/f`, '')
    const call = (...args: unknown[]): unknown => thrown(() => any(fs)[name]?.(...args))
    const first = /^f(?!ile)|^(read|write|readv|writev)$/.test(name) ? 100_000 : `${dir}/f`
    return [
      call(),
      call(first),
      ...['x', 5, {}, null, true].flatMap((odd) => [
        call(first, odd),
        call(undefined, odd),
        call(first, odd, odd),
        call(first, `${dir}/g`, odd),
        call(first, `${dir}/g`, undefined, odd),
        call(first, undefined, undefined, undefined, odd),
      ]),
    ]
  })
}
beside('exists without a callback', (fs, dir) => [
  thrown(() => any(fs).exists?.(dir)),
  thrown(() => any(fs).exists?.(dir, {})),
  thrown(() => any(fs).exists?.()),
])

beside('what callbacks are given', async (fs, dir) => {
  const out: unknown[] = []
  const call = async (name: string, ...args: unknown[]): Promise<unknown> => {
    const got = await called((cb) => any(fs)[name]?.(...args, cb))
    out.push([name, got.length, got[0], typeof got[1]])
    return got[1]
  }
  await call('writeFile', `${dir}/f`, 'abc')
  await call('appendFile', `${dir}/f`, 'abc')
  await call('mkdir', `${dir}/d`)
  await call('mkdir', `${dir}/d`, { recursive: true })
  await call('mkdir', `${dir}/d/e/f`, { recursive: true })
  await call('mkdtemp', `${dir}/t-`)
  const fd = await call('open', `${dir}/f`, 'r+')
  for (const name of ['fsync', 'fdatasync', 'fstat', 'ftruncate']) await call(name, fd)
  await call('fchmod', fd, 0o644)
  await call('fchown', fd, process.getuid?.(), process.getgid?.())
  await call('futimes', fd, 1, 1)
  await call('read', fd, Buffer.alloc(3), 0, 3, 0)
  await call('read', fd)
  await call('read', fd, { length: 0 })
  await call('read', fd, Buffer.alloc(3))
  await call('write', fd, 'x')
  await call('write', fd, Buffer.from('x'))
  await call('readv', fd, [Buffer.alloc(1)])
  await call('writev', fd, [Buffer.from('y')])
  await call('writev', fd, [])
  await call('close', fd)
  await call('close', fd)
  for (const name of ['read', 'write']) await call(name, 100_000, Buffer.alloc(1), 0, 1, 0)
  await call('readv', 100_000, [Buffer.alloc(1)], 0)
  await call('writev', 100_000, [Buffer.alloc(1)], 0)
  for (const name of ['access', 'stat', 'lstat', 'readdir', 'readFile', 'realpath', 'statfs']) {
    await call(name, `${dir}/${name === 'readdir' ? 'd' : 'f'}`)
    await call(name, `${dir}/none`)
  }
  await call('exists', `${dir}/f`)
  await call('symlink', 'f', `${dir}/l`)
  await call('readlink', `${dir}/l`)
  await call('link', `${dir}/f`, `${dir}/h`)
  await call('rename', `${dir}/h`, `${dir}/i`)
  await call('copyFile', `${dir}/f`, `${dir}/j`)
  await call('cp', `${dir}/f`, `${dir}/k`)
  await call('truncate', `${dir}/f`, 1)
  await call('chmod', `${dir}/f`, 0o600)
  await call('utimes', `${dir}/f`, 1, 2)
  await call('lutimes', `${dir}/l`, 1, 2)
  await call('rm', `${dir}/i`)
  await call('unlink', `${dir}/j`)
  await call('rmdir', `${dir}/d/e/f`)
  await call('opendir', `${dir}/d`)
  await call('opendir', `${dir}/none`)
  return out
})

beside('callbacks come after the current turn', async (fs, dir) => {
  let turn = 'same'
  const seen: string[] = []
  const waits: Promise<void>[] = []
  const call = (name: string, ...args: unknown[]): void => {
    waits.push(
      new Promise((resolve) => {
        any(fs)[name]?.(...args, () => {
          seen.push(`${name} ${turn}`)
          resolve()
        })
      }),
    )
  }
  fs.writeFileSync(`${dir}/f`, 'abc')
  for (const name of ['stat', 'readFile', 'access', 'exists', 'readlink', 'open', 'realpath', 'unlink']) {
    call(name, `${dir}/f/none`)
    call(name, '')
  }
  call('read', 100_000, Buffer.alloc(0), 0, 0, 0)
  call('writev', 100_000, [])
  call('mkdir', `${dir}/f/none`, { recursive: true })
  turn = 'later'
  await Promise.all(waits)
  return seen.sort()
})

beside('exists of what is no path, and readFile with a signal that has fired, call back at once', async (fs, dir) => {
  let turn = 'same'
  const seen: string[] = []
  any(fs).exists?.({}, (there: unknown) => seen.push(`exists ${there} ${turn}`))
  const signal = AbortSignal.abort()
  any(fs).readFile?.(`${dir}/f`, { signal }, (error: Error) => seen.push(`readFile ${error.name} ${turn}`))
  any(fs).writeFile?.(`${dir}/f`, '', { signal }, (error: Error) => seen.push(`writeFile ${error.name} ${turn}`))
  turn = 'later'
  await new Promise((resolve) => setTimeout(resolve, 10))
  return seen.sort()
})

beside('close without a callback', async (fs, dir) => {
  fs.writeFileSync(`${dir}/f`, '')
  const fd = fs.openSync(`${dir}/f`, 'r')
  const returned = any(fs).close?.(fd)
  const isOpen = (): boolean => 'value' in (thrown(() => void fs.fstatSync(fd)) as object)
  for (let k = 0; k < 200 && isOpen(); k++) await new Promise((resolve) => setTimeout(resolve, 5))
  return [returned, isOpen(), thrown(() => any(fs).close?.('x')), thrown(() => any(fs).close?.(5, 'x'))]
})

beside('options that nobody may write to', async (fs, dir) => {
  const frozen = <T extends object>(options: T): T => Object.freeze(options)
  const f = `${dir}/f`
  fs.writeFileSync(f, 'abc', frozen({ encoding: 'utf8' as const }))
  fs.appendFileSync(f, 'def', frozen({ flag: 'a' }))
  const out: unknown[] = [fs.readFileSync(f, frozen({ encoding: 'utf8' as const }))]
  out.push(fs.readdirSync(dir, frozen({ withFileTypes: true as const })).length)
  out.push(fs.readdirSync(dir, frozen({ recursive: true as const })).length)
  fs.mkdirSync(`${dir}/a/b`, frozen({ recursive: true }))
  fs.cpSync(`${dir}/a`, `${dir}/c`, frozen({ recursive: true }))
  fs.rmSync(`${dir}/a`, frozen({ recursive: true }))
  out.push(fs.realpathSync(f, frozen({ encoding: 'utf8' as const })) === f)
  fs.rmdirSync(fs.mkdtempSync(`${dir}/t`, frozen({ encoding: 'utf8' as const })))
  for await (const piece of fs.createReadStream(f, frozen({ start: 1 }))) out.push(String(piece))
  await new Promise((resolve) => fs.createWriteStream(f, frozen({ flags: 'a' })).end('g', () => resolve(undefined)))
  await fs.promises.writeFile(f, 'h', frozen({ flag: 'a' }))
  await fs.promises.appendFile(f, 'i', frozen({}))
  fs.watchFile(f, frozen({ interval: 10_000 }), () => {})
  fs.unwatchFile(f)
  fs.watch(dir, frozen({ persistent: false })).close()
  const opened = fs.opendirSync(dir, frozen({ bufferSize: 2 }))
  opened.closeSync()
  out.push(await fs.promises.readFile(f, frozen({ encoding: 'latin1' as const })), fs.readdirSync(dir).sort())
  return out
})

const URLS = ['http://a/b', 'file://host/x', 'file:///x%2Fy', 'file:///x%2fy', 'file:///x%00y', 'file:///no%20such']
beside('URLs', async (fs, dir) => {
  fs.writeFileSync(`${dir}/a b%25é`, 'text')
  const good = pathToFileURL(`${dir}/a b%25é`)
  const out: unknown[] = [fs.readFileSync(good, 'utf8'), await fs.promises.readFile(good, 'utf8'), fs.existsSync(good)]
  for (const text of URLS) {
    const url = new URL(text)
    out.push(await tried(() => fs.readFileSync(url)), await tried(() => fs.promises.readFile(url)))
    out.push(
      thrown(() => fs.readFile(url, () => {})),
      fs.existsSync(url),
    )
    out.push(
      await tried(
        () =>
          fs
            .createReadStream(url)
            .on('error', () => {})
            .destroy().path,
      ),
    )
    if (!text.startsWith('file:///no')) out.push(await tried(() => fs.mkdtempSync(url as never)))
    if (!text.startsWith('file:///no')) out.push(await tried(() => fs.watch(url)))
  }
  out.push(await tried(() => fs.readFileSync({ href: 'file:///x', protocol: 'file:' } as never)))
  out.push(await tried(() => fs.readFileSync({ href: 'file:///x', protocol: 'file:', pathname: '/none' } as never)))
  return out
})

const ODD = [undefined, null, 0, 1, true, false, {}, [], () => {}, Symbol('s'), 1n]
beside('what is no path, everywhere', async (fs) => {
  const out: unknown[] = []
  for (const odd of ODD) {
    for (const name of ['watch', 'watchFile', 'unwatchFile', 'createReadStream', 'createWriteStream', 'openAsBlob']) {
      const listener = name === 'watchFile' ? [() => {}] : []
      out.push([name, thrown(() => any(fs)[name]?.(odd, ...listener))])
    }
    for (const name of [
      'mkdtemp',
      'mkdir',
      'open',
      'opendir',
      'rm',
      'rmdir',
      'cp',
      'copyFile',
      'realpath',
      'truncate',
    ]) {
      if (name === 'truncate' && typeof odd === 'number') continue
      out.push([name, await tried(() => promises(fs)[name]?.(odd, '/none'))])
      out.push([name, thrown(() => any(fs)[name]?.(odd, '/none', () => {}))])
    }
  }
  return out
})

beside('null bytes, everywhere', async (fs) => {
  const out: unknown[] = []
  const names = [
    'access',
    'appendFile',
    'chmod',
    'chown',
    'copyFile',
    'cp',
    'link',
    'lstat',
    'mkdir',
    'mkdtemp',
    'open',
  ]
  names.push('readFile', 'readdir', 'readlink', 'realpath', 'rename', 'rm', 'rmdir', 'stat', 'symlink', 'truncate')
  names.push('unlink', 'utimes', 'writeFile', 'opendir', 'statfs', 'lchown', 'lutimes')
  for (const bad of ['a\0b', Buffer.from('a\0b'), new URL('file:///a%00b')]) {
    const rest: Record<string, unknown[]> = {
      chmod: [0],
      chown: [0, 0],
      lchown: [0, 0],
      utimes: [0, 0],
      lutimes: [0, 0],
    }
    for (const name of names) {
      const more = rest[name] ?? (/^(appendFile|writeFile|copyFile|cp|link|rename|symlink)$/.test(name) ? ['x'] : [])
      out.push([name, await tried(() => any(fs)[`${name}Sync`]?.(bad, ...more))])
      out.push([name, await tried(() => promises(fs)[name]?.(bad, ...more))])
      out.push([name, thrown(() => any(fs)[name]?.(bad, ...more, () => {}))])
    }
    for (const name of ['copyFile', 'cp', 'link', 'rename', 'symlink'])
      out.push([name, await tried(() => any(fs)[`${name}Sync`]?.('x', bad))])
    out.push(await tried(() => fs.watch(bad)), await tried(() => fs.watchFile(bad, () => {})))
    out.push(await tried(() => fs.unwatchFile(bad)), fs.existsSync(bad))
    out.push(await tried(() => fs.createReadStream(bad)), await tried(() => fs.createWriteStream(bad)))
    out.push(await called((cb) => fs.exists(bad, cb)))
  }
  return out
})

beside('an encoding that is none, everywhere', async (fs, dir) => {
  const out: unknown[] = []
  const odd = ['test', 'buffer2', {}, 5]
  for (const encoding of odd) {
    for (const options of [encoding, { encoding }]) {
      if (typeof options === 'object' && Object.keys(options).length === 0) continue
      for (const name of ['readFile', 'readdir', 'readlink', 'mkdtemp', 'realpath']) {
        out.push([name, await tried(() => any(fs)[`${name}Sync`]?.(`${dir}/x`, options))])
        out.push([name, await tried(() => promises(fs)[name]?.(`${dir}/x`, options))])
        out.push([name, thrown(() => any(fs)[name]?.(`${dir}/x`, options, () => {}))])
      }
      for (const name of ['writeFile', 'appendFile']) {
        out.push([name, await tried(() => any(fs)[`${name}Sync`]?.(`${dir}/x`, 'y', options))])
        out.push([name, await tried(() => promises(fs)[name]?.(`${dir}/x`, 'y', options))])
      }
      out.push(thrown(() => any(fs).createReadStream?.(`${dir}/x`, options)))
      out.push(thrown(() => any(fs).createWriteStream?.(`${dir}/x`, options)))
      out.push(thrown(() => any(fs).watch?.(dir, options).close()))
      out.push(await tried(() => promises(fs).watch?.(dir, options).next()))
      out.push(thrown(() => any(fs).opendirSync?.(dir, options).closeSync()))
    }
  }
  return out
})

beside('times', async (fs, dir) => {
  const f = `${dir}/f`
  fs.writeFileSync(f, '')
  fs.symlinkSync('f', `${dir}/l`)
  const out: unknown[] = []
  // Newer libuv makes no error of a time that is none.
  const times = [
    0,
    1.5,
    -1.5,
    '2',
    '-2',
    2 ** 31,
    2 ** 32 + 0.5,
    new Date(1234.5),
    new Date(-4055),
    ...(NEWER ? [] : [new Date(Number.NaN)]),
  ]
  const wrong = ['x', '', NaN, Infinity, -Infinity, null, undefined, {}, true, 5n, '1e3', '0x10', ' 7 ']
  const shown = (path: string): unknown => {
    const { atimeMs, mtimeMs, mtime } = fs.lstatSync(path)
    // A negative number is now.
    const recent = (ms: number): unknown => (Math.abs(ms - Date.now()) < 60_000 ? 'now' : ms)
    return [recent(atimeMs), recent(mtimeMs), recent(mtime.getTime())]
  }
  const fd = fs.openSync(f, 'r+')
  const handle = await fs.promises.open(f, 'r+')
  for (const time of [...times, ...wrong]) {
    const at = time as number
    out.push(['utimes', String(time), await tried(() => fs.utimesSync(f, at, at)), shown(f)])
    out.push(['lutimes', await tried(() => fs.lutimesSync(`${dir}/l`, at, at)), shown(`${dir}/l`)])
    out.push(['futimes', await tried(() => fs.futimesSync(fd, at, at)), shown(f)])
    out.push(['promise', await tried(() => fs.promises.utimes(f, at, at)), shown(f)])
    out.push(['handle', await tried(() => handle.utimes(at, at)), shown(f)])
    out.push(['mixed', await tried(() => fs.utimesSync(f, 5, at)), shown(f)])
    out.push(thrown(() => fs.futimes(fd, at, 'x', () => {})))
  }
  await handle.close()
  fs.closeSync(fd)
  fs.utimesSync(f, new Date(-1500.25), 1e9 + 0.123456)
  const { atimeNs, mtimeNs, atimeMs, mtime } = fs.statSync(f, { bigint: true })
  return [...out, String(atimeNs), String(mtimeNs), String(atimeMs), mtime.toJSON()]
})

beside('symlink types', async (fs, dir) => {
  const out: unknown[] = []
  for (const type of ['file', 'dir', 'junction', 'x', '', null, undefined, 5, {}, []]) {
    out.push(await tried(() => fs.symlinkSync('t', `${dir}/l`, type as never)), fs.readdirSync(dir))
    for (const name of fs.readdirSync(dir)) fs.unlinkSync(`${dir}/${name}`)
    out.push(await tried(() => fs.promises.symlink('t', `${dir}/l`, type as never)), fs.readdirSync(dir))
    for (const name of fs.readdirSync(dir)) fs.unlinkSync(`${dir}/${name}`)
    out.push(thrown(() => fs.symlink('t', `${dir}/none/l`, type as never, () => {})))
  }
  return out
})

beside('modes and ids', async (fs, dir) => {
  fs.writeFileSync(`${dir}/f`, '')
  const out: unknown[] = []
  const handle = await fs.promises.open(`${dir}/f`, 'r+')
  for (const odd of [
    'x',
    '',
    '0o7',
    'u+x',
    1.5,
    -1,
    NaN,
    Infinity,
    2 ** 32,
    2 ** 40,
    {},
    [],
    null,
    undefined,
    1n,
    '644',
  ]) {
    const mode = odd as number
    const f = `${dir}/f`
    out.push(await tried(() => fs.chmodSync(f, mode)), await tried(() => fs.promises.chmod(f, mode)))
    out.push(
      thrown(() => fs.chmod(f, mode, () => {})),
      await tried(() => handle.chmod(mode)),
    )
    out.push(
      thrown(() => fs.fchmod(handle.fd, mode, () => {})),
      await tried(() => fs.fchmodSync(handle.fd, mode)),
    )
    out.push(
      await tried(() => fs.mkdirSync(`${dir}/none/d`, mode)),
      await tried(() => fs.promises.mkdir(`${dir}/none/d`, mode)),
    )
    out.push(await tried(() => fs.mkdirSync(`${dir}/none/d`, { mode })))
    out.push(await tried(() => fs.openSync(`${dir}/none/d`, 'w', mode)))
    out.push(await tried(() => fs.promises.open(`${dir}/none/d`, 'w', mode)))
    out.push(await tried(() => fs.writeFileSync(`${dir}/none/d`, '', { mode })))
    for (const [uid, gid] of [
      [mode, 0],
      [0, mode],
    ] as const) {
      if (typeof odd === 'number' && Number.isInteger(odd) && odd >= 0 && odd < 2 ** 32) continue
      out.push(
        thrown(() => fs.chown(`${dir}/none`, uid, gid, () => {})),
        await tried(() => fs.lchownSync(`${dir}/none`, uid, gid)),
      )
      out.push(await tried(() => fs.promises.chown(`${dir}/none`, uid, gid)), await tried(() => handle.chown(uid, gid)))
      out.push(thrown(() => fs.fchown(handle.fd, uid, gid, () => {})))
    }
  }
  await handle.close()
  return out
})

beside('lengths for truncate and ftruncate', async (fs, dir) => {
  const f = `${dir}/f`
  const out: unknown[] = []
  fs.writeFileSync(f, 'hello world')
  const handle = await fs.promises.open(f, 'r+')
  for (const len of [undefined, null, 'x', 1.5, -1, NaN, {}, 5, 20, 1n, 2 ** 53]) {
    const n = len as number
    fs.writeFileSync(f, 'hello world')
    out.push(await tried(() => fs.truncateSync(f, n)), fs.statSync(f).size)
    out.push(await tried(() => fs.promises.truncate(f, n)), fs.statSync(f).size)
    out.push(await tried(() => fs.ftruncateSync(handle.fd, n)), fs.statSync(f).size)
    out.push(await tried(() => handle.truncate(n)), fs.statSync(f).size)
    out.push(
      thrown(() => fs.truncate(`${dir}/none`, n, () => {})),
      thrown(() => fs.ftruncate(100_000, n, () => {})),
    )
  }
  await handle.close()
  return out
})
