/** A filesystem that has promises alone: its open files are FileHandles, and get their numbers here. */
import type { FileHandle } from 'node:fs/promises'
import { apply } from '../../primordials.js'
import { Descriptors } from '../descriptors.js'
import type { AnyFs, Fn } from './calls.js'

type Back = (error: unknown, value?: unknown) => void
type Rest = readonly unknown[]

/** By node:fs's name: the FileHandle's. */
const METHODS = {
  fstat: 'stat',
  ftruncate: 'truncate',
  fsync: 'sync',
  fdatasync: 'datasync',
  fchmod: 'chmod',
  fchown: 'chown',
  futimes: 'utimes',
} as const

/** `fs`, with functions on numbers that call back where it has only promises of FileHandles. */
export const numbered = (fs: AnyFs): AnyFs => {
  const promises = fs.promises as unknown as AnyFs | undefined
  const open = promises?.open
  if (typeof fs.open === 'function' || typeof fs.openSync === 'function' || typeof open !== 'function') return fs
  const files = new Descriptors<FileHandle>()

  /** Out of the promise, so that nothing that is thrown further up rejects it. */
  const settle = <T>(promise: Promise<T>, back: Back, from: (value: T) => unknown): void => {
    promise.then(
      (value) => setImmediate(back, null, from(value)),
      (error: unknown) => setImmediate(back, error),
    )
  }
  const on = <T>(fd: unknown, back: Back, use: (file: FileHandle) => Promise<T>, from: (value: T) => unknown): void => {
    const file = files.get(fd as number)
    if (file === undefined) back({ code: 'EBADF' })
    else settle(use(file), back, from)
  }
  const same = (value: unknown): unknown => value
  const own: { [name: string]: Fn } = {
    open: (...args) => {
      const rest = args.slice(0, -1)
      const opening = Promise.resolve().then(() => apply(open, promises, rest)) as Promise<FileHandle>
      settle(opening, args.at(-1) as Back, (file) => files.add(file))
    },
    close: (fd, back) => {
      const file = files.remove(fd as number)
      if (file === undefined) (back as Back)({ code: 'EBADF' })
      else settle(file.close(), back as Back, same)
    },
    read: (fd, buffer, offset, length, position, back) =>
      on(
        fd,
        back as Back,
        (file) => file.read(buffer as Buffer, offset as number, length as number, position as number | null),
        ({ bytesRead }) => bytesRead,
      ),
    write: (fd, buffer, offset, length, position, back) =>
      on(
        fd,
        back as Back,
        (file) => file.write(buffer as Buffer, offset as number, length as number, position as number | null),
        ({ bytesWritten }) => bytesWritten,
      ),
  }
  for (const [name, method] of Object.entries(METHODS)) {
    own[name] = (fd, ...rest: Rest) =>
      on(
        fd,
        rest.at(-1) as Back,
        (file) => apply(file[method] as Fn, file, rest.slice(0, -1)) as Promise<unknown>,
        same,
      )
  }
  return Object.assign(Object.create(fs) as AnyFs, own, { promises })
}
