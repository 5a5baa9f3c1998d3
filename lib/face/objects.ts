/** The methods of node:fs that make objects: handles, streams, directories, watchers, blobs. */
import type * as NodeFs from 'node:fs'
import { resolve } from 'node:path'
import { openAsBlob } from './blob.js'
import { notImplemented } from './codes.js'
import { opendir } from './dir.js'
import { isCreate } from './fields.js'
import { FileHandle, HANDLE_OPS } from './file-handle.js'
import { glob } from './glob.js'
import type { Method } from './method.js'
import { perform } from './perform.js'
import { streamsOf } from './streams.js'
import { flagsOf, modeOf, pathOf, shownPath } from './validate.js'
import type { View } from './view.js'
import { watch } from './watch.js'
import { unwatchFile, watchFile } from './watch-file.js'

/** Also used for createReadStream and createWriteStream: either they and FileHandles are Node's own, or none is. */
const open: Method = {
  ops: HANDLE_OPS,
  promise: (v) => async (path: unknown, flags?: unknown, mode?: unknown) => {
    const req = {
      path: pathOf(path),
      flags: flagsOf(flags),
      mode: modeOf(mode, 'mode', 0o666),
      dentry: undefined,
    }
    const fd = await perform(v, isCreate(req.flags) ? 'create' : 'open', req, 'open', shownPath(path))
    return new FileHandle(v, fd, streamsOf(v))
  },
}

const createReadStream: Method = {
  ops: HANDLE_OPS,
  // By the class that is on the face now: programs replace it.
  callback: (v) => (path: unknown, options?: unknown) =>
    new (faceOf(v).ReadStream as unknown as ReturnType<typeof streamsOf>['ReadStream'])(path, options),
}
const createWriteStream: Method = {
  ops: HANDLE_OPS,
  callback: (v) => (path: unknown, options?: unknown) =>
    new (faceOf(v).WriteStream as unknown as ReturnType<typeof streamsOf>['WriteStream'])(path, options),
}

type Face = typeof NodeFs
const faceOf = (v: View): Face => v.surface.at as unknown as Face

/** Only where the system has O_SYMLINK: not on Linux. */
const lchmod: Method = {
  ops: ['setattr'],
  promise: () => async () => {
    throw notImplemented('lchmod()')
  },
}

/** A temporary directory that removes itself (Node 24). */
const mkdtempDisposable: Method = {
  ops: ['mkdir', 'lookup', 'getattr', 'opendir', 'readdir', 'unlink', 'rmdir'],
  sync: (v) => (prefix: string, options?: object) => {
    const fs = faceOf(v)
    const path = fs.mkdtempSync(prefix, options)
    // The working directory may be another one by then.
    const full = resolve(path)
    const remove = (): void => fs.rmSync(full, { recursive: true, force: true, maxRetries: 0 })
    return { path, remove, [Symbol.dispose]: () => remove() }
  },
  promise: (v) => async (prefix: string, options?: object) => {
    const fs = faceOf(v)
    const cwd = process.cwd()
    const path = await fs.promises.mkdtemp(prefix, options)
    const full = resolve(cwd, path)
    const remove = (): Promise<void> => fs.promises.rm(full, { recursive: true, force: true, maxRetries: 0 })
    return { __proto__: null, path, remove, [Symbol.asyncDispose]: async () => remove() }
  },
}

export const objects: Readonly<Record<string, Method>> = {
  open,
  createReadStream,
  createWriteStream,
  opendir,
  openAsBlob,
  watch,
  watchFile,
  unwatchFile,
  glob,
  lchmod,
  mkdtempDisposable,
}
