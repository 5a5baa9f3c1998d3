// What the overlay's tests have in common: a lower, and all that can be asked of a tree.

import type { PlyFs } from '../../lib/index.js'
import { codeOf, everywhere, stackless } from '../laws/model.js'

/** Seconds since the epoch: what was planted is that old, what was changed is not. */
const OLD = 1_000_000
const S_IFMT = 0o170000

export const plant = (fs: PlyFs, root: string): void => {
  fs.mkdirSync(`${root}/a/b`, { recursive: true })
  fs.mkdirSync(`${root}/b/a`, { recursive: true })
  fs.writeFileSync(`${root}/a/c`, 'contents of a/c', { mode: 0o640 })
  fs.writeFileSync(`${root}/a/b/a`, 'deep')
  fs.writeFileSync(`${root}/b/a/c`, 'deep, too')
  fs.writeFileSync(`${root}/c`, 'contents of c')
  fs.symlinkSync('../c', `${root}/b/b`)
  fs.symlinkSync('a', `${root}/b/c`)
}
/** The same with attributes, links and times of its own. */
export const plantRich = (fs: PlyFs, root: string): void => {
  plant(fs, root)
  fs.linkSync(`${root}/a/c`, `${root}/b/linked`)
  fs.setxattrSync(`${root}/c`, 'user.1', Buffer.from('one'))
  fs.setxattrSync(`${root}/a/b`, 'user.2', Buffer.from('two'))
  fs.chownSync(`${root}/b/a/c`, 12, 34)
  for (const path of ['/a/b/a', '/a/c', '/a/b', '/a', '/b/a/c', '/b/a', '/b', '/c', '/']) {
    fs.utimesSync(root + path, OLD, OLD)
  }
}

/** What can be asked of a tree, without numbers that are each filesystem's own. */
export const survey = (fs: PlyFs, root: string, rich = false): string => stackless(() => asked(fs, root, rich))
const asked = (fs: PlyFs, root: string, rich: boolean): string => {
  const lines: string[] = []
  const add = (what: string, ask: () => unknown): void => {
    try {
      lines.push(`${what} ${String(ask()).replaceAll(root, '')}`)
    } catch (error) {
      lines.push(`${what} ${codeOf(error)}`)
    }
  }
  for (const path of rich ? [...everywhere, '/b/linked'] : everywhere) {
    const p = root + path
    add(`lstat ${path}`, () => {
      const { mode, size, nlink, uid } = fs.lstatSync(p)
      return (mode & S_IFMT) === 0o040000 ? `${mode} ${uid}` : `${mode} ${size} ${nlink} ${uid}`
    })
    add(`read ${path}`, () => fs.readFileSync(p))
    add(`readlink ${path}`, () => fs.readlinkSync(p))
    add(`realpath ${path}`, () => fs.realpathSync(p))
    add(`readdir ${path}`, () =>
      fs
        .readdirSync(p, { withFileTypes: true })
        .map((e) => `${e.name}${e.isDirectory()}`)
        .sort(),
    )
    if (!rich) continue
    add(`owner ${path}`, () => {
      const { uid, gid } = fs.lstatSync(p)
      return `${uid}:${gid}`
    })
    // A link's cannot be set here, and is new.
    add(`mtime ${path}`, () => {
      const { mode, mtimeMs } = fs.lstatSync(p)
      return (mode & S_IFMT) === 0o120000 ? 'link' : mtimeMs > OLD * 1000 ? 'new' : mtimeMs
    })
    add(`xattrs ${path}`, () =>
      fs
        .listxattrSync(p)
        .filter((name) => name.startsWith('user.'))
        .sort()
        .map((name) => `${name}=${fs.getxattrSync(p, name)}`),
    )
  }
  return lines.join('\n')
}

/** The lines in which they differ. */
export const difference = (got: string, expected: string): string => {
  const want = expected.split('\n')
  return got
    .split('\n')
    .flatMap((line, k) => (line === want[k] ? [] : [`${line} | expected ${want[k]}`]))
    .join('\n')
}

/** A tree with its contents, modes and links. */
export const contentsOf = (fs: PlyFs, dir: string): string => {
  const lines: string[] = []
  const visit = (path: string): void => {
    const { mode, size } = fs.lstatSync(path)
    const isDirectory = (mode & 0o170000) === 0o040000
    lines.push(`${path} ${mode} ${isDirectory ? '' : size}`)
    if ((mode & 0o170000) === 0o100000) lines.push(fs.readFileSync(path, 'latin1'))
    if ((mode & 0o170000) === 0o120000) lines.push(fs.readlinkSync(path))
    if (isDirectory) for (const name of fs.readdirSync(path).sort()) visit(`${path}/${name}`)
  }
  visit(dir)
  return lines.join('\n')
}
export const plantPlain = (fs: PlyFs): void => {
  fs.mkdirSync('/root/a/b', { recursive: true })
  fs.mkdirSync('/root/b/a', { recursive: true })
  fs.writeFileSync('/root/a/c', 'contents of a/c', { mode: 0o640 })
  fs.writeFileSync('/root/a/b/a', 'deep')
  fs.writeFileSync('/root/b/a/c', 'deep, too')
  fs.writeFileSync('/root/c', 'contents of c')
  fs.symlinkSync('../c', '/root/b/b')
}
