/**
 * The timed loops. Each contender takes a copy of its own of this module (race.ts), so that its call sites have seen
 * no other filesystem: as a program's have not. No loop makes a closure; each returns a number, so that no work is idle.
 */
import type { Fs } from './peers.js'

export const statSame = (fs: Fs, path: string, n: number): number => {
  let sum = 0
  for (let k = 0; k < n; k++) sum += fs.statSync(path).size
  return sum
}

export const accessSame = (fs: Fs, path: string, n: number): number => {
  for (let k = 0; k < n; k++) fs.accessSync(path)
  return n
}

/** Over `files` names in `dir`, each path string kept from round to round. */
export const statKept = (fs: Fs, paths: readonly string[]): number => {
  let sum = 0
  for (let k = 0; k < paths.length; k++) sum += fs.statSync(paths[k] as string).size
  return sum
}

/** Over `files` names in `dir`, each path string built for its call. */
export const statFresh = (fs: Fs, dir: string, files: number): number => {
  let sum = 0
  for (let k = 0; k < files; k++) sum += fs.statSync(`${dir}/file-${k}.txt`).size
  return sum
}

export const existsSame = (fs: Fs, path: string, n: number): number => {
  let found = 0
  for (let k = 0; k < n; k++) if (fs.existsSync(path)) found++
  return found
}

export const promiseStatSame = async (fs: Fs, path: string, n: number): Promise<number> => {
  let sum = 0
  for (let k = 0; k < n; k++) sum += (await fs.promises.stat(path)).size
  return sum
}

export const promiseStatFresh = async (fs: Fs, dir: string, files: number): Promise<number> => {
  let sum = 0
  for (let k = 0; k < files; k++) sum += (await fs.promises.stat(`${dir}/file-${k}.txt`)).size
  return sum
}

export const readAt = (fs: Fs, fd: number, buffer: Buffer, blocks: number): number => {
  let bytes = 0
  for (let k = 0; k < blocks; k++) bytes += fs.readSync(fd, buffer, 0, buffer.length, k * buffer.length)
  return bytes
}

export const writeAt = (fs: Fs, fd: number, buffer: Buffer, blocks: number): number => {
  let bytes = 0
  for (let k = 0; k < blocks; k++) bytes += fs.writeSync(fd, buffer, 0, buffer.length, k * buffer.length)
  return bytes
}

export const readFileSame = (fs: Fs, path: string, n: number): number => {
  let bytes = 0
  for (let k = 0; k < n; k++) bytes += fs.readFileSync(path).length
  return bytes
}

export const readTextSame = (fs: Fs, path: string, n: number): number => {
  let chars = 0
  for (let k = 0; k < n; k++) chars += fs.readFileSync(path, 'utf8').length
  return chars
}

export const promiseReadFileSame = async (fs: Fs, path: string, n: number): Promise<number> => {
  let bytes = 0
  for (let k = 0; k < n; k++) bytes += (await fs.promises.readFile(path)).length
  return bytes
}

export const openClose = (fs: Fs, path: string, n: number): number => {
  let sum = 0
  for (let k = 0; k < n; k++) {
    const fd = fs.openSync(path, 'r')
    sum += fd
    fs.closeSync(fd)
  }
  return sum
}

export const readdirTyped = (fs: Fs, dir: string, n: number): number => {
  let files = 0
  for (let k = 0; k < n; k++)
    for (const entry of fs.readdirSync(dir, { withFileTypes: true })) if (entry.isFile()) files++
  return files
}

/** A walk as programs write it: list with types, stat every file. */
export const walk = (fs: Fs, dir: string): number => {
  let bytes = 0
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    const path = `${dir}/${entry.name}`
    bytes += entry.isDirectory() ? walk(fs, path) : fs.lstatSync(path).size
  }
  return bytes
}

export const walkNames = (fs: Fs, dir: string): number => fs.readdirSync(dir, { recursive: true }).length

export const readStream = async (fs: Fs, path: string): Promise<number> => {
  let bytes = 0
  for await (const chunk of fs.createReadStream(path)) bytes += (chunk as Buffer).length
  return bytes
}

/** Writes `blocks` times `buffer`, waiting for `drain` as a pipe does. */
export const writeStream = (fs: Fs, path: string, buffer: Buffer, blocks: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const out = fs.createWriteStream(path)
    let left = blocks
    const fill = (): void => {
      while (left > 0) {
        left--
        if (!out.write(buffer)) return
      }
      out.end()
    }
    out.on('drain', fill)
    out.on('error', reject)
    out.on('close', () => resolve(out.bytesWritten))
    fill()
  })

/** Create, write and delete `files` files, and a directory for each ten. */
export const createDelete = (fs: Fs, dir: string, buffer: Buffer, files: number): number => {
  let bytes = 0
  for (let k = 0; k < files; k++) {
    if (k % 10 === 0) fs.mkdirSync(`${dir}/dir-${k}`)
    const fd = fs.openSync(`${dir}/dir-${k - (k % 10)}/file-${k}`, 'wx')
    bytes += fs.writeSync(fd, buffer)
    fs.closeSync(fd)
  }
  for (let k = 0; k < files; k++) {
    fs.unlinkSync(`${dir}/dir-${k - (k % 10)}/file-${k}`)
    if (k % 10 === 9) fs.rmdirSync(`${dir}/dir-${k - 9}`)
  }
  return bytes
}

export const promiseCreateDelete = async (fs: Fs, dir: string, buffer: Buffer, files: number): Promise<number> => {
  for (let k = 0; k < files; k++) await fs.promises.writeFile(`${dir}/file-${k}`, buffer)
  for (let k = 0; k < files; k++) await fs.promises.unlink(`${dir}/file-${k}`)
  return files
}

export const readKept = (fs: Fs, paths: readonly string[]): number => {
  let bytes = 0
  for (let k = 0; k < paths.length; k++) bytes += fs.readFileSync(paths[k] as string).length
  return bytes
}

export const listSame = (fs: Fs, dir: string, n: number): number => {
  let names = 0
  for (let k = 0; k < n; k++) names += fs.readdirSync(dir).length
  return names
}
