/**
 * A loop for each operation on a path. Those that undo each other go in pairs, so
 * that every round begins with the same files. `at` holds what `furnish` made.
 */
import type { Fs } from './peers.js'

export const FILE = 'file-0.txt'
export const LINK = 'link'
export const LISTED = 'listed'

/** What the loops need in `at`, made by node:fs. */
export const furnish = (fs: Fs, at: string): void => {
  fs.mkdirSync(`${at}/${LISTED}`, { recursive: true })
  fs.writeFileSync(`${at}/${FILE}`, 'x'.repeat(16))
  fs.symlinkSync(FILE, `${at}/${LINK}`)
  for (let k = 0; k < 20; k++) fs.writeFileSync(`${at}/${LISTED}/${k}`, '')
}

export type PathLoop = (fs: Fs, at: string, n: number) => number

export const access: PathLoop = (fs, at, n) => {
  const path = `${at}/${FILE}`
  for (let k = 0; k < n; k++) fs.accessSync(path)
  return n
}
export const accessWrite: PathLoop = (fs, at, n) => {
  const path = `${at}/${FILE}`
  for (let k = 0; k < n; k++) fs.accessSync(path, 6)
  return n
}
export const exists: PathLoop = (fs, at, n) => {
  const path = `${at}/${FILE}`
  let found = 0
  for (let k = 0; k < n; k++) if (fs.existsSync(path)) found++
  return found
}
export const existsMissing: PathLoop = (fs, at, n) => {
  const path = `${at}/missing`
  let found = 0
  for (let k = 0; k < n; k++) if (fs.existsSync(path)) found++
  return found
}
export const statMissing: PathLoop = (fs, at, n) => {
  const path = `${at}/missing`
  let missing = 0
  for (let k = 0; k < n; k++) {
    try {
      fs.statSync(path)
    } catch {
      missing++
    }
  }
  return missing
}
export const lstat: PathLoop = (fs, at, n) => {
  const path = `${at}/${LINK}`
  let sum = 0
  for (let k = 0; k < n; k++) sum += fs.lstatSync(path).size
  return sum
}
export const readlink: PathLoop = (fs, at, n) => {
  const path = `${at}/${LINK}`
  let sum = 0
  for (let k = 0; k < n; k++) sum += fs.readlinkSync(path).length
  return sum
}
export const realpath: PathLoop = (fs, at, n) => {
  const path = `${at}/${FILE}`
  let sum = 0
  for (let k = 0; k < n; k++) sum += fs.realpathSync.native(path).length
  return sum
}
export const utimes: PathLoop = (fs, at, n) => {
  const path = `${at}/${FILE}`
  for (let k = 0; k < n; k++) fs.utimesSync(path, 1, k)
  return n
}
export const chmod: PathLoop = (fs, at, n) => {
  const path = `${at}/${FILE}`
  for (let k = 0; k < n; k++) fs.chmodSync(path, k % 2 === 0 ? 0o600 : 0o644)
  return n
}
export const lchown: PathLoop = (fs, at, n) => {
  const path = `${at}/${FILE}`
  const { uid, gid } = fs.statSync(path)
  for (let k = 0; k < n; k++) fs.lchownSync(path, uid, gid)
  return n
}
export const truncate: PathLoop = (fs, at, n) => {
  const path = `${at}/${FILE}`
  for (let k = 0; k < n; k++) fs.truncateSync(path, 16)
  return n
}
export const statfs: PathLoop = (fs, at, n) => {
  let sum = 0
  for (let k = 0; k < n; k++) sum += fs.statfsSync(at).bsize
  return sum
}
export const readdir: PathLoop = (fs, at, n) => {
  const path = `${at}/${LISTED}`
  let names = 0
  for (let k = 0; k < n; k++) names += fs.readdirSync(path).length
  return names
}
export const opendir: PathLoop = (fs, at, n) => {
  const path = `${at}/${LISTED}`
  for (let k = 0; k < n; k++) fs.opendirSync(path).closeSync()
  return n
}
export const readFile: PathLoop = (fs, at, n) => {
  const path = `${at}/${FILE}`
  let sum = 0
  for (let k = 0; k < n; k++) sum += fs.readFileSync(path).length
  return sum
}
export const writeFile: PathLoop = (fs, at, n) => {
  const path = `${at}/${FILE}`
  for (let k = 0; k < n; k++) fs.writeFileSync(path, '0123456789abcdef')
  return n
}
export const renameBack: PathLoop = (fs, at, n) => {
  const here = `${at}/${FILE}`
  const there = `${at}/renamed`
  for (let k = 0; k < n; k += 2) {
    fs.renameSync(here, there)
    fs.renameSync(there, here)
  }
  return n
}
export const linkUnlink: PathLoop = (fs, at, n) => {
  const path = `${at}/${FILE}`
  const name = `${at}/linked`
  for (let k = 0; k < n; k += 2) {
    fs.linkSync(path, name)
    fs.unlinkSync(name)
  }
  return n
}
export const symlinkUnlink: PathLoop = (fs, at, n) => {
  const name = `${at}/made-link`
  for (let k = 0; k < n; k += 2) {
    fs.symlinkSync(FILE, name)
    fs.unlinkSync(name)
  }
  return n
}
export const mkdirRmdir: PathLoop = (fs, at, n) => {
  const name = `${at}/made`
  for (let k = 0; k < n; k += 2) {
    fs.mkdirSync(name)
    fs.rmdirSync(name)
  }
  return n
}
export const createUnlink: PathLoop = (fs, at, n) => {
  const name = `${at}/created`
  for (let k = 0; k < n; k += 2) {
    fs.closeSync(fs.openSync(name, 'wx'))
    fs.unlinkSync(name)
  }
  return n
}

