// Every way to change something, with everything known before: afterwards the caches say what the bare lower says.
import { constants } from 'node:fs'
import test from 'ava'
import { metadataCache, xattrElision } from '../../layers/index.js'
import { type Layer, type PlyFs, stack } from '../../lib/index.js'
import { memory } from '../../lib/lower/index.js'
import { survey } from '../laws/model.js'

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = constants
const PATHS = [
  ...['/', '/d', '/d/f', '/d/g', '/d/hard', '/d/sub', '/d/sub/deep', '/d/sub/deep/leaf', '/d/new', '/d/empty'],
  ...['/e', '/e/f', '/e/hard', '/e/sub', '/e/sub/deep/leaf', '/l', '/l/f', '/l/new', '/l/sub/deep/leaf', '/to-f'],
  ...['/dangling', '/d/none', '/d/f/', '/d/sub/../f', '/d/sub/deep/..', '/new', '/new/f', '/new/sub/deep/leaf'],
]

/** What is below: `/l` leads to `/d`, `/to-f` to `/d/f`, `/dangling` to what may come; `/d/hard` and `/e/hard` are one file. */
const tree = (): PlyFs => {
  const fs = memory() as PlyFs
  for (const dir of ['/d/sub/deep', '/d/empty', '/e']) fs.mkdirSync(dir, { recursive: true })
  for (const file of ['/d/f', '/d/g', '/d/hard', '/d/sub/deep/leaf', '/e/f']) fs.writeFileSync(file, 'content')
  fs.linkSync('/d/hard', '/e/hard')
  fs.symlinkSync('d', '/l')
  fs.symlinkSync('/d/f', '/to-f')
  fs.symlinkSync('/d/new', '/dangling')
  fs.setxattrSync('/d/f', 'user.1', Buffer.from('old'))
  fs.setxattrSync('/d/hard', 'user.2', Buffer.from('old'))
  return fs
}

interface Held {
  /** Opened through the stack before anything was asked. */
  readonly fd: number
  readonly readOnly: number
  /** Opened where the cache did not see it. */
  readonly foreign: number
}
const hold = (fs: PlyFs, bare: PlyFs): Held => ({
  fd: fs.openSync('/d/f', O_RDWR),
  readOnly: fs.openSync('/d/g', O_RDONLY),
  foreign: bare.openSync('/d/hard', O_RDWR),
})
type Change = (fs: PlyFs, held: Held) => void
const opened =
  (path: string, flags: number): Change =>
  (fs) =>
    fs.closeSync(fs.openSync(path, flags))

