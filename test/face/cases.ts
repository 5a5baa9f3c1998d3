/** Calls that are made on node:fs and on a face. */
import * as nodeFs from 'node:fs'
import { inspect } from 'node:util'

// biome-ignore lint/suspicious/noExplicitAny: any function of node:fs, with any arguments
export type Fs = Record<string, ((...args: any[]) => any) | undefined>
export interface Outcome {
  readonly value?: unknown
  readonly error?: unknown
  readonly after?: unknown
}
export type Convention = 'sync' | 'callback' | 'promise'
export interface Case {
  readonly name: string
  readonly args: (dir: string) => unknown[]
  /** What to show where `args` has effects. */
  readonly shown?: readonly unknown[]
  /** Closes what `args` opened. */
  readonly close?: () => void
  readonly only?: readonly Convention[]
}

/** What the tree looks like afterwards. */
export const tree = (dir: string): unknown =>
  (nodeFs.readdirSync(dir, { recursive: true }) as string[]).sort().map((name) => {
    const stats = nodeFs.lstatSync(`${dir}/${name}`)
    const mode = stats.mode.toString(8)
    if (stats.size > 1e6) return [name, mode, stats.size]
    if (stats.isFile()) return [name, mode, nodeFs.readFileSync(`${dir}/${name}`, 'latin1')]
    return stats.isSymbolicLink() ? [name, nodeFs.readlinkSync(`${dir}/${name}`)] : [name, mode]
  })

/** A small tree to work in. */
export const populate = (dir: string): void => {
  nodeFs.writeFileSync(`${dir}/file`, 'hello world')
  nodeFs.writeFileSync(`${dir}/empty`, '')
  nodeFs.mkdirSync(`${dir}/sub/deep`, { recursive: true })
  nodeFs.writeFileSync(`${dir}/sub/a.txt`, 'a', { mode: 0o640 })
  nodeFs.writeFileSync(`${dir}/sub/deep/b.txt`, 'bb')
  nodeFs.mkdirSync(`${dir}/bare`)
  nodeFs.symlinkSync('file', `${dir}/link`)
  nodeFs.symlinkSync('sub', `${dir}/dirlink`)
  nodeFs.symlinkSync('nowhere', `${dir}/dangling`)
  nodeFs.symlinkSync('loop', `${dir}/loop`)
}

export const cases: Case[] = []
const add = (name: string, args: (dir: string) => unknown[], only?: readonly Convention[]): void => {
  cases.push({ name, args, ...(only === undefined ? {} : { only }) })
}
const SYNC = ['sync'] as const
const NOT_PROMISE = ['sync', 'callback'] as const

/** What may be wrong with a path. */
const oddPaths: ((dir: string) => unknown)[] = [
  () => undefined,
  () => null,
  () => 1.5,
  () => true,
  () => ({}),
  () => [],
  () => Symbol('s'),
  () => () => {},
  () => '',
  () => 'x\0y',
  () => Buffer.from('x\0y'),
  () => new URL('http://example.org/x'),
  () => new URL('file:///nope%00x'),
  (d) => `${d}/nope`,
  (d) => `${d}/nope/x`,
  (d) => `${d}/file/x`,
  (d) => `${d}/file/`,
  (d) => `${d}/loop`,
  (d) => `${d}/dangling`,
  (d) => `${d}/${'n'.repeat(300)}`,
  (d) => Buffer.from(`${d}/nope`),
  (d) => new URL(`file://${d}/nope`),
  () => 'no-such-relative-file',
]
const text = (odd: (dir: string) => unknown): string => inspect(odd('/dir'))
const mkdtempFails = (path: unknown): boolean =>
  (typeof path !== 'string' && !(path instanceof URL) && !Buffer.isBuffer(path)) ||
  /\0|nope.x|file.x/.test(String(path))