/** Loops over paths that are each in a directory of its own. */
type EachLoop = (fs: Fs, paths: readonly string[]) => number

const statEach: EachLoop = (fs, paths) => {
  let sum = 0
  for (let k = 0; k < paths.length; k++) sum += fs.statSync(paths[k] as string).size
  return sum
}
const existsEach: EachLoop = (fs, paths) => {
  let found = 0
  for (let k = 0; k < paths.length; k++) if (fs.existsSync(paths[k] as string)) found++
  return found
}
const accessEach: EachLoop = (fs, paths) => {
  for (let k = 0; k < paths.length; k++) fs.accessSync(paths[k] as string)
  return paths.length
}
const openEach: EachLoop = (fs, paths) => {
  let sum = 0
  for (let k = 0; k < paths.length; k++) {
    const fd = fs.openSync(paths[k] as string, 'r')
    sum += fd
    fs.closeSync(fd)
  }
  return sum
}
const readlinkEach: EachLoop = (fs, paths) => {
  let sum = 0
  for (let k = 0; k < paths.length; k++) sum += fs.readlinkSync(paths[k] as string).length
  return sum
}
const chmodEach: EachLoop = (fs, paths) => {
  for (let k = 0; k < paths.length; k++) fs.chmodSync(paths[k] as string, 0o644)
  return paths.length
}
const statfsEach: EachLoop = (fs, paths) => {
  let sum = 0
  for (let k = 0; k < paths.length; k++) sum += fs.statfsSync(paths[k] as string).bsize
  return sum
}
/** Each of them is `sandbox/<name>-unseen`. */
export const each = {
  stat: statEach,
  exists: existsEach,
  access: accessEach,
  open: openEach,
  readlink: readlinkEach,
  chmod: chmodEach,
  statfs: statfsEach,
} as const
export const EACH_WORKS = Object.keys(each) as readonly (keyof typeof each)[]

/** The loops, each of which is `sandbox/<name>`. */
export const PATH_WORKS = [
  'access',
  'accessWrite',
  'exists',
  'existsMissing',
  'statMissing',
  'lstat',
  'readlink',
  'realpath',
  'utimes',
  'chmod',
  'lchown',
  'truncate',
  'statfs',
  'readdir',
  'opendir',
  'readFile',
  'writeFile',
  'renameBack',
  'linkUnlink',
  'symlinkUnlink',
  'mkdirRmdir',
  'createUnlink',
] as const