const changes: Readonly<Record<string, Change>> = {
  'open, truncating, to read': opened('/d/f', O_RDONLY | O_TRUNC),
  'open, truncating, to write': opened('/d/f', O_WRONLY | O_TRUNC),
  'open, truncating, by another name': opened('/e/hard', O_RDWR | O_TRUNC),
  'open, truncating, by way of a link': opened('/to-f', O_RDONLY | O_TRUNC),
  'open, truncating, and kept open': (fs) => fs.openSync('/d/f', O_RDONLY | O_TRUNC),
  'create what is there': opened('/d/f', O_RDONLY | O_CREAT),
  'create what is not there': opened('/d/new', O_RDONLY | O_CREAT),
  'create by way of a dangling link': opened('/dangling', O_WRONLY | O_CREAT),
  'create exclusively': opened('/l/new', O_WRONLY | O_CREAT | O_EXCL),
  'create, truncating': opened('/d/hard', O_WRONLY | O_CREAT | O_TRUNC),
  append: (fs) => fs.appendFileSync('/l/f', 'more'),
  'append through an open file': (fs) => {
    const fd = fs.openSync('/d/f', O_WRONLY | O_APPEND)
    fs.writeSync(fd, 'more')
    fs.closeSync(fd)
  },
  'write through a file that was open already': (fs, { fd }) => fs.writeSync(fd, 'longer than before'),
  'write through a file that the cache did not see opened': (fs, { foreign }) =>
    fs.writeSync(foreign, 'longer than before'),
  'truncate through a file that was open already': (fs, { fd }) => fs.ftruncateSync(fd, 1),
  'truncate through a file that the cache did not see opened': (fs, { foreign }) => fs.ftruncateSync(foreign, 1),
  'chmod through a file that is open to read': (fs, { readOnly }) => fs.fchmodSync(readOnly, 0o600),
  'chmod through a file that the cache did not see opened': (fs, { foreign }) => fs.fchmodSync(foreign, 0o600),
  'set an attribute through a file': (fs, { fd }) => fs.fsetxattrSync(fd, 'user.1', Buffer.from('new')),
  'set an attribute through a file not seen opened': (fs, { foreign }) =>
    fs.fsetxattrSync(foreign, 'user.1', Buffer.from('new')),
  'set times through a file': (fs, { fd }) => fs.futimesSync(fd, 10, 20),
  'write after the name has gone': (fs, { fd }) => {
    fs.unlinkSync('/d/f')
    fs.writeSync(fd, 'more than it was')
  },
  'write after the name is another file’s': (fs, { fd }) => {
    fs.renameSync('/d/g', '/d/f')
    fs.writeSync(fd, 'more than it was')
  },
  truncate: (fs) => fs.truncateSync('/d/f', 2),
  'copyFile onto': (fs) => fs.copyFileSync('/d/g', '/d/hard'),
  'copyFile to': (fs) => fs.copyFileSync('/d/f', '/d/new'),
  chmod: (fs) => fs.chmodSync('/to-f', 0o400),
  chown: (fs) => fs.chownSync('/d/hard', 7, 8),
  lchown: (fs) => fs.lchownSync('/to-f', 7, 8),
  utimes: (fs) => fs.utimesSync('/e/hard', 10, 20),
  lutimes: (fs) => fs.lutimesSync('/l', 10, 20),
  'setxattr, new': (fs) => fs.setxattrSync('/d/g', 'user.1', Buffer.from('new')),
  'setxattr, by another name': (fs) => fs.setxattrSync('/e/hard', 'user.2', Buffer.from('new')),
  removexattr: (fs) => fs.removexattrSync('/to-f', 'user.1'),
  unlink: (fs) => fs.unlinkSync('/d/f'),
  'unlink one of two names': (fs) => fs.unlinkSync('/d/hard'),
  'unlink a link to a directory': (fs) => fs.unlinkSync('/l'),
  rmdir: (fs) => fs.rmdirSync('/d/empty'),
  'rm of a tree': (fs) => fs.rmSync('/d/sub', { recursive: true }),
  'unlink, and make a directory of that name': (fs) => {
    fs.unlinkSync('/d/f')
    fs.mkdirSync('/d/f')
  },
  'rmdir, and make a file of that name': (fs) => {
    fs.rmdirSync('/d/empty')
    fs.writeFileSync('/d/empty', 'x')
  },
  mkdir: (fs) => fs.mkdirSync('/d/new'),
  'mkdir by way of a link': (fs) => fs.mkdirSync('/l/new'),
  'symlink, to a file': (fs) => fs.symlinkSync('f', '/d/new'),
  'symlink, to a directory': (fs) => fs.symlinkSync('/d', '/new'),
  'a link is made to lead elsewhere': (fs) => {
    fs.unlinkSync('/l')
    fs.symlinkSync('e', '/l')
  },
  'a link is replaced by a rename': (fs) => {
    fs.symlinkSync('e', '/other')
    fs.renameSync('/other', '/l')
  },
  link: (fs) => fs.linkSync('/d/f', '/d/new'),
  'link of a third name': (fs) => fs.linkSync('/e/hard', '/d/new'),
  'rename of a file': (fs) => fs.renameSync('/d/f', '/e/sub'),
  'rename onto a file': (fs) => fs.renameSync('/d/f', '/d/g'),
  'rename onto one of two names': (fs) => fs.renameSync('/d/f', '/d/hard'),
  'rename between two names of one file': (fs) => fs.renameSync('/d/hard', '/e/hard'),
  'rename onto itself': (fs) => fs.renameSync('/d/f', '/l/f'),
  'rename of a directory': (fs) => fs.renameSync('/d/sub', '/e/sub'),
  'rename of a directory with all that leads there': (fs) => fs.renameSync('/d', '/new'),
  'rename onto an empty directory': (fs) => fs.renameSync('/d/sub', '/d/empty'),
  'rename of a link': (fs) => fs.renameSync('/l', '/new'),
  'rename, and back': (fs) => {
    fs.renameSync('/d', '/new')
    fs.renameSync('/new', '/d')
  },
}

const stacks: Readonly<Record<string, () => Layer[]>> = {
  cache: () => [metadataCache({ ttlMs: 60_000 })],
  'elision over a cache': () => [xattrElision({ ttlMs: 60_000 }), metadataCache({ ttlMs: 60_000 })],
  elision: () => [xattrElision({ ttlMs: 60_000 })],
  'a small cache': () => [metadataCache({ ttlMs: 60_000, maxEntries: 6 })],
}
/** What was asked before; after listings alone, names are known and their inodes are not. */
const warmings: Readonly<Record<string, (fs: PlyFs) => void>> = {
  nothing: () => undefined,
  listings: (fs) => {
    for (const dir of ['/', '/d', '/e', '/d/sub']) fs.readdirSync(dir)
    for (const path of PATHS) fs.existsSync(path)
  },
  everything: (fs) => {
    survey(fs, '', PATHS, false)
    survey(fs, '', PATHS, true)
  },
}
const withoutAccessTimes = (text: string): string => text.replaceAll(/"atime(?:Ms|Ns)?":"?[^,"]*"?,?/g, '')

for (const [stackName, layers] of Object.entries(stacks)) {
  for (const [warmth, warm] of Object.entries(warmings)) {
    // Only the cache by itself tells these apart.
    if (stackName !== 'cache' && warmth !== 'everything') continue
    test(`${stackName}, having asked for ${warmth}`, (t) => {
      for (const [name, change] of Object.entries(changes)) {
        const bare = tree()
        const fs = stack(bare, layers())
        // What is open for writing is not kept: only those changes have it so that need it.
        const held = change.length > 1 ? hold(fs, bare) : undefined
        const truly = (): string => withoutAccessTimes(survey(bare, '', PATHS, false))
        const said = (): string => withoutAccessTimes(survey(fs, '', PATHS, false))
        warm(fs)
        change(fs, held as Held)
        t.is(said(), truly(), name)
        if (held === undefined) continue
        for (const fd of [held.fd, held.readOnly]) fs.closeSync(fd)
        t.is(said(), truly(), `${name}, once all is closed`)
      }
    })
  }
}