const onPath: Record<string, unknown[]> = {
  stat: [],
  lstat: [],
  access: [],
  readlink: [],
  unlink: [],
  statfs: [],
  readdir: [],
  readFile: [],
  mkdtemp: [],
  realpath: [],
  rm: [],
  rmdir: [],
  truncate: [3],
  chmod: [0o600],
  chown: [-1, -1],
  lchown: [-1, -1],
  utimes: [1, 2],
  lutimes: [1, 2],
}
for (const [name, rest] of Object.entries(onPath)) {
  for (const odd of oddPaths) {
    // A name made at random cannot be compared: mkdtemp has only what fails.
    if (name !== 'mkdtemp') add(name, (d) => [odd(d), ...rest])
    // Where it got as far as the system call, only the sync error names no random path.
    else if (mkdtempFails(odd('/dir'))) add(name, (d) => [odd(d)], /nope|file.x/.test(text(odd)) ? SYNC : undefined)
  }
  for (const there of ['file', 'sub', 'link', 'dirlink', 'bare', 'empty', 'sub/../file', 'dirlink/a.txt']) {
    if (name !== 'mkdtemp') add(name, (d) => [`${d}/${there}`, ...rest])
  }
}
for (const odd of oddPaths) {
  // Whatever is made must be made in the directory.
  const relative = odd('/dir') === 'no-such-relative-file'
  add('rename', (d) => [odd(d), `${d}/new`])
  add('rename', (d) => [`${d}/file`, odd(d)].slice(0, relative ? 1 : 2))
  add('link', (d) => [odd(d), `${d}/new`])
  add('copyFile', (d) => [odd(d), `${d}/new`])
  add('symlink', (d) => [odd(d), `${d}/new`])
  if (relative) continue
  add('link', (d) => [`${d}/file`, odd(d)])
  add('copyFile', (d) => [`${d}/file`, odd(d)])
  add('symlink', (d) => ['target', odd(d)])
  add('mkdir', (d) => [odd(d)])
  // Node itself never ends on a link that leads nowhere, or to itself.
  if (!/loop|dangling/.test(text(odd))) add('mkdir', (d) => [odd(d), { recursive: true }])
  add('writeFile', (d) => [odd(d), 'data'])
  add('appendFile', (d) => [odd(d), 'data'])
  add('exists', (d) => [odd(d)])
  add('cp', (d) => [odd(d), `${d}/new`])
}

const oddFds = [undefined, null, 'x', -1, 1.5, Number.NaN, 2 ** 31, 1e6, {}, true]
for (const fd of oddFds) {
  for (const name of ['close', 'fsync', 'fdatasync', 'fstat']) add(name, () => [fd], NOT_PROMISE)
  add('fchmod', () => [fd, 0o600], NOT_PROMISE)
  add('fchown', () => [fd, 1, 1], NOT_PROMISE)
  add('futimes', () => [fd, 1, 1], NOT_PROMISE)
  add('ftruncate', () => [fd, 1], NOT_PROMISE)
  add('read', () => [fd, Buffer.alloc(4), 0, 4, 0], NOT_PROMISE)
  add('write', () => [fd, Buffer.alloc(4)], NOT_PROMISE)
  add('write', () => [fd, 'text'], NOT_PROMISE)
  add('readv', () => [fd, [Buffer.alloc(4)]], NOT_PROMISE)
  add('writev', () => [fd, [Buffer.alloc(4)]], NOT_PROMISE)
}

const oddModes = ['x', '0600', '600', -1, 1.5, null, {}, Number.NaN, 8, true, 2 ** 33]
for (const mode of oddModes) {
  add('access', (d) => [`${d}/file`, mode])
  add('chmod', (d) => [`${d}/file`, mode])
  add('mkdir', (d) => [`${d}/new`, mode])
  add('mkdir', (d) => [`${d}/new`, { mode }])
  add('mkdir', (d) => [`${d}/new`, { recursive: mode }])
  add('copyFile', (d) => [`${d}/file`, `${d}/new`, mode])
  add('writeFile', (d) => [`${d}/new`, 'x', { mode }])
  add('chown', (d) => [`${d}/file`, mode, 0])
  add('utimes', (d) => [`${d}/file`, mode, 0])
  add('truncate', (d) => [`${d}/file`, mode])
  add('readdir', (d) => [d, { recursive: mode }].slice(0, mode === true ? 1 : 2))
  add('rm', (d) => [`${d}/file`, { maxRetries: mode }])
  add('rm', (d) => [`${d}/file`, { retryDelay: mode }])
  add('rm', (d) => [`${d}/file`, { force: mode }])
  add('rmdir', (d) => [`${d}/bare`, { recursive: mode }])
  add('cp', (d) => [`${d}/file`, `${d}/new`, { mode }])
  add('cp', (d) => [`${d}/file`, `${d}/new`, { dereference: mode }])
  add('cp', (d) => [`${d}/file`, `${d}/new`, { filter: mode }])
  add('stat', (d) => [`${d}/file`, mode])
  add('readFile', (d) => [`${d}/file`, mode])
  add('readFile', (d) => [`${d}/file`, { encoding: mode }])
  add('readFile', (d) => [`${d}/file`, { flag: mode }])
  add('readFile', (d) => [`${d}/file`, { signal: mode }])
  add('writeFile', (d) => [`${d}/new`, mode])
  add('writeFile', (d) => [`${d}/new`, 'x', mode])
  add('writeFile', (d) => [`${d}/new`, 'x', { flush: mode }])
  add('writeFile', (d) => [`${d}/new`, 'x', { flag: mode }])
  add('readlink', (d) => [`${d}/link`, mode])
  add('realpath', (d) => [`${d}/link`, mode])
}

for (const encoding of ['utf8', 'latin1', 'hex', 'base64', 'buffer', 'ucs2', 'bad']) {
  add('readdir', (d) => [`${d}/sub`, encoding])
  add('readdir', (d) => [`${d}/sub`, { encoding, withFileTypes: true }])
  add('readlink', (d) => [`${d}/link`, encoding])
  add('realpath', (d) => [`${d}/nope`, { encoding }])
  add('readFile', (d) => [`${d}/file`, encoding].slice(0, encoding === 'buffer' ? 1 : 2))
  add('writeFile', (d) => [`${d}/new`, '616263', encoding].slice(0, encoding === 'buffer' ? 2 : 3))
  add('appendFile', (d) => [`${d}/file`, '616263', { encoding }].slice(0, encoding === 'buffer' ? 2 : 3))
}
add('readdir', (d) => [d, { withFileTypes: true }])
add('readdir', (d) => [d, { recursive: true, withFileTypes: true }])
add('readdir', (d) => [`${d}/sub`, { recursive: true }])
add('readdir', (d) => [`${d}/sub/`, { recursive: true }])
add('readdir', (d) => [Buffer.from(d), { withFileTypes: true }])

for (const flag of ['r', 'r+', 'w', 'wx', 'a', 'ax', 'a+', 'w+', 'as', 'rs+', 'bogus', 'R']) {
  for (const path of ['file', 'new', 'sub', 'link', 'dangling']) {
    add('writeFile', (d) => [`${d}/${path}`, 'data', { flag }])
    add('readFile', (d) => [`${d}/${path}`, { flag, encoding: 'latin1' }])
    if (path === 'new') add('appendFile', (d) => [`${d}/${path}`, Buffer.from('data'), { flag }])
  }
}
add('open', (d) => [`${d}/file`, 'nope'])
add('open', (d) => [`${d}/file`, {}])
add('open', (d) => [`${d}/file`, 'r', 'nope'])
add('open', (d) => [`${d}/nope`, 'r', 0o600])
add('writeFile', (d) => [`${d}/new`, new Uint16Array([0x4142, 0x4344])])
add('writeFile', (d) => [`${d}/new`, {}])
add('writeFile', (d) => [`${d}/new`, 'x', { flush: true }])

for (const signal of [AbortSignal.abort(), AbortSignal.abort('why')]) {
  add('readFile', (d) => [`${d}/file`, { signal }], ['callback', 'promise'])
  add('writeFile', (d) => [`${d}/new`, 'x', { signal }], ['callback', 'promise'])
}

for (const mode of [0, 1, 2, 3, 4, 5]) {
  for (const [from, to] of [
    ['file', 'new'],
    ['file', 'empty'],
    ['empty', 'file'],
    ['file', 'file'],
    ['file', 'link'],
    ['link', 'new'],
    ['sub', 'new'],
    ['sub', 'empty'],
    ['file', 'sub'],
    ['file', 'nope/x'],
    ['sub/a.txt', 'new'],
  ]) {
    add('copyFile', (d) => [`${d}/${from}`, `${d}/${to}`, mode])
  }
}

for (const options of [
  {},
  { recursive: true },
  { recursive: true, force: false },
  { recursive: true, force: false, errorOnExist: true },
  { recursive: true, dereference: true },
  { recursive: true, verbatimSymlinks: true },
  { recursive: true, preserveTimestamps: true },
  { recursive: true, filter: (src: string) => !src.endsWith('deep') },
  { dereference: true, verbatimSymlinks: true },
]) {
  for (const [from, to] of [
    ['file', 'new'],
    ['file', 'empty'],
    ['file', 'file'],
    ['file', 'bare'],
    ['sub', 'new'],
    ['sub', 'bare'],
    ['sub', 'file'],
    ['sub', 'sub/inner'],
    ['sub', 'dirlink/inner'],
    ['sub', 'new/one/two'],
    ['link', 'new'],
    ['link', 'dangling'],
    ['dirlink', 'link'],
    ['dirlink', 'new'],
    ['nope', 'new'],
  ]) {
    add('cp', (d) => [`${d}/${from}`, `${d}/${to}`, options])
  }
}
add('cp', (d) => [`${d}/sub`, `${d}/new`, { recursive: true, filter: async (src: string) => !src.endsWith('deep') }])

for (const options of [undefined, {}, { recursive: true }, { force: true }, { recursive: true, force: true }]) {
  for (const path of ['file', 'sub', 'bare', 'link', 'dirlink', 'nope', 'file/x', 'dangling']) {
    add('rm', (d) => [`${d}/${path}`, options])
    add('rmdir', (d) => [`${d}/${path}`, options])
  }
}
for (const path of ['new', 'new/a/b', 'sub', 'file', 'file/x', 'link/x', 'dirlink/x', 'sub/../n/m', 'new/a/']) {
  add('mkdir', (d) => [`${d}/${path}`, { recursive: true }])
  add('mkdir', (d) => [`${d}/${path}`, { recursive: true, mode: 0o700 }])
  add('mkdir', (d) => [`${d}/${path}`])
}
add('stat', (d) => [`${d}/nope`, { throwIfNoEntry: false }], SYNC)
add('lstat', (d) => [`${d}/file/x`, { throwIfNoEntry: false }], SYNC)
add('stat', (d) => [`${d}/file`, { bigint: true }])
add('statfs', (d) => [d, { bigint: true }])

/** Calls on an open file, which is closed afterwards. */
const onFile = (name: string, ...rest: unknown[]): void => {
  let fd = -1
  cases.push({
    name,
    only: NOT_PROMISE,
    shown: rest,
    args: (d) => {
      fd = nodeFs.openSync(`${d}/file`, 'r+')
      return [fd, ...rest.map((each) => (typeof each === 'function' ? each() : each))]
    },
    close: () => nodeFs.closeSync(fd),
  })
}
const four = (): Buffer => Buffer.alloc(4)
const oddNumbers = [undefined, null, -1, 0, 1, 2, 5, 1.5, Number.NaN, 'x', {}, 3n, -2n, 2n ** 64n, true, 2 ** 31]
for (const odd of oddNumbers) {
  onFile('read', four, odd, 2, 0)
  onFile('read', four, 0, odd, 0)
  onFile('read', four, 0, 4, odd)
  onFile('read', four, { offset: odd })
  onFile('read', four, { length: odd })
  onFile('read', four, { position: odd })
  onFile('write', four, odd, 2, 0)
  onFile('write', four, 0, odd, 0)
  onFile('write', four, 0, 4, odd)
  onFile('write', four, { offset: odd })
  onFile('write', four, { length: odd })
  onFile('write', four, { position: odd })
  onFile('write', 'text', odd)
  onFile('readv', () => [four(), four()], odd)
  onFile('writev', () => [four(), Buffer.from('xyz')], odd)
}
onFile('read', four)
onFile('read', four, {})
onFile('read', four, null)
onFile('read', four, 'x')
onFile('read', () => Buffer.alloc(0))
onFile('read', 'no buffer')
onFile('read', () => new Uint32Array(2), 1, 4, 0)
onFile('read', () => new DataView(new ArrayBuffer(8)), 0, 8, 0)
onFile('readv', () => [])
onFile('readv', () => [Buffer.alloc(0)])
onFile('readv', () => ['x'])
onFile('readv', 'x')
onFile('readv', () => [new Uint16Array(2), Buffer.alloc(20)], 2)
onFile('writev', () => [])
onFile('writev', () => [Buffer.alloc(0)])
onFile('writev', () => [1])
onFile('writev', () => [new Uint16Array([1, 2]), Buffer.from('q')], 2)
onFile('write', 'abc', 2, 'hex')
onFile('write', '6162', 2, 'hex')
onFile('write', 'é', 0, 'latin1')
onFile('write', 'é', 0, 'bogus')
onFile('write', 5)
onFile('write', () => Buffer.alloc(0))
onFile('readFile')
onFile('readFile', 'utf8')
onFile('writeFile', 'via fd')
onFile('writeFile', () => Buffer.from('via fd'), { flag: 'a' })
onFile('appendFile', 'via fd')
onFile('truncate', 3)
onFile('ftruncate', 3)
onFile('ftruncate')
onFile('fstat')
onFile('fstat', { bigint: true })
onFile('fstat', null)
